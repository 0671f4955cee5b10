/* micro_http2.c - what a request costs in the HTTP/2 layer: frames read, request judged, response
 * and body into frames. No TLS, no upstream.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "http2/http2_client.h"
#include "http2/http2_server.h"
#include "micro.h"

#define STREAMS 100

static const struct http2_server_limits SERVER_LIMITS = {
    .target_bytes = 8192,
    .header_bytes = 32768,
    .header_count = 100,
    .streams = STREAMS,
    .stream_window = HTTP2_STREAM_WINDOW,
    .connection_window = HTTP2_CONNECTION_WINDOW,
};
static const struct http2_client_limits CLIENT_LIMITS = {
    .header_bytes = 32768,
    .header_count = 100,
    .streams = STREAMS,
    .stream_window = HTTP2_STREAM_WINDOW,
    .connection_window = HTTP2_CONNECTION_WINDOW,
};
#define FIELD(name, value)              \
    {                                   \
        STR_INIT(name), STR_INIT(value) \
    }
static const struct http_field REQUEST_FIELDS[] = {
    FIELD("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                        "Chrome/130.0.0.0 Safari/537.36"),
    FIELD("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    FIELD("accept-encoding", "gzip, deflate, br"),
    FIELD("accept-language", "en-US,en;q=0.9"),
    FIELD("referer", "https://server.bench.test/orders?page=1"),
    FIELD("cookie", "session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
};
static const struct http_field RESPONSE_FIELDS[] = {
    FIELD("Content-Type", "application/json"),
    FIELD("Cache-Control", "private, max-age=60"),
    FIELD("Vary", "Accept-Encoding"),
    FIELD("Date", "Sun, 22 Nov 2026 17:03:33 GMT"),
    FIELD("Content-Length", "200"),
};

struct pair {
    struct buf_pool pool;
    struct http2_server *server;
    struct http2_client *client;
    struct http_field request_fields[sizeof REQUEST_FIELDS / sizeof REQUEST_FIELDS[0]];
    struct http_field response_fields[sizeof RESPONSE_FIELDS / sizeof RESPONSE_FIELDS[0]];
    struct arena arena; /* of the client's responses */
    size_t answered;
};

/* ---- the server's owner ------------------------------------------------------------------- */

struct asked { /* in its own arena */
    struct arena arena;
};

static void on_request(void *owner, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request)
{
    static const char body[200];
    struct pair *pair = owner;
    struct asked *asked = arena_alloc(arena, sizeof *asked);
    MICRO_REQUIRE(request->method_id == HTTP_GET);
    asked->arena = *arena;
    http2_stream_set_user(stream, asked);
    struct http_response response = {.status = 200};
    response.body = (struct http_body_framing){HTTP_BODY_LENGTH, sizeof body};
    response.fields.items = pair->response_fields;
    response.fields.count = sizeof RESPONSE_FIELDS / sizeof RESPONSE_FIELDS[0];
    http2_stream_respond(stream, &response);
    MICRO_REQUIRE(http2_stream_send_body(stream, str_make(body, sizeof body)) == sizeof body);
    http2_stream_end(stream, NULL);
}

static void on_server_closed(void *owner, struct http2_stream *stream, uint32_t error,
                             const char *detail)
{
    (void)owner;
    (void)error;
    const struct asked *asked = http2_stream_user(stream);
    struct arena arena = asked->arena;
    MICRO_REQUIRE(detail == NULL);
    arena_clear(&arena);
}

static const struct http2_server_ops SERVER_OPS = {
    .request = on_request,
    .closed = on_server_closed,
};

/* ---- the client's owner ------------------------------------------------------------------- */

static void on_response(void *owner, struct http2_stream *stream,
                        const struct http_response *response)
{
    (void)owner;
    (void)stream;
    MICRO_REQUIRE(response->status == 200);
}

static size_t on_client_body(void *owner, struct http2_stream *stream, struct str data)
{
    (void)owner;
    (void)stream;
    return data.len;
}

static void on_client_end(void *owner, struct http2_stream *stream,
                          const struct http_fields *trailers)
{
    (void)stream;
    (void)trailers;
    ((struct pair *)owner)->answered++;
}

