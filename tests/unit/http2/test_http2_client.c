/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "unit/http2/peer.h"
#include "unit/unit.h"

static struct peer peer;
static char bytes[64 * 1024];

static void setup(void)
{
    peer_begin_client(&peer);
    memset(bytes, 'x', sizeof bytes);
}

static void teardown(void)
{
    peer_end(&peer);
}

#define REQUEST "HEADERS 1 end :method=GET :scheme=https :authority=b.example :path=/\n"

START_TEST(settings_come_first)
{
    peer_end(&peer);
    static const struct http2_client_ops NONE = {0};
    static const struct http2_client_limits LIMITS = {
        .streams = 1, .stream_window = 65535, .connection_window = 65535};
    memset(&peer, 0, sizeof peer);
    buf_pool_init(&peer.pool, 8);
    ck_assert_int_eq(nghttp2_hd_inflate_new(&peer.inflater), 0);
    peer.client = http2_client_new(&NONE, &peer, &LIMITS, &peer.pool);
    ck_assert(!http2_client_is_confirmed(peer.client));
    peer_expect_frames(&peer, "SETTINGS 0\n");
}
END_TEST

START_TEST(a_request_and_its_response)
{
    (void)peer_request(&peer, "GET", false);
    peer_expect_frames(&peer, REQUEST);
    peer_headers(&peer, 1, ":status|103\nlink|x\n", 0);
    peer_headers(&peer, 1, ":status|200\ncontent-length|3\n", 0);
    peer_data(&peer, 1, "abc", END_STREAM);
    peer_expect_told(&peer, "interim 1 103\nresponse 1 200 length content-length=3\n"
                            "body 1 abc\nend 1\nclosed 1 NO_ERROR\nroom 8\n");
    peer_expect_frames(&peer, "");
}
END_TEST

START_TEST(fields_of_the_connection_stay_behind)
{
    struct http_field fields[] = {{STR("Host"), STR("other")},
                                  {STR("Connection"), STR("close")},
                                  {STR("TE"), STR("trailers")},
                                  {STR("Transfer-Encoding"), STR("chunked")},
                                  {STR("X-Mixed-Case"), STR("Value")}};
    struct http_fields list = {fields, 5, 5};
    struct http2_request request = {.method = STR("GET"),
                                    .scheme = STR("http"),
                                    .authority = STR("b"),
                                    .path = STR("/a?b"),
                                    .fields = &list,
                                    .arena = &peer.arenas[0]};
    arena_init(&peer.arenas[0], &peer.pool);
    peer.streams[0] = http2_client_request(peer.client, &request, &peer);
    peer_expect_frames(&peer, "HEADERS 1 end :method=GET :scheme=http :authority=b :path=/a?b "
                              "x-mixed-case=Value te=trailers\n");
}
END_TEST

START_TEST(a_response_without_a_body_ends_too)
{
    (void)peer_request(&peer, "HEAD", false);
    (void)peer_request(&peer, "GET", false);
    peer_pull(&peer);
    peer_headers(&peer, 1, ":status|200\ncontent-length|3\n", END_STREAM);
    peer_headers(&peer, 3, ":status|204\n", 0);
    peer_data(&peer, 3, "", END_STREAM);
    peer_expect_told(&peer, "response 1 200 none content-length=3\nend 1\nclosed 1 NO_ERROR\n"
                            "room 7\nresponse 3 204 none\nend 3\nclosed 3 NO_ERROR\nroom 8\n");
}
END_TEST

START_TEST(bodies_and_trailers_go_both_ways)
{
    struct http2_stream *stream = peer_request(&peer, "POST", true);
    ck_assert_uint_eq(http2_stream_send_body(stream, STR("hello")), 5);
    struct http_field trailer = {STR("X-Sum"), STR("1")};
    struct http_fields trailers = {&trailer, 1, 1};
    http2_stream_end(stream, &trailers);
    peer_expect_frames(&peer, "HEADERS 1 :method=POST :scheme=https :authority=b.example :path=/\n"
                              "DATA 1 5\nHEADERS 1 end x-sum=1\n");
    peer_headers(&peer, 1, ":status|200\n", 0);
    peer_data(&peer, 1, "x", 0);
    peer_headers(&peer, 1, "grpc-status|0\n", END_STREAM);
    peer_expect_told(&peer, "response 1 200 chunked\nbody 1 x\nend 1 grpc-status=0\n"
                            "closed 1 NO_ERROR\nroom 8\n");
}
END_TEST

START_TEST(a_response_nobody_takes_outlives_its_stream)
{
    peer.takes = 1;
    struct http2_stream *stream = peer_request(&peer, "GET", false);
    peer_pull(&peer);
    peer_headers(&peer, 1, ":status|200\n", 0);
    peer_data(&peer, 1, "abc", 0);
    peer_headers(&peer, 1, "x-sum|1\n", END_STREAM);
    peer_expect_told(&peer, "response 1 200 chunked\nbody 1 a\nroom 8\n");
    http2_stream_accept_body(stream);
    peer_expect_told(&peer, "body 1 b\n");
    peer.takes = 10;
    http2_stream_accept_body(stream);
    peer_expect_told(&peer, "body 1 c\nend 1 x-sum=1\nclosed 1 NO_ERROR\n");
    peer_pull(&peer);
    ck_assert_uint_eq(http2_client_streams(peer.client), 0);
}
END_TEST

