/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "http2/http2_head.h"
#include "unit/unit.h"

static struct buf_pool pool;
static struct arena arena;
static struct http2_head head;
static struct http_request request;
static const struct http2_head_limits LIMITS = {
    .target_bytes = 32,
    .header_bytes = 512,
    .header_count = 6,
};

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

/* "name|value\n" each; escapes are C's. */
static void add_lines(struct str lines)
{
    struct str line;
    while (lines.len > 0 && str_split(&lines, '\n', &line)) {
        size_t len = str_find(line, '|');
        if (line.len > 0)
            (void)http2_head_add(&head, str_make(line.ptr, len), str_skip(line, len + 1), false);
    }
}

/* "valid", "malformed: why", or "400 why". */
static const char *outcome_of(enum http2_head_result result)
{
    static char text[128];
    const char *why = result == HTTP2_HEAD_MALFORMED ? head.malformed : head.detail;
    if (result == HTTP2_HEAD_VALID)
        return "valid";
    if (result == HTTP2_HEAD_MALFORMED)
        (void)snprintf(text, sizeof text, "malformed: %s", why);
    else
        (void)snprintf(text, sizeof text, "%u %s", outcome_info(head.refused)->status, why);
    return text;
}

static const char *read_request(struct str lines, bool is_ended)
{
    http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
    add_lines(lines);
    return outcome_of(http2_head_request(&head, is_ended, &request));
}

#define SCHEME ":scheme|https\n"
#define HOST   ":authority|a.example\n"
#define GET    ":method|GET\n" SCHEME
#define OK     GET ":path|/\n" HOST

struct head_case {
    const char *lines;
    const char *result;
};

/* RFC 9113 sections 8.3 and 8.3.1 */
static const struct head_case PSEUDO_HEADERS[] = {
    {OK, "valid"},
    {":scheme|https\n:path|/\n" HOST, "malformed: no :method"},
    {":method|GET\n:path|/\n" HOST, "malformed: no :scheme"},
    {GET HOST, "malformed: no :path"},
    {GET HOST ":path|\n", "malformed: empty :path"},
    {OK ":method|GET\n", "malformed: repeated pseudo-header"},
    {OK ":path|/\n", "malformed: repeated pseudo-header"},
    {OK ":scheme|https\n", "malformed: repeated pseudo-header"},
    {OK HOST, "malformed: repeated pseudo-header"},
    {OK ":status|200\n", "malformed: unknown pseudo-header"},
    {OK ":|x\n", "malformed: unknown pseudo-header"},
    {OK ":Path|/\n", "malformed: unknown pseudo-header"},
    {GET HOST "a|b\n:path|/\n", "malformed: pseudo-header behind a field"},
    {":method|\n" SCHEME ":path|/\n" HOST, "400 method is not a token"},
    {":method|GE T\n" SCHEME ":path|/\n" HOST, "400 method is not a token"},
    {":method|GET\r\n" SCHEME ":path|/\n" HOST, "malformed: control character in a field value"},
    {":method|GET\n:scheme|ftp\n:path|/\n" HOST, "400 a scheme other than https and http"},
    {":method|GET\n:scheme|HTTP\n:path|/\n" HOST, "valid"},
};

START_TEST(pseudo_headers)
{
    const struct head_case *test = &PSEUDO_HEADERS[_i];
    ck_assert_str_eq(read_request(str_of(test->lines), true), test->result);
}
END_TEST

/* RFC 9113 section 8.3.1, RFC 9112 section 3.2 */
static const struct head_case TARGETS[] = {
    {GET HOST ":path|/a?b=c&d\n", "valid"},
    {GET HOST ":path|//a\n", "valid"}, /* the exchange judges paths, as on HTTP/1.1 */
    {GET HOST ":path|*\n", "400 :path does not begin with a slash"},
    {":method|OPTIONS\n" SCHEME HOST ":path|*\n", "valid"},
    {":method|OPTIONS\n" SCHEME HOST ":path|**\n", "400 :path does not begin with a slash"},
    {GET HOST ":path|https://a.example/\n", "400 :path does not begin with a slash"},
    {GET HOST ":path|a\n", "400 :path does not begin with a slash"},
    {GET HOST ":path|?a\n", "400 :path does not begin with a slash"},
    {GET HOST ":path|/a b\n", "400 invalid byte in the request target"},
    {GET HOST ":path|/ HTTP/1.1\r\n", "malformed: control character in a field value"},
    {GET HOST ":path|/a\tb\n", "400 invalid byte in the request target"},
    {GET HOST ":path| /\n", "400 invalid byte in the request target"},
    {GET HOST ":path|/\xc3\xa4\n", "400 invalid byte in the request target"},
    {GET HOST ":path|/\x7f\n", "malformed: control character in a field value"},
    {GET HOST ":path|/3456789012345678901234567890123\n", "valid"},
    {GET HOST ":path|/34567890123456789012345678901234\n", "414 request target too long"},
};

