/* SPDX-License-Identifier: MIT */
#include "base/str.h"
#include "unit/unit.h"

START_TEST(splits_a_list_into_every_part)
{
    struct str rest = STR("a,,b");
    struct str part;
    ck_assert(str_split(&rest, ',', &part) && str_equal(part, STR("a")));
    ck_assert(str_split(&rest, ',', &part) && part.len == 0);
    ck_assert(str_split(&rest, ',', &part) && str_equal(part, STR("b")));
    ck_assert(!str_split(&rest, ',', &part));
}
END_TEST

START_TEST(parses_decimal_up_to_the_limit_only)
{
    uint64_t value = 7;
    ck_assert(str_parse_u64(STR("18446744073709551615"), UINT64_MAX, &value));
    ck_assert(value == UINT64_MAX);
    ck_assert(!str_parse_u64(STR("18446744073709551616"), UINT64_MAX, &value));
    ck_assert(str_parse_u64(STR("100"), 100, &value));
    ck_assert(!str_parse_u64(STR("101"), 100, &value));
    ck_assert(!str_parse_u64(STR(""), 100, &value));
    ck_assert(!str_parse_u64(STR("+1"), 100, &value));
    ck_assert(!str_parse_u64(STR("1 "), 100, &value));
    ck_assert(!str_parse_u64(STR("0x1"), 100, &value));
}
END_TEST

START_TEST(finds_tokens_in_lists_whatever_the_case)
{
    ck_assert(str_list_contains(STR("keep-alive, Upgrade"), STR("upgrade")));
    ck_assert(str_list_contains(STR(" close\t"), STR("close")));
    ck_assert(!str_list_contains(STR("closed"), STR("close")));
    ck_assert(!str_list_contains(STR(""), STR("close")));
}
END_TEST

START_TEST(classifies_ascii_whatever_the_locale)
{
    for (int c = 0; c < 256; c++) {
        bool is_digit = c >= '0' && c <= '9';
        bool is_upper = c >= 'A' && c <= 'Z';
        bool is_lower = c >= 'a' && c <= 'z';
        ck_assert(ascii_is_digit((char)c) == is_digit);
        ck_assert(ascii_is_alpha((char)c) == (is_upper || is_lower));
        ck_assert_int_eq(ascii_lower((char)c), (char)(is_upper ? c + 32 : c));
        int value = is_digit               ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        ck_assert_int_eq(ascii_hex_value((char)c), value);
    }
}
END_TEST

START_TEST(compares_slices)
{
    struct str none = str_make(NULL, 0);
    ck_assert(str_equal(none, STR("")) && str_equal_icase(none, none));
    ck_assert(str_equal(STR("aB"), STR("aB")) && !str_equal(STR("aB"), STR("ab")));
    ck_assert(str_equal_icase(STR("aB"), STR("Ab")) && !str_equal_icase(STR("a"), STR("ab")));
    ck_assert(!str_equal_icase(STR("@"), STR("`")) && !str_equal_icase(STR("["), STR("{")));
    ck_assert(str_equal(str_make("a\0b", 3), str_make("a\0b", 3)));
    ck_assert(!str_equal(str_make("a\0b", 3), str_make("a\0c", 3)));
    ck_assert(str_starts_with(STR("abc"), STR("ab")) && !str_starts_with(STR("ab"), STR("abc")));
    ck_assert(str_starts_with(STR("a"), none) && !str_starts_with(STR("abc"), STR("AB")));
    ck_assert(str_starts_with_icase(STR("abc"), STR("AB")));
    ck_assert(!str_starts_with_icase(STR("a"), STR("AB")));
    ck_assert(str_ends_with_icase(STR("a.PEM"), STR(".pem")));
    ck_assert(!str_ends_with_icase(STR("pem"), STR(".pem")));
    ck_assert_uint_eq(str_of(NULL).len, 0);
}
END_TEST

START_TEST(finds_bytes)
{
    ck_assert_uint_eq(str_find(STR("abc"), 'a'), 0);
    ck_assert_uint_eq(str_find(STR("abc"), 'c'), 2);
    ck_assert_uint_eq(str_find(STR("abc"), 'd'), 3);
    ck_assert_uint_eq(str_find(str_make(NULL, 0), 'd'), 0);
    ck_assert_uint_eq(str_find(str_make("a\0b", 3), 'b'), 2);
}
END_TEST

/* RFC 9110 section 5.6.3 */
START_TEST(trims_blanks_and_nothing_else)
{
    ck_assert(str_equal(str_trim(STR(" \t a b\t ")), STR("a b")));
    ck_assert(str_equal(str_trim(STR("\x0b"
                                     "a\r\n")),
                        STR("\x0b"
                            "a\r\n")));
    ck_assert_uint_eq(str_trim(STR(" \t ")).len, 0);
    ck_assert_uint_eq(str_trim(str_make(NULL, 0)).len, 0);
}
END_TEST

START_TEST(splits_at_both_ends_too)
{
    struct str rest = STR("");
    struct str part;
    ck_assert(str_split(&rest, ',', &part) && part.len == 0);
    ck_assert(!str_split(&rest, ',', &part));
    rest = STR("a,");
    ck_assert(str_split(&rest, ',', &part) && str_equal(part, STR("a")));
    ck_assert(str_split(&rest, ',', &part) && part.len == 0);
    ck_assert(!str_split(&rest, ',', &part));
    rest = str_make(NULL, 0);
    ck_assert(!str_split(&rest, ',', &part));
}
END_TEST

START_TEST(writes_decimal)
{
    static const struct {
        uint64_t value;
        const char *text;
    } CASES[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {1234567890, "1234567890"},
        {UINT64_MAX, "18446744073709551615"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[STR_DECIMAL_SIZE + 1] = "";
        char *end = str_put_decimal(text, CASES[i].value);
        ck_assert_uint_eq((size_t)(end - text), strlen(CASES[i].text));
        *end = '\0';
        ck_assert_str_eq(text, CASES[i].text);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("str");
    TCase *tcase = tcase_create("str");
    tcase_add_test(tcase, splits_a_list_into_every_part);
    tcase_add_test(tcase, parses_decimal_up_to_the_limit_only);
    tcase_add_test(tcase, finds_tokens_in_lists_whatever_the_case);
    tcase_add_test(tcase, classifies_ascii_whatever_the_locale);
    tcase_add_test(tcase, compares_slices);
    tcase_add_test(tcase, finds_bytes);
    tcase_add_test(tcase, trims_blanks_and_nothing_else);
    tcase_add_test(tcase, splits_at_both_ends_too);
    tcase_add_test(tcase, writes_decimal);
    suite_add_tcase(suite, tcase);
    return suite;
}
