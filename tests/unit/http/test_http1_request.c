/* SPDX-License-Identifier: MIT */
#include "http/http1_parse.h"
#include "unit/unit.h"

static struct buf_pool pool;
static struct arena arena;
static const struct http1_limits LIMITS = {.target_bytes = 64, .field_count = 8};

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

#define HOST "Host: a.example\r\n"

static enum http1_reason parse(struct str head, struct http_request *ret_request)
{
    return http1_parse_request(head, &LIMITS, &arena, ret_request);
}

/* "GET / HTTP/1.1", Host, and these field lines. */
static enum http1_reason parse_fields(const char *lines, struct http_request *ret_request)
{
    return parse(arena_printf(&arena, "GET / HTTP/1.1\r\n" HOST "%s\r\n", lines), ret_request);
}

struct line_case {
    const char *text;
    enum http1_reason reason;
};

START_TEST(reads_every_part_of_a_request)
{
    struct http_request request;
    struct str head = STR("POST /a?b=c HTTP/1.1\r\n" HOST
                          "X-Empty:\r\nContent-Length: 12\r\nX-Blanks: \t a b \t \r\n\r\n");
    ck_assert(parse(head, &request) == HTTP1_VALID);
    ck_assert(str_equal(request.method, STR("POST")) && request.method_id == HTTP_POST);
    ck_assert(str_equal(request.target, STR("/a?b=c")));
    ck_assert_uint_eq(request.minor, 1);
    ck_assert(str_equal(request.host, STR("a.example")));
    ck_assert(request.body.kind == HTTP_BODY_LENGTH && request.body.length == 12);
    ck_assert(request.keep_alive && !request.expect_continue);
    ck_assert_uint_eq(request.fields.count, 4);
    ck_assert(str_equal(request.fields.items[1].name, STR("X-Empty")));
    ck_assert_uint_eq(request.fields.items[1].value.len, 0);
    ck_assert(str_equal(request.fields.items[3].value, STR("a b")));
    ck_assert_ptr_eq(request.target.ptr, head.ptr + 5);
}
END_TEST

/* RFC 9110 section 9.1: tokens, case-sensitive */
START_TEST(knows_the_methods)
{
    static const char *names[] = {"GET",   "HEAD",           "POST",  "PUT", "DELETE", "OPTIONS",
                                  "PATCH", "CONNECT",        "TRACE", "get", "BREW",   "PURGE",
                                  "HEAR",  "!#$%&'*+-.^_`|~"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct http_request request;
        struct str head = arena_printf(&arena, "%s / HTTP/1.1\r\n" HOST "\r\n", names[i]);
        ck_assert_msg(parse(head, &request) == HTTP1_VALID, "%s", names[i]);
        ck_assert(str_equal(request.method, str_of(names[i])));
        ck_assert_int_eq((int)request.method_id,
                         i < HTTP_METHOD_OTHER ? (int)i : HTTP_METHOD_OTHER);
    }
}
END_TEST

