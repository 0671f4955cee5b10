/* client_http2_private.h - a client's streams, for the two files that are client_http2.
 *
 * client_http2_stream.c: one stream and its exchange; client_http2.c: the connection's turns,
 * deadlines and end.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CLIENT_HTTP2_PRIVATE_H
#define PROXY_CLIENTS_CLIENT_HTTP2_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/client.h"
#include "clients/client_http2.h"
#include "core/exchange_state.h"
#include "http2/http2_server.h"

struct client_stream { /* in its exchange's arena */
    struct client_stream *prev, *next;
    struct client_stream *next_due;
    bool is_due; /* on the list of those with something to do in this turn */
    bool is_finished;
    struct client *client;
    struct http2_stream *stream; /* NULL: closed, or reset from here */
    struct exchange *exchange;
    struct str pending; /* of a buffered body: drawn and not taken */
    struct str page;    /* what is left of an answer of our own */
    bool ends_with_page;
    bool has_ended;              /* the client sends no more */
    bool can_write;              /* the stream takes more after it did not */
    uint64_t body_at_ms;         /* when the last of the request's body came */
    uint64_t answered_at_ms;     /* the answer was sent, the request is not complete; 0: not so */
    struct exchange_bytes bytes; /* when it is closed */
};

struct client_http2 {
    struct http2_server *server;
    struct http2_server_limits limits;
    struct client_stream *open;
    struct client_stream *due, **due_end;
    struct client_stream *dead; /* finished: freed at the end of a turn */
    bool is_timed;              /* the deadline runs for streams */
    bool is_lingering;          /* some stream was answered early */
};

/* What http2_server_new() is given. */
extern const struct http2_server_ops client_stream_server_ops;

/* It has something to do in this turn. */
void client_stream_make_due(struct client_stream *s);
/* The exchange is over. Frees nothing: whoever is on the stack may still look at it. */
void client_stream_finish(struct client_stream *s, bool client_is_gone);
/* Ends the stream without the rest of its answer; it is finished in its next turn. */
void client_stream_reset(struct client_stream *s, enum http2_error error);
/* All that have something to do, and those that get something to do meanwhile. */
void client_streams_run(struct client_http2 *http2);
/* Frees the finished ones. */
void client_streams_free_dead(struct client_http2 *http2);

#endif
