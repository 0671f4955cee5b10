/* http2_client.h - the client's side of one HTTP/2 connection, towards a server behind the proxy:
 * requests in, bytes out; bytes in, responses out (RFC 9113).
 *
 * As http2_server.h in everything that is not about requests: no sockets, no timers, the owner
 * feeds and pulls; call-backs run inside http2_client_feed(), http2_client_pull(),
 * http2_stream_accept_body() and http2_client_free(), nowhere else, and must call none of these
 * four. They may begin requests.
 *
 * Memory of a connection: 27 KiB to twice that, and connection_window bytes of responses that
 * nobody has taken; of a stream: HTTP2_QUEUE_MAX bytes of the request's body, and what its
 * response's heads need in the arena of the request (header_bytes each, and fields).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_CLIENT_H
#define PROXY_HTTP2_HTTP2_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "http/message.h"
#include "http2/http2_error.h"
#include "http2/http2_stream.h"

struct http2_client;

struct http2_client_limits {
    size_t header_bytes; /* of a response's head or trailers, as HTTP/1.1 would write it */
    size_t header_count;
    uint32_t streams;       /* at once, whatever more the server allows */
    uint32_t stream_window; /* bytes of a response's body that may wait here at first, 65535 at
                             * least; more, up to 1 MiB, where all that comes is taken at once */
    /* The same for all streams together. Below streams * stream_window those that are not taken can
     * shut the window for the others; what is above is lent to those that are. */
    uint32_t connection_window;
};
/* What suits most: 100 streams, 64 KiB of body each at first and 16 MiB together. */
#define HTTP2_CLIENT_STREAMS           100
#define HTTP2_CLIENT_STREAM_WINDOW     (UINT32_C(64) * 1024)
#define HTTP2_CLIENT_CONNECTION_WINDOW (UINT32_C(16) * 1024 * 1024)

struct http2_client_ops {
    /* 1xx but 101: any number of them, before `response`. */
    void (*interim)(void *owner, struct http2_stream *stream, const struct http_response *response);
    /* The head. Its body is NONE, LENGTH or CHUNKED (the length is not known); keep_alive is set.
     * The struct is valid during the call; what it points to is in the request's arena. */
    void (*response)(void *owner, struct http2_stream *stream,
                     const struct http_response *response);
    /* As in http2_server_ops: returns how much was taken. */
    size_t (*body)(void *owner, struct http2_stream *stream, struct str data);
    /* The response is complete, with or without a body. trailers may be empty and is valid during
     * the call. The request may still be under way: RFC 9113 section 8.1 lets the owner give up
     * the rest, http2_stream_forget(). */
    void (*end)(void *owner, struct http2_stream *stream, const struct http_fields *trailers);
    /* The stream is over. error HTTP2_NO_ERROR, detail NULL: `end` was called before. Else the
     * exchange failed, for that reason (static). error HTTP2_REFUSED_STREAM: the server has not
     * acted on the request, which may be sent again whatever its method is (RFC 9113 section 8.7):
     * it was refused, or its number is above the last one of a GOAWAY. HTTP2_HTTP_1_1_REQUIRED:
     * repeat it on HTTP/1.1. */
    void (*closed)(void *owner, struct http2_stream *stream, uint32_t error, const char *detail);
    /* http2_stream_send_body() took less than it was offered and would take more now. */
    void (*writable)(void *owner, struct http2_stream *stream);
    /* http2_client_room() may have grown: the server's settings came, or a stream ended. */
    void (*room)(void *owner);
};

/* Queues the preface and our SETTINGS; pull at once. ops and pool are borrowed. */
struct http2_client *http2_client_new(const struct http2_client_ops *ops, void *owner,
                                      const struct http2_client_limits *limits,
                                      struct buf_pool *pool);
/* Calls `closed` for every stream there is. NULL is allowed. */
void http2_client_free(struct http2_client *client);

/* See http2_server.h. */
void http2_client_feed(struct http2_client *client, struct str bytes);
struct buf *http2_client_pull(struct http2_client *client);
bool http2_client_has_output(const struct http2_client *client);
bool http2_client_is_over(const struct http2_client *client);
void http2_client_end(struct http2_client *client, enum http2_error error, const char *detail);
const char *http2_client_problem(const struct http2_client *client);
enum http2_error http2_client_error(const struct http2_client *client);
uint32_t http2_client_peer_error(const struct http2_client *client);
/* Streams that are not closed, for the owner. */
size_t http2_client_streams(const struct http2_client *client);

/* GOAWAY(NO_ERROR): no more requests; those that run go on. */
void http2_client_drain(struct http2_client *client);
/* How many more requests may begin now: by the server's settings (100 before they came), by ours;
 * 0 after a GOAWAY of either side and when the numbers are used up. */
size_t http2_client_room(const struct http2_client *client);
/* How many may run at once, by the server's settings and by ours. */
size_t http2_client_streams_max(const struct http2_client *client);
/* No request may begin any more: close when http2_client_streams() is 0. */
bool http2_client_is_leaving(const struct http2_client *client);
/* The server takes an extended CONNECT (RFC 8441 section 3). */
bool http2_client_may_connect(const struct http2_client *client);
/* The server's SETTINGS came: it speaks HTTP/2. */
bool http2_client_is_confirmed(const struct http2_client *client);

/* Sends a PING, unless one is under way. */
void http2_client_ping(struct http2_client *client);
/* When the PING that is not answered yet was asked for (clock_monotonic_ms); 0: there is none. */
uint64_t http2_client_ping_since(const struct http2_client *client);

struct http2_request {
    struct str method;
    enum http_method method_id;
    struct str scheme;                /* "http" or "https" */
    struct str authority;             /* of Host; a Host among the fields is left out */
    struct str path;                  /* with the query */
    struct str protocol;              /* of an extended CONNECT; else empty */
    const struct http_fields *fields; /* connection-specific ones are left out, but te: trailers */
    bool has_body;                    /* else the request is complete with its head */
    struct arena *arena;              /* for the response's heads; outlives the stream */
};
/* Begins a request. What the slices point to stays until the stream is closed, reset or forgotten;
 * the arrays need not. Only while http2_client_room() is not 0. NULL: the connection ended
 * meanwhile. The body goes through http2_stream_send_body() and http2_stream_end(). */
struct http2_stream *http2_client_request(struct http2_client *client,
                                          const struct http2_request *request, void *user);

#endif
