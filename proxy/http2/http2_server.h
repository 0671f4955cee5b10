/* http2_server.h - the server's side of one HTTP/2 connection: bytes in, requests out; responses
 * in, bytes out (RFC 9113, RFC 7541; extended CONNECT: RFC 8441; priorities: RFC 9218).
 *
 * No sockets and no timers: the owner feeds what it read and sends what it pulls. libnghttp2 does
 * framing, HPACK and flow control; what a request may look like is judged here, by the rules that
 * http/ has for HTTP/1.1, and so is what a peer may do that costs us more than it.
 *
 * When call-backs run: inside http2_server_feed(), http2_server_pull(), http2_stream_accept_body()
 * and http2_server_free(), nowhere else. A call-back may call every http2_stream_ function but
 * http2_stream_accept_body(), and http2_server_drain() and http2_server_end(); it must not feed,
 * pull or free.
 *
 * A stream begins with `request` or `refused` and ends as http2_stream.h says.
 *
 * Memory of a connection: 27 KiB, and as much again when both tables of HPACK (4 KiB by the RFC's
 * count) are full of short entries; a buffer while output is being put together. Of a stream: its
 * arena until the request is handed over (header_bytes, and what describes header_count fields), a
 * buffer of at most HTTP2_QUEUE_MAX bytes of response, and at most its window of request body that
 * the owner has not taken; those are never more than connection_window for all streams together.
 * Streams are never more than `streams`.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_SERVER_H
#define PROXY_HTTP2_HTTP2_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "http/message.h"
#include "http/outcome.h"
#include "http2/http2_error.h"
#include "http2/http2_stream.h"

struct http2_server;

struct http2_server_limits {
    size_t target_bytes; /* of :path; 414 beyond */
    size_t header_bytes; /* of a request's head, counted as HTTP/1.1 would write it; 431 beyond */
    size_t header_count; /* 431 beyond */
    uint64_t body_bytes; /* 413 beyond; 0: no limit */
    uint32_t streams;    /* open at once */
    uint32_t stream_window; /* bytes of a request body that may wait here at first, 65535 at least;
                             * more, up to 1 MiB, where all that comes is taken at once */
    uint32_t connection_window; /* the same for all streams together, 65535 at least */
    bool websocket; /* clients are told that they may send an extended CONNECT (RFC 8441); one that
                     * comes untold is handed over as well */
};
/* What suits most: 100 streams, 64 KiB of body each at first and 1 MiB together. */
#define HTTP2_STREAMS           100
#define HTTP2_STREAM_WINDOW     (UINT32_C(64) * 1024)
#define HTTP2_CONNECTION_WINDOW (UINT32_C(1024) * 1024)

struct http2_server_ops {
    /* A request, as http1_parse_request() would give it. fields begins with Host, made from
     * :authority when there was none; the others have lower-case names, cookies are joined. target
     * is :path, or :authority for CONNECT; minor is 1 and is_http2 set. The body is CHUNKED when
     * its length is not known. protocol is not empty for an extended CONNECT (RFC 8441), then
     * method is CONNECT and target a path; it is "websocket", others are refused before. The callee
     * takes over *arena (copies the struct), in which all of it lies. */
    void (*request)(void *owner, struct http2_stream *stream, struct arena *arena,
                    const struct http_request *request);
    /* A request that is answered with that outcome: what http/ would refuse on HTTP/1.1 as well.
     * Of *request method and target are set as far as they could be read. detail is static. What
     * comes of its body is dropped. */
    void (*refused)(void *owner, struct http2_stream *stream, struct arena *arena,
                    const struct http_request *request, enum outcome outcome, const char *detail);
    /* The next piece of the request's body, valid during the call. Returns how much was taken; the
     * rest is kept here, the peer's window stays shut by as much, and nothing is offered before
     * http2_stream_accept_body(). */
    size_t (*body)(void *owner, struct http2_stream *stream, struct str data);
    /* The request's body is complete; not called for one of kind NONE. trailers may be empty and is
     * valid during the call: names checked, neither framing nor pseudo-headers in it; whether any
     * may go on is the callee's to decide. */
    void (*end)(void *owner, struct http2_stream *stream, const struct http_fields *trailers);
    /* The request's body is more than it may be: answer with that outcome, if an answer has not
     * begun. What still comes of it is dropped, as after http2_stream_discard_body(). */
    void (*failed)(void *owner, struct http2_stream *stream, enum outcome outcome,
                   const char *detail);
    /* The stream is over: everything was sent (error HTTP2_NO_ERROR, detail NULL), or the peer
     * reset it, or it broke a rule, or the connection ended (another error, and why; static). The
     * last call for this stream. */
    void (*closed)(void *owner, struct http2_stream *stream, uint32_t error, const char *detail);
    /* The response was sent to its end before the request was complete. What still comes of it is
     * dropped. RFC 9113 section 8.1 lets a server cut it off with NO_ERROR, but there are clients
     * that then lose the answer: the owner does so, by http2_stream_reset(), when it has waited for
     * long enough. Must not do so within the call. */
    void (*answered)(void *owner, struct http2_stream *stream);
    /* http2_stream_send_body() took less than it was offered and would take more now. */
    void (*writable)(void *owner, struct http2_stream *stream);
    /* A request that RFC 9113 section 8.1.1 calls malformed was reset with PROTOCOL_ERROR before it
     * became a stream: for the log. detail is static. */
    void (*malformed)(void *owner, int32_t stream_id, const char *detail);
};

