/* SPDX-License-Identifier: MIT */
#include "http/http1_parse.h"
#include "unit/unit.h"

static struct buf_pool pool;
static struct arena arena;
static const struct http1_limits LIMITS = {.target_bytes = 0, .field_count = 4};

static void setup(void)
{
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
}

static void teardown(void)
{
    arena_clear(&arena);
    buf_pool_clear(&pool);
}

static enum http1_reason parse(const char *line, const char *lines, enum http_method method,
                               struct http_response *ret_response)
{
    struct str head = arena_printf(&arena, "%s\r\n%s\r\n", line, lines);
    return http1_parse_response(head, &LIMITS, method, &arena, ret_response);
}

/* RFC 9112 section 4, RFC 9110 section 15 */
START_TEST(reads_status_lines_strictly)
{
    static const struct {
        const char *line;
        enum http1_reason reason;
        unsigned status;
        const char *phrase;
    } cases[] = {
        {"HTTP/1.1 200 OK", HTTP1_VALID, 200, "OK"},
        {"HTTP/1.0 404 Not  Here ", HTTP1_VALID, 404, "Not  Here "},
        {"HTTP/1.1 100 Continue", HTTP1_VALID, 100, "Continue"},
        {"HTTP/1.1 599 ", HTTP1_VALID, 599, ""},
        {"HTTP/1.1 200", HTTP1_VALID, 200, ""},
        {"HTTP/1.1 200 \xe9t\xe9", HTTP1_VALID, 200, "\xe9t\xe9"},
        {"HTTP/1.1", HTTP1_START_LINE, 0, NULL},
        {"HTTP/1.1 ", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1  200 OK", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 99 X", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 099 X", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 600 X", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 2000 X", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 20x X", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 +20 X", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 200OK", HTTP1_STATUS_CODE, 0, NULL},
        {"HTTP/1.1 200 \x01", HTTP1_CONTROL_CHARACTER, 0, NULL},
        {"HTTP/1.1\t200 OK", HTTP1_CONTROL_CHARACTER, 0, NULL},
        {"HTTP/2.0 200 OK", HTTP1_VERSION_MAJOR, 0, NULL},
        {"HTTP/1.2 200 OK", HTTP1_VERSION_MAJOR, 0, NULL},
        {"HTTP/2 200 OK", HTTP1_VERSION, 0, NULL},
        {"http/1.1 200 OK", HTTP1_VERSION, 0, NULL},
        {"ICY 200 OK", HTTP1_VERSION, 0, NULL},
        {" HTTP/1.1 200 OK", HTTP1_VERSION, 0, NULL},
        {"", HTTP1_START_LINE, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_response response;
        enum http1_reason reason = parse(cases[i].line, "", HTTP_GET, &response);
        ck_assert_msg(reason == cases[i].reason, "'%s': %s", cases[i].line,
                      http1_reason_text(reason));
        if (reason != HTTP1_VALID)
            continue;
        ck_assert_uint_eq(response.status, cases[i].status);
        ck_assert(str_equal(response.reason, str_of(cases[i].phrase)));
    }
}
END_TEST

/* RFC 9112 sections 6.3 and 9.3 */
START_TEST(settles_the_body_by_method_status_and_fields)
{
#define LENGTH  "Content-Length: 5\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
    static const struct {
        const char *line;
        const char *lines;
        enum http_method method;
        enum http_body_kind kind;
        bool keep_alive;
    } cases[] = {
        {"HTTP/1.1 200 OK", LENGTH, HTTP_GET, HTTP_BODY_LENGTH, true},
        {"HTTP/1.1 200 OK", "Content-Length: 0\r\n", HTTP_GET, HTTP_BODY_LENGTH, true},
        {"HTTP/1.1 200 OK", CHUNKED, HTTP_GET, HTTP_BODY_CHUNKED, true},
        {"HTTP/1.1 200 OK", "", HTTP_GET, HTTP_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.1 200 OK", "Connection: keep-alive\r\n", HTTP_GET, HTTP_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.1 200 OK", LENGTH "Connection: close\r\n", HTTP_GET, HTTP_BODY_LENGTH, false},
        {"HTTP/1.0 200 OK", LENGTH, HTTP_GET, HTTP_BODY_LENGTH, false},
        {"HTTP/1.0 200 OK", LENGTH "Connection: Keep-Alive\r\n", HTTP_GET, HTTP_BODY_LENGTH, true},
        {"HTTP/1.0 200 OK", "Connection: keep-alive\r\n", HTTP_GET, HTTP_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.1 200 OK", LENGTH, HTTP_HEAD, HTTP_BODY_NONE, true},
        {"HTTP/1.1 200 OK", CHUNKED, HTTP_HEAD, HTTP_BODY_NONE, true},
        {"HTTP/1.1 200 OK", "", HTTP_HEAD, HTTP_BODY_NONE, true},
        {"HTTP/1.1 304 Not Modified", LENGTH, HTTP_GET, HTTP_BODY_NONE, true},
        {"HTTP/1.1 304 Not Modified", "", HTTP_GET, HTTP_BODY_NONE, true},
        {"HTTP/1.1 204 No Content", "", HTTP_GET, HTTP_BODY_NONE, true},
        {"HTTP/1.1 204 No Content", "Content-Length: 0\r\n", HTTP_GET, HTTP_BODY_NONE, true},
        {"HTTP/1.1 204 No Content", LENGTH, HTTP_GET, HTTP_BODY_NONE, false},
        {"HTTP/1.1 204 No Content", CHUNKED, HTTP_GET, HTTP_BODY_NONE, false},
        {"HTTP/1.1 100 Continue", "", HTTP_POST, HTTP_BODY_NONE, true},
        {"HTTP/1.1 103 Early Hints", LENGTH, HTTP_GET, HTTP_BODY_NONE, false},
        {"HTTP/1.1 101 Switching", "Upgrade: x\r\n", HTTP_GET, HTTP_BODY_NONE, true},
        {"HTTP/1.1 205 Reset Content", LENGTH, HTTP_GET, HTTP_BODY_LENGTH, true},
        {"HTTP/1.1 200 OK", LENGTH, HTTP_CONNECT, HTTP_BODY_NONE, true},
        {"HTTP/1.1 403 Forbidden", LENGTH, HTTP_CONNECT, HTTP_BODY_LENGTH, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_response response;
        enum http1_reason reason = parse(cases[i].line, cases[i].lines, cases[i].method, &response);
        ck_assert_msg(reason == HTTP1_VALID, "case %zu: %s", i, http1_reason_text(reason));
        ck_assert_msg(response.body.kind == cases[i].kind, "case %zu", i);
        ck_assert_msg(response.keep_alive == cases[i].keep_alive, "case %zu", i);
    }
}
END_TEST

/* RFC 9112 sections 5, 6.1, 6.3: whatever the status, and for HEAD too */
START_TEST(refuses_ambiguous_framing_from_servers_too)
{
    static const struct {
        const char *lines;
        enum http1_reason reason;
    } cases[] = {
        {LENGTH CHUNKED, HTTP1_LENGTH_AND_ENCODING},
        {CHUNKED LENGTH, HTTP1_LENGTH_AND_ENCODING},
        {LENGTH LENGTH, HTTP1_CONTENT_LENGTH_REPEATED},
        {"Content-Length: 5, 5\r\n", HTTP1_CONTENT_LENGTH_INVALID},
        {"Content-Length: -1\r\n", HTTP1_CONTENT_LENGTH_INVALID},
        {"Content-Length:\r\n", HTTP1_CONTENT_LENGTH_INVALID},
        {"Transfer-Encoding: gzip\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: gzip, chunked\r\n", HTTP1_TRANSFER_CODING},
        {"Transfer-Encoding: chunked, identity\r\n", HTTP1_TRANSFER_ENCODING},
        {CHUNKED CHUNKED, HTTP1_TRANSFER_ENCODING},
        {"Content_Length: 5\r\n", HTTP1_FRAMING_ALIAS},
        {"Content-Length : 5\r\n", HTTP1_SPACE_BEFORE_COLON},
        {"X: a\r\n b\r\n", HTTP1_OBS_FOLD},
        {" X: a\r\n", HTTP1_LEADING_SPACE},
        {"X: a\nY: b\r\n", HTTP1_BARE_LF},
        {"X: \x01\r\n", HTTP1_FIELD_VALUE},
        {"a:\r\nb:\r\nc:\r\nd:\r\n", HTTP1_VALID},
        {"a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n", HTTP1_TOO_MANY_FIELDS},
    };
    static const char *lines[] = {"HTTP/1.1 200 OK", "HTTP/1.1 204 No Content"};
    static const enum http_method methods[] = {HTTP_GET, HTTP_HEAD};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_response response;
        for (size_t j = 0; j < 4; j++) {
            enum http1_reason reason =
                parse(lines[j / 2], cases[i].lines, methods[j % 2], &response);
            ck_assert_msg(reason == cases[i].reason, "'%s': %s", cases[i].lines,
                          http1_reason_text(reason));
        }
    }
    struct http_response response;
    ck_assert(parse("HTTP/1.0 200 OK", CHUNKED, HTTP_GET, &response) ==
              HTTP1_TRANSFER_ENCODING_HTTP10);
}
END_TEST

START_TEST(refuses_a_cut_head)
{
    struct str whole = STR("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    struct http_response response;
    ck_assert(http1_parse_response(whole, &LIMITS, HTTP_GET, &arena, &response) == HTTP1_VALID);
    for (size_t len = 0; len < whole.len; len++)
        ck_assert(http1_parse_response(str_make(whole.ptr, len), &LIMITS, HTTP_GET, &arena,
                                       &response) != HTTP1_VALID);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http1_response");
    TCase *tcase = tcase_create("http1_response");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, reads_status_lines_strictly);
    tcase_add_test(tcase, settles_the_body_by_method_status_and_fields);
    tcase_add_test(tcase, refuses_ambiguous_framing_from_servers_too);
    tcase_add_test(tcase, refuses_a_cut_head);
    suite_add_tcase(suite, tcase);
    return suite;
}
