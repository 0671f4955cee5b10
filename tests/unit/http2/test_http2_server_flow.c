/* Flow control, bounds of memory, broken streams.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "unit/http2/peer.h"
#include "unit/unit.h"

static struct peer peer;
static char bytes[128 * 1024];

static void setup(void)
{
    peer_begin(&peer);
    memset(bytes, 'x', sizeof bytes);
}

static void teardown(void)
{
    peer_end(&peer);
}

/* ---- the body of a request ---------------------------------------------------------------- */

START_TEST(a_body_nobody_takes_stays_within_the_window)
{
    peer.takes = 0;
    peer_headers(&peer, 1, PEER_POST, 0);
    for (int i = 0; i < 4; i++)
        peer_frame(&peer, DATA, 0, 1, str_make(bytes, i < 3 ? 16384 : 16383));
    ck_assert(http2_stream_has_pending_body(peer.streams[0]));
    peer_expect_frames(&peer, ""); /* no WINDOW_UPDATE: nothing was taken */
    peer_expect_told(&peer, "request 1 POST /\nbody 1 \n");
    ck_assert_uint_le(peer.pool.lent, 5 + 1); /* and the request's arena */
    peer_data(&peer, 1, "x", 0);
    peer_expect_end(&peer, HTTP2_FLOW_CONTROL_ERROR, "FLOW_CONTROL_ERROR");
    peer_expect_told(&peer, "closed 1 FLOW_CONTROL_ERROR: FLOW_CONTROL_ERROR\n");
}
END_TEST

START_TEST(what_is_kept_is_offered_again_and_opens_the_windows)
{
    peer.takes = 100;
    peer_headers(&peer, 1, PEER_POST, 0);
    for (int i = 0; i < 3; i++)
        peer_frame(&peer, DATA, i == 2 ? END_STREAM : 0, 1, str_make(bytes, 16384));
    peer_expect_told(&peer, "request 1 POST /\nbody 1 (100)\n");
    peer.takes = SIZE_MAX;
    http2_stream_accept_body(peer.streams[0]);
    peer_expect_told(&peer, "body 1 (16384)\nbody 1 (16384)\nbody 1 (16284)\nend 1\n");
    ck_assert(!http2_stream_has_pending_body(peer.streams[0]));
    /* When half of it was taken. */
    peer_expect_frames(&peer, "WINDOW_UPDATE 0 32868\nWINDOW_UPDATE 1 32868\n");
}
END_TEST

/* The window of a stream whose body is taken grows, and is lent to the next when it ends. */
START_TEST(a_fast_body_gets_a_larger_window)
{
    peer_end(&peer);
    struct http2_server_limits limits = PEER_LIMITS;
    limits.connection_window = 400000; /* half of it to lend: three times the first window */
    peer_begin_raw(&peer, &limits);
    http2_server_feed(peer.server, PEER_PREFACE);
    peer_frame(&peer, SETTINGS, 0, 0, (struct str){NULL, 0});
    for (uint32_t id = 1; id < 5; id += 2) {
        peer_headers(&peer, id, PEER_POST, 0);
        text_reset(&peer.frames);
        for (int i = 0; i < 100; i++) {
            peer_frame(&peer, DATA, i == 99 ? END_STREAM : 0, id, str_make(bytes, 16384));
            peer_pull(&peer);
        }
        char grown[60];
        (void)snprintf(grown, sizeof grown, "WINDOW_UPDATE %u 65535\n", id);
        ck_assert_ptr_nonnull(strstr(peer.frames.ptr, grown));
        struct http_response response = peer_response(200, HTTP_BODY_NONE);
        http2_stream_respond(peer.last, &response);
        peer_pull(&peer);
        ck_assert_uint_eq(http2_server_streams(peer.server), 0);
    }
    ck_assert_ptr_null(http2_server_problem(peer.server));
}
END_TEST

START_TEST(trailers_wait_for_the_body)
{
    peer.takes = 0;
    peer_headers(&peer, 1, PEER_POST, 0);
    peer_data(&peer, 1, "abc", 0);
    peer_headers(&peer, 1, "x-sum|1\n", END_STREAM);
    peer_expect_told(&peer, "request 1 POST /\nbody 1 \n");
    peer.takes = 2;
    http2_stream_accept_body(peer.streams[0]);
    peer_expect_told(&peer, "body 1 ab\n");
    http2_stream_accept_body(peer.streams[0]);
    peer_expect_told(&peer, "body 1 c\nend 1 x-sum=1\n");
}
END_TEST

