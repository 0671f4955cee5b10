/* SPDX-License-Identifier: MIT */
#include "http2/http2_conn.h"

void http2_stream_set_user(struct http2_stream *stream, void *user)
{
    stream->user = user;
}

void *http2_stream_user(const struct http2_stream *stream)
{
    return stream->user;
}

int32_t http2_stream_id(const struct http2_stream *stream)
{
    return stream->id;
}

void http2_stream_reset(struct http2_stream *stream, enum http2_error error)
{
    struct http2_conn *conn = stream->conn;
    if (stream->is_gone)
        conn->has_gone = true;
    else if (!conn->is_ended)
        (void)nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream->id, error);
    http2_stream_let_go(stream);
}

void http2_stream_forget(struct http2_stream *stream)
{
    struct http2_conn *conn = stream->conn;
    if (!stream->is_sent || !stream->is_ended) {
        http2_stream_reset(stream, HTTP2_CANCEL);
        return;
    }
    conn->has_gone = conn->has_gone || stream->is_gone;
    http2_stream_let_go(stream);
}

void http2_stream_accept_body(struct http2_stream *stream)
{
    stream->takes_body = true;
    http2_stream_offer_kept(stream);
}

void http2_stream_discard_body(struct http2_stream *stream)
{
    struct http2_conn *conn = stream->conn;
    stream->drops_body = true;
    stream->body = (struct http_body_framing){.kind = HTTP_BODY_CHUNKED};
    if (stream->kept.len > 0 && !conn->is_ended)
        (void)nghttp2_session_consume(conn->session, stream->id, stream->kept.len);
    http2_queue_clear(&stream->kept, conn->pool);
}

uint64_t http2_stream_blocked_since(const struct http2_stream *stream)
{
    return stream->blocked_since;
}

bool http2_stream_has_pending_body(const struct http2_stream *stream)
{
    return stream->kept.len > 0;
}

uint64_t http2_stream_bytes_received(const struct http2_stream *stream)
{
    return stream->received;
}

uint64_t http2_stream_bytes_sent(const struct http2_stream *stream)
{
    return stream->sent;
}
