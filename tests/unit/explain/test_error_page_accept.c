/* RFC 9110 section 12.5.1: Accept.
 *
 * SPDX-License-Identifier: MIT */
#include "explain/error_page_accept.h"
#include "unit/unit.h"

static enum error_page_type choose(const char *first, const char *second)
{
    struct http_field items[2] = {{STR("Accept"), str_of(first)}, {STR("ACCEPT"), str_of(second)}};
    struct http_fields fields = {.items = items,
                                 .count = (size_t)(first != NULL) + (second != NULL)};
    return error_page_accept(&fields);
}

START_TEST(chooses_what_the_client_likes_best)
{
    static const struct {
        const char *accept;
        enum error_page_type type;
    } CASES[] = {
        {NULL, ERROR_PAGE_HTML},
        {"", ERROR_PAGE_HTML},
        {"*/*", ERROR_PAGE_HTML}, /* curl: as IIS answers */
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", ERROR_PAGE_HTML},
        {"application/json", ERROR_PAGE_JSON},
        {"application/problem+json", ERROR_PAGE_JSON},
        {"Application/JSON", ERROR_PAGE_JSON},
        {"application/json, text/plain, */*", ERROR_PAGE_HTML}, /* a tie */
        {"application/json, text/plain, */*;q=0.9", ERROR_PAGE_JSON},
        {"text/plain", ERROR_PAGE_TEXT},
        {"text/*", ERROR_PAGE_HTML},
        {"text/html;q=0.5, application/json;q=0.6", ERROR_PAGE_JSON},
        {"text/html;q=0.5, application/json;q=0.499", ERROR_PAGE_HTML},
        {"text/html;q=0, */*", ERROR_PAGE_JSON},
        {"application/*, text/html;q=0.1", ERROR_PAGE_JSON},
        {"application/*, application/json;q=0, application/problem+json;q=0", ERROR_PAGE_HTML},
        {"image/png", ERROR_PAGE_HTML}, /* nothing suits: a page all the same */
        {"application/json;q=0", ERROR_PAGE_HTML},
        {"text/html;level=1;q=0.2, application/json;q=0.3", ERROR_PAGE_JSON},
        {" application/json ; q=1.000 , text/html ; q=0.999", ERROR_PAGE_JSON},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        ck_assert_msg(choose(CASES[i].accept, NULL) == CASES[i].type, "%s", CASES[i].accept);
}
END_TEST

START_TEST(reads_several_fields_as_one_list)
{
    ck_assert_int_eq(choose("text/html;q=0.1", "application/json"), ERROR_PAGE_JSON);
    ck_assert_int_eq(choose("application/json;q=0.1", "text/html"), ERROR_PAGE_HTML);
}
END_TEST

START_TEST(survives_what_is_no_list_of_ranges)
{
    static const char *const CASES[] = {",",
                                        ",,,",
                                        "/",
                                        "*",
                                        "text",
                                        "text/",
                                        "/html",
                                        ";q=1",
                                        "text/html;q=",
                                        "text/html;q=2",
                                        "text/html;q=0.1234",
                                        "text/html;q=-1",
                                        "*/*;q=x",
                                        "a/b;c=\",\";q=1"};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        ck_assert_msg(choose(CASES[i], NULL) == ERROR_PAGE_HTML, "%s", CASES[i]);
    /* A weight that cannot be read neither wins nor excludes. */
    ck_assert_int_eq(choose("application/json;q=9, text/html;q=0.5", NULL), ERROR_PAGE_HTML);
    ck_assert_int_eq(choose("application/json;q=x", NULL), ERROR_PAGE_JSON);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("error_page_accept");
    TCase *tcase = tcase_create("error_page_accept");
    tcase_add_test(tcase, chooses_what_the_client_likes_best);
    tcase_add_test(tcase, reads_several_fields_as_one_list);
    tcase_add_test(tcase, survives_what_is_no_list_of_ranges);
    suite_add_tcase(suite, tcase);
    return suite;
}