START_TEST(targets)
{
    const struct head_case *test = &TARGETS[_i];
    ck_assert_str_eq(read_request(str_of(test->lines), true), test->result);
}
END_TEST

/* RFC 9113 section 8.3.1 */
static const struct head_case HOSTS[] = {
    {GET ":path|/\nhost|a.example\n", "valid"},
    {GET ":path|/\n", "400 no Host"},
    {OK "host|a.example\n", "valid"},
    {OK "host|A.EXAMPLE\n", "valid"},
    {OK "host|b.example\n", "400 Host differs from :authority"},
    {OK "host|a.example:443\n", "400 Host differs from :authority"},
    {OK "host|a.example\nhost|a.example\n", "400 more than one Host"},
    {GET ":path|/\n:authority|\n", "400 invalid Host"},
    {GET ":path|/\n:authority|user@a.example\n", "400 invalid Host"},
    {GET ":path|/\n:authority|user:1@a.example\n", "400 invalid Host"},
    {GET ":path|/\n:authority|a.example/x\n", "400 invalid Host"},
    {GET ":path|/\n:authority|a.example:http\n", "400 invalid Host"},
    {GET ":path|/\n:authority|a .example\n", "400 invalid Host"},
    {GET ":path|/\n:authority|a%2eexample\n", "400 invalid Host"},
    {GET ":path|/\n:authority|[::1]:8443\n", "valid"},
};

START_TEST(hosts)
{
    const struct head_case *test = &HOSTS[_i];
    ck_assert_str_eq(read_request(str_of(test->lines), true), test->result);
}
END_TEST

/* RFC 9113 sections 8.2.1 and 8.2.2 */
static const struct head_case FIELDS[] = {
    {OK "x-a|b c\td\n", "valid"},
    {OK "x-a|\xe4\n", "valid"},
    {OK "X-a|b\n", "malformed: upper case in a field name"},
    {OK "x-A|b\n", "malformed: upper case in a field name"},
    {OK "x a|b\n", "malformed: field name is not a token"},
    {OK "x:a|b\n", "malformed: field name is not a token"},
    {OK "x\r|b\n", "malformed: field name is not a token"},
    {OK "x\xe4|b\n", "malformed: field name is not a token"},
    {OK "|b\n", "malformed: field name is not a token"},
    {OK "x|b\rc\n", "malformed: control character in a field value"},
    {OK "x|b\x7f\n", "malformed: control character in a field value"},
    {OK "x| b\n", "malformed: white space around a field value"},
    {OK "x|b\t\n", "malformed: white space around a field value"},
    {OK "x| \n", "malformed: white space around a field value"},
    {OK "connection|close\n", "malformed: connection-specific field"},
    {OK "keep-alive|1\n", "malformed: connection-specific field"},
    {OK "proxy-connection|close\n", "malformed: connection-specific field"},
    {OK "transfer-encoding|chunked\n", "malformed: connection-specific field"},
    {OK "upgrade|h2c\n", "malformed: connection-specific field"},
    {OK "te|trailers\n", "valid"},
    {OK "te|gzip\n", "malformed: te other than trailers"},
    {OK "te|trailers, gzip\n", "malformed: te other than trailers"},
    {OK "content_length|3\n", "400 field name like a framing field's"},
    {OK "expect|100-continue\n", "valid"},
    {OK "expect|200-ok\n", "417 unknown expectation"},
    {OK "a|\nb|\nc|\nd|\ne|\n", "valid"},
    {OK "a|\nb|\nc|\nd|\ne|\nf|\n", "431 too many fields"},
};

START_TEST(fields)
{
    const struct head_case *test = &FIELDS[_i];
    ck_assert_str_eq(read_request(str_of(test->lines), true), test->result);
}
END_TEST

