/* http2_stream.h - one request and its response, seen from either side of a connection.
 *
 * A stream ends with the call-back `closed` or with http2_stream_reset() or http2_stream_forget(),
 * whichever is first: after that its pointer is dangling and nothing is called for it any more.
 * Ours is the message that goes out, theirs the one that comes: response and request on the
 * server's side, request and response on the client's.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_STREAM_H
#define PROXY_HTTP2_HTTP2_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "http/message.h"
#include "http2/http2_error.h"

struct http2_stream;

/* Bytes of our body that wait in a stream for the peer's window or for the socket. */
#define HTTP2_QUEUE_MAX BUF_SIZE

/* The owner's own pointer to go with it; NULL at first. */
void http2_stream_set_user(struct http2_stream *stream, void *user);
void *http2_stream_user(const struct http2_stream *stream);
int32_t http2_stream_id(const struct http2_stream *stream);

/* Offers bytes of our body; returns how many were taken. Fewer than all: `writable` tells when to
 * offer the rest. */
MUST_USE size_t http2_stream_send_body(struct http2_stream *stream, struct str data);
/* Our body is complete. trailers: NULL, or fields whose bytes stay until the stream is closed or
 * reset. On the server's side see `answered` for a request that is not complete by then. */
void http2_stream_end(struct http2_stream *stream, const struct http_fields *trailers);
/* Ends the stream at once; neither `closed` nor anything else is called for it. */
void http2_stream_reset(struct http2_stream *stream, enum http2_error error);
/* The owner has no use for it any more: http2_stream_reset() with CANCEL, unless both messages are
 * complete and ours was sent. */
void http2_stream_forget(struct http2_stream *stream);
/* Offers what is kept of their body, in call-backs, and from now on what comes. */
void http2_stream_accept_body(struct http2_stream *stream);
/* What is kept and what comes of their body is dropped; nothing is told of it any more. */
void http2_stream_discard_body(struct http2_stream *stream);

/* For deadlines. Since when the peer has not taken what waits for it (a shut window, or a socket
 * that takes nothing; clock_monotonic_ms); every byte taken starts anew; 0: nothing waits. */
uint64_t http2_stream_blocked_since(const struct http2_stream *stream);
/* Bytes of their body that were not taken are kept here. */
bool http2_stream_has_pending_body(const struct http2_stream *stream);
/* Bytes of its HEADERS and DATA frames. */
uint64_t http2_stream_bytes_received(const struct http2_stream *stream);
uint64_t http2_stream_bytes_sent(const struct http2_stream *stream);

#endif
