/* SPDX-License-Identifier: MIT */
#include "process/backoff.h"
#include "unit/unit.h"

START_TEST(doubles_from_the_first_wait_to_the_longest_and_stays)
{
    static const uint64_t EXPECTED[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000};
    struct backoff backoff = {0};
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++)
        ck_assert_uint_eq(backoff_next(&backoff, 0), EXPECTED[i]);
}
END_TEST

START_TEST(forgives_a_worker_that_lived_long_enough)
{
    struct backoff backoff = {0};
    ck_assert_uint_eq(backoff_next(&backoff, 0), 100);
    ck_assert_uint_eq(backoff_next(&backoff, BACKOFF_STABLE_MS - 1), 200);
    ck_assert_uint_eq(backoff_next(&backoff, BACKOFF_STABLE_MS), 100);
    ck_assert_uint_eq(backoff_next(&backoff, UINT64_MAX), 100);
    ck_assert_uint_eq(backoff_next(&backoff, 0), 200);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("backoff");
    TCase *tcase = tcase_create("backoff");
    tcase_add_test(tcase, doubles_from_the_first_wait_to_the_longest_and_stays);
    tcase_add_test(tcase, forgives_a_worker_that_lived_long_enough);
    suite_add_tcase(suite, tcase);
    return suite;
}
