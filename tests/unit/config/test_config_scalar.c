/* SPDX-License-Identifier: MIT */
#include "config/config_scalar.h"
#include "unit/unit.h"

struct scalar {
    const char *text;
    bool is_valid;
    uint64_t value;
};

typedef bool (*scalar_fn)(struct str text, uint64_t *ret_value);

static void check(scalar_fn parse, const struct scalar *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 7;
        bool is_valid = parse(str_of(cases[i].text), &value);
        ck_assert_msg(is_valid == cases[i].is_valid, "\"%s\"", cases[i].text);
        ck_assert_msg(value == (is_valid ? cases[i].value : 7), "\"%s\"", cases[i].text);
    }
}

#define CHECK(parse, cases) check(parse, cases, sizeof(cases) / sizeof(cases)[0])

START_TEST(numbers_are_decimal_or_hexadecimal_and_nothing_else)
{
    static const struct scalar cases[] = {
        {"0", true, 0},
        {"443", true, 443},
        {"0x800B0109", true, 0x800B0109},
        {"0Xff", true, 255},
        {"18446744073709551615", true, UINT64_MAX},
        {"0xffffffffffffffff", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"0x10000000000000000", false, 0},
        {"443abc", false, 0},
        {"", false, 0},
        {"0x", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"1_000", false, 0},
    };
    CHECK(config_scalar_number, cases);
}
END_TEST

START_TEST(sizes_take_k_m_and_g_as_powers_of_1024)
{
    static const struct scalar cases[] = {
        {"0", true, 0},        {"8k", true, 8192},
        {"1m", true, 1048576}, {"2g", true, (uint64_t)2 << 30},
        {"100", true, 100},    {"0x10", true, 16},
        {"8K", false, 0},      {"8kb", false, 0},
        {"k", false, 0},       {"8 k", false, 0},
        {"-8k", false, 0},     {"1.5k", false, 0},
        {"", false, 0},        {"17179869184g", false, 0},
    };
    CHECK(config_scalar_size, cases);
}
END_TEST

START_TEST(durations_need_a_unit_unless_they_are_zero)
{
    static const struct scalar cases[] = {
        {"0", true, 0},
        {"0s", true, 0},
        {"5ms", true, 5},
        {"5s", true, 5000},
        {"5m", true, 300000},
        {"5h", true, 18000000},
        {"1d", true, 86400000},
        {"5", false, 0},
        {"ms", false, 0},
        {"5S", false, 0},
        {"5 s", false, 0},
        {"1h30m", false, 0},
        {"0x5s", false, 0},
        {"18446744073709551615ms", true, UINT64_MAX},
        {"213503982335d", false, 0},
    };
    CHECK(config_scalar_duration, cases);
}
END_TEST

static void check_near(const char *wrong, const char *const *candidates, const char *want)
{
    struct config_near near = {0};
    for (; *candidates != NULL; candidates++)
        config_near_offer(&near, str_of(wrong), *candidates);
    if (want == NULL)
        ck_assert_ptr_null(near.text);
    else
        ck_assert_str_eq(near.text, want);
}

START_TEST(the_key_that_was_meant_is_the_closest_one)
{
    static const char *const keys[] = {"require_ssl", "root", "crls", "check", "via", NULL};
    check_near("require_sll", keys, "require_ssl");
    check_near("requiressl", keys, "require_ssl");
    check_near("Require-SSL", keys, "require_ssl");
    check_near("orot", keys, "root");
    check_near("roots", keys, "root");
    check_near("crl", keys, "crls");
    check_near("chekc", keys, "check");
    check_near("iva", keys, "via");
    check_near("xyz", keys, NULL);
    check_near("", keys, NULL);
    check_near("a_key_far_longer_than_anything_that_is_known_here", keys, NULL);
}
END_TEST

START_TEST(sizes_and_durations_are_shown_in_their_largest_unit)
{
    struct text text = {0};
    config_scalar_add_size(&text, 0);
    text_add_char(&text, ' ');
    config_scalar_add_size(&text, 8192);
    text_add_char(&text, ' ');
    config_scalar_add_size(&text, 1025);
    text_add_char(&text, ' ');
    config_scalar_add_duration(&text, 0);
    text_add_char(&text, ' ');
    config_scalar_add_duration(&text, 600000);
    text_add_char(&text, ' ');
    config_scalar_add_duration(&text, 1001);
    ck_assert_str_eq(text.ptr, "0 8k 1025 0s 10m 1001ms");
    text_clear(&text);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("config_scalar");
    TCase *tcase = tcase_create("config_scalar");
    tcase_add_test(tcase, numbers_are_decimal_or_hexadecimal_and_nothing_else);
    tcase_add_test(tcase, sizes_take_k_m_and_g_as_powers_of_1024);
    tcase_add_test(tcase, durations_need_a_unit_unless_they_are_zero);
    tcase_add_test(tcase, the_key_that_was_meant_is_the_closest_one);
    tcase_add_test(tcase, sizes_and_durations_are_shown_in_their_largest_unit);
    suite_add_tcase(suite, tcase);
    return suite;
}