/* CR, LF and NUL need their lengths told. */
START_TEST(nothing_that_could_end_a_line_passes)
{
    static const char ENDS[] = {'\r', '\n', '\0'};
    for (size_t i = 0; i < sizeof ENDS; i++) {
        char value[] = {'a', ENDS[i], 'b'};
        static const char *const NAMES[] = {":method", ":path", ":authority", ":scheme", "x"};
        for (size_t k = 0; k < sizeof NAMES / sizeof NAMES[0]; k++) {
            http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
            (void)http2_head_add(&head, str_of(NAMES[k]), str_make(value, sizeof value), false);
            (void)http2_head_request(&head, true, &request);
            ck_assert_str_eq(head.malformed, "control character in a field value");
        }
        http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
        (void)http2_head_add(&head, str_make(value, sizeof value), STR("x"), false);
        ck_assert_str_eq(head.malformed, "field name is not a token");
    }
}
END_TEST

struct body_case {
    const char *lines;
    bool is_ended;
    const char *result;
    enum http_body_kind kind;
    uint64_t length;
};

/* RFC 9113 section 8.1.1, RFC 9110 section 8.6 */
static const struct body_case BODIES[] = {
    {OK, true, "valid", HTTP_BODY_NONE, 0},
    {OK, false, "valid", HTTP_BODY_CHUNKED, 0},
    {OK "content-length|0\n", true, "valid", HTTP_BODY_LENGTH, 0},
    {OK "content-length|0\n", false, "valid", HTTP_BODY_LENGTH, 0},
    {OK "content-length|7\n", false, "valid", HTTP_BODY_LENGTH, 7},
    {OK "content-length|7\n", true, "malformed: content-length does not match the body",
     HTTP_BODY_NONE, 0},
    {OK "content-length|+7\n", false, "400 invalid Content-Length", HTTP_BODY_NONE, 0},
    {OK "content-length|07\n", false, "400 invalid Content-Length", HTTP_BODY_NONE, 0},
    {OK "content-length|7, 7\n", false, "400 invalid Content-Length", HTTP_BODY_NONE, 0},
    {OK "content-length|\n", false, "400 invalid Content-Length", HTTP_BODY_NONE, 0},
    {OK "content-length|7\ncontent-length|7\n", false, "400 more than one Content-Length",
     HTTP_BODY_NONE, 0},
};

START_TEST(bodies)
{
    const struct body_case *test = &BODIES[_i];
    ck_assert_str_eq(read_request(str_of(test->lines), test->is_ended), test->result);
    if (strcmp(test->result, "valid") != 0)
        return;
    ck_assert_int_eq(request.body.kind, test->kind);
    ck_assert_uint_eq(request.body.length, test->length);
}
END_TEST

#define CONNECT   ":method|CONNECT\n"
#define WEBSOCKET CONNECT ":protocol|websocket\n" SCHEME ":path|/c\n"

/* RFC 9113 section 8.5, RFC 8441 section 4 */
static const struct head_case CONNECTS[] = {
    {CONNECT ":authority|a.example:443\n", "valid"}, /* 405 by the exchange */
    {CONNECT, "malformed: no :authority"},
    {CONNECT HOST ":path|/\n", "malformed: pseudo-header that CONNECT must not have"},
    {CONNECT HOST SCHEME, "malformed: pseudo-header that CONNECT must not have"},
    {CONNECT ":authority|user@a.example:443\n", "400 invalid Host"},
    {WEBSOCKET HOST, "valid"},
    {WEBSOCKET "host|a.example\n", "malformed: no :authority"},
    {CONNECT ":protocol|websocket\n" HOST, "malformed: no :scheme"},
    {CONNECT ":protocol|websocket\n" SCHEME HOST, "malformed: no :path"},
    {CONNECT ":protocol|connect-udp\n" SCHEME ":path|/\n" HOST,
     "501 a protocol other than websocket"},
    {CONNECT ":protocol|\n" SCHEME ":path|/\n" HOST, "501 a protocol other than websocket"},
    {OK ":protocol|websocket\n", "malformed: :protocol without CONNECT"},
    {WEBSOCKET HOST "content-length|3\n", "malformed: content-length with CONNECT"},
};

START_TEST(connects)
{
    const struct head_case *test = &CONNECTS[_i];
    ck_assert_str_eq(read_request(str_of(test->lines), false), test->result);
}
END_TEST

