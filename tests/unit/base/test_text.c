/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "unit/unit.h"

START_TEST(grows_by_every_kind_of_part)
{
    struct text text = {0};
    ck_assert_uint_eq(text_str(&text).len, 0);
    text_add(&text, str_make(NULL, 0));
    ck_assert_str_eq(text.ptr, "");
    text_add(&text, STR("ab"));
    text_add_cstr(&text, "cd");
    text_add_char(&text, 'e');
    text_addf(&text, "-%d-%s", 42, "x");
    text_addf(&text, "%s", "");
    text_add_hex(&text, (const unsigned char *)"\x00\x9f\xff", 3);
    ck_assert_str_eq(text.ptr, "abcde-42-x009fff");
    ck_assert_uint_eq(text.len, strlen(text.ptr));
    text_clear(&text);
    ck_assert_ptr_null(text.ptr);
}
END_TEST

START_TEST(grows_byte_by_byte_and_at_once)
{
    struct text a = {0};
    struct text b = {0};
    for (size_t i = 0; i < 5000; i++) {
        text_add_char(&a, (char)('a' + i % 26));
        ck_assert_uint_eq(a.len, i + 1);
        ck_assert_int_eq(a.ptr[a.len], '\0');
        ck_assert_uint_gt(a.capacity, a.len);
    }
    text_add(&b, text_str(&a));
    ck_assert(str_equal(text_str(&a), text_str(&b)));
    text_addf(&b, "%5000d", 1);
    ck_assert_uint_eq(b.len, 10000);
    text_clear(&a);
    text_clear(&b);
}
END_TEST

START_TEST(quotes_what_could_break_a_log_line)
{
    static const struct {
        struct str raw;
        const char *quoted;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{"abc ~", 5}, "\"abc ~\""},
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\r\n\t\0", 4}, "\"\\x0d\\x0a\\x09\\x00\""},
        {{"\x1f\x7f\x80\xff", 4}, "\"\\x1f\\x7f\\x80\\xff\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text text = {0};
        text_add_quoted(&text, cases[i].raw);
        ck_assert_str_eq(text.ptr, cases[i].quoted);
        text_clear(&text);
    }
}
END_TEST

START_TEST(forgets_its_contents_but_not_its_memory)
{
    struct text text = {0};
    text_reset(&text);
    text_add_cstr(&text, "abc");
    char *before = text.ptr;
    text_reset(&text);
    ck_assert_uint_eq(text.len, 0);
    ck_assert_str_eq(text.ptr, "");
    text_add_cstr(&text, "d");
    ck_assert_ptr_eq(text.ptr, before);
    ck_assert_str_eq(text.ptr, "d");
    text_clear(&text);
}
END_TEST

START_TEST(hands_its_string_over)
{
    struct text text = {0};
    char *empty = text_take(&text);
    ck_assert_str_eq(empty, "");
    text_add_cstr(&text, "abc");
    char *taken = text_take(&text);
    ck_assert_str_eq(taken, "abc");
    ck_assert_ptr_null(text.ptr);
    ck_assert_uint_eq(text.len, 0);
    free(empty);
    free(taken);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");
    tcase_add_test(tcase, grows_by_every_kind_of_part);
    tcase_add_test(tcase, grows_byte_by_byte_and_at_once);
    tcase_add_test(tcase, quotes_what_could_break_a_log_line);
    tcase_add_test(tcase, forgets_its_contents_but_not_its_memory);
    tcase_add_test(tcase, hands_its_string_over);
    suite_add_tcase(suite, tcase);
    return suite;
}
