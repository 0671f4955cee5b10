/* SPDX-License-Identifier: MIT */
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

static struct http_field *field(const char *name)
{
    for (size_t i = 0; i < peer.request.fields.count; i++) {
        if (str_equal(peer.request.fields.items[i].name, str_of(name)))
            return &peer.request.fields.items[i];
    }
    ck_abort_msg("no field %s", name);
}

START_TEST(settings_come_first)
{
    peer_end(&peer);
    peer_begin_raw(&peer, &PEER_LIMITS);
    http2_server_feed(peer.server, PEER_PREFACE);
    peer_frame(&peer, SETTINGS, 0, 0, (struct str){NULL, 0});
    peer_expect_frames(&peer, "SETTINGS 0\nSETTINGS 0 ack\n");
}
END_TEST

START_TEST(a_request_is_what_http1_would_yield)
{
    peer_headers(&peer, 1,
                 ":method|POST\n:scheme|https\n:authority|A.example:8443\n:path|/a?b=c\n"
                 "content-length|3\nx-empty|\ncookie|a=1\ncookie|b=2\n",
                 0);
    peer_expect_told(&peer, "request 1 POST /a?b=c\n");
    const struct http_request *request = &peer.request;
    ck_assert(request->method_id == HTTP_POST && request->minor == 1 && request->is_http2);
    ck_assert(str_equal(request->host, STR("A.example:8443")));
    ck_assert(request->body.kind == HTTP_BODY_LENGTH && request->body.length == 3);
    ck_assert(request->keep_alive && !request->expect_continue && request->protocol.len == 0);
    ck_assert_uint_eq(request->fields.count, 4);
    ck_assert(str_equal(request->fields.items[0].name, STR("host")));
    ck_assert(str_equal(request->fields.items[0].value, STR("A.example:8443")));
    ck_assert_uint_eq(field("x-empty")->value.len, 0);
    ck_assert(str_equal(field("cookie")->value, STR("a=1; b=2"))); /* RFC 9113 8.2.3 */
    peer_data(&peer, 1, "abc", END_STREAM);
    peer_expect_told(&peer, "body 1 abc\nend 1\n");
}
END_TEST

START_TEST(a_response_without_a_body_is_one_frame)
{
    peer_get(&peer, 1);
    struct http_response response = peer_response(204, HTTP_BODY_NONE);
    http2_stream_respond(peer.streams[0], &response);
    peer_expect_frames(&peer, "HEADERS 1 end :status=204\n");
    peer_expect_told(&peer, "request 1 GET /\nclosed 1 NO_ERROR\n");
}
END_TEST

START_TEST(a_response_with_a_body_is_two_frames)
{
    peer_get(&peer, 1);
    struct http_field fields[] = {{STR("Content-Type"), STR("text/plain")},
                                  {STR("Connection"), STR("close")},
                                  {STR("Transfer-Encoding"), STR("chunked")}};
    struct http_response response = peer_response(200, HTTP_BODY_CHUNKED);
    response.fields = (struct http_fields){fields, 3, 3};
    http2_stream_respond(peer.streams[0], &response);
    ck_assert_uint_eq(http2_stream_send_body(peer.streams[0], STR("hello")), 5);
    http2_stream_end(peer.streams[0], NULL);
    peer_expect_frames(&peer, "HEADERS 1 :status=200 content-type=text/plain\nDATA 1 end 5\n");
    peer_expect_told(&peer, "request 1 GET /\nclosed 1 NO_ERROR\n");
    ck_assert_str_eq(peer.body.ptr, "hello");
}
END_TEST

START_TEST(trailers_go_both_ways)
{
    peer_headers(&peer, 1, PEER_POST "te|trailers\n", 0);
    peer_data(&peer, 1, "abc", 0);
    peer_headers(&peer, 1, "x-sum|1\n", END_STREAM);
    peer_expect_told(&peer, "request 1 POST /\nbody 1 abc\nend 1 x-sum=1\n");
    struct http_field trailer = {STR("Grpc-Status"), STR("0")};
    struct http_fields trailers = {&trailer, 1, 1};
    struct http_response response = peer_response(200, HTTP_BODY_CHUNKED);
    http2_stream_respond(peer.streams[0], &response);
    ck_assert_uint_eq(http2_stream_send_body(peer.streams[0], STR("hi")), 2);
    http2_stream_end(peer.streams[0], &trailers);
    peer_expect_frames(&peer, "HEADERS 1 :status=200\nDATA 1 2\nHEADERS 1 end grpc-status=0\n");
    peer_expect_told(&peer, "closed 1 NO_ERROR\n");
}
END_TEST

