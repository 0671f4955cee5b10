/* The small parts: scan, queue, budget, names of errors.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "http2/http2_budget.h"
#include "http2/http2_error.h"
#include "http2/http2_queue.h"
#include "http2/http2_scan.h"
#include "unit/unit.h"

/* SETTINGS of six bytes, PRIORITY, an empty DATA, PRIORITY of a wrong length */
static const char FRAMES[] = "\0\0\6\4\0\0\0\0\0abcdef"
                             "\0\0\5\2\0\x80\0\0\3\x80\0\0\1x"
                             "\0\0\0\0\1\0\0\0\5"
                             "\0\0\2\2\0\0\0\0\7xy";

static void check_frames(size_t step)
{
    static const struct http2_frame_head EXPECTED[] = {
        {6, 4, 0, 0, 0},
        {5, 2, 0, 3, 1},
        {0, 0, 1, 5, 0},
        {2, 2, 0, 7, 0},
    };
    struct http2_scan scan = {0};
    struct http2_frame_head head;
    size_t found = 0;
    for (size_t from = 0; from < sizeof FRAMES - 1; from += step) {
        size_t left = sizeof FRAMES - 1 - from;
        struct str part = str_make(FRAMES + from, left < step ? left : step);
        size_t at = 0;
        while (http2_scan_next(&scan, part, &at, &head)) {
            ck_assert_uint_lt(found, sizeof EXPECTED / sizeof EXPECTED[0]);
            ck_assert_uint_eq(head.length, EXPECTED[found].length);
            ck_assert_uint_eq(head.type, EXPECTED[found].type);
            ck_assert_uint_eq(head.flags, EXPECTED[found].flags);
            ck_assert_uint_eq(head.id, EXPECTED[found].id);
            ck_assert_uint_eq(head.depends_on, EXPECTED[found].depends_on);
            found++;
        }
        ck_assert_uint_eq(at, part.len);
    }
    ck_assert_uint_eq(found, sizeof EXPECTED / sizeof EXPECTED[0]);
}

START_TEST(frames_are_found_however_they_come)
{
    for (size_t step = 1; step < sizeof FRAMES; step++)
        check_frames(step);
}
END_TEST

START_TEST(a_queue_gives_what_it_got)
{
    struct buf_pool pool;
    struct http2_queue queue = {0};
    static char bytes[3 * BUF_SIZE];
    static char back[3 * BUF_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 % 251);
    buf_pool_init(&pool, 2);
    http2_queue_put(&queue, &pool, str_make(bytes, 0));
    ck_assert_uint_eq(pool.lent, 0);
    http2_queue_put(&queue, &pool, str_make(bytes, 10));
    http2_queue_put(&queue, &pool, str_make(bytes + 10, sizeof bytes - 10));
    ck_assert_uint_eq(queue.len, sizeof bytes);
    ck_assert_uint_eq(pool.lent, 3);
    http2_queue_take(&queue, &pool, back, BUF_SIZE + 5);
    ck_assert_uint_eq(pool.lent, 2);
    struct str first = http2_queue_first(&queue);
    ck_assert_uint_eq(first.len, BUF_SIZE - 5);
    http2_queue_drop(&queue, &pool, 0);
    http2_queue_take(&queue, &pool, back + BUF_SIZE + 5, queue.len);
    ck_assert_mem_eq(bytes, back, sizeof bytes);
    ck_assert_uint_eq(pool.lent, 0);
    http2_queue_put(&queue, &pool, str_make(bytes, BUF_SIZE + 1));
    http2_queue_clear(&queue, &pool);
    ck_assert(queue.len == 0 && queue.first == NULL && queue.last == NULL);
    buf_pool_clear(&pool);
}
END_TEST

START_TEST(a_budget_tolerates_a_burst_and_not_one_more)
{
    for (enum http2_nuisance kind = 0; kind < HTTP2_NUISANCES; kind++) {
        struct http2_budget budget = {0};
        for (unsigned i = 0; i < http2_budget_burst(kind); i++)
            ck_assert_ptr_null(http2_budget_spend(&budget, kind, 1000));
        ck_assert_ptr_nonnull(http2_budget_spend(&budget, kind, 1000));
        ck_assert_ptr_null(http2_budget_spend(&budget, kind, 1000 + 3600 * 1000));
    }
}
END_TEST

START_TEST(a_budget_leaks_with_time)
{
    struct http2_budget budget = {0};
    uint64_t now = 1000;
    /* PING: 10 a second for ever. */
    for (unsigned i = 0; i < 10000; i++, now += 100)
        ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_PINGS, now));
    const char *flood = NULL;
    for (unsigned i = 0; flood == NULL; i++, now += 50) {
        ck_assert_uint_lt(i, 1000);
        flood = http2_budget_spend(&budget, HTTP2_PINGS, now);
    }
    ck_assert_str_eq(flood, "ping flood");
}
END_TEST

/* Time that jumps, or goes back, neither overflows nor forgives. */
START_TEST(a_budget_survives_any_clock)
{
    struct http2_budget budget = {0};
    ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_PINGS, UINT64_MAX));
    for (unsigned i = 1; i < http2_budget_burst(HTTP2_PINGS); i++)
        ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_PINGS, 0));
    ck_assert_ptr_nonnull(http2_budget_spend(&budget, HTTP2_PINGS, 0));
}
END_TEST

START_TEST(work_pays_for_nuisance)
{
    struct http2_budget budget = {0};
    for (unsigned i = 0; i < 100000; i++) {
        http2_budget_sent_data(&budget);
        ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_WINDOW_UPDATES, 0));
        ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_WINDOW_UPDATES, 0));
        ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_PINGS, 0));
        http2_budget_began_request(&budget);
        ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_PRIORITIES, 0));
        http2_budget_answered(&budget);
        ck_assert_ptr_null(http2_budget_spend(&budget, HTTP2_RESETS, 0));
    }
}
END_TEST

START_TEST(errors_have_their_names)
{
    ck_assert_str_eq(http2_error_name(HTTP2_NO_ERROR), "NO_ERROR");
    ck_assert_str_eq(http2_error_name(HTTP2_HTTP_1_1_REQUIRED), "HTTP_1_1_REQUIRED");
    ck_assert_str_eq(http2_error_name(14), "unknown error");
    ck_assert_str_eq(http2_error_name(UINT32_MAX), "unknown error");
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http2_parts");
    TCase *tcase = tcase_create("core");
    tcase_add_test(tcase, frames_are_found_however_they_come);
    tcase_add_test(tcase, a_queue_gives_what_it_got);
    tcase_add_test(tcase, a_budget_tolerates_a_burst_and_not_one_more);
    tcase_add_test(tcase, a_budget_leaks_with_time);
    tcase_add_test(tcase, a_budget_survives_any_clock);
    tcase_add_test(tcase, work_pays_for_nuisance);
    tcase_add_test(tcase, errors_have_their_names);
    suite_add_tcase(suite, tcase);
    return suite;
}
