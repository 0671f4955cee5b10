/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "http/http1_parse.h"
#include "http2/http2_server_private.h"

/* What ends nghttp2's work on the input at once; http2_server_end() was called. */
#define STOP NGHTTP2_ERR_CALLBACK_FAILURE

static struct http2_stream *stream_of(struct http2_server *server, int32_t id)
{
    return nghttp2_session_get_stream_user_data(server->session, id);
}

/* ---- frames that are not messages ------------------------------------------------------------ */

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *arg)
{
    (void)session;
    (void)frame;
    struct http2_server *server = arg;
    server->invalid = nghttp2_strerror(error);
    return 0;
}

/* ---- the body of a request ---------------------------------------------------------------- */

static void tell_end(struct http2_stream *stream)
{
    const struct http2_server *server = stream->server;
    if (stream->is_end_told || !stream->is_handed_over)
        return;
    stream->is_end_told = true;
    if (stream->body.kind != HTTP_BODY_NONE && !stream->drops_body)
        server->ops->end(server->owner, stream, &stream->trailers);
    arena_clear(&stream->arena);
    stream->trailers = (struct http_fields){0};
}

static void request_ended(struct http2_stream *stream)
{
    /* RFC 9113 section 8.1.1 */
    if (stream->body.kind == HTTP_BODY_LENGTH && stream->body_bytes != stream->body.length)
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, "content-length does not match the body");
    else if (stream->kept.len == 0)
        tell_end(stream);
}

/* What the owner takes opens the windows again. He may reset the stream in the call. */
static size_t offer(struct http2_stream *stream, struct str data)
{
    const struct http2_server *server = stream->server;
    size_t taken = server->ops->body(server->owner, stream, data);
    assert(taken <= data.len);
    if (taken < data.len)
        stream->takes_body = false;
    if (taken > 0 && stream->is_handed_over && !server->is_ended)
        (void)nghttp2_session_consume(server->session, stream->id, taken);
    return taken;
}

void http2_stream_offer_kept(struct http2_stream *stream)
{
    while (stream->is_handed_over && stream->takes_body && stream->kept.len > 0) {
        struct str data = http2_queue_first(&stream->kept);
        size_t taken = offer(stream, data);
        if (stream->is_handed_over)
            http2_queue_drop(&stream->kept, stream->server->pool, taken);
    }
    if (stream->is_handed_over && stream->is_ended && stream->kept.len == 0)
        tell_end(stream);
}

static bool is_too_large(const struct http2_stream *stream)
{
    uint64_t most = stream->server->limits.body_bytes;
    return most > 0 && stream->body_bytes > most;
}

static void take_body(struct http2_stream *stream, struct str data)
{
    struct http2_server *server = stream->server;
    stream->body_bytes += data.len;
    if (stream->body.kind == HTTP_BODY_LENGTH && stream->body_bytes > stream->body.length) {
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, "content-length does not match the body");
        (void)nghttp2_session_consume_connection(server->session, data.len);
        return;
    }
    if (!stream->drops_body && is_too_large(stream)) {
        http2_stream_discard_body(stream);
        server->ops->failed(server->owner, stream, http1_reason_outcome(HTTP1_BODY_TOO_LARGE),
                            http1_reason_text(HTTP1_BODY_TOO_LARGE));
    }
    if (!stream->is_handed_over || stream->drops_body) {
        (void)nghttp2_session_consume(server->session, stream->id, data.len);
        return;
    }
    size_t taken = stream->takes_body ? offer(stream, data) : 0;
    if (!stream->is_handed_over)
        (void)nghttp2_session_consume_connection(server->session, data.len);
    else
        http2_queue_put(&stream->kept, server->pool, str_skip(data, taken));
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    (void)flags;
    struct http2_server *server = arg;
    struct http2_stream *stream = stream_of(server, id);
    if (stream == NULL || !stream->is_handed_over)
        (void)nghttp2_session_consume_connection(session, len);
    else
        take_body(stream, str_make((const char *)bytes, len));
    return server->is_ended ? STOP : 0;
}

