/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http2/http2_conn.h"

/* Less room than this in a buffer is not worth another frame. */
#define ROOM_MIN ((size_t)64)

static size_t room_of(const struct http2_conn *conn)
{
    return buf_room(conn->out);
}

/* ---- DATA --------------------------------------------------------------------------------- */

/* One frame with its head fills a buffer, and a buffer a TLS record. */
static ssize_t on_read_length(nghttp2_session *session, uint8_t type, int32_t id,
                              int32_t session_window, int32_t stream_window,
                              uint32_t max_frame_size, void *arg)
{
    (void)session;
    (void)type;
    (void)id;
    (void)session_window; /* nghttp2 sees to the windows */
    (void)stream_window;
    size_t room = room_of(arg) - FRAME_HEAD;
    return (ssize_t)(room < max_frame_size ? room : max_frame_size);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)bytes;
    (void)arg;
    struct http2_stream *stream = source->ptr;
    if (stream->out.len == 0 && !stream->is_out_ended) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t len = stream->out.len < room ? stream->out.len : room;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (len < stream->out.len || !stream->is_out_ended)
        return (ssize_t)len;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->trailers_out != NULL) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        (void)nghttp2_submit_trailer(session, id, stream->trailers_out, stream->trailers_out_count);
    }
    return (ssize_t)len;
}

static void list_writable(struct http2_stream *stream)
{
    struct http2_conn *conn = stream->conn;
    if (!stream->was_short || stream->is_writable_listed || stream->out.len > HTTP2_QUEUE_MAX / 2)
        return;
    stream->was_short = false;
    stream->is_writable_listed = true;
    struct http2_stream **end = &conn->writable;
    while (*end != NULL)
        end = &(*end)->next_writable;
    stream->next_writable = NULL;
    *end = stream;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t len, nghttp2_data_source *source, void *arg)
{
    (void)session;
    (void)frame;
    struct http2_conn *conn = arg;
    struct http2_stream *stream = source->ptr;
    if (room_of(conn) < FRAME_HEAD + len)
        return NGHTTP2_ERR_WOULDBLOCK;
    struct buf *out = conn->out;
    memcpy(out->bytes + out->end, head, FRAME_HEAD);
    out->end += FRAME_HEAD;
    http2_queue_take(&stream->out, conn->pool, out->bytes + out->end, len);
    out->end += len;
    stream->sent += FRAME_HEAD + len;
    stream->blocked_since = stream->out.len > 0 ? conn->now_ms : 0;
    http2_budget_sent_data(&conn->budget);
    list_writable(stream);
    return room_of(conn) < ROOM_MIN ? NGHTTP2_ERR_PAUSE : 0;
}

/* ---- heads -------------------------------------------------------------------------------- */

/* RFC 9113 section 8.2.2 */
static bool stays_behind(const struct http_field *field)
{
    if (field->name.len == 2 && str_equal_icase(field->name, STR("te")))
        return !str_equal_icase(field->value, STR("trailers"));
    return http2_is_connection_field(field->name);
}

/* nghttp2 does not write through it. */
static uint8_t *bytes_of(struct str s)
{
    return (uint8_t *)(uintptr_t)s.ptr;
}

nghttp2_nv *http2_conn_room_for(struct http2_conn *conn, size_t count)
{
    if (count > conn->nva_capacity) {
        conn->nva = xreallocarray(conn->nva, count, sizeof *conn->nva);
        conn->nva_capacity = count;
    }
    return conn->nva;
}

nghttp2_nv http2_field(struct str name, struct str value, uint8_t flags)
{
    return (nghttp2_nv){
        .name = bytes_of(name),
        .namelen = name.len,
        .value = bytes_of(value),
        .valuelen = value.len,
        .flags = flags,
    };
}

size_t http2_add_fields(nghttp2_nv *nva, const struct http_fields *fields, uint8_t flags)
{
    size_t count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (!stays_behind(field))
            nva[count++] = http2_field(field->name, field->value, flags);
    }
    return count;
}

nghttp2_data_provider http2_stream_provider(struct http2_stream *stream)
{
    return (nghttp2_data_provider){.source.ptr = stream, .read_callback = read_body};
}

/* ---- our body ------------------------------------------------------------------ */

static void resume(struct http2_stream *stream)
{
    if (!stream->is_deferred)
        return;
    stream->is_deferred = false;
    (void)nghttp2_session_resume_data(stream->conn->session, stream->id);
}

size_t http2_stream_send_body(struct http2_stream *stream, struct str data)
{
    struct http2_conn *conn = stream->conn;
    if (conn->is_ended || stream->has_no_body || stream->is_gone)
        return data.len;
    size_t room = HTTP2_QUEUE_MAX - stream->out.len;
    if (data.len > room) {
        data.len = room;
        stream->was_short = true;
    }
    if (data.len == 0)
        return 0;
    if (stream->out.len == 0)
        stream->blocked_since = clock_monotonic_ms();
    http2_queue_put(&stream->out, conn->pool, data);
    resume(stream);
    return data.len;
}

