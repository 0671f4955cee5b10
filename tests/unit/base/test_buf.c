/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "unit/unit.h"

START_TEST(lends_empty_buffers_and_takes_them_back)
{
    struct buf_pool pool;
    buf_pool_init(&pool, 2);
    struct buf *a = buf_acquire(&pool);
    struct buf *b = buf_acquire(&pool);
    ck_assert_ptr_ne(a, b);
    ck_assert_uint_eq(pool.lent, 2);
    ck_assert_uint_eq(buf_len(a), 0);
    ck_assert_uint_eq(buf_room(a), BUF_SIZE);
    a->start = 3;
    a->end = 5;
    a->next = b;
    buf_release(&pool, a);
    ck_assert_uint_eq(pool.lent, 1);
    struct buf *again = buf_acquire(&pool);
    ck_assert_ptr_eq(again, a);
    ck_assert_uint_eq(buf_len(again), 0);
    ck_assert_uint_eq(buf_room(again), BUF_SIZE);
    ck_assert_ptr_null(again->next);
    buf_release(&pool, again);
    buf_release(&pool, b);
    buf_release(&pool, NULL);
    ck_assert_uint_eq(pool.lent, 0);
    buf_pool_clear(&pool);
}
END_TEST

START_TEST(keeps_no_more_free_buffers_than_told)
{
    for (size_t max_free = 0; max_free <= 3; max_free++) {
        struct buf_pool pool;
        struct buf *bufs[4];
        buf_pool_init(&pool, max_free);
        for (size_t i = 0; i < 4; i++)
            bufs[i] = buf_acquire(&pool);
        for (size_t i = 0; i < 4; i++)
            buf_release(&pool, bufs[i]);
        ck_assert_uint_eq(pool.free_count, max_free);
        buf_pool_clear(&pool);
        ck_assert_uint_eq(pool.free_count, 0);
    }
}
END_TEST

START_TEST(moves_what_is_left_to_the_front)
{
    struct buf_pool pool;
    buf_pool_init(&pool, 1);
    struct buf *buf = buf_acquire(&pool);
    memset(buf->bytes, 'x', BUF_SIZE);
    memcpy(buf->bytes + BUF_SIZE - 6, "abcdef", 6);
    buf->start = BUF_SIZE - 6;
    buf->end = BUF_SIZE;
    buf_compact(buf);
    ck_assert_uint_eq(buf_len(buf), 6);
    ck_assert_uint_eq(buf_room(buf), BUF_SIZE - 6);
    ck_assert(memcmp(buf->bytes, "abcdef", 6) == 0);
    buf->start = 2; /* overlapping */
    buf_compact(buf);
    ck_assert_uint_eq(buf_len(buf), 4);
    ck_assert(memcmp(buf->bytes, "cdef", 4) == 0);
    buf_compact(buf);
    ck_assert_uint_eq(buf_len(buf), 4);
    buf_release(&pool, buf);
    buf_pool_clear(&pool);
}
END_TEST

START_TEST(lends_bulk_buffers_up_to_a_limit)
{
    enum { MOST = 20 };
    struct buf *bufs[MOST];
    struct buf_pool pool;
    buf_pool_init(&pool, 1);
    ck_assert_ptr_null(buf_acquire_bulk(&pool));
    pool.bulk_max = MOST;
    for (size_t i = 0; i < MOST; i++) {
        bufs[i] = buf_acquire_bulk(&pool);
        ck_assert_ptr_nonnull(bufs[i]);
        ck_assert_uint_eq(buf_room(bufs[i]), BUF_BULK_SIZE);
    }
    ck_assert_ptr_null(buf_acquire_bulk(&pool));
    struct buf *small = buf_acquire(&pool);
    ck_assert_uint_eq(buf_room(small), BUF_SIZE);
    buf_release(&pool, small);
    buf_release(&pool, bufs[0]);
    bufs[0] = buf_acquire_bulk(&pool);
    ck_assert_ptr_nonnull(bufs[0]);
    for (size_t i = 0; i < MOST; i++)
        buf_release(&pool, bufs[i]);
    ck_assert_uint_eq(pool.lent, 0);
    ck_assert_uint_eq(pool.bulk_lent, 0);
    ck_assert_uint_le(pool.bulk_free_count, 8);
    buf_pool_clear(&pool);
}
END_TEST

START_TEST(aborts_when_cleared_with_a_buffer_lent)
{
    struct buf_pool pool;
    buf_pool_init(&pool, 1);
    pool.bulk_max = 8;
    (void)buf_acquire(&pool);
    buf_pool_clear(&pool);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("buf");
    tcase_add_test(tcase, lends_empty_buffers_and_takes_them_back);
    tcase_add_test(tcase, keeps_no_more_free_buffers_than_told);
    tcase_add_test(tcase, moves_what_is_left_to_the_front);
    tcase_add_test(tcase, lends_bulk_buffers_up_to_a_limit);
    tcase_add_test_raise_signal(tcase, aborts_when_cleared_with_a_buffer_lent, SIGABRT);
    suite_add_tcase(suite, tcase);
    return suite;
}
