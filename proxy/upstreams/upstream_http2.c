/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_http2.h"

#include <assert.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "upstreams/upstream_http2_private.h"

#define READS_PER_TURN   4
#define BUFFERS_PER_SEND 4

static const struct config *config_of(const struct upstream_http2 *http2)
{
    return http2->server->group->engine->snapshot->config;
}

void upstream_http2_schedule(struct upstream_http2 *http2)
{
    http2->must_run = true;
    if (!http2->is_running && upstream_http2_is_open(http2))
        event_active(&http2->turn, 0, 0);
}

/* ---- when the server is due ------------------------------------------------------------- */

/* When the server will have kept the stream waiting for too long; UINT64_MAX: it is not its turn.
 */
static uint64_t due_at(const struct upstream_stream *s, uint64_t limit_ms)
{
    const struct exchange *x = s->exchange;
    uint64_t blocked_ms = s->stream == NULL ? 0 : http2_stream_blocked_since(s->stream);
    if (blocked_ms != 0)
        return (blocked_ms > s->active_ms ? blocked_ms : s->active_ms) + limit_ms;
    bool waits_for_client = s->stream == NULL || http2_stream_has_pending_body(s->stream) ||
                            (!x->request_ended && !x->request_blocked);
    return waits_for_client ? UINT64_MAX : s->active_ms + limit_ms;
}