void http2_stream_end(struct http2_stream *stream, const struct http_fields *trailers)
{
    if (stream->conn->is_ended || stream->is_out_ended || stream->is_gone)
        return;
    stream->is_out_ended = true;
    if (trailers != NULL && trailers->count > 0) {
        stream->trailers_out = xcalloc(trailers->count, sizeof *stream->trailers_out);
        stream->trailers_out_count =
            http2_add_fields(stream->trailers_out, trailers, NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    }
    resume(stream);
}

/* ---- frames ------------------------------------------------------------------------------- */

static void message_sent(struct http2_stream *stream)
{
    stream->is_sent = true;
    stream->conn->role.sent(stream);
}

/* nghttp2 ended the connection itself. */
static void note_goaway(struct http2_conn *conn, const nghttp2_goaway *goaway)
{
    if (goaway->error_code == NGHTTP2_NO_ERROR || conn->is_ended)
        return;
    conn->is_ended = true;
    conn->must_close_streams = true;
    conn->error = (enum http2_error)goaway->error_code;
    if (goaway->opaque_data_len > 0) {
        size_t len = goaway->opaque_data_len < sizeof conn->reason - 1 ? goaway->opaque_data_len
                                                                       : sizeof conn->reason - 1;
        memcpy(conn->reason, goaway->opaque_data, len);
        conn->problem = conn->reason;
    } else {
        conn->problem =
            conn->invalid != NULL ? conn->invalid : http2_error_name(goaway->error_code);
    }
}

static bool is_peers_fault(uint32_t error)
{
    return error == NGHTTP2_PROTOCOL_ERROR || error == NGHTTP2_FLOW_CONTROL_ERROR ||
           error == NGHTTP2_STREAM_CLOSED || error == NGHTTP2_FRAME_SIZE_ERROR ||
           error == NGHTTP2_REFUSED_STREAM;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http2_conn *conn = arg;
    struct http2_stream *stream;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (stream == NULL)
            break;
        if (frame->hd.type == NGHTTP2_HEADERS)
            stream->sent += FRAME_HEAD + frame->hd.length;
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            message_sent(stream);
        break;
    case NGHTTP2_RST_STREAM:
        if (is_peers_fault(frame->rst_stream.error_code))
            (void)http2_conn_is_flooded(conn, HTTP2_FAULTS);
        break;
    case NGHTTP2_GOAWAY:
        note_goaway(conn, &frame->goaway);
        /* Behind the notice, so that who answers it has seen the notice. */
        if (conn->is_draining && !conn->is_last_goaway_sent)
            (void)nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL);
        break;
    default:
        break;
    }
    return 0;
}

/* A head that is too long for a block, or a stream that is closing. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *arg)
{
    (void)arg;
    struct http2_stream *stream;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat == NGHTTP2_HCAT_REQUEST ||
        error == NGHTTP2_ERR_STREAM_CLOSING || error == NGHTTP2_ERR_STREAM_CLOSED)
        return 0;
    stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream != NULL && stream->is_owned)
        http2_stream_fail(stream, HTTP2_INTERNAL_ERROR, "a head that is too long to send");
    return 0;
}

void http2_conn_set_output(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, on_read_length);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
}

/* ---- into a buffer ------------------------------------------------------------------------ */

/* Moves what fits. */
static size_t put(struct buf *out, const char *bytes, size_t len)
{
    len = len < buf_room(out) ? len : buf_room(out);
    memcpy(out->bytes + out->end, bytes, len);
    out->end += len;
    return len;
}

static void put_rest(struct http2_conn *conn)
{
    if (conn->frame_rest.len > 0)
        conn->frame_rest =
            str_skip(conn->frame_rest, put(conn->out, conn->frame_rest.ptr, conn->frame_rest.len));
}

int http2_conn_fill(struct http2_conn *conn)
{
    put_rest(conn);
    while (!conn->is_ended && room_of(conn) >= ROOM_MIN) {
        const uint8_t *bytes;
        ssize_t len = nghttp2_session_mem_send(conn->session, &bytes);
        if (len < 0)
            return (int)len;
        if (len == 0)
            break;
        conn->frame_rest = str_make((const char *)bytes, (size_t)len);
        put_rest(conn);
    }
    if (conn->frame_rest.len == 0 && conn->goaway_left > 0)
        conn->goaway_left -=
            put(conn->out, conn->goaway + GOAWAY_SIZE - conn->goaway_left, conn->goaway_left);
    return 0;
}
