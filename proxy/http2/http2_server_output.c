/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http2/http2_server_private.h"

/* Less room than this in a buffer is not worth another frame. */
#define ROOM_MIN ((size_t)64)

static size_t room_of(const struct http2_server *server)
{
    return buf_room(server->out);
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
    struct http2_server *server = stream->server;
    if (!stream->was_short || stream->is_writable_listed || stream->out.len > HTTP2_QUEUE_MAX / 2)
        return;
    stream->was_short = false;
    stream->is_writable_listed = true;
    struct http2_stream **end = &server->writable;
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
    struct http2_server *server = arg;
    struct http2_stream *stream = source->ptr;
    if (room_of(server) < FRAME_HEAD + len)
        return NGHTTP2_ERR_WOULDBLOCK;
    struct buf *out = server->out;
    memcpy(out->bytes + out->end, head, FRAME_HEAD);
    out->end += FRAME_HEAD;
    http2_queue_take(&stream->out, server->pool, out->bytes + out->end, len);
    out->end += len;
    stream->sent += FRAME_HEAD + len;
    stream->blocked_since = stream->out.len > 0 ? server->now_ms : 0;
    http2_budget_sent_data(&server->budget);
    list_writable(stream);
    return room_of(server) < ROOM_MIN ? NGHTTP2_ERR_PAUSE : 0;
}

/* ---- heads -------------------------------------------------------------------------------- */

/* RFC 9113 section 8.2.2: they say something about a connection of HTTP/1.1. */
static bool is_connection_specific(struct str name)
{
    static const struct str NAMES[] = {
        STR_INIT("connection"),        STR_INIT("keep-alive"), STR_INIT("proxy-connection"),
        STR_INIT("transfer-encoding"), STR_INIT("upgrade"),    STR_INIT("te"),
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_equal_icase(name, NAMES[i]))
            return true;
    }
    return false;
}

/* nghttp2 does not write through it. */
static uint8_t *bytes_of(struct str s)
{
    return (uint8_t *)(uintptr_t)s.ptr;
}

static nghttp2_nv *room_for(struct http2_server *server, size_t count)
{
    if (count > server->nva_capacity) {
        server->nva = xreallocarray(server->nva, count, sizeof *server->nva);
        server->nva_capacity = count;
    }
    return server->nva;
}

/* Names are copied by nghttp2, which makes them lower case; values only when flags do not say that
 * they last. */
static size_t add_fields(nghttp2_nv *nva, const struct http_fields *fields, uint8_t flags)
{
    size_t count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (is_connection_specific(field->name))
            continue;
        nva[count++] = (nghttp2_nv){
            .name = bytes_of(field->name),
            .namelen = field->name.len,
            .value = bytes_of(field->value),
            .valuelen = field->value.len,
            .flags = flags,
        };
    }
    return count;
}

static size_t make_head(struct http2_stream *stream, const struct http_response *response,
                        uint8_t flags)
{
    nghttp2_nv *nva = room_for(stream->server, response->fields.count + 1);
    for (int i = 2, rest = (int)response->status; i >= 0; i--, rest /= 10)
        stream->status[i] = (char)('0' + rest % 10);
    nva[0] = (nghttp2_nv){
        .name = bytes_of(STR(":status")),
        .namelen = sizeof ":status" - 1,
        .value = bytes_of(str_make(stream->status, 3)),
        .valuelen = 3,
        .flags = flags,
    };
    return 1 + add_fields(nva + 1, &response->fields, flags);
}

void http2_stream_interim(struct http2_stream *stream, const struct http_response *response)
{
    struct http2_server *server = stream->server;
    if (server->is_ended || stream->is_responded)
        return;
    size_t count = make_head(stream, response, NGHTTP2_NV_FLAG_NONE);
    (void)nghttp2_submit_headers(server->session, NGHTTP2_FLAG_NONE, stream->id, NULL, server->nva,
                                 count, NULL);
}

