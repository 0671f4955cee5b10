/* What ends a connection, and what it takes.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "http2/http2_budget.h"
#include "unit/http2/peer.h"
#include "unit/unit.h"

static struct peer peer;

static void setup(void)
{
    peer_begin(&peer);
}

static void teardown(void)
{
    peer_end(&peer);
}

/* Until the connection is over; frames: how many at most. */
static void flood(unsigned count, unsigned type, unsigned flags, uint32_t id, struct str payload)
{
    for (unsigned i = 0; i < count && http2_server_problem(peer.server) == NULL; i++)
        peer_frame(&peer, type, flags, id, payload);
}

struct flood_case {
    unsigned type;
    unsigned flags;
    uint32_t id; /* of the request that was begun, or of the connection */
    struct str payload;
    const char *problem;
};

static const struct flood_case FLOODS[] = {
    {PING, 0, 0, STR_INIT("12345678"), "ping flood"},
    {PING, ACK, 0, STR_INIT("12345678"), "ping flood"},
    {SETTINGS, 0, 0, STR_INIT(""), "settings flood"},
    {DATA, 0, 1, STR_INIT(""), "empty frame flood"},
    {DATA, PADDED, 1, STR_INIT("\2\0\0"), "empty frame flood"},
    {WINDOW_UPDATE, 0, 0, STR_INIT("\0\0\0\1"), "window update flood"},
    {WINDOW_UPDATE, 0, 1, STR_INIT("\0\0\0\1"), "window update flood"},
    {PRIORITY, 0, 1, STR_INIT("\0\0\0\0\1"), "priority flood"},
    {PRIORITY_UPDATE, 0, 0, STR_INIT("\0\0\0\1u=1"), "priority flood"},
    {99, 0, 0, STR_INIT(""), "unknown frame flood"},
    {10, 0, 0, STR_INIT("abc"), "unknown frame flood"},
};

START_TEST(floods_end_the_connection)
{
    const struct flood_case *test = &FLOODS[_i];
    clock_freeze(1000000);
    peer_headers(&peer, 1, PEER_POST, 0);
    text_reset(&peer.told);
    size_t lent = peer.pool.lent;
    flood(5000, test->type, test->flags, test->id, test->payload);
    ck_assert_uint_eq(peer.pool.lent, lent);
    peer_expect_end(&peer, HTTP2_ENHANCE_YOUR_CALM, test->problem);
    char told[80];
    (void)snprintf(told, sizeof told, "closed 1 ENHANCE_YOUR_CALM: %s\n", test->problem);
    peer_expect_told(&peer, told);
    clock_freeze(-1);
}
END_TEST

/* CVE-2023-44487 */
START_TEST(rapid_reset)
{
    clock_freeze(1000000);
    uint32_t id = 1;
    for (; http2_server_problem(peer.server) == NULL; id += 2) {
        ck_assert_uint_lt(id, 2 * 600);
        if (id / 2 == PEER_STREAMS) /* the test's table is full */
            break;
        peer_get(&peer, id);
        peer_u32(&peer, RST_STREAM, id, HTTP2_CANCEL);
    }
    ck_assert_ptr_null(http2_server_problem(peer.server));
    /* Resets of what is gone cost the same. */
    flood(1000, RST_STREAM, 0, 1, STR("\0\0\0\x8"));
    peer_expect_end(&peer, HTTP2_ENHANCE_YOUR_CALM, "rapid reset");
    clock_freeze(-1);
}
END_TEST

/* CVE-2025-8671: streams that we are made to reset. */
START_TEST(made_you_reset)
{
    clock_freeze(1000000);
    for (uint32_t id = 1; !http2_server_is_over(peer.server); id += 2) {
        ck_assert_uint_lt(id, 2 * 200);
        peer_headers(&peer, id, PEER_GET "X|y\n", END_STREAM);
        peer_pull(&peer);
    }
    peer_expect_end(&peer, HTTP2_ENHANCE_YOUR_CALM, "stream error flood");
    clock_freeze(-1);
}
END_TEST

START_TEST(answers_to_who_does_not_read_are_bounded)
{
    clock_freeze(1000000);
    peer_end(&peer);
    peer_begin_raw(&peer, &PEER_LIMITS);
    http2_server_feed(peer.server, PEER_PREFACE);
    peer_frame(&peer, SETTINGS, 0, 0, (struct str){NULL, 0});
    /* Beyond eight at once, of which it does not admit to know: refused. */
    for (uint32_t id = 1; http2_server_problem(peer.server) == NULL; id += 2) {
        ck_assert_uint_lt(id, 2 * 2000);
        peer_headers(&peer, id, PEER_GET "X|y\n", END_STREAM);
    }
    ck_assert_str_eq(http2_server_problem(peer.server), "answers pile up");
    clock_freeze(-1);
}
END_TEST

/* CVE-2024-28182 */
START_TEST(continuations_without_end)
{
    peer_frame(&peer, HEADERS, 0, 1, (struct str){NULL, 0});
    flood(1000, CONTINUATION, 0, 1, (struct str){NULL, 0});
    peer_expect_end(&peer, HTTP2_ENHANCE_YOUR_CALM, "continuation flood");
    peer_expect_told(&peer, "");
    ck_assert_uint_eq(peer.pool.lent, 0);
}
END_TEST

