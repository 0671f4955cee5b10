/* SPDX-License-Identifier: MIT */
#include "observe/access_log_daily.h"
#include "unit/unit.h"

#define NEW_YEAR INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

START_TEST(a_day_begins_at_midnight_utc)
{
    ck_assert_int_eq(access_log_day(NEW_YEAR) - access_log_day(NEW_YEAR - 1), 1);
    ck_assert_int_eq(access_log_day(NEW_YEAR), access_log_day(NEW_YEAR + 86399));
    ck_assert_int_eq(access_log_day(-1), -1);
    ck_assert_uint_eq(access_log_ms_to_midnight(NEW_YEAR * 1000), 86400000);
    ck_assert_uint_eq(access_log_ms_to_midnight(NEW_YEAR * 1000 - 1), 1);
    ck_assert_uint_eq(access_log_ms_to_midnight(-1), 1);
}
END_TEST

START_TEST(the_date_goes_before_the_last_dot_of_the_name)
{
    static const struct {
        const char *path, *expected;
    } CASES[] = {
        {"logs/u_ex.log", "logs/u_ex260101.log"},
        {"u_ex.log", "u_ex260101.log"},
        {"/var/log/access", "/var/log/access260101"},
        {"/var/log.d/access", "/var/log.d/access260101"},
        {"a.b.log", "a.b260101.log"},
        {"logs/.log", "logs/.log260101"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct text path = {0};
        access_log_daily_path(CASES[i].path, access_log_day(NEW_YEAR), &path);
        ck_assert_str_eq(path.ptr, CASES[i].expected);
        text_clear(&path);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("access_log_daily");
    TCase *tcase = tcase_create("access_log_daily");
    tcase_add_test(tcase, a_day_begins_at_midnight_utc);
    tcase_add_test(tcase, the_date_goes_before_the_last_dot_of_the_name);
    suite_add_tcase(suite, tcase);
    return suite;
}