START_TEST(a_response_left_behind_is_given_up)
{
    peer.takes = 0;
    for (uint32_t id = 1; id < 21; id += 2) { /* together more than the connection's window */
        struct http2_stream *stream = peer_request(&peer, "GET", false);
        peer_pull(&peer);
        peer_headers(&peer, id, ":status|200\n", 0);
        peer_frame(&peer, DATA, END_STREAM, id, str_make(bytes, 16384));
        peer.streams[id / 2] = NULL;
        if (id % 4 == 1)
            http2_stream_forget(stream);
        else
            http2_stream_reset(stream, HTTP2_CANCEL);
        peer_pull(&peer);
    }
    ck_assert_ptr_null(http2_client_problem(peer.client));
    ck_assert_ptr_null(strstr(peer.frames.ptr, "RST_STREAM")); /* both messages are complete */
    ck_assert_uint_eq(http2_client_room(peer.client), 8);
}
END_TEST

/* RFC 9113 section 8.1 */
START_TEST(an_early_answer_is_an_answer)
{
    struct http2_stream *stream = peer_request(&peer, "POST", true);
    ck_assert_uint_eq(http2_stream_send_body(stream, STR("a")), 1);
    peer_pull(&peer);
    peer_headers(&peer, 1, ":status|413\n", END_STREAM);
    peer_expect_told(&peer, "response 1 413 none\nend 1\n");
    peer_u32(&peer, RST_STREAM, 1, HTTP2_NO_ERROR);
    peer_expect_told(&peer, "closed 1 NO_ERROR\nroom 8\n");
}
END_TEST

START_TEST(a_request_that_is_forgotten_is_cancelled)
{
    struct http2_stream *stream = peer_request(&peer, "POST", true);
    peer_pull(&peer);
    peer_headers(&peer, 1, ":status|413\n", END_STREAM);
    text_reset(&peer.frames);
    http2_stream_forget(stream);
    peer_expect_frames(&peer, "RST_STREAM 1 CANCEL\n");
    peer_expect_told(&peer, "response 1 413 none\nend 1\nroom 8\n");
}
END_TEST

/* RFC 9113 section 8.7 */
START_TEST(refused_requests_may_be_repeated)
{
    (void)peer_request(&peer, "POST", true);
    (void)peer_request(&peer, "GET", false);
    (void)peer_request(&peer, "GET", false);
    peer_pull(&peer);
    peer_u32(&peer, RST_STREAM, 1, HTTP2_REFUSED_STREAM);
    peer_expect_told(&peer, "closed 1 REFUSED_STREAM: reset by the peer\nroom 6\n");
    peer_frame(&peer, GOAWAY, 0, 0, STR("\0\0\0\3\0\0\0\0"));
    peer_expect_told(&peer, "closed 5 REFUSED_STREAM: the stream broke off\nroom 0\n");
    ck_assert(http2_client_is_leaving(peer.client));
    ck_assert_uint_eq(http2_client_streams(peer.client), 1);
    peer_headers(&peer, 3, ":status|200\n", END_STREAM);
    peer_expect_told(&peer, "response 3 200 none\nend 3\nclosed 3 NO_ERROR\nroom 0\n");
    peer_pull(&peer);
    ck_assert(http2_client_is_over(peer.client));
}
END_TEST

START_TEST(a_reset_in_the_middle_is_a_failure)
{
    (void)peer_request(&peer, "GET", false);
    peer_pull(&peer);
    peer_headers(&peer, 1, ":status|200\n", 0);
    peer_u32(&peer, RST_STREAM, 1, HTTP2_INTERNAL_ERROR);
    peer_expect_told(&peer, "response 1 200 chunked\n"
                            "closed 1 INTERNAL_ERROR: reset by the peer\nroom 8\n");
    peer_u32(&peer, RST_STREAM, 1, HTTP2_NO_ERROR);
    peer_expect_told(&peer, "");
}
END_TEST

struct bad_case {
    const char *head;
    const char *data;
    const char *why;
};

static const struct bad_case BAD[] = {
    {"x|y\n", NULL, "no :status"},
    {":status|200\nX|y\n", NULL, "upper case in a field name"},
    {":status|200\nconnection|close\n", NULL, "connection-specific field"},
    {":status|101\n", NULL, "101 in HTTP/2"},
    {":status|200\ncontent-length|2\n", "abc", "content-length does not match the body"},
    {":status|200\ncontent-length|4\n", "abc", "content-length does not match the body"},
    {":status|204\n", "abc", "a body where there must be none"},
    {":status|103\n", "abc", "a body before its head"},
};

