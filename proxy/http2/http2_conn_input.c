/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "http/http1_parse.h"
#include "http2/http2_conn.h"

/* Enough for 20 MB a second over 50 ms. */
#define WINDOW_MAX (UINT32_C(1024) * 1024)
/* What ends nghttp2's work on the input at once; http2_conn_end() was called. */
#define STOP NGHTTP2_ERR_CALLBACK_FAILURE

struct http2_stream *http2_conn_stream(struct http2_conn *conn, int32_t id)
{
    return nghttp2_session_get_stream_user_data(conn->session, id);
}

/* ---- frames that are not messages ------------------------------------------------------------ */

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *arg)
{
    (void)session;
    (void)frame;
    struct http2_conn *conn = arg;
    conn->invalid = nghttp2_strerror(error);
    return 0;
}

/* ---- their body ---------------------------------------------------------------- */

static void tell_end(struct http2_stream *stream)
{
    const struct http2_conn *conn = stream->conn;
    if (stream->is_end_told || !stream->is_owned)
        return;
    stream->is_end_told = true;
    /* A server's owner knows of a request without a body that nothing follows. */
    bool is_known = conn->role.is_server && stream->body.kind == HTTP_BODY_NONE;
    if (!is_known && !stream->drops_body)
        conn->role.end(conn->owner, stream, &stream->trailers);
    if (!stream->is_owned)
        return;
    arena_clear(&stream->own);
    stream->trailers = (struct http_fields){0};
}

void http2_stream_ended(struct http2_stream *stream)
{
    /* RFC 9113 section 8.1.1 */
    if (stream->body.kind == HTTP_BODY_LENGTH && stream->body_bytes != stream->body.length)
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, "content-length does not match the body");
    else if (stream->kept.len == 0)
        tell_end(stream);
}

/* A window is as much as comes in the time of a round trip: the owner who takes all that comes gets
 * a larger one, while there is one to be had. */
static void widen(struct http2_stream *stream)
{
    struct http2_conn *conn = stream->conn;
    uint32_t more = stream->window;
    if (stream->kept.len > 0 || stream->body_bytes < 2 * (uint64_t)stream->window ||
        stream->window >= WINDOW_MAX || more > conn->spare_window)
        return;
    conn->spare_window -= more;
    stream->window += more;
    (void)nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, stream->id,
                                                (int32_t)stream->window);
}

/* What the owner takes opens the windows again. He may reset the stream in the call. */
static size_t offer(struct http2_stream *stream, struct str data)
{
    const struct http2_conn *conn = stream->conn;
    size_t taken = conn->role.body(conn->owner, stream, data);
    assert(taken <= data.len);
    if (taken < data.len)
        stream->takes_body = false;
    if (taken == 0 || !stream->is_owned || conn->is_ended)
        return taken;
    (void)nghttp2_session_consume(conn->session, stream->id, taken);
    if (taken == data.len && !stream->is_ended)
        widen(stream);
    return taken;
}

void http2_stream_offer_kept(struct http2_stream *stream)
{
    while (stream->is_owned && stream->takes_body && stream->kept.len > 0) {
        struct str data = http2_queue_first(&stream->kept);
        size_t taken = offer(stream, data);
        if (stream->is_owned)
            http2_queue_drop(&stream->kept, stream->conn->pool, taken);
    }
    if (!stream->is_owned || !stream->is_ended || stream->kept.len > 0)
        return;
    tell_end(stream);
    if (!stream->is_gone || !stream->is_owned)
        return;
    stream->conn->has_gone = true;
    http2_stream_close(stream, HTTP2_NO_ERROR, NULL);
}

static bool is_too_large(const struct http2_stream *stream)
{
    uint64_t most = stream->conn->body_bytes_max;
    return most > 0 && stream->body_bytes > most && !stream->is_tunnel;
}

static const char *body_problem(const struct http2_stream *stream)
{
    if (!stream->has_head)
        return "a body before its head";
    if (stream->body.kind == HTTP_BODY_NONE)
        return "a body where there must be none";
    if (stream->body.kind == HTTP_BODY_LENGTH && stream->body_bytes > stream->body.length)
        return "content-length does not match the body";
    return NULL;
}

static void take_body(struct http2_stream *stream, struct str data)
{
    struct http2_conn *conn = stream->conn;
    stream->body_bytes += data.len;
    const char *problem = body_problem(stream);
    if (problem != NULL) {
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, problem);
        (void)nghttp2_session_consume_connection(conn->session, data.len);
        return;
    }
    if (!stream->drops_body && is_too_large(stream)) {
        http2_stream_discard_body(stream);
        conn->role.failed(conn->owner, stream, http1_reason_outcome(HTTP1_BODY_TOO_LARGE),
                          http1_reason_text(HTTP1_BODY_TOO_LARGE));
    }
    if (!stream->is_owned || stream->drops_body) {
        (void)nghttp2_session_consume(conn->session, stream->id, data.len);
        return;
    }
    size_t taken = stream->takes_body ? offer(stream, data) : 0;
    if (!stream->is_owned)
        (void)nghttp2_session_consume_connection(conn->session, data.len);
    else
        http2_queue_put(&stream->kept, conn->pool, str_skip(data, taken));
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    (void)flags;
    struct http2_conn *conn = arg;
    struct http2_stream *stream = http2_conn_stream(conn, id);
    if (stream == NULL || !stream->is_owned)
        (void)nghttp2_session_consume_connection(session, len);
    else
        take_body(stream, str_make((const char *)bytes, len));
    return conn->is_ended ? STOP : 0;
}

