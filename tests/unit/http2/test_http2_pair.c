/* Our client against our server: long bodies both ways, read and written in odd pieces.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "http2/http2_client.h"
#include "http2/http2_server.h"
#include "unit/unit.h"

#define STREAMS    20
#define BODY_BYTES ((size_t)700000)

struct side {
    struct http2_stream *stream;
    size_t sent;
    size_t received;
    bool is_ended;
    bool is_closed;
};

static struct buf_pool pool;
static struct http2_server *server;
static struct http2_client *client;
static struct side clients[STREAMS];
static struct side servers[STREAMS];
static struct arena arenas[2 * STREAMS];
static size_t begun;
static uint32_t random_state;

static uint32_t dice(uint32_t sides)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 16) % sides;
}

static char byte_at(size_t stream, size_t offset)
{
    return (char)(stream * 31 + offset % 253);
}

static void end_side(struct side *side, size_t index)
{
    struct http_field field = {STR("x-sum"), STR("1")};
    struct http_fields trailers = {&field, 1, 1};
    http2_stream_end(side->stream, index % 2 == 0 ? &trailers : NULL);
}

/* A response that ended first would cut off the request. */
static bool may_end(const struct side *side)
{
    return side >= clients && side < clients + STREAMS ? true : side->is_ended;
}

static void send_some(struct side *side, size_t index)
{
    char part[5000];
    size_t len = 1 + dice(sizeof part);
    while (side->stream != NULL && side->sent < BODY_BYTES) {
        len = len < BODY_BYTES - side->sent ? len : BODY_BYTES - side->sent;
        for (size_t i = 0; i < len; i++)
            part[i] = byte_at(index, side->sent + i);
        size_t taken = http2_stream_send_body(side->stream, str_make(part, len));
        side->sent += taken;
        if (taken < len)
            return;
    }
    if (side->stream != NULL && may_end(side))
        end_side(side, index);
}

static size_t take(struct side *side, size_t index, struct str data)
{
    size_t len = dice(4) == 0 ? dice((uint32_t)data.len + 1) : data.len;
    for (size_t i = 0; i < len; i++) { /* Check writes a file at each assertion */
        if (data.ptr[i] != byte_at(index, side->received + i))
            ck_abort_msg("byte %zu of stream %zu", side->received + i, index);
    }
    side->received += len;
    return len;
}

static size_t index_of(const struct http2_stream *stream)
{
    return (size_t)http2_stream_id(stream) / 2;
}

/* ---- the server's owner ---- */

static void on_request(void *owner, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request)
{
    (void)owner;
    struct side *side = &servers[index_of(stream)];
    ck_assert(request->body.kind == HTTP_BODY_CHUNKED);
    arenas[STREAMS + index_of(stream)] = *arena;
    side->stream = stream;
    struct http_response response = {.status = 200, .body = {.kind = HTTP_BODY_CHUNKED}};
    http2_stream_respond(stream, &response);
    send_some(side, index_of(stream));
}

static size_t on_server_body(void *owner, struct http2_stream *stream, struct str data)
{
    (void)owner;
    return take(&servers[index_of(stream)], index_of(stream), data);
}

static void on_server_end(void *owner, struct http2_stream *stream,
                          const struct http_fields *trailers)
{
    (void)owner;
    ck_assert_uint_eq(trailers->count, index_of(stream) % 2 == 0);
    servers[index_of(stream)].is_ended = true;
    send_some(&servers[index_of(stream)], index_of(stream));
}

static void on_server_closed(void *owner, struct http2_stream *stream, uint32_t error,
                             const char *detail)
{
    (void)owner;
    ck_assert(error == HTTP2_NO_ERROR && detail == NULL);
    servers[index_of(stream)].is_closed = true;
    servers[index_of(stream)].stream = NULL;
}

static void on_server_writable(void *owner, struct http2_stream *stream)
{
    (void)owner;
    send_some(&servers[index_of(stream)], index_of(stream));
}

static const struct http2_server_ops SERVER_OPS = {
    .request = on_request,
    .body = on_server_body,
    .end = on_server_end,
    .closed = on_server_closed,
    .writable = on_server_writable,
};

/* ---- the client's owner ---- */

static void on_response(void *owner, struct http2_stream *stream,
                        const struct http_response *response)
{
    (void)owner;
    (void)stream;
    ck_assert_uint_eq(response->status, 200);
}

static size_t on_client_body(void *owner, struct http2_stream *stream, struct str data)
{
    (void)owner;
    return take(&clients[index_of(stream)], index_of(stream), data);
}

static void on_client_end(void *owner, struct http2_stream *stream,
                          const struct http_fields *trailers)
{
    (void)owner;
    ck_assert_uint_eq(trailers->count, index_of(stream) % 2 == 0);
    clients[index_of(stream)].is_ended = true;
}