static uint64_t earliest(const struct upstream_http2 *http2, uint64_t now_ms)
{
    const struct config_timeouts *timeouts = &config_of(http2)->timeouts;
    uint64_t ping_ms = upstream_http2_settings(http2)->keepalive_ping_ms;
    uint64_t since_ms = http2_client_ping_since(http2->client);
    uint64_t next_ms = now_ms + timeouts->response;
    for (const struct upstream_stream *s = http2->open; s != NULL; s = s->next) {
        uint64_t at_ms = due_at(s, timeouts->response);
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    if (since_ms != 0 && since_ms + timeouts->connect < next_ms)
        next_ms = since_ms + timeouts->connect;
    else if (since_ms == 0 && ping_ms > 0 && http2->heard_ms + ping_ms < next_ms)
        next_ms = http2->heard_ms + ping_ms;
    return next_ms > now_ms ? next_ms : now_ms + 1;
}

/* ---- turns -------------------------------------------------------------------------------- */

/* The connection is gone; those it carried are due. reason: static, or of the transport. */
static void lose(struct upstream_http2 *http2, const char *reason)
{
    http2->lost = reason;
    http2_client_free(http2->client);
    http2->client = NULL;
    for (struct upstream_stream *s = http2->open; s != NULL; s = s->next)
        upstream_stream_lose(s);
    http2->lost = NULL;
    upstream_conn_close(http2->conn);
}

/* True when more may be waiting in the socket that should be read in this turn. */
static bool fill(struct upstream_http2 *http2)
{
    struct stream *stream = &http2->conn->stream;
    enum transport_result result = stream_fill(stream);
    struct str input = stream_input(stream);
    bool may_read_on = stream_may_read_on(stream);
    if (input.len > 0) {
        http2->heard_ms = clock_monotonic_ms();
        http2_client_feed(http2->client, input);
        stream_consume(stream, input.len);
    }
    switch (result) {
    case TRANSPORT_OK:
        return may_read_on;
    case TRANSPORT_AGAIN:
        return false;
    case TRANSPORT_EOF:
        lose(http2, "the upstream closed the connection");
        return false;
    case TRANSPORT_ERROR:
        lose(http2, transport_error(&stream->transport));
        return false;
    }
    return false;
}

/* Sends as much as the socket takes. */
static void send_output(struct upstream_http2 *http2)
{
    struct stream *stream = &http2->conn->stream;
    bool has_more;
    do {
        struct buf *buf = NULL;
        int count = 0;
        bool is_free = !stream_has_output(stream);
        while (is_free && count < BUFFERS_PER_SEND &&
               (buf = http2_client_pull(http2->client)) != NULL) {
            stream_put_buf(stream, buf);
            count++;
        }
        if (stream_flush(stream) == TRANSPORT_ERROR) {
            /* A server that answers and closes makes our write fail: its answer counts. */
            while (fill(http2))
                continue;
            if (upstream_http2_is_open(http2))
                lose(http2, "the upstream closed while requests were sent");
            return;
        }
        has_more = !stream_has_output(stream) && is_free && count == BUFFERS_PER_SEND;
    } while (has_more);
}

/* Nothing more comes of the connection: what is still open is due. */
static void see_to_the_end(struct upstream_http2 *http2)
{
    bool is_over = http2_client_is_over(http2->client) && !stream_has_output(&http2->conn->stream);
    bool is_leaving = http2->is_retired || http2_client_is_leaving(http2->client) ||
                      http2->server->group->engine->is_draining ||
                      upstream_http2_settings(http2)->keepalive_connections == 0;
    if (is_leaving && http2->open == NULL && !is_over) {
        http2_client_drain(http2->client);
        send_output(http2);
        is_over = upstream_http2_is_open(http2);
    }
    if (!upstream_http2_is_open(http2) || !is_over)
        return;
    if (http2->open == NULL)
        upstream_conn_close(http2->conn);
    else
        lose(http2, "the HTTP/2 connection ended");
}

static void arm(struct upstream_http2 *http2)
{
    struct deadline *deadline = &http2->conn->deadline;
    if (http2->open == NULL && http2_client_ping_since(http2->client) == 0) {
        if (!http2->is_idle)
            deadline_set(deadline, upstream_http2_settings(http2)->keepalive_idle_ms);
        http2->is_idle = true;
        http2->is_timed = false;
        return;
    }
    http2->is_idle = false;
    /* What begins or moves meanwhile is due later. */
    if (http2->is_timed)
        return;
    uint64_t now_ms = clock_monotonic_ms();
    deadline_set(deadline, earliest(http2, now_ms) - now_ms);
    http2->is_timed = true;
}

static void take_turn(struct upstream_http2 *http2, bool can_read)
{
    int reads = 0;
    bool has_more = can_read;
    do {
        http2->must_run = false;
        if (has_more)
            has_more = fill(http2) && ++reads < READS_PER_TURN;
        upstream_streams_tell(http2);
        if (upstream_http2_is_open(http2))
            send_output(http2);
        if (upstream_http2_is_open(http2))
            see_to_the_end(http2);
        upstream_streams_tell(http2);
    } while (upstream_http2_is_open(http2) && (http2->must_run || has_more));
}

void upstream_http2_run(struct upstream_http2 *http2, bool can_read)
{
    if (http2->is_running) {
        http2->must_run = true;
        return;
    }
    http2->is_running = true;
    take_turn(http2, can_read);
    http2->is_running = false;
    if (!upstream_http2_is_open(http2))
        return;
    stream_release_input(&http2->conn->stream);
    arm(http2);
    transport_want(&http2->conn->stream.transport, true, stream_has_output(&http2->conn->stream));
}

static void turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct upstream_http2 *http2 = arg;
    if (upstream_http2_is_open(http2))
        upstream_http2_run(http2, false);
}

/* ---- deadlines ---------------------------------------------------------------------------- */

static void stream_timed_out(struct upstream_stream *s)
{
    struct upstream_http2 *http2 = s->http2;
    http2_stream_reset(s->stream, HTTP2_CANCEL);
    s->stream = NULL;
    upstream_stream_fail(s, UPSTREAM_FINAL, OUTCOME_UPSTREAM_TIMEOUT,
                         "the upstream did not answer in time");
    /* It may be this request, or the connection is dead. */
    http2_client_ping(http2->client);
    http2->is_suspect = true;
}

static void see_to_pings(struct upstream_http2 *http2, uint64_t now_ms)
{
    uint64_t ping_ms = upstream_http2_settings(http2)->keepalive_ping_ms;
    uint64_t since_ms = http2_client_ping_since(http2->client);
    if (since_ms != 0 && since_ms + config_of(http2)->timeouts.connect <= now_ms)
        lose(http2, "the upstream did not answer a PING");
    else if (since_ms == 0 && ping_ms > 0 && http2->heard_ms + ping_ms <= now_ms)
        http2_client_ping(http2->client);
}

