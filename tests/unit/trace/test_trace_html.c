/* Whatever a text holds, it stays text.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "trace/trace_html.h"
#include "unit/trace/report_fixture.h"
#include "unit/unit.h"

static void make(struct str text, struct text *html)
{
    struct trace_report report = fixture_report(text);
    text_reset(html);
    trace_html_add(&report, html);
}

static size_t count(const struct text *text, char c)
{
    size_t found = 0;
    for (size_t i = 0; i < text->len; i++)
        found += text->ptr[i] == c;
    return found;
}

/* What has a meaning in HTML is there as often as in a page without a trace of it. */
static void check_like(const struct text *plain, const struct text *hostile)
{
    static const char MARKUP[] = "<>\"";
    for (const char *c = MARKUP; *c != '\0'; c++)
        ck_assert_uint_eq(count(plain, *c), count(hostile, *c));
    ck_assert_uint_eq(count(hostile, '\0'), 0);
    ck_assert_uint_eq(count(hostile, '\r'), 0);
}

START_TEST(nothing_becomes_markup)
{
    struct text plain = {0};
    struct text html = {0};
    make(STR("x"), &plain);
    make(STR("</td><script>alert('1')</script>\"onload=\"x\" & <!--"), &html);
    check_like(&plain, &html);
    ck_assert_ptr_nonnull(
        strstr(html.ptr, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;"));
    make(STR("a\0b\x01\xff\xe2\x80\xae\xef\xbf\xbe"), &html);
    check_like(&plain, &html);
    ck_assert_ptr_nonnull(strstr(html.ptr, "a&#xfffd;b&#xfffd;&#xfffd;&#xfffd;&#xfffd;"));
    text_clear(&plain);
    text_clear(&html);
}
END_TEST

START_TEST(random_bytes_stay_text)
{
    struct text plain = {0};
    struct text html = {0};
    uint64_t state = 0x853c49e6748fea9b;
    make(STR("x"), &plain);
    for (int round = 0; round < 1500; round++) {
        char bytes[48];
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            bytes[i] = round % 2 == 0 ? (char)(state >> 56) : "<>&\"'-!/"[state >> 60 & 7];
        }
        make(str_make(bytes, 1 + (size_t)round % (sizeof bytes - 1)), &html);
        check_like(&plain, &html);
    }
    text_clear(&plain);
    text_clear(&html);
}
END_TEST

START_TEST(nothing_is_fetched_and_nothing_runs)
{
    struct text html = {0};
    make(STR("x"), &html);
    static const char *const FORBIDDEN[] = {"src=",    "href=", "url(",    "@import",
                                            "<script", "<link", "<iframe", "http://"};
    for (size_t i = 0; i < sizeof FORBIDDEN / sizeof FORBIDDEN[0]; i++)
        ck_assert_msg(strstr(html.ptr, FORBIDDEN[i]) == NULL, "%s", FORBIDDEN[i]);
    text_clear(&html);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trace_html");
    TCase *tcase = tcase_create("html");
    tcase_add_test(tcase, nothing_becomes_markup);
    tcase_add_test(tcase, random_bytes_stay_text);
    tcase_add_test(tcase, nothing_is_fetched_and_nothing_runs);
    suite_add_tcase(suite, tcase);
    return suite;
}