/* Queues our SETTINGS; pull at once. ops, limits and pool are borrowed. */
struct http2_server *http2_server_new(const struct http2_server_ops *ops, void *owner,
                                      const struct http2_server_limits *limits,
                                      struct buf_pool *pool);
/* Calls `closed` for every stream there is. NULL is allowed. */
void http2_server_free(struct http2_server *server);

/* Takes bytes that were read, all of them. What the peer did wrong is answered in the output
 * (RST_STREAM, GOAWAY); see http2_server_is_over(). */
void http2_server_feed(struct http2_server *server, struct str bytes);
/* The next output, at most BUF_SIZE bytes, or NULL when there is none now. The caller sends it and
 * releases it to the pool. Pull while the socket takes more, and no further: what is not pulled is
 * what bounds the queues. Pull after every turn in which anything was called here, then ask
 * http2_server_is_over(). */
struct buf *http2_server_pull(struct http2_server *server);
/* Something would be pulled. */
bool http2_server_has_output(const struct http2_server *server);

/* Graceful end (RFC 9113 section 6.8): GOAWAY with the highest id and a PING, and when the PING is
 * answered GOAWAY with the last stream that was taken; streams run to their end. Idempotent. */
void http2_server_drain(struct http2_server *server);
/* The second step at once: streams that come from now on are ignored, the peer may repeat them
 * elsewhere. */
void http2_server_drain_now(struct http2_server *server);
/* GOAWAY with that code; nothing more is read, no stream goes on. detail: static, for
 * http2_server_problem(). */
void http2_server_end(struct http2_server *server, enum http2_error error, const char *detail);
/* Nothing more is to be expected in either direction and all output was pulled: close. */
bool http2_server_is_over(const struct http2_server *server);
/* Why the connection was ended from here, valid until the server is freed; NULL when it was not. */
const char *http2_server_problem(const struct http2_server *server);
/* What was told the peer with the problem. */
enum http2_error http2_server_error(const struct http2_server *server);
/* Why the peer ended it: the code of its GOAWAY; HTTP2_NO_ERROR when it sent none. */
uint32_t http2_server_peer_error(const struct http2_server *server);

/* Streams that were handed over and are not closed. */
size_t http2_server_streams(const struct http2_server *server);
/* When a header block began that is not complete (clock_monotonic_ms); 0: none is open. */
uint64_t http2_server_head_since(const struct http2_server *server);

/* ---- the response of a stream ---- */

/* Interim response (1xx but 101): only before http2_stream_respond(). */
void http2_stream_interim(struct http2_stream *stream, const struct http_response *response);
/* The head of the response, once. Names are sent in lower case; connection-specific fields are left
 * out (RFC 9113 section 8.2.2). response->body says whether a body follows: NONE ends the stream.
 * The fields' bytes must stay until the stream is closed or reset, the array need not. A 200 to an
 * extended CONNECT has a body of unknown length. */
void http2_stream_respond(struct http2_stream *stream, const struct http_response *response);

#endif