START_TEST(a_head_is_timed_until_it_is_complete)
{
    clock_freeze(1000000);
    struct text block = {0};
    peer_block(&block, PEER_GET);
    ck_assert_uint_eq(http2_server_head_since(peer.server), 0);
    peer_frame(&peer, HEADERS, END_STREAM, 1, text_str(&block));
    ck_assert_uint_eq(http2_server_head_since(peer.server), 1000000);
    peer_expect_told(&peer, "");
    peer_frame(&peer, CONTINUATION, END_HEADERS, 1, (struct str){NULL, 0});
    ck_assert_uint_eq(http2_server_head_since(peer.server), 0);
    peer_expect_told(&peer, "request 1 GET /\n");
    text_clear(&block);
    clock_freeze(-1);
}
END_TEST

/* RFC 7541 section 4: one entry of the table, referred to again and again. */
START_TEST(a_bomb_of_references)
{
    struct text block = {0};
    static char value[3000];
    memset(value, 'v', sizeof value);
    peer_block(&block, PEER_GET);
    text_add(&block, STR("\x40\1x\x7f\xb9\x16")); /* 127 + 57 + 22 * 128 = 3000, into the table */
    text_add(&block, str_make(value, sizeof value));
    for (int i = 0; i < 1000; i++)
        text_add_char(&block, (char)0xbe); /* the newest entry of the table */
    peer_frame(&peer, HEADERS, END_HEADERS | END_STREAM, 1, text_str(&block));
    text_clear(&block);
    peer_expect_end(&peer, HTTP2_ENHANCE_YOUR_CALM, "header list far beyond its limit");
    ck_assert_uint_eq(peer.pool.lent, 0);
}
END_TEST

START_TEST(more_streams_than_allowed_are_refused)
{
    for (uint32_t id = 1; id < 17; id += 2)
        peer_headers(&peer, id, PEER_POST, 0);
    text_reset(&peer.told);
    peer_headers(&peer, 17, PEER_POST, 0);
    peer_expect_end(&peer, HTTP2_PROTOCOL_ERROR,
                    "request HEADERS: max concurrent streams exceeded");
}
END_TEST

/* RFC 9113 section 5.1 */
START_TEST(frames_for_closed_streams)
{
    peer.answers = true;
    peer_get(&peer, 1);
    peer_pull(&peer);
    peer_get(&peer, 5);
    peer_pull(&peer);
    peer_u32(&peer, WINDOW_UPDATE, 1, 1); /* may have been on its way */
    peer_u32(&peer, RST_STREAM, 1, HTTP2_CANCEL);
    ck_assert_ptr_null(http2_server_problem(peer.server));
    if (_i == 0)
        peer_data(&peer, 1, "x", 0);
    else if (_i == 1)
        peer_get(&peer, 1);
    else
        peer_get(&peer, 3);
    if (_i == 2)
        peer_expect_end(&peer, HTTP2_PROTOCOL_ERROR, "a stream with a number that was passed");
    else
        peer_expect_end(&peer, HTTP2_STREAM_CLOSED, "a frame for a closed stream");
}
END_TEST

/* The same bytes in pieces of any size come to the same. */
START_TEST(one_byte_at_a_time)
{
    struct text input = {0};
    struct text block = {0};
    peer_block(&block, PEER_POST "content-length|3\n");
    text_add(&input, STR("\0\0"));
    text_add_char(&input, (char)block.len);
    text_add(&input, STR("\1\4\0\0\0\1"));
    text_add(&input, text_str(&block));
    text_add(&input, STR("\0\0\2\0\0\0\0\0\1ab\0\0\5\2\0\0\0\0\1\0\0\0\0\1"
                         "\0\0\1\0\1\0\0\0\1c"));
    for (size_t i = 0; i < input.len; i++)
        http2_server_feed(peer.server, str_make(input.ptr + i, 1));
    peer_expect_told(&peer, "request 1 POST /\nbody 1 a\nbody 1 b\nbody 1 c\nend 1\n");
    text_clear(&input);
    text_clear(&block);
}
END_TEST

START_TEST(what_is_no_http2_ends_it)
{
    peer_end(&peer);
    peer_begin_raw(&peer, &PEER_LIMITS);
    http2_server_feed(peer.server, STR("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    peer_expect_end(&peer, HTTP2_PROTOCOL_ERROR, "no preface of HTTP/2");
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof(table)[0])

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http2_server_abuse");
    TCase *tcase = tcase_create("core");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, floods_end_the_connection, 0, COUNT(FLOODS));
    tcase_add_test(tcase, rapid_reset);
    tcase_add_test(tcase, made_you_reset);
    tcase_add_test(tcase, answers_to_who_does_not_read_are_bounded);
    tcase_add_test(tcase, continuations_without_end);
    tcase_add_test(tcase, a_head_is_timed_until_it_is_complete);
    tcase_add_test(tcase, a_bomb_of_references);
    tcase_add_test(tcase, more_streams_than_allowed_are_refused);
    tcase_add_loop_test(tcase, frames_for_closed_streams, 0, 3);
    tcase_add_test(tcase, one_byte_at_a_time);
    tcase_add_test(tcase, what_is_no_http2_ends_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