void upstream_http2_timeout(struct upstream_http2 *http2)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (http2->is_idle) {
        upstream_http2_retire(http2);
        return;
    }
    http2->is_timed = false;
    for (struct upstream_stream *s = http2->open; s != NULL; s = s->next) {
        if (due_at(s, config_of(http2)->timeouts.response) <= now_ms)
            stream_timed_out(s);
    }
    see_to_pings(http2, now_ms);
    upstream_http2_run(http2, false);
}

/* ---- beginning and end -------------------------------------------------------------------- */

struct upstream_http2 *upstream_http2_new(struct upstream_server *server)
{
    struct upstream_http2 *http2 = xcalloc(1, sizeof *http2);
    const struct config_limits *limits = &server->group->engine->snapshot->config->limits;
    http2->server = server;
    http2->limits = (struct http2_client_limits){
        .header_bytes = limits->header_bytes,
        .header_count = limits->header_count,
        .streams = HTTP2_CLIENT_STREAMS,
        .stream_window = HTTP2_CLIENT_STREAM_WINDOW,
        .connection_window = HTTP2_CLIENT_CONNECTION_WINDOW,
    };
    (void)event_assign(&http2->turn, server->group->engine->base, -1, 0, turn, http2);
    return http2;
}

void upstream_http2_free(struct upstream_http2 *http2)
{
    if (http2 == NULL)
        return;
    assert(http2->open == NULL && http2->waiting == NULL);
    (void)event_del(&http2->turn);
    http2_client_free(http2->client);
    free(http2);
}

bool upstream_http2_is_unused(const struct upstream_http2 *http2)
{
    return upstream_http2_is_open(http2) && http2->open == NULL;
}

bool upstream_http2_has_room(const struct upstream_http2 *http2)
{
    const struct upstream_server *server = http2->server;
    size_t likely = server->streams_max > 0 ? server->streams_max : HTTP2_CLIENT_STREAMS;
    if (http2->client == NULL)
        return http2->waiting_count < likely;
    /* What it allows is not known before its settings have come. */
    if (!http2_client_is_confirmed(http2->client) && http2_client_streams(http2->client) >= likely)
        return false;
    bool is_suspect = http2->is_suspect && http2_client_ping_since(http2->client) != 0;
    return !http2->is_retired && !is_suspect && http2_client_room(http2->client) > 0;
}

void upstream_http2_attach(struct upstream_http2 *http2, struct upstream_conn *conn)
{
    http2->conn = conn;
}

struct exchange *upstream_http2_take(struct upstream_http2 *http2)
{
    struct exchange *x = http2->waiting->exchange;
    upstream_stream_stop_waiting(http2->waiting);
    exchange_detach_upstream(x);
    return x;
}

void upstream_http2_fail(struct upstream_http2 *http2, enum upstream_failure failure,
                         const char *reason, bool runs_clients)
{
    while (http2->waiting != NULL) {
        struct exchange *x = upstream_http2_take(http2);
        upstream_attempt_failed(x, http2->server, failure, OUTCOME_UPSTREAM_CONNECT, reason);
        if (runs_clients)
            x->client_ops->run(x);
    }
}

void upstream_http2_start_anew(struct upstream_http2 *http2)
{
    while (http2->waiting != NULL) {
        struct exchange *x = upstream_http2_take(http2);
        upstream_go_on(x);
        x->client_ops->run(x);
    }
}

void upstream_http2_begin(struct upstream_http2 *http2)
{
    http2->client = http2_client_new(&upstream_stream_client_ops, http2, &http2->limits,
                                     &http2->server->group->engine->buffers);
    http2->heard_ms = clock_monotonic_ms();
    while (http2->waiting != NULL) {
        struct upstream_stream *s = http2->waiting;
        DL_DELETE(http2->waiting, s);
        http2->waiting_count--;
        upstream_stream_start(s);
        upstream_stream_make_due(s); /* its client may have a body to send */
    }
    upstream_http2_run(http2, false);
}

void upstream_http2_retire(struct upstream_http2 *http2)
{
    if (!upstream_http2_is_open(http2))
        return;
    /* GOAWAY comes when the last stream has ended: before that it would overtake requests that wait
     * to be sent. */
    http2->is_retired = true;
    upstream_http2_schedule(http2);
}
