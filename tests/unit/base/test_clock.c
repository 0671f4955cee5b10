/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "unit/unit.h"

static void thaw(void)
{
    clock_freeze(-1);
}

START_TEST(stands_where_it_was_frozen)
{
    clock_freeze(1767225600123);
    ck_assert_int_eq(clock_wall_ms(), 1767225600123);
    ck_assert_int_eq(clock_wall_s(), 1767225600);
    ck_assert_uint_eq(clock_monotonic_ms(), 1767225600123);
    clock_freeze(0);
    ck_assert_int_eq(clock_wall_ms(), 0);
}
END_TEST

START_TEST(runs_when_not_frozen)
{
    ck_assert_int_gt(clock_wall_s(), 1767225600);
    uint64_t before = clock_monotonic_ms();
    ck_assert_uint_ge(clock_monotonic_ms(), before);
}
END_TEST

START_TEST(prints_every_format)
{
    static const struct {
        int64_t wall_s;
        const char *rfc3339;
        const char *w3c;
        const char *http;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01 00:00:00", "Thu, 01 Jan 1970 00:00:00 GMT"},
        /* RFC 9110 section 5.6.7 */
        {784111777, "1994-11-06T08:49:37Z", "1994-11-06 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782399, "2000-02-28T23:59:59Z", "2000-02-28 23:59:59", "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400, "2000-02-29T00:00:00Z", "2000-02-29 00:00:00", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {2147483648, "2038-01-19T03:14:08Z", "2038-01-19 03:14:08",
         "Tue, 19 Jan 2038 03:14:08 GMT"},
        {253402300799, "9999-12-31T23:59:59Z", "9999-12-31 23:59:59",
         "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CLOCK_TEXT_SIZE];
        struct str got = clock_format_rfc3339(cases[i].wall_s, text);
        ck_assert(str_equal(got, str_of(cases[i].rfc3339)));
        got = clock_format_w3c(cases[i].wall_s, text);
        ck_assert(str_equal(got, str_of(cases[i].w3c)));
        got = clock_format_http(cases[i].wall_s, text);
        ck_assert(str_equal(got, str_of(cases[i].http)));
    }
    char text[CLOCK_TEXT_SIZE];
    ck_assert(
        str_equal(clock_format_rfc3339_ms(1767225600007, text), STR("2026-01-01T00:00:00.007Z")));
}
END_TEST

/* RFC 3339 section 5.6 */
START_TEST(reads_times_with_any_offset)
{
    static const struct {
        const char *text;
        int64_t wall_s;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-01T00:00:00Z", 1767225600},
        {"2026-01-01t00:00:00z", 1767225600},
        {"2026-01-01 00:00:00Z", 1767225600},
        {"2026-01-01T00:00:00.5Z", 1767225600},
        {"2026-01-01T00:00:00.999999999Z", 1767225600},
        {"2026-01-01T01:30:00+01:30", 1767225600},
        {"2025-12-31T16:00:00-08:00", 1767225600},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"1969-12-31T23:59:59Z", -1},
        {"@0", 0},
        {"@1767225600", 1767225600},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t wall_s = 7;
        ck_assert_msg(clock_parse(str_of(cases[i].text), &wall_s), "%s", cases[i].text);
        ck_assert_msg(wall_s == cases[i].wall_s, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(refuses_what_is_no_time)
{
    static const char *texts[] = {
        "",
        "now",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00Z",
        "2026-1-01T00:00:00Z",
        "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+01",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "+026-01-01T00:00:00Z",
        "2026/01/01T00:00:00Z",
        "@",
        "@-1",
        "@1.5",
        "@99999999999999999999",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t wall_s;
        ck_assert_msg(!clock_parse(str_of(texts[i]), &wall_s), "'%s'", texts[i]);
    }
}
END_TEST

START_TEST(reads_back_what_it_prints)
{
    for (int64_t wall_s = 1; wall_s < 253402300799; wall_s = wall_s * 3 + 86399) {
        char text[CLOCK_TEXT_SIZE];
        int64_t again;
        ck_assert(clock_parse(clock_format_rfc3339(wall_s, text), &again));
        ck_assert_int_eq(again, wall_s);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    tcase_add_checked_fixture(tcase, NULL, thaw);
    tcase_add_test(tcase, stands_where_it_was_frozen);
    tcase_add_test(tcase, runs_when_not_frozen);
    tcase_add_test(tcase, prints_every_format);
    tcase_add_test(tcase, reads_times_with_any_offset);
    tcase_add_test(tcase, refuses_what_is_no_time);
    tcase_add_test(tcase, reads_back_what_it_prints);
    suite_add_tcase(suite, tcase);
    return suite;
}
