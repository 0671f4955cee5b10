/* http2_conn.h - what both sides of a connection have in common; private to http2/.
 *
 * http2_conn.c: streams, the end, turns; http2_conn_guard.c: the peer's frames before nghttp2 sees
 * them; http2_conn_input.c: what nghttp2 tells of them; http2_conn_output.c: messages into frames,
 * frames into buffers; http2_conn_stream.c: the owner's functions on one stream. http2_server.c and
 * http2_client.c are what differs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_CONN_H
#define PROXY_HTTP2_HTTP2_CONN_H

#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "http/outcome.h"
#include "http2/http2_budget.h"
#include "http2/http2_head.h"
#include "http2/http2_queue.h"
#include "http2/http2_scan.h"
#include "http2/http2_stream.h"

/* RFC 9113 sections 4.1 and 6.8 */
#define FRAME_HEAD  9
#define GOAWAY_SIZE 17
/* For so many of the streams that were closed last it is known who closed them. */
#define CLOSED_STREAMS 128

struct http2_conn;

struct http2_stream {
    struct http2_conn *conn;
    struct http2_stream *prev, *next; /* the connection's list; next: of the free ones as well */
    struct http2_stream *next_writable;
    int32_t id;
    bool is_owned; /* the owner knows it, and is told when it closes */
    bool is_writable_listed;
    bool is_reset_by_peer;
    bool is_gone; /* nghttp2 has closed it, but the owner has not taken all of their body */
    void *user;

    struct arena own;        /* of their head on the server's side, of trailers on both */
    struct arena *arena;     /* the owner's, for their head; NULL: `own` */
    struct http2_head *head; /* NULL: no block is being read */
    struct http_fields trailers;
    enum http_method method; /* that their response answers */
    bool has_head;           /* their final one has come */

    struct http_body_framing body; /* theirs */
    bool is_tunnel;                /* of an extended CONNECT: no body that has a limit */
    uint64_t body_bytes;
    uint32_t window;         /* of it, how much may wait here */
    struct http2_queue kept; /* of it, not taken by the owner */
    bool takes_body;         /* what comes is offered at once */
    bool drops_body;         /* the owner is not told of it any more */
    bool is_ended;           /* all of their message is here */
    bool is_end_told;

    struct http2_queue out; /* of our body */
    char status[4];
    bool is_begun; /* our final head was submitted */
    bool has_no_body;
    bool is_out_ended;
    bool is_sent;             /* all of it */
    bool is_deferred;         /* nghttp2 asks for no body before it is told that there is some */
    bool was_short;           /* the owner has more */
    nghttp2_nv *trailers_out; /* owned; the bytes are the owner's; NULL: none */
    size_t trailers_out_count;
    uint64_t blocked_since;
    uint64_t received;
    uint64_t sent;
};

/* What the two sides do each in its way. The first five are the owner's call-backs. */
struct http2_role {
    size_t (*body)(void *owner, struct http2_stream *stream, struct str data);
    void (*end)(void *owner, struct http2_stream *stream, const struct http_fields *trailers);
    void (*failed)(void *owner, struct http2_stream *stream, enum outcome outcome,
                   const char *detail); /* NULL: bodies have no limit */
    void (*closed)(void *owner, struct http2_stream *stream, uint32_t error, const char *detail);
    void (*writable)(void *owner, struct http2_stream *stream);
    /* The stream that a header block belongs to, with its head begun; NULL: it is of no interest.
     */
    struct http2_stream *(*begin_head)(struct http2_conn *conn, const nghttp2_frame *frame);
    /* A header block other than trailers is complete. */
    void (*head_complete)(struct http2_stream *stream, bool is_ended);
    /* A PING of ours was answered. */
    void (*pong)(struct http2_conn *conn);
    /* More requests may begin than before. NULL on the server's side. */
    void (*room)(struct http2_conn *conn);
    /* Our message was sent. */
    void (*sent)(struct http2_stream *stream);
    bool is_server;
};

