/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/stream.h"
#include "unit/unit.h"

static struct event_base *base;
static struct buf_pool pool;
static struct stream stream;
static struct arena arena;
static int peer;

static void ready(struct transport *transport, bool can_read, bool can_write, void *arg)
{
    (void)transport;
    (void)can_read;
    (void)can_write;
    (void)arg;
}

static void begin(void)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    base = event_base_new();
    buf_pool_init(&pool, 4);
    pool.bulk_max = 64;
    arena_init(&arena, &pool);
    stream_init(&stream, &pool);
    transport_init_plain(&stream.transport, base, fds[0], ready, NULL);
    peer = fds[1];
}

/* Nothing may be left: every buffer went back. */
static void end(void)
{
    stream_clear(&stream);
    arena_clear(&arena);
    ck_assert_uint_eq(pool.lent, 0);
    buf_pool_clear(&pool);
    event_base_free(base);
    (void)close(peer);
}

static void feed(const char *bytes, size_t len)
{
    ck_assert_int_eq(write(peer, bytes, len), (ssize_t)len);
    ck_assert_int_eq(stream_fill(&stream), TRANSPORT_OK);
}

START_TEST(a_head_may_come_byte_by_byte)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
    struct str got;
    begin();
    for (size_t i = 0; i < sizeof head - 1 - 5; i++) {
        feed(&head[i], 1);
        ck_assert_int_eq(stream_take_head(&stream, 100, &arena, &got), STREAM_HEAD_MORE);
    }
    feed(&head[sizeof head - 1 - 5], 5);
    ck_assert_int_eq(stream_take_head(&stream, 100, &arena, &got), STREAM_HEAD_READY);
    ck_assert(str_equal(got, str_make(head, sizeof head - 1 - 4)));
    ck_assert(str_equal(stream_input(&stream), STR("rest")));
    end();
}
END_TEST

START_TEST(a_head_of_exactly_the_limit_is_taken_and_one_byte_more_is_not)
{
    struct str got;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t limit = 100;
        char head[200];
        memset(head, 'a', sizeof head);
        memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
        memcpy(head + limit + extra - 4, "\r\n\r\n", 4);
        begin();
        feed(head, limit + extra);
        ck_assert_int_eq(stream_take_head(&stream, limit, &arena, &got),
                         extra == 0 ? STREAM_HEAD_READY : STREAM_HEAD_TOO_LONG);
        end();
    }
}
END_TEST

START_TEST(a_head_longer_than_a_buffer_is_whole_and_what_follows_is_kept)
{
    enum { LONG = 30000 };
    static char head[LONG + 5];
    struct str got = {NULL, 0};
    memset(head, 'a', sizeof head);
    memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
    memcpy(head + LONG - 4, "\r\n\r\nabcde", 9);
    begin();
    enum stream_head result = STREAM_HEAD_MORE;
    for (size_t sent = 0; sent < sizeof head; sent += 5001) {
        size_t len = sizeof head - sent < 5001 ? sizeof head - sent : 5001;
        feed(head + sent, len);
        result = stream_take_head(&stream, LONG, &arena, &got);
    }
    ck_assert_int_eq(result, STREAM_HEAD_READY);
    ck_assert(str_equal(got, str_make(head, LONG)));
    ck_assert(str_equal(stream_input(&stream), STR("abcde")));
    end();
}
END_TEST

START_TEST(a_bare_line_feed_is_seen_at_once)
{
    struct str got;
    begin();
    feed("GET / HTTP/1.1\n", 15);
    ck_assert_int_eq(stream_take_head(&stream, 100, &arena, &got), STREAM_HEAD_BAD);
    ck_assert_int_eq(stream.scan.reason, HTTP1_BARE_LF);
    end();
}
END_TEST

START_TEST(head_and_first_body_bytes_leave_in_one_write)
{
    char got[100];
    begin();
    stream_put(&stream, STR("HEAD"));
    ck_assert_uint_eq(stream_put_body(&stream, STR("body"), false), 4);
    ck_assert_int_eq(read(peer, got, sizeof got), -1);
    ck_assert_int_eq(stream_flush(&stream), TRANSPORT_OK);
    ck_assert_int_eq(read(peer, got, sizeof got), 8);
    ck_assert(memcmp(got, "HEADbody", 8) == 0);
    ck_assert(!stream_has_output(&stream));
    end();
}
END_TEST

START_TEST(chunks_frame_what_is_given)
{
    char got[100];
    begin();
    ck_assert_uint_eq(stream_put_body(&stream, STR("hello"), true), 5);
    ck_assert_int_eq(stream_flush(&stream), TRANSPORT_OK);
    ssize_t len = read(peer, got, sizeof got);
    ck_assert(str_equal(str_make(got, (size_t)len), STR("5\r\nhello\r\n")));
    end();
}
END_TEST

