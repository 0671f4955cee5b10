/* http2_server_private.h - what the files of the server's side share.
 *
 * http2_server.c: the connection; http2_server_guard.c: the peer's frames before nghttp2 sees them;
 * http2_server_input.c: what nghttp2 tells of them;
 * http2_server_output.c: responses into frames, frames into buffers; http2_stream.c: the owner's
 * functions on one stream.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_SERVER_PRIVATE_H
#define PROXY_HTTP2_HTTP2_SERVER_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "http2/http2_budget.h"
#include "http2/http2_head.h"
#include "http2/http2_queue.h"
#include "http2/http2_scan.h"
#include "http2/http2_server.h"

/* RFC 9113 sections 4.1 and 6.8 */
#define FRAME_HEAD  9
#define GOAWAY_SIZE 17
/* For so many of the streams that were closed last it is known who closed them. */
#define CLOSED_STREAMS 128

struct http2_stream {
    struct http2_server *server;
    struct http2_stream *prev, *next; /* the server's list; next: of the free ones as well */
    struct http2_stream *next_writable;
    int32_t id;
    bool is_handed_over; /* the owner knows it, and is told when it closes */
    bool is_writable_listed;
    bool is_reset_by_peer;
    void *user;

    struct arena arena;      /* of the head while it is read, and of trailers */
    struct http2_head *head; /* in the arena; NULL: no block is being read */
    struct http_fields trailers;

    struct http_body_framing body; /* of the request */
    uint64_t body_bytes;
    struct http2_queue kept; /* of the body, not taken by the owner */
    bool takes_body;         /* what comes is offered at once */
    bool drops_body;         /* the owner is not told of it any more */
    bool is_ended;           /* all of the request is here */
    bool is_end_told;

    struct http2_queue out; /* of the response's body */
    char status[4];
    bool is_responded;
    bool has_no_body;
    bool is_out_ended;
    bool is_deferred;         /* nghttp2 asks for no body before it is told that there is some */
    bool was_short;           /* the owner has more */
    nghttp2_nv *trailers_out; /* owned; the bytes are the owner's; NULL: none */
    size_t trailers_out_count;
    uint64_t blocked_since;
    uint64_t received;
    uint64_t sent;
};

struct http2_server {
    const struct http2_server_ops *ops;
    void *owner;
    struct http2_server_limits limits;
    struct http2_head_limits head_limits;
    struct buf_pool *pool;
    nghttp2_session *session;
    struct http2_scan scan;
    struct http2_budget budget;
    uint64_t now_ms;
    uint32_t last_id; /* of the requests that have begun to come */
    struct {
        uint32_t id;
        bool is_complete;     /* the peer said that nothing more would come */
    } closed[CLOSED_STREAMS]; /* the last ones, in a ring */
    size_t closed_count;
    uint32_t forgotten_id; /* the highest that the ring does not have any more */

    struct http2_stream *streams; /* all that nghttp2 has */
    struct http2_stream *free_streams;
    size_t handed_over;
    struct http2_stream *block; /* whose head or trailers are being read */
    uint64_t block_since;
    const char *invalid; /* static: what nghttp2 found wrong with the last frame it refused */

    struct buf *out;       /* being filled during a pull; else NULL */
    struct str frame_rest; /* of a frame that did not fit; nghttp2's memory until its next send */
    nghttp2_nv *nva;       /* room for the fields of one head */
    size_t nva_capacity;
    struct http2_stream *writable; /* whose owners are to be told */

    bool is_draining;
    bool is_last_goaway_sent;
    bool is_ended; /* nothing goes on */
    bool must_close_streams;
    char goaway[GOAWAY_SIZE]; /* ours, when the session cannot be used any more */
    size_t goaway_left;
    enum http2_error error;
    const char *problem; /* static or `reason` */
    char reason[64];
    uint32_t peer_error;
};

/* http2_server.c */
struct http2_stream *http2_stream_new(struct http2_server *server, int32_t id);
/* Lets go of what it holds; the owner does not have it any more. */
void http2_stream_let_go(struct http2_stream *stream);
/* That, and tells the owner, if he had it. */
void http2_stream_close(struct http2_stream *stream, uint32_t error, const char *detail);
/* nghttp2 has forgotten it: after http2_stream_let_go. */
void http2_stream_free(struct http2_stream *stream);
/* RST_STREAM; the owner is told at once that it is over. detail: static. */
void http2_stream_fail(struct http2_stream *stream, enum http2_error error, const char *detail);
/* True when the peer did too much of it: the connection is ended then. */
bool http2_server_is_flooded(struct http2_server *server, enum http2_nuisance nuisance);

/* http2_server_guard.c */
/* Gives bytes to nghttp2, up to what must not be in them. nghttp2's error, or 0. */
int http2_server_take(struct http2_server *server, struct str bytes);
void http2_server_note_closed(struct http2_server *server, const struct http2_stream *stream);

/* http2_server_input.c */
void http2_server_set_input(nghttp2_session_callbacks *callbacks);
/* Offers what is kept; tells the end when it is reached. */
void http2_stream_offer_kept(struct http2_stream *stream);

/* http2_server_output.c */
void http2_server_set_output(nghttp2_session_callbacks *callbacks);
/* Fills server->out as far as it goes; nghttp2's error, or 0. */
int http2_server_fill(struct http2_server *server);

#endif
