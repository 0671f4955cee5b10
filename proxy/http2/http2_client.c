/* SPDX-License-Identifier: MIT */
#include "http2/http2_client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http2/http2_conn.h"

struct http2_client {
    struct http2_conn conn; /* first: what the common call-backs get is this */
    const struct http2_client_ops *ops;
    uint32_t streams_max;
    uint64_t ping_since;
};

static struct http2_client *client_of(struct http2_conn *conn)
{
    return (struct http2_client *)conn;
}

/* ---- responses ---------------------------------------------------------------------------- */

/* Before the final head everything is a head, behind it trailers (RFC 9113 section 8.1). */
static struct http2_stream *begin_head(struct http2_conn *conn, const nghttp2_frame *frame)
{
    struct http2_stream *stream = http2_conn_stream(conn, frame->hd.stream_id);
    if (stream == NULL || !stream->is_owned || stream->is_ended)
        return NULL;
    http2_stream_begin_head(stream, stream->has_head ? HTTP2_TRAILERS : HTTP2_RESPONSE);
    return stream;
}

static void response_complete(struct http2_stream *stream, bool is_ended)
{
    const struct http2_client *client = client_of(stream->conn);
    struct http2_head *head = stream->head;
    struct http_response response;
    stream->head = NULL;
    stream->is_ended = is_ended;
    if (http2_head_response(head, stream->method, is_ended, &response) != HTTP2_HEAD_VALID) {
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, head->malformed);
        return;
    }
    if (response.status < 200) {
        client->ops->interim(client->conn.owner, stream, &response);
        return;
    }
    stream->has_head = true;
    stream->body = response.body;
    client->ops->response(client->conn.owner, stream, &response);
    if (is_ended && stream->is_owned)
        http2_stream_ended(stream);
}

static void request_sent(struct http2_stream *stream)
{
    (void)stream; /* the server answers when it likes */
}

static void room_grew(struct http2_conn *conn)
{
    const struct http2_client *client = client_of(conn);
    client->ops->room(conn->owner);
}

static void on_pong(struct http2_conn *conn)
{
    client_of(conn)->ping_since = 0;
}

/* ---- requests ----------------------------------------------------------------------------- */

static bool is_host(struct str name)
{
    return str_equal_icase(name, STR("host"));
}

static size_t make_head(struct http2_conn *conn, const struct http2_request *request)
{
    const uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    const struct {
        struct str name, value;
    } pseudo[] = {
        {STR(":method"), request->method}, {STR(":protocol"), request->protocol},
        {STR(":scheme"), request->scheme}, {STR(":authority"), request->authority},
        {STR(":path"), request->path},
    };
    const size_t pseudo_count = sizeof pseudo / sizeof pseudo[0];
    nghttp2_nv *nva = http2_conn_room_for(conn, pseudo_count + request->fields->count);
    size_t count = 0;
    for (size_t i = 0; i < pseudo_count; i++) {
        if (pseudo[i].value.len > 0)
            nva[count++] = http2_field(pseudo[i].name, pseudo[i].value, flags);
    }
    size_t first = count;
    count += http2_add_fields(nva + count, request->fields, flags);
    for (size_t i = first; i < count;) {
        if (is_host(str_make((const char *)nva[i].name, nva[i].namelen)))
            nva[i] = nva[--count];
        else
            i++;
    }
    return count;
}

struct http2_stream *http2_client_request(struct http2_client *client,
                                          const struct http2_request *request, void *user)
{
    struct http2_conn *conn = &client->conn;
    if (conn->is_ended)
        return NULL;
    struct http2_stream *stream = http2_stream_new(conn);
    stream->user = user;
    stream->method = request->method_id;
    stream->arena = request->arena;
    stream->is_begun = true;
    stream->has_no_body = !request->has_body;
    stream->is_out_ended = stream->has_no_body;
    size_t count = make_head(conn, request);
    nghttp2_data_provider provider = http2_stream_provider(stream);
    stream->id = nghttp2_submit_request(conn->session, NULL, conn->nva, count,
                                        request->has_body ? &provider : NULL, stream);
    if (stream->id < 0) {
        http2_stream_free(stream);
        return NULL;
    }
    http2_stream_own(stream);
    return stream;
}