START_TEST(interim_responses_come_before)
{
    peer_headers(&peer, 1, PEER_POST "content-length|3\nexpect|100-continue\n", 0);
    ck_assert(peer.request.expect_continue);
    struct http_response response = peer_response(100, HTTP_BODY_NONE);
    http2_stream_interim(peer.streams[0], &response);
    peer_expect_frames(&peer, "HEADERS 1 :status=100\n");
}
END_TEST

/* RFC 9113 section 8.1 */
START_TEST(after_an_early_answer_the_rest_of_the_request_is_dropped)
{
    peer_headers(&peer, 1, PEER_POST, 0);
    struct http_response response = peer_response(403, HTTP_BODY_NONE);
    http2_stream_respond(peer.streams[0], &response);
    peer_expect_frames(&peer, "HEADERS 1 end :status=403\n");
    peer_expect_told(&peer, "request 1 POST /\nanswered 1\n");
    peer_data(&peer, 1, "late", END_STREAM);
    peer_expect_frames(&peer, "");
    peer_expect_told(&peer, "closed 1 NO_ERROR\n");
}
END_TEST

START_TEST(a_request_that_was_answered_can_be_cut_off)
{
    peer_headers(&peer, 1, PEER_POST, 0);
    struct http_response response = peer_response(403, HTTP_BODY_NONE);
    http2_stream_respond(peer.streams[0], &response);
    peer_expect_frames(&peer, "HEADERS 1 end :status=403\n");
    peer_expect_told(&peer, "request 1 POST /\nanswered 1\n");
    http2_stream_reset(peer.streams[0], HTTP2_NO_ERROR);
    peer_expect_frames(&peer, "RST_STREAM 1 NO_ERROR\n");
    peer_data(&peer, 1, "late", END_STREAM);
    peer_expect_frames(&peer, "");
    peer_expect_told(&peer, "");
}
END_TEST

START_TEST(a_reset_by_the_client_closes)
{
    peer_headers(&peer, 1, PEER_POST, 0);
    peer_u32(&peer, RST_STREAM, 1, HTTP2_CANCEL);
    peer_expect_told(&peer, "request 1 POST /\nclosed 1 CANCEL: reset by the peer\n");
    peer_expect_frames(&peer, "");
}
END_TEST

/* RFC 9113 section 8.1 has this code for servers; a client that sends it has gone all the same. */
START_TEST(a_reset_without_an_error_breaks_off_too)
{
    peer_get(&peer, 1);
    peer_u32(&peer, RST_STREAM, 1, HTTP2_NO_ERROR);
    peer_expect_told(&peer, "request 1 GET /\nclosed 1 CANCEL: reset by the peer\n");
}
END_TEST

START_TEST(a_reset_by_the_owner_is_not_told)
{
    peer_headers(&peer, 1, PEER_POST, 0);
    struct http_response response = peer_response(200, HTTP_BODY_CHUNKED);
    http2_stream_respond(peer.streams[0], &response);
    ck_assert_uint_eq(http2_stream_send_body(peer.streams[0], STR("hi")), 2);
    http2_stream_reset(peer.streams[0], HTTP2_INTERNAL_ERROR);
    peer_expect_frames(&peer, "RST_STREAM 1 INTERNAL_ERROR\n");
    peer_expect_told(&peer, "request 1 POST /\n");
}
END_TEST

