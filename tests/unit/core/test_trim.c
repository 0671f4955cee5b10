/* SPDX-License-Identifier: MIT */
#include "core/trim.h"
#include "unit/unit.h"

#define MIB (UINT64_C(1024) * 1024)

START_TEST(is_due_once_a_second_after_a_burst)
{
    struct trim trim = {0};
    trim_note(&trim, 90 * MIB);
    ck_assert(!trim_is_due(&trim, 90 * MIB, 1000));
    ck_assert(!trim_is_due(&trim, 10 * MIB, 2000));
    ck_assert(!trim_is_due(&trim, 10 * MIB, 2999));
    ck_assert(trim_is_due(&trim, 10 * MIB, 3000));
    for (uint64_t now_ms = 4000; now_ms < 100000; now_ms += 1000)
        ck_assert(!trim_is_due(&trim, 10 * MIB, now_ms));
}
END_TEST

START_TEST(a_load_that_goes_on_is_left_alone)
{
    struct trim trim = {0};
    for (uint64_t now_ms = 1000; now_ms < 100000; now_ms += 1000) {
        trim_note(&trim, 90 * MIB);
        ck_assert(!trim_is_due(&trim, 46 * MIB, now_ms));
        ck_assert(!trim_is_due(&trim, (now_ms / 1000 % 2) * 90 * MIB, now_ms + 1)); /* a pause */
    }
}
END_TEST

START_TEST(waves_are_trimmed_at_most_every_ten_seconds)
{
    struct trim trim = {0};
    unsigned count = 0;
    for (uint64_t now_ms = 1000; now_ms < 101000; now_ms += 1000) {
        trim_note(&trim, 90 * MIB);
        count += trim_is_due(&trim, MIB, now_ms);
    }
    ck_assert_uint_ge(count, 9);
    ck_assert_uint_le(count, 10);
}
END_TEST

START_TEST(little_is_not_worth_it)
{
    struct trim trim = {0};
    trim_note(&trim, 4 * MIB - 1);
    for (uint64_t now_ms = 1000; now_ms < 100000; now_ms += 1000)
        ck_assert(!trim_is_due(&trim, 0, now_ms));
    trim_note(&trim, 4 * MIB);
    ck_assert(!trim_is_due(&trim, 2 * MIB, 100000));
    ck_assert(trim_is_due(&trim, 2 * MIB, 101000));
    ck_assert_uint_gt(trim_estimate(2000, 2000, 0), 80 * MIB);
    ck_assert_uint_lt(trim_estimate(0, 2000, 0), 20 * MIB);
    ck_assert_uint_eq(trim_estimate(0, 0, MIB), MIB);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trim");
    TCase *tcase = tcase_create("trim");
    tcase_add_test(tcase, is_due_once_a_second_after_a_burst);
    tcase_add_test(tcase, a_load_that_goes_on_is_left_alone);
    tcase_add_test(tcase, waves_are_trimmed_at_most_every_ten_seconds);
    tcase_add_test(tcase, little_is_not_worth_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