START_TEST(a_reset_gives_back_the_window_of_the_connection)
{
    peer.takes = 0;
    for (uint32_t id = 1; id < 41; id += 2) { /* more than the connection's window */
        peer_headers(&peer, id, PEER_POST, 0);
        peer_frame(&peer, DATA, 0, id, str_make(bytes, 16384));
        if (id % 4 == 1)
            peer_u32(&peer, RST_STREAM, id, HTTP2_CANCEL);
        else
            http2_stream_reset(peer.streams[id / 2], HTTP2_CANCEL);
        peer.streams[id / 2] = NULL;
        peer_pull(&peer);
    }
    ck_assert_ptr_null(http2_server_problem(peer.server));
    text_reset(&peer.told);
    ck_assert_uint_eq(http2_server_streams(peer.server), 0);
}
END_TEST

START_TEST(a_body_that_is_dropped_opens_the_windows)
{
    peer.takes = 0;
    peer_headers(&peer, 1, PEER_POST, 0);
    peer_frame(&peer, DATA, 0, 1, str_make(bytes, 16384));
    http2_stream_discard_body(peer.streams[0]);
    for (int i = 0; i < 20; i++) {
        peer_frame(&peer, DATA, 0, 1, str_make(bytes, 16384));
        peer_pull(&peer);
    }
    ck_assert_ptr_null(http2_server_problem(peer.server));
    peer_data(&peer, 1, "", END_STREAM);
    peer_expect_told(&peer, "request 1 POST /\nbody 1 \n"); /* and no end */
}
END_TEST

/* RFC 9113 section 8.1.1 */
START_TEST(a_body_of_another_length_is_reset)
{
    peer_headers(&peer, 1, PEER_POST "content-length|3\n", 0);
    peer_data(&peer, 1, "abcd", 0);
    peer_headers(&peer, 3, PEER_POST "content-length|3\n", 0);
    peer_data(&peer, 3, "ab", END_STREAM);
    peer_headers(&peer, 5, PEER_POST "content-length|3\n", 0);
    peer_headers(&peer, 5, "x-sum|1\n", END_STREAM);
    peer_expect_told(&peer, "request 1 POST /\n"
                            "closed 1 PROTOCOL_ERROR: content-length does not match the body\n"
                            "request 3 POST /\nbody 3 ab\n"
                            "closed 3 PROTOCOL_ERROR: content-length does not match the body\n"
                            "request 5 POST /\n"
                            "closed 5 PROTOCOL_ERROR: content-length does not match the body\n");
    peer_expect_frames(&peer, "RST_STREAM 1 PROTOCOL_ERROR\nRST_STREAM 3 PROTOCOL_ERROR\n"
                              "RST_STREAM 5 PROTOCOL_ERROR\n");
}
END_TEST

START_TEST(a_body_beyond_its_limit_fails)
{
    peer_end(&peer);
    struct http2_server_limits limits = PEER_LIMITS;
    limits.body_bytes = 5;
    peer_begin_raw(&peer, &limits);
    http2_server_feed(peer.server, PEER_PREFACE);
    peer_frame(&peer, SETTINGS, 0, 0, (struct str){NULL, 0});
    peer_headers(&peer, 1, PEER_POST, 0);
    peer_data(&peer, 1, "abcde", 0);
    peer_data(&peer, 1, "f", 0);
    peer_data(&peer, 1, "g", END_STREAM);
    peer_expect_told(&peer, "request 1 POST /\nbody 1 abcde\nfailed 1 413 body too large\n");
}
END_TEST

START_TEST(malformed_requests_are_reset_and_told)
{
    peer_headers(&peer, 1, PEER_GET "X-A|b\n", END_STREAM);
    peer_headers(&peer, 3, PEER_GET "x|y\n:path|/\n", END_STREAM);
    peer_expect_told(&peer, "malformed 1 upper case in a field name\n"
                            "malformed 3 repeated pseudo-header\n");
    peer_expect_frames(&peer, "RST_STREAM 1 PROTOCOL_ERROR\nRST_STREAM 3 PROTOCOL_ERROR\n");
    ck_assert_uint_eq(peer.pool.lent, 0);
}
END_TEST

START_TEST(refused_requests_are_answered_and_their_body_dropped)
{
    peer_headers(&peer, 1, PEER_POST "host|b.example\n", 0);
    peer_data(&peer, 1, "abc", END_STREAM);
    peer_expect_told(&peer, "refused 1 400 Host differs from :authority\n");
    struct http_response response = peer_response(400, HTTP_BODY_NONE);
    http2_stream_respond(peer.streams[0], &response);
    peer_expect_frames(&peer, "HEADERS 1 end :status=400\n");
    peer_expect_told(&peer, "closed 1 NO_ERROR\n");
}
END_TEST