void http2_stream_respond(struct http2_stream *stream, const struct http_response *response)
{
    struct http2_server *server = stream->server;
    if (server->is_ended || stream->is_responded)
        return;
    stream->is_responded = true;
    stream->has_no_body = response->body.kind == HTTP_BODY_NONE ||
                          (response->body.kind == HTTP_BODY_LENGTH && response->body.length == 0);
    stream->is_out_ended = stream->has_no_body;
    size_t count = make_head(stream, response, NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};
    (void)nghttp2_submit_response(server->session, stream->id, server->nva, count,
                                  stream->has_no_body ? NULL : &provider);
}

/* ---- the response's body ------------------------------------------------------------------ */

static void resume(struct http2_stream *stream)
{
    if (!stream->is_deferred)
        return;
    stream->is_deferred = false;
    (void)nghttp2_session_resume_data(stream->server->session, stream->id);
}

size_t http2_stream_send_body(struct http2_stream *stream, struct str data)
{
    struct http2_server *server = stream->server;
    if (server->is_ended || stream->has_no_body)
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
    http2_queue_put(&stream->out, server->pool, data);
    resume(stream);
    return data.len;
}

void http2_stream_end(struct http2_stream *stream, const struct http_fields *trailers)
{
    struct http2_server *server = stream->server;
    if (server->is_ended || stream->is_out_ended)
        return;
    stream->is_out_ended = true;
    if (trailers != NULL && trailers->count > 0) {
        stream->trailers_out = xcalloc(trailers->count, sizeof *stream->trailers_out);
        stream->trailers_out_count =
            add_fields(stream->trailers_out, trailers, NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    }
    resume(stream);
}

/* ---- frames ------------------------------------------------------------------------------- */

/* RFC 9113 section 8.1: a server that needs no more of the request says so. */
static void response_sent(struct http2_stream *stream)
{
    http2_budget_answered(&stream->server->budget);
    if (!stream->is_ended)
        (void)nghttp2_submit_rst_stream(stream->server->session, NGHTTP2_FLAG_NONE, stream->id,
                                        NGHTTP2_NO_ERROR);
}

/* nghttp2 ended the connection itself. */
static void note_goaway(struct http2_server *server, const nghttp2_goaway *goaway)
{
    if (goaway->error_code == NGHTTP2_NO_ERROR || server->is_ended)
        return;
    server->is_ended = true;
    server->must_close_streams = true;
    server->error = (enum http2_error)goaway->error_code;
    if (goaway->opaque_data_len > 0) {
        size_t len = goaway->opaque_data_len < sizeof server->reason - 1
                         ? goaway->opaque_data_len
                         : sizeof server->reason - 1;
        memcpy(server->reason, goaway->opaque_data, len);
        server->problem = server->reason;
    } else {
        server->problem =
            server->invalid != NULL ? server->invalid : http2_error_name(goaway->error_code);
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
    struct http2_server *server = arg;
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
            response_sent(stream);
        break;
    case NGHTTP2_RST_STREAM:
        if (is_peers_fault(frame->rst_stream.error_code))
            (void)http2_server_is_flooded(server, HTTP2_FAULTS);
        break;
    case NGHTTP2_GOAWAY:
        note_goaway(server, &frame->goaway);
        /* Behind the notice, so that who answers it has seen the notice. */
        if (server->is_draining && !server->is_last_goaway_sent)
            (void)nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL);
        break;
    default:
        break;
    }
    return 0;
}

void http2_server_set_output(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, on_read_length);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
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

static void put_rest(struct http2_server *server)
{
    if (server->frame_rest.len > 0)
        server->frame_rest = str_skip(
            server->frame_rest, put(server->out, server->frame_rest.ptr, server->frame_rest.len));
}

int http2_server_fill(struct http2_server *server)
{
    put_rest(server);
    while (!server->is_ended && room_of(server) >= ROOM_MIN) {
        const uint8_t *bytes;
        ssize_t len = nghttp2_session_mem_send(server->session, &bytes);
        if (len < 0)
            return (int)len;
        if (len == 0)
            break;
        server->frame_rest = str_make((const char *)bytes, (size_t)len);
        put_rest(server);
    }
    if (server->frame_rest.len == 0 && server->goaway_left > 0)
        server->goaway_left -= put(server->out, server->goaway + GOAWAY_SIZE - server->goaway_left,
                                   server->goaway_left);
    return 0;
}