size_t http2_client_streams_max(const struct http2_client *client)
{
    uint32_t most = nghttp2_session_get_remote_settings(client->conn.session,
                                                        NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return most < client->streams_max ? most : client->streams_max;
}

size_t http2_client_room(const struct http2_client *client)
{
    if (http2_client_is_leaving(client))
        return 0;
    size_t most = http2_client_streams_max(client);
    return most > client->conn.open ? most - client->conn.open : 0;
}

bool http2_client_is_leaving(const struct http2_client *client)
{
    const struct http2_conn *conn = &client->conn;
    return conn->is_ended || conn->is_draining || conn->is_goaway_received ||
           !nghttp2_session_check_request_allowed(conn->session);
}

bool http2_client_may_connect(const struct http2_client *client)
{
    return nghttp2_session_get_remote_settings(client->conn.session,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

bool http2_client_is_confirmed(const struct http2_client *client)
{
    return client->conn.is_confirmed;
}

void http2_client_ping(struct http2_client *client)
{
    if (client->ping_since != 0 || client->conn.is_ended)
        return;
    client->ping_since = clock_monotonic_ms();
    (void)nghttp2_submit_ping(client->conn.session, NGHTTP2_FLAG_NONE, NULL);
}

uint64_t http2_client_ping_since(const struct http2_client *client)
{
    return client->ping_since;
}

/* ---- beginning and end -------------------------------------------------------------------- */

struct http2_client *http2_client_new(const struct http2_client_ops *ops, void *owner,
                                      const struct http2_client_limits *limits,
                                      struct buf_pool *pool)
{
    struct http2_client *client = xcalloc(1, sizeof *client);
    /* RFC 9113 section 6.5.2 counts 32 bytes more a field than HTTP/1.1 needs to write it. */
    size_t list_bytes = limits->header_bytes + limits->header_count * 32;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)list_bytes},
    };
    client->ops = ops;
    client->streams_max = limits->streams;
    client->conn.role = (struct http2_role){
        .body = ops->body,
        .end = ops->end,
        .closed = ops->closed,
        .writable = ops->writable,
        .begin_head = begin_head,
        .head_complete = response_complete,
        .pong = on_pong,
        .sent = request_sent,
        .room = room_grew,
    };
    client->conn.owner = owner;
    client->conn.stream_window = limits->stream_window;
    /* Streams belong to different people here: who takes nothing must not shut the window for the
     * others, so only what is left when all have theirs is lent. */
    uint64_t all = (uint64_t)limits->streams * limits->stream_window;
    client->conn.spare_window =
        limits->connection_window > all ? limits->connection_window - (uint32_t)all : 0;
    client->conn.pool = pool;
    client->conn.head_limits = (struct http2_head_limits){
        .header_bytes = limits->header_bytes,
        .header_count = limits->header_count,
    };
    http2_conn_init(&client->conn, settings, sizeof settings / sizeof settings[0],
                    limits->connection_window);
    return client;
}

void http2_client_free(struct http2_client *client)
{
    if (client == NULL)
        return;
    http2_conn_clear(&client->conn);
    free(client);
}

void http2_client_drain(struct http2_client *client)
{
    struct http2_conn *conn = &client->conn;
    if (conn->is_draining || conn->is_ended)
        return;
    conn->is_draining = true;
    conn->is_last_goaway_sent = true;
    (void)nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
}

void http2_client_feed(struct http2_client *client, struct str bytes)
{
    http2_conn_feed(&client->conn, bytes);
}

struct buf *http2_client_pull(struct http2_client *client)
{
    return http2_conn_pull(&client->conn);
}

bool http2_client_has_output(const struct http2_client *client)
{
    return http2_conn_has_output(&client->conn);
}

bool http2_client_is_over(const struct http2_client *client)
{
    return http2_conn_is_over(&client->conn);
}

void http2_client_end(struct http2_client *client, enum http2_error error, const char *detail)
{
    http2_conn_end(&client->conn, error, detail);
}

const char *http2_client_problem(const struct http2_client *client)
{
    return client->conn.problem;
}

enum http2_error http2_client_error(const struct http2_client *client)
{
    return client->conn.error;
}

uint32_t http2_client_peer_error(const struct http2_client *client)
{
    return client->conn.peer_error;
}

size_t http2_client_streams(const struct http2_client *client)
{
    return client->conn.owned;
}