START_TEST(malformed_trailers_reset_the_stream)
{
    peer_headers(&peer, 1, PEER_POST, 0);
    peer_headers(&peer, 1, ":path|/\n", END_STREAM);
    peer_expect_told(&peer, "request 1 POST /\n"
                            "closed 1 PROTOCOL_ERROR: pseudo-header in trailers\n");
    peer_headers(&peer, 3, PEER_POST, 0);
    peer_headers(&peer, 3, "x|y\n", 0);
    peer_expect_told(&peer, "request 3 POST /\n"
                            "closed 3 PROTOCOL_ERROR: trailers that do not end the stream\n");
}
END_TEST

/* ---- the body of a response --------------------------------------------------------------- */

static void begin_response(uint32_t id)
{
    peer_get(&peer, id);
    struct http_response response = peer_response(200, HTTP_BODY_CHUNKED);
    http2_stream_respond(peer.last, &response);
}

static void window_of_streams(uint32_t window)
{
    char entry[6] = {
        0, 4, (char)(window >> 24), (char)(window >> 16), (char)(window >> 8), (char)window};
    peer_frame(&peer, SETTINGS, 0, 0, str_make(entry, sizeof entry));
    peer_expect_frames(&peer, "SETTINGS 0 ack\n");
}

START_TEST(a_stream_takes_a_buffer_and_no_more)
{
    window_of_streams(0);
    begin_response(1);
    struct http2_stream *stream = peer.last;
    ck_assert_uint_eq(http2_stream_send_body(stream, str_make(bytes, sizeof bytes)),
                      HTTP2_QUEUE_MAX);
    ck_assert_uint_eq(http2_stream_send_body(stream, str_make(bytes, 1)), 0);
    peer_expect_frames(&peer, "HEADERS 1 :status=200\n"); /* the window is shut */
    peer_expect_told(&peer, "request 1 GET /\n");
    peer_u32(&peer, WINDOW_UPDATE, 1, 1000);
    peer_expect_frames(&peer, "DATA 1 1000\n");
    peer_expect_told(&peer, ""); /* room for little is not worth a call */
    peer_u32(&peer, WINDOW_UPDATE, 1, 100000);
    peer_expect_frames(&peer, "DATA 1 15384\n");
    peer_expect_told(&peer, "writable 1\n");
    http2_stream_end(stream, NULL);
    peer_expect_frames(&peer, "DATA 1 end 0\n");
    peer_expect_told(&peer, "closed 1 NO_ERROR\n");
}
END_TEST

START_TEST(a_head_of_many_frames)
{
    static char value[60000];
    memset(value, 'x', sizeof value);
    peer_get(&peer, 1);
    struct http_field field = {STR("x"), str_make(value, sizeof value)};
    struct http_field fields[] = {field, field, field};
    struct http_response response = peer_response(200, HTTP_BODY_NONE);
    response.fields = (struct http_fields){fields, 3, 3};
    http2_stream_respond(peer.last, &response);
    peer_pull(&peer);
    ck_assert_ptr_nonnull(strstr(peer.frames.ptr, "HEADERS 1 end\nCONTINUATION 1\n"));
    ck_assert_uint_gt(peer.frames.len, 3 * sizeof value);
    peer_expect_told(&peer, "request 1 GET /\nclosed 1 NO_ERROR\n");
}
END_TEST

START_TEST(a_head_too_long_to_send)
{
    static char value[3000000];
    memset(value, 'x', sizeof value);
    peer_get(&peer, 1);
    struct http_field field = {STR("x"), str_make(value, sizeof value)};
    struct http_response response = peer_response(200, HTTP_BODY_NONE);
    response.fields = (struct http_fields){&field, 1, 1};
    http2_stream_respond(peer.last, &response);
    peer_expect_frames(&peer, "RST_STREAM 1 INTERNAL_ERROR\n");
    peer_expect_told(&peer, "request 1 GET /\n"
                            "closed 1 INTERNAL_ERROR: a head that is too long to send\n");
}
END_TEST

START_TEST(a_shut_window_is_seen)
{
    clock_freeze(1000000);
    window_of_streams(0);
    begin_response(1);
    struct http2_stream *stream = peer.last;
    ck_assert_uint_eq(http2_stream_blocked_since(stream), 0);
    ck_assert_uint_eq(http2_stream_send_body(stream, str_make(bytes, 100)), 100);
    clock_freeze(1007000);
    peer_pull(&peer);
    ck_assert_uint_eq(http2_stream_blocked_since(stream), 1000000);
    peer_u32(&peer, WINDOW_UPDATE, 1, 10); /* a byte now and then is progress */
    peer_pull(&peer);
    ck_assert_uint_eq(http2_stream_blocked_since(stream), 1007000);
    peer_u32(&peer, WINDOW_UPDATE, 1, 1000);
    peer_pull(&peer);
    ck_assert_uint_eq(http2_stream_blocked_since(stream), 0);
    clock_freeze(-1);
}
END_TEST