START_TEST(a_peer_that_does_not_read_stops_the_source_and_bounds_memory)
{
    static char block[64 * 1024];
    begin();
    size_t taken = 0;
    size_t once;
    while ((once = stream_put_body(&stream, str_make(block, sizeof block), false)) > 0) {
        taken += once;
        ck_assert_uint_lt(taken, (size_t)64 * 1024 * 1024);
    }
    ck_assert(stream.is_blocked);
    ck_assert_uint_le(pool.lent, 2);
    /* Nothing is tried again before the transport says so. */
    ck_assert_int_eq(stream_flush(&stream), TRANSPORT_AGAIN);
    size_t got = 0;
    ssize_t len;
    while ((len = read(peer, block, sizeof block)) > 0)
        got += (size_t)len;
    stream_writable(&stream);
    ck_assert_int_eq(stream_flush(&stream), TRANSPORT_OK);
    while ((len = read(peer, block, sizeof block)) > 0)
        got += (size_t)len;
    ck_assert_uint_eq(got, taken);
    end();
}
END_TEST

START_TEST(who_fills_a_buffer_is_read_from_in_bulk_until_it_slows_down)
{
    static char block[BUF_SIZE];
    begin();
    memset(block, 'x', sizeof block);
    feed(block, 100);
    ck_assert(!stream_may_read_on(&stream));
    stream_consume(&stream, 100);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(write(peer, block, sizeof block), (ssize_t)sizeof block);
    ck_assert_int_eq(stream_fill(&stream), TRANSPORT_OK);
    ck_assert_uint_eq(stream_input(&stream).len, BUF_SIZE);
    ck_assert(stream_may_read_on(&stream));
    stream_consume(&stream, BUF_SIZE);
    ck_assert_int_eq(stream_fill(&stream), TRANSPORT_OK);
    ck_assert_uint_eq(stream_input(&stream).len, 3 * BUF_SIZE);
    ck_assert_uint_eq(pool.bulk_lent, 1);
    ck_assert(!stream_may_read_on(&stream));
    stream_consume(&stream, 3 * BUF_SIZE - 1);
    feed(block, 100); /* behind what is left */
    ck_assert_uint_eq(stream_input(&stream).len, 101);
    stream_consume(&stream, 101);
    feed(block, 100);
    ck_assert_uint_eq(pool.bulk_lent, 0);
    ck_assert_uint_eq(stream_input(&stream).len, 100);
    end();
}
END_TEST

START_TEST(a_long_head_in_a_bulk_buffer_is_still_too_long)
{
    static char block[4 * BUF_SIZE];
    struct str got;
    begin();
    memset(block, 'a', sizeof block);
    feed(block, BUF_SIZE);
    stream_consume(&stream, BUF_SIZE);
    memcpy(block, "GET / HTTP/1.1\r\nX: ", 19);
    feed(block, sizeof block);
    ck_assert_int_eq(stream_take_head(&stream, sizeof block - 1, &arena, &got),
                     STREAM_HEAD_TOO_LONG);
    end();
}
END_TEST

START_TEST(a_large_chunk_leaves_in_one_write)
{
    static char block[100000];
    static char got[sizeof block + 100];
    begin();
    memset(block, 'x', sizeof block);
    ck_assert_uint_eq(stream_put_body(&stream, str_make(block, sizeof block), true), sizeof block);
    ck_assert_int_eq(stream_flush(&stream), TRANSPORT_OK);
    ck_assert_int_eq(read(peer, got, sizeof got), (ssize_t)sizeof block + 9);
    ck_assert(memcmp(got, "186a0\r\nxxx", 10) == 0);
    ck_assert(memcmp(got + 7 + sizeof block, "\r\n", 2) == 0);
    end();
}
END_TEST

START_TEST(a_peer_that_is_gone_breaks_the_stream)
{
    begin();
    (void)close(peer);
    stream_put(&stream, STR("anything"));
    ck_assert_int_eq(stream_flush(&stream), TRANSPORT_ERROR);
    ck_assert(stream.is_broken);
    ck_assert_uint_eq(stream_put_body(&stream, STR("more"), false), 0);
    ck_assert(!stream_has_output(&stream));
    end();
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *tcase = tcase_create("stream");
    tcase_add_test(tcase, a_head_may_come_byte_by_byte);
    tcase_add_test(tcase, a_head_of_exactly_the_limit_is_taken_and_one_byte_more_is_not);
    tcase_add_test(tcase, a_head_longer_than_a_buffer_is_whole_and_what_follows_is_kept);
    tcase_add_test(tcase, a_bare_line_feed_is_seen_at_once);
    tcase_add_test(tcase, head_and_first_body_bytes_leave_in_one_write);
    tcase_add_test(tcase, chunks_frame_what_is_given);
    tcase_add_test(tcase, a_peer_that_does_not_read_stops_the_source_and_bounds_memory);
    tcase_add_test(tcase, who_fills_a_buffer_is_read_from_in_bulk_until_it_slows_down);
    tcase_add_test(tcase, a_long_head_in_a_bulk_buffer_is_still_too_long);
    tcase_add_test(tcase, a_large_chunk_leaves_in_one_write);
    tcase_add_test(tcase, a_peer_that_is_gone_breaks_the_stream);
    suite_add_tcase(suite, tcase);
    return suite;
}
