/* SPDX-License-Identifier: MIT */
#include "http2/http2_server.h"

#include <stdlib.h>

#include "base/mem.h"
#include "http2/http2_conn.h"

struct http2_server {
    struct http2_conn conn; /* first: what the common call-backs get is this */
    const struct http2_server_ops *ops;
};

static struct http2_server *server_of(struct http2_conn *conn)
{
    return (struct http2_server *)conn;
}

/* ---- requests ----------------------------------------------------------------------------- */

/* RFC 9218 section 4: "u=0" to "u=7" and "i" are all there is; what is wrong is not there. */
static void set_priority(struct http2_stream *stream, struct str value)
{
    nghttp2_extpri priority = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY};
    struct str part = {NULL, 0};
    while (str_split(&value, ',', &part)) {
        part = str_trim(part);
        if (part.len == 3 && str_starts_with(part, STR("u=")) && part.ptr[2] >= '0' &&
            part.ptr[2] <= '7')
            priority.urgency = (uint32_t)(part.ptr[2] - '0');
        else if (str_equal(part, STR("i")) || str_equal(part, STR("i=?1")))
            priority.inc = 1;
        else if (str_equal(part, STR("i=?0")))
            priority.inc = 0;
    }
    (void)nghttp2_session_change_extpri_stream_priority(stream->conn->session, stream->id,
                                                        &priority, 0);
}

static void hand_over(struct http2_stream *stream, const struct http_request *request,
                      const struct http2_head *head, bool is_valid)
{
    struct http2_server *server = server_of(stream->conn);
    void *owner = server->conn.owner;
    struct arena arena = stream->own;
    arena_init(&stream->own, server->conn.pool);
    stream->has_head = true;
    stream->body = request->body;
    stream->is_tunnel = request->protocol.len > 0;
    http2_stream_own(stream);
    if (is_valid) {
        http2_budget_began_request(&server->conn.budget);
        server->ops->request(owner, stream, &arena, request);
        return;
    }
    http2_stream_discard_body(stream);
    server->ops->refused(owner, stream, &arena, request, head->refused, head->detail);
}

static struct http2_stream *begin_head(struct http2_conn *conn, const nghttp2_frame *frame)
{
    bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    int32_t id = frame->hd.stream_id;
    struct http2_stream *stream;
    if (is_request) {
        stream = http2_stream_new(conn);
        stream->id = id;
        (void)nghttp2_session_set_stream_user_data(conn->session, id, stream);
    } else {
        stream = http2_conn_stream(conn, id);
        if (stream == NULL || !stream->is_owned || stream->is_ended)
            return NULL;
    }
    http2_stream_begin_head(stream, is_request ? HTTP2_REQUEST : HTTP2_TRAILERS);
    return stream;
}

static void request_complete(struct http2_stream *stream, bool is_ended)
{
    const struct http2_server *server = server_of(stream->conn);
    struct http2_head *head = stream->head;
    struct http_request request;
    stream->head = NULL;
    stream->is_ended = is_ended;
    enum http2_head_result result = http2_head_request(head, is_ended, &request);
    if (result == HTTP2_HEAD_MALFORMED) {
        server->ops->malformed(server->conn.owner, stream->id, head->malformed);
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, head->malformed);
        return;
    }
    if (head->priority.ptr != NULL)
        set_priority(stream, head->priority);
    hand_over(stream, &request, head, result == HTTP2_HEAD_VALID);
    if (is_ended && stream->is_owned)
        http2_stream_ended(stream);
}

/* ---- responses ---------------------------------------------------------------------------- */

static size_t make_head(struct http2_stream *stream, const struct http_response *response,
                        uint8_t flags)
{
    nghttp2_nv *nva = http2_conn_room_for(stream->conn, response->fields.count + 1);
    for (int i = 2, rest = (int)response->status; i >= 0; i--, rest /= 10)
        stream->status[i] = (char)('0' + rest % 10);
    nva[0] = http2_field(STR(":status"), str_make(stream->status, 3), flags);
    return 1 + http2_add_fields(nva + 1, &response->fields, flags);
}

void http2_stream_interim(struct http2_stream *stream, const struct http_response *response)
{
    struct http2_conn *conn = stream->conn;
    if (conn->is_ended || stream->is_begun)
        return;
    size_t count = make_head(stream, response, NGHTTP2_NV_FLAG_NONE);
    (void)nghttp2_submit_headers(conn->session, NGHTTP2_FLAG_NONE, stream->id, NULL, conn->nva,
                                 count, NULL);
}

