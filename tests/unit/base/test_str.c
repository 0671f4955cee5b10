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

Suite *unit_suite(void)
{
    Suite *suite = suite_create("str");
    TCase *tcase = tcase_create("str");
    tcase_add_test(tcase, splits_a_list_into_every_part);
    tcase_add_test(tcase, parses_decimal_up_to_the_limit_only);
    tcase_add_test(tcase, finds_tokens_in_lists_whatever_the_case);
    suite_add_tcase(suite, tcase);
    return suite;
}