/* ---- header blocks ------------------------------------------------------------------------ */

void http2_stream_begin_head(struct http2_stream *stream, enum http2_head_kind kind)
{
    bool is_trailers = kind == HTTP2_TRAILERS;
    struct arena *arena = stream->arena == NULL || is_trailers ? &stream->own : stream->arena;
    stream->head = arena_alloc(arena, sizeof *stream->head);
    http2_head_begin(stream->head, kind, &stream->conn->head_limits, arena);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct http2_conn *conn = arg;
    conn->block = conn->role.begin_head(conn, frame);
    conn->block_since = conn->block == NULL ? 0 : conn->now_ms;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    (void)session;
    (void)frame;
    (void)flags;
    struct http2_conn *conn = arg;
    if (conn->block == NULL)
        return 0;
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
    nghttp2_vec v = nghttp2_rcbuf_get_buf(value);
    if (http2_head_add(conn->block->head, str_make((const char *)n.base, n.len),
                       str_make((const char *)v.base, v.len), nghttp2_rcbuf_is_static(name) != 0))
        return 0;
    http2_conn_end(conn, HTTP2_ENHANCE_YOUR_CALM, "header list far beyond its limit");
    return STOP;
}

static void trailers_complete(struct http2_stream *stream, bool is_ended)
{
    struct http2_head *head = stream->head;
    stream->head = NULL;
    stream->is_ended = is_ended;
    if (http2_head_trailers(head, is_ended) == HTTP2_HEAD_MALFORMED) {
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, head->malformed);
        return;
    }
    stream->trailers = head->fields;
    http2_stream_ended(stream);
}

static void headers_complete(struct http2_conn *conn, const nghttp2_frame *frame)
{
    struct http2_stream *stream = conn->block;
    if (stream == NULL)
        return;
    conn->block = NULL;
    conn->block_since = 0;
    bool is_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    stream->received += FRAME_HEAD + frame->hd.length;
    if (stream->head->kind == HTTP2_TRAILERS)
        trailers_complete(stream, is_ended);
    else
        conn->role.head_complete(stream, is_ended);
}

/* ---- frames ------------------------------------------------------------------------------- */

static void data_complete(struct http2_conn *conn, const nghttp2_frame *frame)
{
    struct http2_stream *stream = http2_conn_stream(conn, frame->hd.stream_id);
    bool is_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    /* Padding alone is as empty. */
    if (!is_ended && frame->hd.length > 0 && frame->data.padlen >= frame->hd.length &&
        http2_conn_is_flooded(conn, HTTP2_EMPTY_FRAMES))
        return;
    if (stream == NULL)
        return;
    stream->is_ended = is_ended;
    stream->received += FRAME_HEAD + frame->hd.length;
    if (is_ended && stream->is_owned)
        http2_stream_ended(stream);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct http2_conn *conn = arg;
    struct http2_stream *stream;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        headers_complete(conn, frame);
        break;
    case NGHTTP2_DATA:
        data_complete(conn, frame);
        break;
    case NGHTTP2_RST_STREAM:
        stream = http2_conn_stream(conn, frame->hd.stream_id);
        if (stream != NULL)
            stream->is_reset_by_peer = true;
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            conn->is_confirmed = conn->has_room = true;
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
            conn->role.pong(conn);
        break;
    case NGHTTP2_GOAWAY:
        conn->is_goaway_received = true;
        conn->peer_error = frame->goaway.error_code;
        break;
    default:
        break;
    }
    return conn->is_ended ? STOP : 0;
}

/* NULL: all that there was to send and to receive. */
static const char *close_detail(const struct http2_stream *stream, uint32_t error)
{
    if (stream->conn->role.is_server
            ? error == NGHTTP2_NO_ERROR && stream->is_out_ended && !stream->is_reset_by_peer
            : stream->is_end_told)
        return NULL;
    if (stream->is_reset_by_peer)
        return "reset by the peer";
    const char *invalid = stream->conn->invalid;
    return invalid == NULL ? "the stream broke off" : invalid;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *arg)
{
    (void)session;
    struct http2_stream *stream = http2_conn_stream(arg, id);
    if (stream == NULL)
        return 0;
    /* Both messages are complete, but the owner has not taken all of theirs. */
    stream->is_gone = !stream->conn->role.is_server && stream->is_owned && stream->is_ended &&
                      !stream->is_end_told && !stream->drops_body;
    stream->conn->has_room = true;
    if (stream->is_gone) {
        stream->conn->open--;
        return 0;
    }
    http2_stream_close(stream, error, close_detail(stream, error));
    http2_stream_free(stream);
    return 0;
}

void http2_conn_set_input(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