void http2_stream_respond(struct http2_stream *stream, const struct http_response *response)
{
    struct http2_conn *conn = stream->conn;
    if (conn->is_ended || stream->is_begun)
        return;
    stream->is_begun = true;
    stream->has_no_body = response->body.kind == HTTP_BODY_NONE ||
                          (response->body.kind == HTTP_BODY_LENGTH && response->body.length == 0);
    stream->is_out_ended = stream->has_no_body;
    size_t count = make_head(stream, response, NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    nghttp2_data_provider provider = http2_stream_provider(stream);
    (void)nghttp2_submit_response(conn->session, stream->id, conn->nva, count,
                                  stream->has_no_body ? NULL : &provider);
}

static void response_sent(struct http2_stream *stream)
{
    const struct http2_server *server = server_of(stream->conn);
    http2_budget_answered(&stream->conn->budget);
    if (!stream->is_ended && stream->is_owned) {
        http2_stream_discard_body(stream);
        server->ops->answered(server->conn.owner, stream);
    }
}

/* ---- beginning and end -------------------------------------------------------------------- */

static void on_pong(struct http2_conn *conn)
{
    if (conn->is_draining)
        http2_server_drain_now(server_of(conn));
}

struct http2_server *http2_server_new(const struct http2_server_ops *ops, void *owner,
                                      const struct http2_server_limits *limits,
                                      struct buf_pool *pool)
{
    struct http2_server *server = xcalloc(1, sizeof *server);
    /* RFC 9113 section 6.5.2 counts 32 bytes more a field than HTTP/1.1 needs to write it. */
    size_t list_bytes = limits->header_bytes + limits->header_count * 32;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)list_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    size_t settings_count = sizeof settings / sizeof settings[0] - !limits->websocket;
    server->ops = ops;
    server->conn.role = (struct http2_role){
        .body = ops->body,
        .end = ops->end,
        .failed = ops->failed,
        .closed = ops->closed,
        .writable = ops->writable,
        .begin_head = begin_head,
        .head_complete = request_complete,
        .pong = on_pong,
        .sent = response_sent,
        .is_server = true,
    };
    server->conn.owner = owner;
    server->conn.pool = pool;
    server->conn.body_bytes_max = limits->body_bytes;
    server->conn.stream_window = limits->stream_window;
    server->conn.spare_window = limits->connection_window / 2;
    server->conn.head_limits = (struct http2_head_limits){
        .target_bytes = limits->target_bytes,
        .header_bytes = limits->header_bytes,
        .header_count = limits->header_count,
    };
    http2_conn_init(&server->conn, settings, settings_count, limits->connection_window);
    return server;
}

void http2_server_free(struct http2_server *server)
{
    if (server == NULL)
        return;
    http2_conn_clear(&server->conn);
    free(server);
}

void http2_server_drain(struct http2_server *server)
{
    struct http2_conn *conn = &server->conn;
    if (conn->is_draining || conn->is_ended)
        return;
    conn->is_draining = true;
    (void)nghttp2_submit_shutdown_notice(conn->session);
}

void http2_server_drain_now(struct http2_server *server)
{
    struct http2_conn *conn = &server->conn;
    if (conn->is_last_goaway_sent || conn->is_ended)
        return;
    conn->is_draining = true;
    conn->is_last_goaway_sent = true;
    (void)nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(conn->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

/* ---- the connection ----------------------------------------------------------------------- */

void http2_server_feed(struct http2_server *server, struct str bytes)
{
    http2_conn_feed(&server->conn, bytes);
}

struct buf *http2_server_pull(struct http2_server *server)
{
    return http2_conn_pull(&server->conn);
}

bool http2_server_has_output(const struct http2_server *server)
{
    return http2_conn_has_output(&server->conn);
}

void http2_server_end(struct http2_server *server, enum http2_error error, const char *detail)
{
    http2_conn_end(&server->conn, error, detail);
}

bool http2_server_is_over(const struct http2_server *server)
{
    return http2_conn_is_over(&server->conn);
}

const char *http2_server_problem(const struct http2_server *server)
{
    return server->conn.problem;
}

enum http2_error http2_server_error(const struct http2_server *server)
{
    return server->conn.error;
}

uint32_t http2_server_peer_error(const struct http2_server *server)
{
    return server->conn.peer_error;
}

size_t http2_server_streams(const struct http2_server *server)
{
    return server->conn.owned;
}

uint64_t http2_server_head_since(const struct http2_server *server)
{
    return server->conn.block_since;
}
