/* micro_http.c - heads read and written, routes, lines of the access log.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "access/route.h"
#include "base/mem.h"
#include "base/text.h"
#include "clients/client.h"
#include "engine/snapshot_load.h"
#include "exchange/exchange.h"
#include "forward/headers.h"
#include "http/http1_parse.h"
#include "http/http1_write.h"
#include "micro.h"
#include "observe/access_log.h"

#define CURL                                                        \
    "GET /orders/42?page=2 HTTP/1.1\r\nHost: server.bench.test\r\n" \
    "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
#define BROWSER_FIELDS                                                                        \
    "GET /orders/42?page=2 HTTP/1.1\r\nHost: server.bench.test\r\nConnection: keep-alive\r\n" \
    "Cache-Control: max-age=0\r\nUpgrade-Insecure-Requests: 1\r\n"                            \
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "     \
    "Chrome/130.0.0.0 Safari/537.36\r\n"                                                      \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"    \
    "*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n"                \
    "Sec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n"                                      \
    "Sec-CH-UA: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"                         \
    "Sec-CH-UA-Mobile: ?0\r\nSec-CH-UA-Platform: \"Linux\"\r\n"                               \
    "Referer: https://server.bench.test/orders?page=1\r\n"                                    \
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n"
#define COOKIES                                                                          \
    "Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; " \
    "theme=dark; consent=eyJ2IjoxLCJhIjpbMSwyLDNdLCJ0IjoxNzYzODMxMDEzfQ; cart=3; "       \
    "analytics=GA1.2.1234567890.1763831013; last=/orders/41\r\n"
#define RESPONSE                                                                  \
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 17:03:33 GMT\r\n" \
    "Content-Type: application/json\r\nContent-Length: 5120\r\n"                  \
    "Connection: keep-alive\r\nCache-Control: private, max-age=60\r\n"            \
    "ETag: \"5f1e3a2b-1400\"\r\nVary: Accept-Encoding\r\n"                        \
    "X-Content-Type-Options: nosniff\r\n\r\n"

static const struct str HEADS[] = {STR_INIT(CURL), STR_INIT(BROWSER_FIELDS "\r\n"),
                                   STR_INIT(BROWSER_FIELDS COOKIES "\r\n")};
static const struct http1_limits LIMITS = {.target_bytes = 8192, .field_count = 100};

/* ---- reading ------------------------------------------------------------------------------ */

struct reading {
    struct buf_pool pool;
    struct arena arena;
    struct str head;
};

static void *prepare_reading(struct micro_world *world, const struct micro_case *self)
{
    (void)world;
    struct reading *reading = xcalloc(1, sizeof *reading);
    buf_pool_init(&reading->pool, 4);
    arena_init(&reading->arena, &reading->pool);
    reading->head = HEADS[self->parameter];
    return reading;
}

static void run_request(void *state, unsigned times)
{
    struct reading *reading = state;
    for (unsigned i = 0; i < times; i++) {
        struct http1_scan scan = {0};
        struct http_request request;
        size_t len = 0;
        micro_begin();
        bool is_read =
            http1_scan_head(&scan, reading->head.ptr, reading->head.len, &len) == HTTP1_SCAN_END &&
            http1_parse_request(str_make(reading->head.ptr, len), &LIMITS, &reading->arena,
                                &request) == HTTP1_VALID;
        arena_clear(&reading->arena);
        micro_end();
        MICRO_REQUIRE(is_read);
    }
}

static void run_response(void *state, unsigned times)
{
    static const struct str HEAD = STR_INIT(RESPONSE);
    struct reading *reading = state;
    for (unsigned i = 0; i < times; i++) {
        struct http1_scan scan = {0};
        struct http_response response;
        size_t len = 0;
        micro_begin();
        bool is_read = http1_scan_head(&scan, HEAD.ptr, HEAD.len, &len) == HTTP1_SCAN_END &&
                       http1_parse_response(str_make(HEAD.ptr, len), &LIMITS, HTTP_GET,
                                            &reading->arena, &response) == HTTP1_VALID;
        arena_clear(&reading->arena);
        micro_end();
        MICRO_REQUIRE(is_read);
    }
}

static void clear_reading(void *state)
{
    struct reading *reading = state;
    arena_clear(&reading->arena);
    buf_pool_clear(&reading->pool);
    free(reading);
}

/* ---- writing ------------------------------------------------------------------------------ */

struct writing {
    struct micro_server *server;
    struct exchange x;
    struct http_response response;
    struct arena arena; /* what was parsed */
};

/* An exchange of a client that is connected, at the moment its heads are made. */
static void *prepare_writing(struct micro_world *world, const struct micro_case *self)
{
    static const struct str ANSWER = STR_INIT(RESPONSE);
    struct writing *writing = xcalloc(1, sizeof *writing);
    writing->server = micro_server_new(world);
    micro_server_connect(writing->server, &(struct micro_visit){&world->client, 3, false});
    struct engine *engine = micro_server_engine(writing->server);
    struct exchange *x = &writing->x;
    arena_init(&writing->arena, &engine->buffers);
    arena_init(&x->arena, &engine->buffers);
    MICRO_REQUIRE(http1_parse_request(HEADS[self->parameter], &LIMITS, &writing->arena,
                                      &x->request) == HTTP1_VALID &&
                  uri_parse_target(x->request.target, HTTP_GET, false, &writing->arena, &x->uri) ==
                      URI_VALID &&
                  http1_parse_response(ANSWER, &LIMITS, HTTP_GET, &writing->arena,
                                       &writing->response) == HTTP1_VALID);
    x->engine = engine;
    x->connection = &engine->clients->connection;
    x->site = x->connection->tls_site;
    x->place = &x->site->places[0];
    x->user = "BENCH\\client";
    x->shows_certificate = true;
    x->upstream_path = x->uri.path;
    engine_request_id(engine, x->id);
    return writing;
}

