/* The opening handshake of WebSocket: RFC 6455 sections 1.3 and 4.2, RFC 9110 section 7.8.
 *
 * SPDX-License-Identifier: MIT */
#include "http/http1_parse.h"
#include "http/tunnel_upgrade.h"
#include "unit/unit.h"

#define KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define HEAD    "GET /chat HTTP/1.1\r\nHost: a\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define NAMED   "Sec-WebSocket-Key: " KEY "\r\n"

static struct buf_pool pool;
static struct arena arena;

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

static struct str key_of(const char *text)
{
    struct http1_limits limits = {.target_bytes = 1000, .field_count = 20};
    struct http_request request;
    ck_assert_int_eq(http1_parse_request(str_of(text), &limits, &arena, &request), HTTP1_VALID);
    return tunnel_upgrade_key(&request);
}

START_TEST(takes_the_handshakes_of_the_rfc_and_of_browsers)
{
    static const char *const WANTED[] = {
        HEAD UPGRADE NAMED "\r\n",
        HEAD "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n" NAMED "\r\n",
        HEAD "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n" NAMED "\r\n",
        HEAD "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: x\r\nConnection: Upgrade\r\n" NAMED
             "\r\n",
    };
    for (size_t i = 0; i < sizeof WANTED / sizeof *WANTED; i++)
        ck_assert_msg(str_equal(key_of(WANTED[i]), STR(KEY)), "%zu", i);
}
END_TEST

START_TEST(takes_nothing_else)
{
    static const char *const OTHERS[] = {
        HEAD "\r\n",
        HEAD NAMED "\r\n",
        HEAD UPGRADE "\r\n",
        HEAD UPGRADE NAMED NAMED "\r\n",
        HEAD "Upgrade: websocket\r\n" NAMED "\r\n",
        HEAD "Connection: Upgrade\r\n" NAMED "\r\n",
        HEAD "Upgrade: websocket2\r\nConnection: Upgrade\r\n" NAMED "\r\n",
        HEAD "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n" NAMED "\r\n",
        HEAD UPGRADE NAMED "Content-Length: 0\r\n\r\n",
        HEAD UPGRADE NAMED "Transfer-Encoding: chunked\r\n\r\n",
        HEAD UPGRADE "Sec-WebSocket-Key:\r\n\r\n",
        HEAD UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n",
        HEAD UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n\r\n",
        HEAD UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=a\r\n\r\n",
        HEAD UPGRADE "Sec-WebSocket-Key: dGhlIHNhbX\x80ZSBub25jZQ==\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n" UPGRADE NAMED "\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n" UPGRADE NAMED "\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE NAMED "\r\n",
    };
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        ck_assert_msg(key_of(OTHERS[i]).len == 0, "%zu", i);
}
END_TEST

START_TEST(computes_the_accept_of_the_rfc)
{
    char accept[TUNNEL_ACCEPT_SIZE];
    tunnel_upgrade_accept(STR(KEY), accept);
    ck_assert_str_eq(accept, ACCEPT);
}
END_TEST

#define ANSWER   "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPTED "Sec-WebSocket-Accept: " ACCEPT "\r\n"

static const char *problem_of(const char *text)
{
    struct http1_limits limits = {.field_count = 20};
    struct http_response response;
    ck_assert_int_eq(http1_parse_response(str_of(text), &limits, HTTP_GET, &arena, &response),
                     HTTP1_VALID);
    return tunnel_upgrade_problem(&response, STR(KEY));
}

START_TEST(believes_a_101_only_with_everything_it_needs)
{
    static const char *const INVALID[] = {
        "HTTP/1.0 101 Switching Protocols\r\n" UPGRADE ACCEPTED "\r\n",
        ANSWER UPGRADE "\r\n",
        ANSWER ACCEPTED "\r\n",
        ANSWER "Upgrade: websocket\r\n" ACCEPTED "\r\n",
        ANSWER "Connection: Upgrade\r\n" ACCEPTED "\r\n",
        ANSWER "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPTED "\r\n",
        ANSWER "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n" ACCEPTED "\r\n",
        ANSWER UPGRADE "Upgrade: websocket\r\n" ACCEPTED "\r\n",
        ANSWER UPGRADE ACCEPTED ACCEPTED "\r\n",
        ANSWER UPGRADE "Sec-WebSocket-Accept: s3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n\r\n",
        ANSWER UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n\r\n",
        ANSWER UPGRADE ACCEPTED "Content-Length: 0\r\n\r\n",
        ANSWER UPGRADE ACCEPTED "Transfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof INVALID / sizeof *INVALID; i++)
        ck_assert_msg(problem_of(INVALID[i]) != NULL, "%zu", i);
    ck_assert_ptr_null(problem_of(ANSWER UPGRADE ACCEPTED "\r\n"));
    ck_assert_ptr_null(problem_of(
        ANSWER "upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n" ACCEPTED "\r\n"));
}
END_TEST

/* RFC 8441 section 5 */
START_TEST(a_connect_becomes_an_opening_handshake_with_a_new_key)
{
    struct http_request request = {.method = STR("CONNECT"),
                                   .method_id = HTTP_CONNECT,
                                   .minor = 1,
                                   .protocol = STR("websocket"),
                                   .body = {.kind = HTTP_BODY_CHUNKED}};
    http_fields_add(&request.fields, &arena, STR("sec-websocket-key"), STR(KEY));
    http_fields_add(&request.fields, &arena, STR("sec-websocket-version"), STR("13"));
    struct http_request other = request;
    other.fields = (struct http_fields){0};
    ck_assert(tunnel_upgrade_from_connect(&request, &arena));
    ck_assert(tunnel_upgrade_from_connect(&other, &arena));
    struct str key = tunnel_upgrade_key(&request);
    ck_assert_uint_eq(key.len, 24);
    ck_assert(!str_equal(key, STR(KEY)));
    ck_assert(!str_equal(key, tunnel_upgrade_key(&other)));
    ck_assert(str_equal(request.method, STR("GET")));
    ck_assert(str_equal(http_fields_find(&request.fields, STR("Sec-WebSocket-Version"))->value,
                        STR("13")));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tunnel_upgrade");
    TCase *tcase = tcase_create("tunnel_upgrade");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, takes_the_handshakes_of_the_rfc_and_of_browsers);
    tcase_add_test(tcase, takes_nothing_else);
    tcase_add_test(tcase, a_connect_becomes_an_opening_handshake_with_a_new_key);
    tcase_add_test(tcase, computes_the_accept_of_the_rfc);
    tcase_add_test(tcase, believes_a_101_only_with_everything_it_needs);
    suite_add_tcase(suite, tcase);
    return suite;
}