START_TEST(the_target_of_connect_is_its_authority)
{
    ck_assert_str_eq(read_request(STR(CONNECT ":authority|a.example:443\n"), false), "valid");
    ck_assert(str_equal(request.target, STR("a.example:443")));
    ck_assert(request.method_id == HTTP_CONNECT && request.protocol.len == 0);
}
END_TEST

/* RFC 9113 section 8.2.3 */
START_TEST(crumbs_become_one_cookie_and_count_as_one)
{
    ck_assert_str_eq(read_request(STR(OK "cookie|a=1\nx|y\ncookie|b=2\ncookie|\ncookie|c=3\n"
                                         "p|\nq|\nr|\n"),
                                  true),
                     "valid");
    const struct http_field *cookie = http_fields_find(&request.fields, STR("cookie"));
    ck_assert(str_equal(cookie->value, STR("a=1; b=2; ; c=3")));
    ck_assert_uint_eq(request.fields.count, 6);
}
END_TEST

START_TEST(crumbs_without_end_are_refused)
{
    http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
    add_lines(STR(OK));
    for (size_t i = 0; i < 25; i++)
        ck_assert(http2_head_add(&head, STR("cookie"), STR(""), true));
    ck_assert_str_eq(outcome_of(http2_head_request(&head, true, &request)), "valid");
    http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
    add_lines(STR(OK));
    for (size_t i = 0; i < 26; i++)
        ck_assert(http2_head_add(&head, STR("cookie"), STR(""), true));
    ck_assert_str_eq(outcome_of(http2_head_request(&head, true, &request)), "431 too many fields");
}
END_TEST

static bool add_bytes(size_t count)
{
    static char bytes[4096];
    memset(bytes, 'x', sizeof bytes);
    return http2_head_add(&head, STR("x"), str_make(bytes, count), false);
}

START_TEST(a_head_is_as_long_as_http1_would_write_it)
{
    /* "GET / HTTP/1.1", its CRLF and the empty line; "x: ", the value, CRLF; :scheme's five. */
    size_t rest = 512 - sizeof "GET / HTTP/1.1\r\n\r\n" + 1 - sizeof "https" + 1 -
                  sizeof "a.example" + 1 - sizeof "x: \r\n" + 1;
    http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
    add_lines(STR(OK));
    ck_assert(add_bytes(rest));
    ck_assert_str_eq(outcome_of(http2_head_request(&head, true, &request)), "valid");
    http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
    add_lines(STR(OK));
    ck_assert(add_bytes(rest + 1));
    ck_assert_str_eq(outcome_of(http2_head_request(&head, true, &request)), "431 head too long");
    ck_assert(str_equal(request.target, STR("/")));
}
END_TEST

START_TEST(a_head_far_beyond_its_limit_is_told_apart)
{
    http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
    ck_assert(add_bytes(4000));
    ck_assert(!add_bytes(1000));
}
END_TEST

/* The parts that are missing because the rest was cut off are no fault of their own. */
START_TEST(a_head_that_begins_too_long_is_refused_not_reset)
{
    http2_head_begin(&head, HTTP2_REQUEST, &LIMITS, &arena);
    add_lines(STR(":method|GET\n"));
    static char path[600];
    memset(path, '/', sizeof path);
    (void)http2_head_add(&head, STR(":path"), str_make(path, sizeof path), false);
    add_lines(STR(SCHEME HOST));
    ck_assert_str_eq(outcome_of(http2_head_request(&head, true, &request)),
                     "414 request target too long");
    ck_assert(str_equal(request.method, STR("GET")) && request.target.len == 0);
}
END_TEST

static const struct head_case TRAILERS[] = {
    {"x-sum|1\n", "valid"},
    {"", "valid"},
    {":path|/\n", "malformed: pseudo-header in trailers"},
    {":x|/\n", "malformed: pseudo-header in trailers"},
    {"content-length|1\n", "malformed: framing field in trailers"},
    {"host|a\n", "malformed: framing field in trailers"},
    {"transfer-encoding|chunked\n", "malformed: connection-specific field"},
    {"X|1\n", "malformed: upper case in a field name"},
    {"a|\nb|\nc|\nd|\ne|\nf|\ng|\n", "malformed: too many fields"},
};

START_TEST(trailers)
{
    const struct head_case *test = &TRAILERS[_i];
    http2_head_begin(&head, HTTP2_TRAILERS, &LIMITS, &arena);
    add_lines(str_of(test->lines));
    ck_assert_str_eq(outcome_of(http2_head_trailers(&head, true)), test->result);
}
END_TEST