START_TEST(malformed_responses)
{
    const struct bad_case *test = &BAD[_i];
    (void)peer_request(&peer, "GET", false);
    peer_pull(&peer);
    peer_headers(&peer, 1, test->head, 0);
    if (test->data != NULL)
        peer_data(&peer, 1, test->data, END_STREAM);
    char closed[100];
    (void)snprintf(closed, sizeof closed, "closed 1 PROTOCOL_ERROR: %s\n", test->why);
    ck_assert_ptr_nonnull(strstr(peer.told.ptr, closed));
    text_reset(&peer.frames);
    peer_expect_frames(&peer, "RST_STREAM 1 PROTOCOL_ERROR\n");
}
END_TEST

START_TEST(the_server_says_how_many)
{
    ck_assert_uint_eq(http2_client_room(peer.client), 8);
    for (int i = 0; i < 8; i++)
        (void)peer_request(&peer, "GET", false);
    ck_assert_uint_eq(http2_client_room(peer.client), 0);
    peer_pull(&peer);
    peer_frame(&peer, SETTINGS, 0, 0, STR("\0\3\0\0\0\11"));
    peer_expect_told(&peer, "room 1\n");
    ck_assert(!http2_client_may_connect(peer.client));
    peer_frame(&peer, SETTINGS, 0, 0, STR("\0\10\0\0\0\1"));
    ck_assert(http2_client_may_connect(peer.client));
}
END_TEST

START_TEST(a_ping_is_awaited)
{
    clock_freeze(5000000);
    ck_assert_uint_eq(http2_client_ping_since(peer.client), 0);
    http2_client_ping(peer.client);
    http2_client_ping(peer.client);
    peer_expect_frames(&peer, "PING 0\n");
    ck_assert_uint_eq(http2_client_ping_since(peer.client), 5000000);
    peer_frame(&peer, PING, ACK, 0, STR("\0\0\0\0\0\0\0\0"));
    ck_assert_uint_eq(http2_client_ping_since(peer.client), 0);
    clock_freeze(-1);
}
END_TEST

START_TEST(draining_ends_with_the_last_stream)
{
    (void)peer_request(&peer, "GET", false);
    peer_pull(&peer);
    http2_client_drain(peer.client);
    ck_assert(http2_client_is_leaving(peer.client));
    text_reset(&peer.frames);
    peer_expect_frames(&peer, "GOAWAY 0 0 NO_ERROR\n");
    ck_assert(!http2_client_is_over(peer.client));
    peer_headers(&peer, 1, ":status|200\n", END_STREAM);
    peer_pull(&peer);
    ck_assert(http2_client_is_over(peer.client));
}
END_TEST

START_TEST(floods_of_a_server_end_the_connection)
{
    clock_freeze(5000000);
    (void)peer_request(&peer, "GET", false);
    peer_pull(&peer);
    text_reset(&peer.frames);
    for (int i = 0; i < 200; i++)
        peer_frame(&peer, PING, 0, 0, STR("\0\0\0\0\0\0\0\0"));
    peer_expect_end(&peer, HTTP2_ENHANCE_YOUR_CALM, "ping flood");
    peer_expect_told(&peer, "closed 1 ENHANCE_YOUR_CALM: ping flood\n");
    clock_freeze(-1);
}
END_TEST

START_TEST(push_is_refused)
{
    (void)peer_request(&peer, "GET", false);
    peer_pull(&peer);
    peer_frame(&peer, PUSH_PROMISE, END_HEADERS, 1, STR("\0\0\0\2\x82\x87\x84"));
    peer_expect_end(&peer, HTTP2_PROTOCOL_ERROR, "PUSH_PROMISE: push disabled");
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http2_client");
    TCase *tcase = tcase_create("core");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, settings_come_first);
    tcase_add_test(tcase, a_request_and_its_response);
    tcase_add_test(tcase, fields_of_the_connection_stay_behind);
    tcase_add_test(tcase, a_response_without_a_body_ends_too);
    tcase_add_test(tcase, bodies_and_trailers_go_both_ways);
    tcase_add_test(tcase, a_response_nobody_takes_outlives_its_stream);
    tcase_add_test(tcase, a_response_left_behind_is_given_up);
    tcase_add_test(tcase, an_early_answer_is_an_answer);
    tcase_add_test(tcase, a_request_that_is_forgotten_is_cancelled);
    tcase_add_test(tcase, refused_requests_may_be_repeated);
    tcase_add_test(tcase, a_reset_in_the_middle_is_a_failure);
    tcase_add_loop_test(tcase, malformed_responses, 0, (int)(sizeof BAD / sizeof BAD[0]));
    tcase_add_test(tcase, the_server_says_how_many);
    tcase_add_test(tcase, a_ping_is_awaited);
    tcase_add_test(tcase, draining_ends_with_the_last_stream);
    tcase_add_test(tcase, floods_of_a_server_end_the_connection);
    tcase_add_test(tcase, push_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
