/* upstream_http2_private.h - what the two files that are upstream_http2 share.
 *
 * upstream_http2_stream.c: one stream and its exchange; upstream_http2.c: the connection's turns,
 * deadlines, beginning and end.
 *
 * What an exchange's client or another exchange asks for while a turn is under way, or outside of
 * one, is only noted: turns belong to the loop, and what they find out about an exchange is told
 * when libnghttp2 is not on the stack.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_HTTP2_PRIVATE_H
#define PROXY_UPSTREAMS_UPSTREAM_HTTP2_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "core/exchange_state.h"
#include "http2/http2_client.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_http2.h"

struct upstream_stream {                 /* in its exchange's arena */
    struct upstream_stream *prev, *next; /* waiting or open */
    struct upstream_stream *due_prev, *due_next;
    struct upstream_http2 *http2;
    struct exchange *exchange;
    struct http2_stream *stream; /* NULL: it waits for the connection, or is closed */
    uint64_t active_ms;          /* when something of it moved last */
    enum outcome outcome;        /* why it failed */
    enum upstream_failure failure;
    const char *detail;
    bool is_due;
    bool is_trial;
    bool is_failed;
    bool is_complete; /* the response */
    bool has_head;    /* of the response */
    bool may_resume;  /* the client takes more */
};

struct upstream_http2 {
    struct upstream_server *server;
    struct upstream_conn *conn;  /* NULL: between two */
    struct http2_client *client; /* NULL: it is not established */
    struct http2_client_limits limits;
    struct upstream_stream *waiting;
    size_t waiting_count;
    struct upstream_stream *open;
    struct upstream_stream *due; /* their exchange is to be told something */
    struct event turn;
    const char *lost;  /* why the connection broke off; NULL: it did not */
    uint64_t heard_ms; /* when the server said something last */
    bool is_running, must_run;
    bool is_timed;   /* the deadline runs for streams */
    bool is_idle;    /* ... for an idle connection */
    bool is_suspect; /* a stream timed out: nothing joins before the server has answered a PING */
    bool is_retired;
};

/* What http2_client_new() is given. */
extern const struct http2_client_ops upstream_stream_client_ops;

static inline const struct config_upstream *
upstream_http2_settings(const struct upstream_http2 *http2)
{
    return http2->server->group->config->config;
}

/* It is established, and not closed. */
static inline bool upstream_http2_is_open(const struct upstream_http2 *http2)
{
    return http2->conn != NULL && http2->conn->state == UPSTREAM_SHARED;
}

/* A turn follows. */
void upstream_http2_schedule(struct upstream_http2 *http2);

/* The connection is established: sends the request of an exchange that has joined. */
void upstream_stream_start(struct upstream_stream *s);
/* Its exchange is to be told something. */
void upstream_stream_make_due(struct upstream_stream *s);
/* It does not wait for the connection any more. */
void upstream_stream_stop_waiting(struct upstream_stream *s);
/* It failed, which its exchange is told in this turn. detail: static, or in the exchange's arena.
 */
void upstream_stream_fail(struct upstream_stream *s, enum upstream_failure failure,
                          enum outcome outcome, const char *detail);
/* The connection broke off, http2->lost says why. */
void upstream_stream_lose(struct upstream_stream *s);
/* Tells exchanges what became of their streams, and runs their clients; not in call-backs. */
void upstream_streams_tell(struct upstream_http2 *http2);

#endif