/* ---- header blocks ------------------------------------------------------------------------ */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http2_server *server = arg;
    int32_t id = frame->hd.stream_id;
    bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    struct http2_stream *stream = is_request ? http2_stream_new(server, id) : stream_of(server, id);
    if (is_request)
        (void)nghttp2_session_set_stream_user_data(session, id, stream);
    else if (stream == NULL || !stream->is_handed_over || stream->is_ended)
        return 0;
    server->block = stream;
    server->block_since = server->now_ms;
    stream->head = arena_alloc(&stream->arena, sizeof *stream->head);
    http2_head_begin(stream->head, is_request ? HTTP2_REQUEST : HTTP2_TRAILERS,
                     &server->head_limits, &stream->arena);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    (void)session;
    (void)frame;
    (void)flags;
    struct http2_server *server = arg;
    if (server->block == NULL)
        return 0;
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
    nghttp2_vec v = nghttp2_rcbuf_get_buf(value);
    if (http2_head_add(server->block->head, str_make((const char *)n.base, n.len),
                       str_make((const char *)v.base, v.len), nghttp2_rcbuf_is_static(name) != 0))
        return 0;
    http2_server_end(server, HTTP2_ENHANCE_YOUR_CALM, "header list far beyond its limit");
    return STOP;
}

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
    (void)nghttp2_session_change_extpri_stream_priority(stream->server->session, stream->id,
                                                        &priority, 0);
}

static void hand_over(struct http2_stream *stream, const struct http_request *request,
                      const struct http2_head *head, bool is_valid)
{
    struct http2_server *server = stream->server;
    struct arena arena = stream->arena;
    arena_init(&stream->arena, server->pool);
    stream->body = request->body;
    stream->is_handed_over = true;
    server->handed_over++;
    if (is_valid) {
        http2_budget_began_request(&server->budget);
        server->ops->request(server->owner, stream, &arena, request);
        return;
    }
    http2_stream_discard_body(stream);
    server->ops->refused(server->owner, stream, &arena, request, head->refused, head->detail);
}

static void request_complete(struct http2_stream *stream, bool is_ended)
{
    struct http2_server *server = stream->server;
    struct http2_head *head = stream->head;
    struct http_request request;
    stream->head = NULL;
    stream->is_ended = is_ended;
    enum http2_head_result result = http2_head_request(head, is_ended, &request);
    if (result == HTTP2_HEAD_MALFORMED) {
        server->ops->malformed(server->owner, stream->id, head->malformed);
        http2_stream_fail(stream, HTTP2_PROTOCOL_ERROR, head->malformed);
        return;
    }
    if (head->priority.ptr != NULL)
        set_priority(stream, head->priority);
    hand_over(stream, &request, head, result == HTTP2_HEAD_VALID);
    if (is_ended && stream->is_handed_over)
        request_ended(stream);
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
    request_ended(stream);
}

static void headers_complete(struct http2_server *server, const nghttp2_frame *frame)
{
    struct http2_stream *stream = server->block;
    if (stream == NULL)
        return;
    server->block = NULL;
    server->block_since = 0;
    bool is_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    stream->received += FRAME_HEAD + frame->hd.length;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_complete(stream, is_ended);
    else
        trailers_complete(stream, is_ended);
}

/* ---- frames ------------------------------------------------------------------------------- */

static void data_complete(struct http2_server *server, const nghttp2_frame *frame)
{
    struct http2_stream *stream = stream_of(server, frame->hd.stream_id);
    bool is_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    /* Padding alone is as empty. */
    if (!is_ended && frame->hd.length > 0 && frame->data.padlen >= frame->hd.length &&
        http2_server_is_flooded(server, HTTP2_EMPTY_FRAMES))
        return;
    if (stream == NULL)
        return;
    stream->is_ended = is_ended;
    stream->received += FRAME_HEAD + frame->hd.length;
    if (is_ended && stream->is_handed_over)
        request_ended(stream);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct http2_server *server = arg;
    struct http2_stream *stream;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        headers_complete(server, frame);
        break;
    case NGHTTP2_DATA:
        data_complete(server, frame);
        break;
    case NGHTTP2_RST_STREAM:
        stream = stream_of(server, frame->hd.stream_id);
        if (stream != NULL)
            stream->is_reset_by_peer = true;
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && server->is_draining)
            http2_server_drain_now(server);
        break;
    case NGHTTP2_GOAWAY:
        server->peer_error = frame->goaway.error_code;
        break;
    default:
        break;
    }
    return server->is_ended ? STOP : 0;
}

static const char *close_detail(const struct http2_stream *stream, uint32_t error)
{
    if (stream->is_reset_by_peer)
        return "reset by the peer";
    if (error == NGHTTP2_NO_ERROR && stream->is_out_ended)
        return NULL;
    const char *invalid = stream->server->invalid;
    return invalid == NULL ? "the stream broke off" : invalid;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *arg)
{
    (void)session;
    struct http2_stream *stream = stream_of(arg, id);
    if (stream == NULL)
        return 0;
    http2_stream_close(stream, error, close_detail(stream, error));
    http2_stream_free(stream);
    return 0;
}

void http2_server_set_input(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
