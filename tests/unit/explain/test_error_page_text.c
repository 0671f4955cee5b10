/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <jansson.h>

#include "explain/error_page_text.h"
#include "unit/unit.h"

static const char *const FIXES[] = {"add 'CN=<b>&\"x\"' to trust.root", "try again"};

static struct error_page_facts detailed(enum outcome outcome)
{
    return (struct error_page_facts){
        .outcome = outcome,
        .id = STR("0123456789abcdef"),
        .is_detailed = true,
        .fixes = FIXES,
        .fix_count = 2,
        .rows = {{"Error code", STR("0x800b0109")}, {"Requested URL", STR("/<script>'\x01\"&")}},
        .row_count = 2,
    };
}

static bool has(const struct text *text, const char *part)
{
    return strstr(text->ptr, part) != NULL;
}

START_TEST(the_detailed_page_tells_what_iis_tells)
{
    struct text out = {0};
    struct error_page_facts facts = detailed(OUTCOME_UNTRUSTED_ROOT);
    error_page_add_html(&facts, &out);
    ck_assert(has(&out, "<h1>HTTP Error 403.16 - Forbidden</h1>"));
    ck_assert(has(&out, "<h2>Most likely causes</h2>"));
    ck_assert(has(&out, "<h2>Things you can try</h2>"));
    ck_assert(has(&out, "<th scope=\"row\">Error code</th><td>0x800b0109</td>"));
    ck_assert(has(&out, "id=0123456789abcdef"));
    text_clear(&out);
}
END_TEST

START_TEST(nothing_a_client_sends_becomes_markup)
{
    struct text out = {0};
    struct error_page_facts facts = detailed(OUTCOME_UNTRUSTED_ROOT);
    error_page_add_html(&facts, &out);
    ck_assert(has(&out, "/&lt;script&gt;&#39;&#xfffd;&quot;&amp;"));
    ck_assert(has(&out, "Add &#39;CN=&lt;b&gt;&amp;&quot;x&quot;&#39; to trust.root."));
    ck_assert(!has(&out, "<script"));
    ck_assert(!has(&out, "<b>"));
    text_clear(&out);
}
END_TEST

/* iis-semantics.md 1.6: a remote client never learns the substatus. */
START_TEST(generic_pages_of_one_status_are_all_alike)
{
    struct text first[3] = {{0}, {0}, {0}};
    void (*const ADD[])(const struct error_page_facts *, struct text *) = {
        error_page_add_html, error_page_add_json, error_page_add_text};
    for (size_t i = 0; i < 3; i++) {
        for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
            struct text out = {0};
            struct error_page_facts facts = {.outcome = (enum outcome)outcome, .id = STR("id")};
            if (outcome_info(facts.outcome)->status != 403)
                continue;
            ADD[i](&facts, &out);
            if (first[i].len == 0)
                text_add(&first[i], text_str(&out));
            ck_assert_str_eq(out.ptr, first[i].ptr);
            text_clear(&out);
        }
        ck_assert(!has(&first[i], "403."));
        ck_assert(!has(&first[i], "ertificate"));
        text_clear(&first[i]);
    }
}
END_TEST

/* RFC 9457 section 3.1 */
START_TEST(json_is_a_problem_with_details_only_when_detailed)
{
    struct text out = {0};
    struct error_page_facts facts = detailed(OUTCOME_UNTRUSTED_ROOT);
    error_page_add_json(&facts, &out);
    json_t *root = json_loadb(out.ptr, out.len, 0, NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(json_string_value(json_object_get(root, "type")), "about:blank");
    ck_assert_str_eq(json_string_value(json_object_get(root, "title")), "Forbidden");
    ck_assert_int_eq(json_integer_value(json_object_get(root, "status")), 403);
    ck_assert_str_eq(json_string_value(json_object_get(root, "instance")),
                     "urn:request:0123456789abcdef");
    ck_assert_int_eq(json_integer_value(json_object_get(root, "substatus")), 16);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "win32")), 2148204809);
    ck_assert_str_eq(json_string_value(json_object_get(root, "reason")), "untrusted_root");
    ck_assert_uint_eq(json_array_size(json_object_get(root, "fix")), 2);
    json_decref(root);
    text_reset(&out);
    facts.is_detailed = false;
    error_page_add_json(&facts, &out);
    root = json_loadb(out.ptr, out.len, 0, NULL);
    ck_assert_uint_eq(json_object_size(root), 5);
    json_decref(root);
    text_clear(&out);
}
END_TEST

START_TEST(plain_text_has_no_control_characters)
{
    struct text out = {0};
    struct error_page_facts facts = detailed(OUTCOME_EXPIRED);
    error_page_add_text(&facts, &out);
    ck_assert(has(&out, "HTTP Error 403.17 - Forbidden\n"));
    ck_assert(has(&out, "Requested URL: /<script>'?\"&\n"));
    text_clear(&out);
}
END_TEST

/* iis-semantics.md 10.7, last row */
START_TEST(a_status_without_a_page_is_one_line_with_the_status)
{
    struct text out = {0};
    struct error_page_facts facts = {.outcome = OUTCOME_UNAVAILABLE, .id = STR("77")};
    error_page_add_text(&facts, &out);
    ck_assert_str_eq(out.ptr, "503 Service Unavailable (request 77)\n");
    ck_assert(!error_page_has_generic(503));
    ck_assert(error_page_has_generic(403));
    ck_assert(!error_page_has_generic(599));
    text_clear(&out);
}
END_TEST

START_TEST(every_outcome_has_causes_and_every_page_can_be_made)
{
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        struct text out = {0};
        struct error_page_facts facts = detailed((enum outcome)i);
        ck_assert_ptr_nonnull(error_page_causes(facts.outcome)[0]);
        error_page_add_html(&facts, &out);
        error_page_add_json(&facts, &out);
        error_page_add_text(&facts, &out);
        text_clear(&out);
    }
}
END_TEST

/* winerror.h, HRESULT_FROM_WIN32 */
START_TEST(error_codes_are_shown_as_hresults)
{
    ck_assert_uint_eq(error_page_hresult(0), 0);
    ck_assert_uint_eq(error_page_hresult(5), 0x80070005);
    ck_assert_uint_eq(error_page_hresult(0xffff), 0x8007ffff);
    ck_assert_uint_eq(error_page_hresult(0x800B0109), 0x800B0109);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("error_page_text");
    TCase *tcase = tcase_create("error_page_text");
    tcase_add_test(tcase, the_detailed_page_tells_what_iis_tells);
    tcase_add_test(tcase, nothing_a_client_sends_becomes_markup);
    tcase_add_test(tcase, generic_pages_of_one_status_are_all_alike);
    tcase_add_test(tcase, json_is_a_problem_with_details_only_when_detailed);
    tcase_add_test(tcase, plain_text_has_no_control_characters);
    tcase_add_test(tcase, a_status_without_a_page_is_one_line_with_the_status);
    tcase_add_test(tcase, every_outcome_has_causes_and_every_page_can_be_made);
    tcase_add_test(tcase, error_codes_are_shown_as_hresults);
    suite_add_tcase(suite, tcase);
    return suite;
}