/* RFC 9112 sections 2.3, 3, 3.2 */
START_TEST(refuses_malformed_request_lines)
{
    static const struct line_case cases[] = {
        {"GET / HTTP/1.1", HTTP1_VALID},
        {"GET * HTTP/1.1", HTTP1_VALID}, /* the form is the URI reader's business */
        {"GET", HTTP1_START_LINE},
        {"GET /", HTTP1_START_LINE},
        {"GET / ", HTTP1_VERSION},
        {"GET  / HTTP/1.1", HTTP1_START_LINE},
        {"GET /  HTTP/1.1", HTTP1_START_LINE},
        {"GET / HTTP/1.1 ", HTTP1_START_LINE},
        {"GET / x HTTP/1.1", HTTP1_START_LINE},
        {"GET HTTP/1.1", HTTP1_START_LINE},
        {" GET / HTTP/1.1", HTTP1_METHOD},
        {"", HTTP1_START_LINE},
        {"G(T / HTTP/1.1", HTTP1_METHOD},
        {"G\xc3\xa9T / HTTP/1.1", HTTP1_METHOD},
        {"GET:/ HTTP/1.1", HTTP1_METHOD},
        {"GET\t/ HTTP/1.1", HTTP1_CONTROL_CHARACTER},
        {"GET /\t HTTP/1.1", HTTP1_CONTROL_CHARACTER},
        {"GET /\x01 HTTP/1.1", HTTP1_CONTROL_CHARACTER},
        {"GET /\x7f HTTP/1.1", HTTP1_CONTROL_CHARACTER},
        {"GET /\r HTTP/1.1", HTTP1_BARE_CR},
        {"GET /\n HTTP/1.1", HTTP1_BARE_LF},
        {"GET /\xc3\xa9 HTTP/1.1", HTTP1_TARGET},
        {"GET / http/1.1", HTTP1_VERSION},
        {"GET / HTTP/1", HTTP1_VERSION},
        {"GET / HTTP/1.", HTTP1_VERSION},
        {"GET / HTTP/11.1", HTTP1_VERSION},
        {"GET / HTTP/1.10", HTTP1_VERSION},
        {"GET / HTTP/01.1", HTTP1_VERSION},
        {"GET / HTTP/1,1", HTTP1_VERSION},
        {"GET / HTTP/a.1", HTTP1_VERSION},
        {"GET / HTTPS/1.1", HTTP1_VERSION},
        {"GET / ICY/1.1", HTTP1_VERSION},
        {"GET / HTTP/0.9", HTTP1_VERSION_MAJOR},
        {"GET / HTTP/1.2", HTTP1_VERSION_MAJOR},
        {"GET / HTTP/2.0", HTTP1_VERSION_MAJOR},
        {"PRI * HTTP/2.0", HTTP1_VERSION_MAJOR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        enum http1_reason reason =
            parse(arena_printf(&arena, "%s\r\n" HOST "\r\n", cases[i].text), &request);
        ck_assert_msg(reason == cases[i].reason, "'%s': %s", cases[i].text,
                      http1_reason_text(reason));
    }
}
END_TEST

/* RFC 9112 sections 5, 5.1, 5.2; RFC 9110 sections 5.1, 5.5 */
START_TEST(refuses_malformed_field_lines)
{
    static const struct line_case cases[] = {
        {"X:y\r\n", HTTP1_VALID},
        {"X:\t y\t\r\n", HTTP1_VALID},
        {"X: a\tb\xff\x80\r\n", HTTP1_VALID},
        {"x!#$%&'*+-.^_`|~1: y\r\n", HTTP1_VALID},
        {"X: : y\r\n", HTTP1_VALID},
        {"X : y\r\n", HTTP1_SPACE_BEFORE_COLON},
        {"X\t: y\r\n", HTTP1_SPACE_BEFORE_COLON},
        {"X \t : y\r\n", HTTP1_SPACE_BEFORE_COLON},
        {" X: y\r\n", HTTP1_OBS_FOLD},
        {"X: y\r\n z\r\n", HTTP1_OBS_FOLD},
        {"X: y\r\n\tz\r\n", HTTP1_OBS_FOLD},
        {"X:\r\n \r\n", HTTP1_OBS_FOLD},
        {"X\r\n", HTTP1_NO_COLON},
        {"X y\r\n", HTTP1_NO_COLON},
        {"(x)\r\n", HTTP1_NO_COLON},
        {": y\r\n", HTTP1_FIELD_NAME},
        {"X Y: z\r\n", HTTP1_FIELD_NAME},
        {"X(: z\r\n", HTTP1_FIELD_NAME},
        {"\"X\": z\r\n", HTTP1_FIELD_NAME},
        {"X\xa0: z\r\n", HTTP1_FIELD_NAME},
        {"X\x01: z\r\n", HTTP1_CONTROL_CHARACTER},
        {"X\x0b: z\r\n", HTTP1_CONTROL_CHARACTER},
        {"X\n: z\r\n", HTTP1_BARE_LF},
        {"X\r: z\r\n", HTTP1_BARE_CR},
        {"X: y\nZ: a\r\n", HTTP1_BARE_LF},
        {"X: y\rZ: a\r\n", HTTP1_BARE_CR},
        {"X: y\r\r\n", HTTP1_BARE_CR},
        {"X: \x01\r\n", HTTP1_FIELD_VALUE},
        {"X: a\x1f"
         "b\r\n",
         HTTP1_FIELD_VALUE},
        {"X: \x7f\r\n", HTTP1_FIELD_VALUE},
        {"X: a\x0c\r\n", HTTP1_FIELD_VALUE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        enum http1_reason reason = parse_fields(cases[i].text, &request);
        ck_assert_msg(reason == cases[i].reason, "'%s': %s", cases[i].text,
                      http1_reason_text(reason));
    }
}
END_TEST

START_TEST(refuses_nul_everywhere)
{
    static const struct str heads[] = {
        {"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 27},  {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 28},
        {"GET / HTTP/1.1\0\r\nHost: a\r\n\r\n", 28}, {"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 28},
        {"GET / HTTP/1.1\r\nHost\0: a\r\n\r\n", 28}, {"GET / HTTP/1.1\r\n\0Host: a\r\n\r\n", 28},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct http_request request;
        ck_assert_msg(parse(heads[i], &request) == HTTP1_NUL, "case %zu", i);
    }
}
END_TEST

/* RFC 9112 section 2.2: a recipient must not take white space between start line and fields */
START_TEST(refuses_white_space_before_the_first_field)
{
    struct http_request request;
    ck_assert(parse(STR("GET / HTTP/1.1\r\n X: y\r\n" HOST "\r\n"), &request) ==
              HTTP1_LEADING_SPACE);
    ck_assert(parse(STR("GET / HTTP/1.1\r\n \r\n\r\n"), &request) == HTTP1_LEADING_SPACE);
}
END_TEST

START_TEST(refuses_a_head_that_is_cut_or_has_something_behind_it)
{
    struct str whole = STR("GET / HTTP/1.1\r\n" HOST "X: y\r\n\r\n");
    struct http_request request;
    ck_assert(parse(whole, &request) == HTTP1_VALID);
    for (size_t len = 0; len < whole.len; len++)
        ck_assert(parse(str_make(whole.ptr, len), &request) != HTTP1_VALID);
    ck_assert(parse(STR("GET / HTTP/1.1\r\n" HOST "\r\nX: y\r\n\r\n"), &request) != HTTP1_VALID);
}
END_TEST

/* RFC 9112 section 3.2, RFC 9110 sections 4.2.1 and 7.2 */
START_TEST(wants_exactly_one_valid_host)
{
    static const struct line_case cases[] = {
        {"Host: a.example\r\n", HTTP1_VALID},
        {"HOST:a.example:8443\r\n", HTTP1_VALID},
        {"Host: 192.0.2.1\r\n", HTTP1_VALID},
        {"Host: [2001:db8::1]:443\r\n", HTTP1_VALID},
        {"Host: a.example:\r\n", HTTP1_VALID},
        {"", HTTP1_HOST_MISSING},
        {"X-Host: a\r\n", HTTP1_HOST_MISSING},
        {"Host: a\r\nHost: a\r\n", HTTP1_HOST_REPEATED},
        {"Host: a\r\nX: y\r\nhost: b\r\n", HTTP1_HOST_REPEATED},
        {"Host:\r\n", HTTP1_HOST_INVALID},
        {"Host: a b\r\n", HTTP1_HOST_INVALID},
        {"Host: a, b\r\n", HTTP1_HOST_INVALID},
        {"Host: u@a\r\n", HTTP1_HOST_INVALID},
        {"Host: a/b\r\n", HTTP1_HOST_INVALID},
        {"Host: http://a\r\n", HTTP1_HOST_INVALID},
        {"Host: a:65536\r\n", HTTP1_HOST_INVALID},
        {"Host: a:80x\r\n", HTTP1_HOST_INVALID},
        {"Host: a:b:80\r\n", HTTP1_HOST_INVALID},
        {"Host: :80\r\n", HTTP1_HOST_INVALID},
        {"Host: [::1\r\n", HTTP1_HOST_INVALID},
        {"Host: ::1\r\n", HTTP1_HOST_INVALID},
        {"Host: a%2eexample\r\n", HTTP1_HOST_INVALID},
        {"Host: \xe4.example\r\n", HTTP1_HOST_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        enum http1_reason reason =
            parse(arena_printf(&arena, "GET / HTTP/1.1\r\n%s\r\n", cases[i].text), &request);
        ck_assert_msg(reason == cases[i].reason, "'%s': %s", cases[i].text,
                      http1_reason_text(reason));
    }
    struct http_request request;
    ck_assert(parse(STR("GET / HTTP/1.0\r\n\r\n"), &request) == HTTP1_VALID);
    ck_assert_uint_eq(request.host.len, 0);
    ck_assert(parse(STR("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), &request) == HTTP1_HOST_INVALID);
}
END_TEST

/* RFC 9110 section 8.6, RFC 9112 section 6.3 */
START_TEST(takes_one_plain_content_length)
{
    static const struct {
        const char *value;
        bool is_valid;
        uint64_t length;
    } cases[] = {
        {"0", true, 0},
        {"42", true, 42},
        {"4611686018427387903", true, INT64_MAX / 2},
        {"4611686018427387904", false, 0},
        {"9223372036854775808", false, 0},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999999", false, 0},
        {"", false, 0},
        {"00", false, 0},
        {"042", false, 0},
        {"+42", false, 0},
        {"-42", false, 0},
        {"42,42", false, 0},
        {"42, 42", false, 0},
        {"42,", false, 0},
        {",42", false, 0},
        {"4 2", false, 0},
        {"0x2a", false, 0},
        {"42.0", false, 0},
        {"42;x", false, 0},
        {"\"42\"", false, 0},
        {"4_2", false, 0},
        {"42\xc2\xa0", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        struct str lines = arena_printf(&arena, "content-LENGTH: %s\r\n", cases[i].value);
        enum http1_reason reason = parse_fields(lines.ptr, &request);
        ck_assert_msg(reason == (cases[i].is_valid ? HTTP1_VALID : HTTP1_CONTENT_LENGTH_INVALID),
                      "'%s': %s", cases[i].value, http1_reason_text(reason));
        if (cases[i].is_valid)
            ck_assert(request.body.kind == HTTP_BODY_LENGTH &&
                      request.body.length == cases[i].length);
    }
}
END_TEST

/* RFC 9112 sections 6.1, 6.3 and 11.2 */
START_TEST(refuses_every_other_framing)
{
    static const struct line_case cases[] = {
        {"Transfer-Encoding: chunked\r\n", HTTP1_VALID},
        {"transfer-encoding:\tCHUNKED \r\n", HTTP1_VALID},
        {"Content-Length: 3\r\nContent-Length: 3\r\n", HTTP1_CONTENT_LENGTH_REPEATED},
        {"Content-Length: 3\r\nX: y\r\ncontent-length: 4\r\n", HTTP1_CONTENT_LENGTH_REPEATED},
        {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", HTTP1_LENGTH_AND_ENCODING},
        {"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", HTTP1_LENGTH_AND_ENCODING},
        {"Transfer-Encoding: x\r\nContent-Length: y\r\n", HTTP1_LENGTH_AND_ENCODING},
        {"Transfer-Encoding:\r\nContent-Length: 3\r\n", HTTP1_LENGTH_AND_ENCODING},
        {"Transfer-Encoding:\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: identity\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: gzip, chunked\r\n", HTTP1_TRANSFER_CODING},
        {"Transfer-Encoding: chunked, gzip\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: chunked, chunked\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: ,chunked\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: chunked,\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: chunked;q=1\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: \"chunked\"\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: xchunked\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: chunked\xff\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HTTP1_TRANSFER_ENCODING},
        {"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", HTTP1_TRANSFER_ENCODING},
        {"Content_Length: 3\r\n", HTTP1_FRAMING_ALIAS},
        {"Content.Length: 3\r\n", HTTP1_FRAMING_ALIAS},
        {"transfer_encoding: chunked\r\n", HTTP1_FRAMING_ALIAS},
        {"Content-Length: 3\r\nTransfer_Encoding: chunked\r\n", HTTP1_FRAMING_ALIAS},
        {"Transfer-Encoding : chunked\r\n", HTTP1_SPACE_BEFORE_COLON},
        {"Transfer-Encoding: \x0b"
         "chunked\r\n",
         HTTP1_FIELD_VALUE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        enum http1_reason reason = parse_fields(cases[i].text, &request);
        ck_assert_msg(reason == cases[i].reason, "'%s': %s", cases[i].text,
                      http1_reason_text(reason));
        if (reason == HTTP1_VALID)
            ck_assert(request.body.kind == HTTP_BODY_CHUNKED);
    }
    struct http_request request;
    ck_assert(parse(STR("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
                    &request) == HTTP1_TRANSFER_ENCODING_HTTP10);
    ck_assert(parse_fields("", &request) == HTTP1_VALID);
    ck_assert(request.body.kind == HTTP_BODY_NONE);
}
END_TEST

/* RFC 9112 section 9.3 */
START_TEST(settles_whether_the_connection_stays)
{
    static const struct {
        unsigned minor;
        const char *lines;
        bool keep_alive;
    } cases[] = {
        {1, "", true},
        {1, "Connection: close\r\n", false},
        {1, "Connection: Keep-Alive\r\n", true},
        {1, "Connection: keep-alive, CLOSE\r\n", false},
        {1, "Connection: x\r\nConnection: ,close,\r\n", false},
        {1, "Connection: closed\r\n", true},
        {1, "Connection:\r\n", true},
        {0, "", false},
        {0, "Connection: keep-alive\r\n", true},
        {0, "Connection: close, keep-alive\r\n", false},
        {0, "Proxy-Connection: keep-alive\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        struct str head = arena_printf(&arena, "GET / HTTP/1.%u\r\n" HOST "%s\r\n", cases[i].minor,
                                       cases[i].lines);
        ck_assert(parse(head, &request) == HTTP1_VALID);
        ck_assert_uint_eq(request.minor, cases[i].minor);
        ck_assert_msg(request.keep_alive == cases[i].keep_alive, "case %zu", i);
    }
}
END_TEST

/* RFC 9110 section 10.1.1 */
START_TEST(knows_one_expectation)
{
    static const struct {
        const char *lines;
        enum http1_reason reason;
        bool expect_continue;
    } cases[] = {
        {"Expect: 100-continue\r\nContent-Length: 1\r\n", HTTP1_VALID, true},
        {"Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", HTTP1_VALID, true},
        {"Expect: 100-continue\r\nContent-Length: 0\r\n", HTTP1_VALID, false},
        {"Expect: 100-continue\r\n", HTTP1_VALID, false},
        {"Expect:\r\nContent-Length: 1\r\n", HTTP1_EXPECTATION, false},
        {"Expect: 100-continue, x\r\n", HTTP1_EXPECTATION, false},
        {"Expect: x 100-continue\r\n", HTTP1_EXPECTATION, false},
        {"Expect: 200-ok\r\n", HTTP1_EXPECTATION, false},
        {"Expect: 100-continue\r\nExpect: 100-continue\r\n", HTTP1_EXPECTATION, false},
    };
    struct http_request request;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum http1_reason reason = parse_fields(cases[i].lines, &request);
        ck_assert_msg(reason == cases[i].reason, "case %zu", i);
        if (reason == HTTP1_VALID)
            ck_assert_msg(request.expect_continue == cases[i].expect_continue, "case %zu", i);
    }
    ck_assert(parse(STR("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
                    &request) == HTTP1_VALID);
    ck_assert(!request.expect_continue);
}
END_TEST

START_TEST(keeps_the_limits_to_the_byte)
{
    struct http_request request;
    char target[66] = "/";
    for (size_t i = 1; i < 65; i++)
        target[i] = 'a';
    struct str longer = arena_printf(&arena, "GET %s HTTP/1.1\r\n" HOST "\r\n", target);
    ck_assert(parse(longer, &request) == HTTP1_TARGET_TOO_LONG);
    target[64] = '\0';
    ck_assert(parse(arena_printf(&arena, "GET %s HTTP/1.1\r\n" HOST "\r\n", target), &request) ==
              HTTP1_VALID);
    ck_assert_uint_eq(request.target.len, LIMITS.target_bytes);

    ck_assert(parse_fields("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\n", &request) == HTTP1_VALID);
    ck_assert_uint_eq(request.fields.count, LIMITS.field_count);
    ck_assert(parse_fields("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n", &request) ==
              HTTP1_TOO_MANY_FIELDS);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http1_request");
    TCase *tcase = tcase_create("http1_request");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, reads_every_part_of_a_request);
    tcase_add_test(tcase, knows_the_methods);
    tcase_add_test(tcase, refuses_malformed_request_lines);
    tcase_add_test(tcase, refuses_malformed_field_lines);
    tcase_add_test(tcase, refuses_nul_everywhere);
    tcase_add_test(tcase, refuses_white_space_before_the_first_field);
    tcase_add_test(tcase, refuses_a_head_that_is_cut_or_has_something_behind_it);
    tcase_add_test(tcase, wants_exactly_one_valid_host);
    tcase_add_test(tcase, takes_one_plain_content_length);
    tcase_add_test(tcase, refuses_every_other_framing);
    tcase_add_test(tcase, settles_whether_the_connection_stays);
    tcase_add_test(tcase, knows_one_expectation);
    tcase_add_test(tcase, keeps_the_limits_to_the_byte);
    suite_add_tcase(suite, tcase);
    return suite;
}