static void run_upstream_head(void *state, unsigned times)
{
    struct writing *writing = state;
    struct exchange *x = &writing->x;
    for (unsigned i = 0; i < times; i++) {
        micro_begin();
        headers_for_upstream(x, STR("127.0.0.1:8080"));
        struct str head = http1_write_request_head(&x->arena, x->request.method, x->upstream_target,
                                                   &x->upstream_fields);
        arena_clear(&x->arena);
        micro_end();
        MICRO_REQUIRE(head.len > 0);
    }
}

static void run_client_head(void *state, unsigned times)
{
    struct writing *writing = state;
    struct exchange *x = &writing->x;
    for (unsigned i = 0; i < times; i++) {
        micro_begin();
        headers_for_client(x, &writing->response);
        struct str head = http1_write_response_head(&x->arena, x->response.status,
                                                    x->response.reason, &x->response.fields);
        arena_clear(&x->arena);
        micro_end();
        MICRO_REQUIRE(head.len > 0);
    }
}

static void clear_writing(void *state)
{
    struct writing *writing = state;
    arena_clear(&writing->x.arena);
    arena_clear(&writing->arena);
    micro_server_disconnect(writing->server);
    micro_server_free(writing->server);
    free(writing);
}

/* ---- routes and logs ---------------------------------------------------------------------- */

struct sites {
    struct snapshot *snapshot;
    struct str host; /* of the last site */
    char *name;
    struct text line;
};

static void *prepare_sites(struct micro_world *world, const struct micro_case *self)
{
    struct sites *sites = xcalloc(1, sizeof *sites);
    struct text yaml = {0};
    struct error_list errors = {0};
    text_add_cstr(&yaml, "sites:\n");
    for (unsigned i = 0; i < self->parameter; i++)
        text_addf(&yaml,
                  "  - name: site%u\n"
                  "    hosts: [site%u.bench.test]\n"
                  "    bindings: [\"http://127.0.0.1:8080\"]\n"
                  "    upstream: echo\n"
                  "    locations: [ { path: /orders }, { path: /static } ]\n",
                  i, i);
    sites->snapshot = snapshot_new(micro_config(world, text_str(&yaml)), NULL, &errors);
    MICRO_REQUIRE(sites->snapshot != NULL);
    errors_clear(&errors);
    text_clear(&yaml);
    sites->name = xasprintf("site%u.bench.test", self->parameter - 1);
    sites->host = str_of(sites->name);
    return sites;
}

static void run_route(void *state, unsigned times)
{
    struct sites *sites = state;
    const struct snapshot_binding *binding = &sites->snapshot->bindings[0];
    for (unsigned i = 0; i < times; i++) {
        micro_begin();
        const struct snapshot_site *site = route_site(binding, sites->host);
        const struct snapshot_access *place = route_location(site, STR("/orders/42"));
        micro_end();
        MICRO_REQUIRE(place == &site->places[1] || place == &site->places[2]);
    }
}

static void run_log(void *state, unsigned times)
{
    struct sites *sites = state;
    struct access_record record = {
        .wall_s = NOW,
        .wall_ms = NOW * 1000,
        .site = STR("bench"),
        .computer = STR("host"),
        .server_ip = STR("192.0.2.1"),
        .method = STR("GET"),
        .uri_stem = STR("/orders/42"),
        .uri_query = STR("page=2"),
        .user = STR("BENCH\\client"),
        .client_ip = STR("192.0.2.77"),
        .user_agent = STR("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"),
        .referer = STR("https://server.bench.test/orders?page=1"),
        .host = STR("server.bench.test"),
        .http_minor = 1,
        .server_port = 443,
        .status = 200,
        .bytes_sent = 5500,
        .bytes_received = 800,
        .time_taken_ms = 3,
    };
    for (unsigned i = 0; i < times; i++) {
        micro_begin();
        text_reset(&sites->line);
        access_log_line(sites->snapshot->access_fields, false, &record, &sites->line);
        micro_end();
        MICRO_REQUIRE(sites->line.len > 0);
    }
}

static void clear_sites(void *state)
{
    struct sites *sites = state;
    snapshot_free(sites->snapshot);
    text_clear(&sites->line);
    free(sites->name);
    free(sites);
}

const struct micro_case micro_http_cases[] = {
    {"read_curl", "request head read, as curl sends it", 50, 0, prepare_reading, run_request,
     clear_reading},
    {"read_browser", "request head read, as a browser sends it", 50, 1, prepare_reading,
     run_request, clear_reading},
    {"read_cookies", "the same with cookies", 50, 2, prepare_reading, run_request, clear_reading},
    {"read_response", "response head read", 50, 0, prepare_reading, run_response, clear_reading},
    {"write_request", "request head made for the origin, browser's with cookies, identity added",
     50, 2, prepare_writing, run_upstream_head, clear_writing},
    {"write_response", "response head made for the client", 50, 0, prepare_writing, run_client_head,
     clear_writing},
    {"route_1", "site and location found, 1 site", 50, 1, prepare_sites, run_route, clear_sites},
    {"route_1000", "the same of 1,000 sites", 50, 1000, prepare_sites, run_route, clear_sites},
    {"log_line", "line of the access log, default columns", 50, 1, prepare_sites, run_log,
     clear_sites},
};
const size_t micro_http_case_count = sizeof micro_http_cases / sizeof micro_http_cases[0];