static void on_client_closed(void *owner, struct http2_stream *stream, uint32_t error,
                             const char *detail)
{
    (void)owner;
    (void)stream;
    (void)error;
    MICRO_REQUIRE(detail == NULL);
}

static void on_room(void *owner)
{
    (void)owner;
}

static const struct http2_client_ops CLIENT_OPS = {
    .response = on_response,
    .body = on_client_body,
    .end = on_client_end,
    .closed = on_client_closed,
    .room = on_room,
};

/* ---- turns -------------------------------------------------------------------------------- */

static void ask(struct pair *pair)
{
    const struct http_fields fields = {pair->request_fields,
                                       sizeof REQUEST_FIELDS / sizeof REQUEST_FIELDS[0], 0};
    const struct http2_request request = {
        .method = STR("GET"),
        .method_id = HTTP_GET,
        .scheme = STR("https"),
        .authority = STR("server.bench.test"),
        .path = STR("/orders/42?page=2"),
        .fields = &fields,
        .arena = &pair->arena,
    };
    MICRO_REQUIRE(http2_client_request(pair->client, &request, NULL) != NULL);
}

/* Everything that one side has to say, as a list of buffers. */
static struct buf *pull_client(struct pair *pair)
{
    struct buf *list = NULL;
    struct buf **end = &list;
    while ((*end = http2_client_pull(pair->client)) != NULL)
        end = &(*end)->next;
    return list;
}

static struct buf *pull_server(struct pair *pair)
{
    struct buf *list = NULL;
    struct buf **end = &list;
    while ((*end = http2_server_pull(pair->server)) != NULL)
        end = &(*end)->next;
    return list;
}

static void release(struct pair *pair, struct buf *list)
{
    while (list != NULL) {
        struct buf *next = list->next;
        buf_release(&pair->pool, list);
        list = next;
    }
}

static void feed_client(struct pair *pair, struct buf *list)
{
    for (const struct buf *buf = list; buf != NULL; buf = buf->next)
        http2_client_feed(pair->client, str_make(buf->bytes + buf->start, buf_len(buf)));
    release(pair, list);
}

/* The requests of so many streams at once; what the server does with them counts. */
static void serve(struct pair *pair, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ask(pair);
    struct buf *requests = pull_client(pair);
    pair->answered = 0;
    micro_begin();
    for (const struct buf *buf = requests; buf != NULL; buf = buf->next)
        http2_server_feed(pair->server, str_make(buf->bytes + buf->start, buf_len(buf)));
    struct buf *responses = pull_server(pair);
    micro_end();
    release(pair, requests);
    feed_client(pair, responses);
    MICRO_REQUIRE(pair->answered == count);
    arena_clear(&pair->arena);
}

static void *prepare(struct micro_world *world, const struct micro_case *self)
{
    (void)world;
    (void)self;
    struct pair *pair = xcalloc(1, sizeof *pair);
    memcpy(pair->request_fields, REQUEST_FIELDS, sizeof REQUEST_FIELDS);
    memcpy(pair->response_fields, RESPONSE_FIELDS, sizeof RESPONSE_FIELDS);
    buf_pool_init(&pair->pool, 2 * STREAMS);
    arena_init(&pair->arena, &pair->pool);
    pair->server = http2_server_new(&SERVER_OPS, pair, &SERVER_LIMITS, &pair->pool);
    pair->client = http2_client_new(&CLIENT_OPS, pair, &CLIENT_LIMITS, &pair->pool);
    return pair;
}

static void run_single(void *state, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        serve(state, 1);
}

static void run_many(void *state, unsigned times)
{
    for (unsigned i = 0; i < times; i += STREAMS)
        serve(state, STREAMS);
}

static void clear(void *state)
{
    struct pair *pair = state;
    http2_client_free(pair->client);
    http2_server_free(pair->server);
    arena_clear(&pair->arena);
    buf_pool_clear(&pair->pool);
    free(pair);
}

const struct micro_case micro_http2_cases[] = {
    {"http2_request",
     "HTTP/2: frames of a request, a browser's, and of its response, one at a time", 50, 0, prepare,
     run_single, clear},
    {"http2_streams", "the same of 100 streams at once, each", 1000, 0, prepare, run_many, clear},
};
const size_t micro_http2_case_count = sizeof micro_http2_cases / sizeof micro_http2_cases[0];