START_TEST(trailers_end_the_stream)
{
    http2_head_begin(&head, HTTP2_TRAILERS, &LIMITS, &arena);
    ck_assert_str_eq(outcome_of(http2_head_trailers(&head, false)),
                     "malformed: trailers that do not end the stream");
}
END_TEST

struct response_case {
    const char *lines;
    enum http_method method;
    bool is_ended;
    const char *result;
    enum http_body_kind kind;
};

/* RFC 9113 section 8.3.2, RFC 9110 section 6.4.1 */
static const struct response_case RESPONSES[] = {
    {":status|200\n", HTTP_GET, false, "valid", HTTP_BODY_CHUNKED},
    {":status|200\n", HTTP_GET, true, "valid", HTTP_BODY_NONE},
    {":status|200\ncontent-length|3\n", HTTP_GET, false, "valid", HTTP_BODY_LENGTH},
    {":status|200\ncontent-length|3\n", HTTP_HEAD, true, "valid", HTTP_BODY_NONE},
    {":status|304\ncontent-length|3\n", HTTP_GET, true, "valid", HTTP_BODY_NONE},
    {":status|204\n", HTTP_GET, true, "valid", HTTP_BODY_NONE},
    {":status|103\nlink|x\n", HTTP_GET, false, "valid", HTTP_BODY_NONE},
    {":status|103\n", HTTP_GET, true, "malformed: an interim response that ends the stream", 0},
    {":status|101\n", HTTP_GET, false, "malformed: 101 in HTTP/2", 0},
    {":status|200\ncontent-length|3\n", HTTP_GET, true,
     "malformed: content-length does not match the body", 0},
    {"x|y\n", HTTP_GET, true, "malformed: no :status", 0},
    {":status|20\n", HTTP_GET, true, "malformed: malformed status code", 0},
    {":status|600\n", HTTP_GET, true, "malformed: malformed status code", 0},
    {":status|2 0\n", HTTP_GET, true, "malformed: malformed status code", 0},
    {":status|200\n:status|200\n", HTTP_GET, true, "malformed: repeated pseudo-header", 0},
    {":status|200\n:path|/\n", HTTP_GET, true, "malformed: unknown pseudo-header", 0},
    {":status|200\nconnection|close\n", HTTP_GET, true, "malformed: connection-specific field", 0},
    {":status|200\na|\nb|\nc|\nd|\ne|\nf|\ng|\n", HTTP_GET, true, "malformed: too many fields", 0},
};

START_TEST(responses)
{
    const struct response_case *test = &RESPONSES[_i];
    struct http_response response;
    http2_head_begin(&head, HTTP2_RESPONSE, &LIMITS, &arena);
    add_lines(str_of(test->lines));
    ck_assert_str_eq(
        outcome_of(http2_head_response(&head, test->method, test->is_ended, &response)),
        test->result);
    if (strcmp(test->result, "valid") == 0)
        ck_assert_int_eq(response.body.kind, test->kind);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof(table)[0])

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http2_head");
    TCase *tcase = tcase_create("core");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, pseudo_headers, 0, COUNT(PSEUDO_HEADERS));
    tcase_add_loop_test(tcase, targets, 0, COUNT(TARGETS));
    tcase_add_loop_test(tcase, hosts, 0, COUNT(HOSTS));
    tcase_add_loop_test(tcase, fields, 0, COUNT(FIELDS));
    tcase_add_test(tcase, nothing_that_could_end_a_line_passes);
    tcase_add_loop_test(tcase, bodies, 0, COUNT(BODIES));
    tcase_add_loop_test(tcase, connects, 0, COUNT(CONNECTS));
    tcase_add_test(tcase, the_target_of_connect_is_its_authority);
    tcase_add_test(tcase, crumbs_become_one_cookie_and_count_as_one);
    tcase_add_test(tcase, crumbs_without_end_are_refused);
    tcase_add_test(tcase, a_head_is_as_long_as_http1_would_write_it);
    tcase_add_test(tcase, a_head_far_beyond_its_limit_is_told_apart);
    tcase_add_test(tcase, a_head_that_begins_too_long_is_refused_not_reset);
    tcase_add_loop_test(tcase, trailers, 0, COUNT(TRAILERS));
    tcase_add_test(tcase, trailers_end_the_stream);
    tcase_add_loop_test(tcase, responses, 0, COUNT(RESPONSES));
    suite_add_tcase(suite, tcase);
    return suite;
}