START_TEST(an_extended_connect_carries_bytes_both_ways)
{
    peer_headers(&peer, 1,
                 ":method|CONNECT\n:protocol|websocket\n:scheme|https\n:path|/chat\n"
                 ":authority|a.example\nsec-websocket-version|13\n",
                 0);
    peer_expect_told(&peer, "request 1 CONNECT /chat\n");
    ck_assert(str_equal(peer.request.protocol, STR("websocket")));
    ck_assert(peer.request.body.kind == HTTP_BODY_CHUNKED);
    struct http_response response = peer_response(200, HTTP_BODY_CHUNKED);
    http2_stream_respond(peer.streams[0], &response);
    ck_assert_uint_eq(http2_stream_send_body(peer.streams[0], STR("x")), 1);
    peer_data(&peer, 1, "y", 0);
    peer_expect_frames(&peer, "HEADERS 1 :status=200\nDATA 1 1\n");
    peer_expect_told(&peer, "body 1 y\n");
}
END_TEST

/* RFC 9113 section 6.8 */
START_TEST(draining_lets_streams_end)
{
    peer_get(&peer, 1);
    http2_server_drain(peer.server);
    peer_expect_frames(&peer, "GOAWAY 0 2147483647 NO_ERROR\nPING 0\n");
    peer_get(&peer, 3);
    peer_frame(&peer, PING, ACK, 0, STR("\0\0\0\0\0\0\0\0"));
    peer_expect_frames(&peer, "GOAWAY 0 3 NO_ERROR\n");
    peer_get(&peer, 5); /* too late: the client repeats it elsewhere */
    peer_expect_told(&peer, "request 1 GET /\nrequest 3 GET /\n");
    struct http_response response = peer_response(200, HTTP_BODY_NONE);
    http2_stream_respond(peer.streams[0], &response);
    peer_pull(&peer);
    ck_assert(!http2_server_is_over(peer.server));
    http2_stream_respond(peer.streams[1], &response);
    peer_pull(&peer);
    ck_assert(http2_server_is_over(peer.server));
    ck_assert_ptr_null(http2_server_problem(peer.server));
}
END_TEST

START_TEST(the_end_closes_every_stream)
{
    peer_get(&peer, 1);
    peer_headers(&peer, 3, PEER_POST, 0);
    http2_server_end(peer.server, HTTP2_INTERNAL_ERROR, "over");
    peer_expect_end(&peer, HTTP2_INTERNAL_ERROR, "over");
    peer_expect_frames(&peer, "GOAWAY 0 3 INTERNAL_ERROR\n");
    peer_expect_told(&peer, "request 1 GET /\nrequest 3 POST /\n"
                            "closed 3 INTERNAL_ERROR: over\nclosed 1 INTERNAL_ERROR: over\n");
    peer_get(&peer, 5);
    peer_expect_told(&peer, "");
}
END_TEST

START_TEST(freeing_closes_every_stream)
{
    peer_get(&peer, 1);
    http2_server_free(peer.server);
    peer.server = NULL;
    peer_expect_told(&peer, "request 1 GET /\nclosed 1 CANCEL: the connection ended\n");
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http2_server");
    TCase *tcase = tcase_create("core");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, settings_come_first);
    tcase_add_test(tcase, a_request_is_what_http1_would_yield);
    tcase_add_test(tcase, a_response_without_a_body_is_one_frame);
    tcase_add_test(tcase, a_response_with_a_body_is_two_frames);
    tcase_add_test(tcase, trailers_go_both_ways);
    tcase_add_test(tcase, interim_responses_come_before);
    tcase_add_test(tcase, after_an_early_answer_the_rest_of_the_request_is_dropped);
    tcase_add_test(tcase, a_request_that_was_answered_can_be_cut_off);
    tcase_add_test(tcase, a_reset_by_the_client_closes);
    tcase_add_test(tcase, a_reset_without_an_error_breaks_off_too);
    tcase_add_test(tcase, a_reset_by_the_owner_is_not_told);
    tcase_add_test(tcase, an_extended_connect_carries_bytes_both_ways);
    tcase_add_test(tcase, draining_lets_streams_end);
    tcase_add_test(tcase, the_end_closes_every_stream);
    tcase_add_test(tcase, freeing_closes_every_stream);
    suite_add_tcase(suite, tcase);
    return suite;
}