static void on_client_closed(void *owner, struct http2_stream *stream, uint32_t error,
                             const char *detail)
{
    (void)owner;
    ck_assert(error == HTTP2_NO_ERROR && detail == NULL);
    clients[index_of(stream)].is_closed = true;
    clients[index_of(stream)].stream = NULL;
}

static void on_client_writable(void *owner, struct http2_stream *stream)
{
    (void)owner;
    send_some(&clients[index_of(stream)], index_of(stream));
}

static void begin_requests(void)
{
    static const struct http_fields NO_FIELDS = {0};
    while (begun < STREAMS && http2_client_room(client) > 0) {
        struct http2_request request = {
            .method = STR("POST"),
            .method_id = HTTP_POST,
            .scheme = STR("https"),
            .authority = STR("b.example"),
            .path = STR("/"),
            .fields = &NO_FIELDS,
            .has_body = true,
            .arena = &arenas[begun],
        };
        arena_init(&arenas[begun], &pool);
        clients[begun].stream = http2_client_request(client, &request, NULL);
        ck_assert_uint_eq(index_of(clients[begun].stream), begun);
        send_some(&clients[begun], begun);
        begun++;
    }
}

static void on_room(void *owner)
{
    (void)owner;
    begin_requests();
}

static const struct http2_client_ops CLIENT_OPS = {
    .response = on_response,
    .body = on_client_body,
    .end = on_client_end,
    .closed = on_client_closed,
    .writable = on_client_writable,
    .room = on_room,
};

/* ---- the wire ---- */

static void carry(struct buf *(*pull)(void), void (*feed)(struct str bytes))
{
    struct buf *buf = pull();
    if (buf == NULL)
        return;
    struct str rest = str_make(buf->bytes + buf->start, buf_len(buf));
    while (rest.len > 0) {
        size_t len = 1 + dice((uint32_t)rest.len);
        feed(str_make(rest.ptr, len));
        rest = str_skip(rest, len);
    }
    buf_release(&pool, buf);
}

static struct buf *pull_client(void)
{
    return http2_client_pull(client);
}

static struct buf *pull_server(void)
{
    return http2_server_pull(server);
}

static void feed_client(struct str bytes)
{
    http2_client_feed(client, bytes);
}

static void feed_server(struct str bytes)
{
    http2_server_feed(server, bytes);
}

static void accept_all(struct side *sides)
{
    for (size_t i = 0; i < STREAMS; i++) {
        if (sides[i].stream != NULL && dice(2) == 0)
            http2_stream_accept_body(sides[i].stream);
    }
}

static bool is_done(void)
{
    for (size_t i = 0; i < STREAMS; i++) {
        if (!clients[i].is_closed || !servers[i].is_closed)
            return false;
    }
    return true;
}

START_TEST(long_bodies_arrive_whole)
{
    static const struct http2_server_limits SERVER_LIMITS = {
        .target_bytes = 100,
        .header_bytes = 1000,
        .header_count = 10,
        .streams = 7,
        .stream_window = 65535,
        .connection_window = 200000,
        .websocket = true,
    };
    static const struct http2_client_limits CLIENT_LIMITS = {
        .header_bytes = 1000,
        .header_count = 10,
        .streams = 100,
        .stream_window = 100000,
        .connection_window = 150000,
    };
    random_state = (uint32_t)_i + 1;
    buf_pool_init(&pool, 64);
    server = http2_server_new(&SERVER_OPS, NULL, &SERVER_LIMITS, &pool);
    client = http2_client_new(&CLIENT_OPS, NULL, &CLIENT_LIMITS, &pool);
    for (size_t turn = 0; !is_done(); turn++) {
        ck_assert_uint_lt(turn, 1000000);
        carry(pull_client, feed_server);
        carry(pull_server, feed_client);
        accept_all(servers);
        accept_all(clients);
        ck_assert_ptr_null(http2_server_problem(server));
        ck_assert_ptr_null(http2_client_problem(client));
        /* Arenas, what waits for a window, and what was not taken of either body. */
        ck_assert_uint_le(pool.lent,
                          2 * STREAMS + 2 * 2 * 7 + 200000 / BUF_SIZE + 150000 / BUF_SIZE + 2 * 7);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        ck_assert(clients[i].is_ended && servers[i].is_ended);
        ck_assert_uint_eq(clients[i].received, BODY_BYTES);
        ck_assert_uint_eq(servers[i].received, BODY_BYTES);
    }
    http2_client_free(client);
    http2_server_free(server);
    for (size_t i = 0; i < 2 * STREAMS; i++)
        arena_clear(&arenas[i]);
    buf_pool_clear(&pool);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http2_pair");
    TCase *tcase = tcase_create("core");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, long_bodies_arrive_whole, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
