/* RFC 8259 section 7, RFC 3629.
 *
 * SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "base/json_text.h"
#include "unit/unit.h"

START_TEST(makes_one_safe_line_of_any_bytes)
{
    static const struct {
        struct str in;
        const char *out;
    } CASES[] = {
        {STR_INIT(""), "\"\""},
        {STR_INIT("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
        {STR_INIT("\r\n\t\0\x1b"), "\"\\u000d\\u000a\\u0009\\u0000\\u001b\""},
        {STR_INIT("\x7f\xc2\x9b"), "\"\\u007f\\u009b\""}, /* DEL, and CSI of eight bits */
        {STR_INIT("\xc3\xbc\xe2\x82\xac\xf0\x9f\x99\x82"),
         "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x99\x82\""},
        {STR_INIT("\xe2\x80\xae\xe2\x80\xa8\xd8\x9c\xef\xbb\xbf"),
         "\"\\u202e\\u2028\\u061c\\ufeff\""},
        {STR_INIT("\xf3\xa0\x81\x81"), "\"\\udb40\\udc41\""}, /* a tag */
        {STR_INIT("\xff"), "\"\xef\xbf\xbd\""},
        {STR_INIT("a\xe2\x82"), "\"a\xef\xbf\xbd\xef\xbf\xbd\""}, /* cut off */
        {STR_INIT("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},   /* overlong */
        {STR_INIT("\xe0\x80\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {STR_INIT("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR_INIT("\xc3\""), "\"\xef\xbf\xbd\\\"\""}, /* the quote is not swallowed */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct text out = {0};
        json_text_add(&out, CASES[i].in);
        ck_assert_str_eq(out.ptr, CASES[i].out);
        text_clear(&out);
    }
}
END_TEST

START_TEST(a_strict_reader_takes_every_pair_of_bytes)
{
    for (unsigned pair = 0; pair < 65536; pair++) {
        char bytes[] = {(char)(pair >> 8), (char)pair, 'x'};
        struct text out = {0};
        json_text_add(&out, str_make(bytes, sizeof bytes));
        json_t *value = json_loadb(out.ptr, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        ck_assert_msg(json_is_string(value), "%04x: %s", pair, out.ptr);
        json_decref(value);
        text_clear(&out);
    }
}
END_TEST

START_TEST(cuts_between_characters)
{
    struct str text = STR("a\xe2\x82\xac"
                          "b");
    ck_assert_uint_eq(json_text_cut(text, 5).len, 5);
    ck_assert_uint_eq(json_text_cut(text, 4).len, 4);
    ck_assert_uint_eq(json_text_cut(text, 3).len, 1);
    ck_assert_uint_eq(json_text_cut(text, 2).len, 1);
    ck_assert_uint_eq(json_text_cut(text, 1).len, 1);
    ck_assert_uint_eq(json_text_cut(STR("\x80\x80\x80\x80\x80\x80"), 5).len, 2);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("json_text");
    TCase *tcase = tcase_create("json_text");
    tcase_add_test(tcase, makes_one_safe_line_of_any_bytes);
    tcase_add_test(tcase, a_strict_reader_takes_every_pair_of_bytes);
    tcase_add_test(tcase, cuts_between_characters);
    suite_add_tcase(suite, tcase);
    return suite;
}