struct http2_conn {
    struct http2_role role;
    void *owner;
    struct buf_pool *pool;
    nghttp2_session *session;
    struct http2_head_limits head_limits;
    uint64_t body_bytes_max; /* 0: no limit */
    uint32_t stream_window;  /* what each stream has at first */
    uint32_t spare_window;   /* what streams may have more, all together */
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

    struct http2_stream *streams; /* all that nghttp2 or the owner has */
    struct http2_stream *free_streams;
    size_t owned;               /* of them, the owner has */
    size_t open;                /* of them, nghttp2 has */
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
    bool has_room;            /* the owner is to be told */
    bool is_confirmed;        /* the peer's SETTINGS came */
    bool has_gone;            /* a stream is in the list that neither nghttp2 nor the owner has */
    char goaway[GOAWAY_SIZE]; /* ours, when the session cannot be used any more */
    size_t goaway_left;
    enum http2_error error;
    const char *problem; /* static or `reason` */
    char reason[64];
    bool is_goaway_received;
    uint32_t peer_error;
};

/* ---- http2_conn.c ---- */

/* role, owner, pool, limits and windows are set. */
void http2_conn_init(struct http2_conn *conn, const nghttp2_settings_entry *settings, size_t count,
                     uint32_t connection_window);
/* Calls `closed` for every stream there is; does not free conn. */
void http2_conn_clear(struct http2_conn *conn);
void http2_conn_feed(struct http2_conn *conn, struct str bytes);
struct buf *http2_conn_pull(struct http2_conn *conn);
bool http2_conn_has_output(const struct http2_conn *conn);
bool http2_conn_is_over(const struct http2_conn *conn);
void http2_conn_end(struct http2_conn *conn, enum http2_error error, const char *detail);
/* True when the peer did too much of it: the connection is ended then. */
bool http2_conn_is_flooded(struct http2_conn *conn, enum http2_nuisance nuisance);

struct http2_stream *http2_stream_new(struct http2_conn *conn);
void http2_stream_own(struct http2_stream *stream);
/* Lets go of what it holds; the owner does not have it any more. */
void http2_stream_let_go(struct http2_stream *stream);
/* That, and tells the owner, if he had it. */
void http2_stream_close(struct http2_stream *stream, uint32_t error, const char *detail);
/* nghttp2 has forgotten it: after http2_stream_let_go. */
void http2_stream_free(struct http2_stream *stream);
/* RST_STREAM; the owner is told at once that it is over. detail: static. */
void http2_stream_fail(struct http2_stream *stream, enum http2_error error, const char *detail);

/* ---- http2_conn_guard.c ---- */

/* Gives bytes to nghttp2, up to what must not be in them. nghttp2's error, or 0. */
int http2_conn_take(struct http2_conn *conn, struct str bytes);
void http2_conn_note_closed(struct http2_conn *conn, const struct http2_stream *stream);

/* ---- http2_conn_input.c ---- */

void http2_conn_set_input(nghttp2_session_callbacks *callbacks);
struct http2_stream *http2_conn_stream(struct http2_conn *conn, int32_t id);
/* Begins to read a head into the stream's arena. */
void http2_stream_begin_head(struct http2_stream *stream, enum http2_head_kind kind);
/* Their message is complete: no more frames of it come. */
void http2_stream_ended(struct http2_stream *stream);
/* Offers what is kept; tells the end when it is reached. */
void http2_stream_offer_kept(struct http2_stream *stream);

/* ---- http2_conn_output.c ---- */

void http2_conn_set_output(nghttp2_session_callbacks *callbacks);
/* Fills conn->out as far as it goes; nghttp2's error, or 0. */
int http2_conn_fill(struct http2_conn *conn);
/* conn->nva with room for so many. */
nghttp2_nv *http2_conn_room_for(struct http2_conn *conn, size_t count);
/* One field; what the name and the value point to lasts as the flags say. */
nghttp2_nv http2_field(struct str name, struct str value, uint8_t flags);
/* All fields but the connection-specific ones; returns how many. nghttp2 copies the names and makes
 * them lower case; te: trailers may pass. */
size_t http2_add_fields(nghttp2_nv *nva, const struct http_fields *fields, uint8_t flags);
nghttp2_data_provider http2_stream_provider(struct http2_stream *stream);

#endif