START_TEST(a_slow_stream_blocks_no_other)
{
    begin_response(1);
    struct http2_stream *slow = peer.last;
    /* It fills its own window; the connection's has 65,535 less. */
    peer_u32(&peer, WINDOW_UPDATE, 0, 1000000);
    for (size_t sent = 0, taken = 1; taken > 0; sent += taken) {
        taken = http2_stream_send_body(slow, str_make(bytes, sizeof bytes));
        peer_pull(&peer);
    }
    text_reset(&peer.frames);
    begin_response(3);
    ck_assert_uint_eq(http2_stream_send_body(peer.last, STR("quick")), 5);
    http2_stream_end(peer.last, NULL);
    peer_expect_frames(&peer, "HEADERS 3 :status=200\nDATA 3 end 5\n");
}
END_TEST

START_TEST(streams_take_turns)
{
    peer_u32(&peer, WINDOW_UPDATE, 0, 1000000);
    for (uint32_t id = 1; id < 7; id += 2) {
        begin_response(id);
        ck_assert_uint_eq(http2_stream_send_body(peer.last, str_make(bytes, 16384)), 16384);
    }
    peer_pull(&peer);
    text_reset(&peer.frames);
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < 3; i++)
            ck_assert_uint_eq(http2_stream_send_body(peer.streams[i], STR("x")), 1);
        peer_expect_frames(&peer, "DATA 1 1\nDATA 3 1\nDATA 5 1\n");
    }
}
END_TEST

/* RFC 9218: what is urgent goes first, from the field or from the frame. */
START_TEST(priorities_are_heeded)
{
    peer_headers(&peer, 1, PEER_GET "priority|u=7\n", END_STREAM);
    peer_headers(&peer, 3, PEER_GET "priority|i, u=1\n", END_STREAM);
    peer_get(&peer, 5);
    peer_frame(&peer, PRIORITY_UPDATE, 0, 0, STR("\0\0\0\5u=0"));
    struct http_response response = peer_response(200, HTTP_BODY_CHUNKED);
    for (size_t i = 0; i < 3; i++) {
        http2_stream_respond(peer.streams[i], &response);
        ck_assert_uint_eq(http2_stream_send_body(peer.streams[i], STR("x")), 1);
    }
    peer_expect_frames(&peer, "HEADERS 1 :status=200\nHEADERS 3 :status=200\n"
                              "HEADERS 5 :status=200\nDATA 5 1\nDATA 3 1\nDATA 1 1\n");
}
END_TEST

START_TEST(frames_fill_whole_buffers)
{
    peer_u32(&peer, WINDOW_UPDATE, 0, 1000000);
    begin_response(1);
    peer_pull(&peer);
    ck_assert_uint_eq(http2_stream_send_body(peer.last, str_make(bytes, 16384)), 16384);
    struct buf *buf = http2_server_pull(peer.server);
    ck_assert_uint_eq(buf_len(buf), BUF_SIZE); /* a TLS record */
    buf_release(&peer.pool, buf);
    buf = http2_server_pull(peer.server);
    ck_assert_uint_eq(buf_len(buf), 9 + 9);
    buf_release(&peer.pool, buf);
    ck_assert_ptr_null(http2_server_pull(peer.server));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http2_server_flow");
    TCase *tcase = tcase_create("core");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_body_nobody_takes_stays_within_the_window);
    tcase_add_test(tcase, what_is_kept_is_offered_again_and_opens_the_windows);
    tcase_add_test(tcase, a_fast_body_gets_a_larger_window);
    tcase_add_test(tcase, trailers_wait_for_the_body);
    tcase_add_test(tcase, a_reset_gives_back_the_window_of_the_connection);
    tcase_add_test(tcase, a_body_that_is_dropped_opens_the_windows);
    tcase_add_test(tcase, a_body_of_another_length_is_reset);
    tcase_add_test(tcase, a_body_beyond_its_limit_fails);
    tcase_add_test(tcase, malformed_requests_are_reset_and_told);
    tcase_add_test(tcase, refused_requests_are_answered_and_their_body_dropped);
    tcase_add_test(tcase, malformed_trailers_reset_the_stream);
    tcase_add_test(tcase, a_stream_takes_a_buffer_and_no_more);
    tcase_add_test(tcase, a_head_of_many_frames);
    tcase_add_test(tcase, a_head_too_long_to_send);
    tcase_add_test(tcase, a_shut_window_is_seen);
    tcase_add_test(tcase, a_slow_stream_blocks_no_other);
    tcase_add_test(tcase, streams_take_turns);
    tcase_add_test(tcase, priorities_are_heeded);
    tcase_add_test(tcase, frames_fill_whole_buffers);
    suite_add_tcase(suite, tcase);
    return suite;
}
