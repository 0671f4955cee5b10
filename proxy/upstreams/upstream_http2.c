/* What an exchange's client or another exchange asks for while a turn is under way, or outside of one,
 * is only noted: turns belong to the loop, and what they find out about an exchange is told when
 * libnghttp2 is not on the stack.
 *
 * SPDX-License-Identifier: MIT */
#include "upstreams/upstream_http2.h"

#include <assert.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "http2/http2_client.h"
#include "upstreams/upstream_health.h"

#define READS_PER_TURN   4
#define BUFFERS_PER_SEND 4
/* More of them than any server has a reason to send. */
#define INTERIM_MAX 32
/* A connection that was silent for so long is asked whether it still is one, together with the next
 * request. */
#define PING_AFTER_MS 10000

struct upstream_stream { /* in its exchange's arena */
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
    struct upstream_conn *conn;   /* NULL: between two */
    struct http2_client *client;  /* NULL: it is not established */
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

static const struct config *config_of(const struct upstream_http2 *http2)
{
    return http2->server->group->engine->snapshot->config;
}

static const struct config_upstream *settings(const struct upstream_http2 *http2)
{
    return http2->server->group->config->config;
}

static bool is_open(const struct upstream_http2 *http2)
{
    return http2->conn != NULL && http2->conn->state == UPSTREAM_SHARED;
}

static void schedule(struct upstream_http2 *http2)
{
    http2->must_run = true;
    if (!http2->is_running && is_open(http2))
        event_active(&http2->turn, 0, 0);
}

/* ---- streams ------------------------------------------------------------------------------ */

static void make_due(struct upstream_stream *s)
{
    if (s->is_due)
        return;
    s->is_due = true;
    DL_APPEND2(s->http2->due, s, due_prev, due_next);
}

static void end_due(struct upstream_stream *s)
{
    if (s->is_due)
        DL_DELETE2(s->http2->due, s, due_prev, due_next);
    s->is_due = false;
}

static void stop_waiting(struct upstream_stream *s)
{
    DL_DELETE(s->http2->waiting, s);
    s->http2->waiting_count--;
    upstream_server_drop(s->http2->server, s->is_trial);
}

/* The exchange is none of ours any more. */
static void leave(struct upstream_stream *s)
{
    end_due(s);
    DL_DELETE(s->http2->open, s);
    if (s->stream != NULL)
        http2_stream_forget(s->stream);
    s->stream = NULL;
    upstream_server_drop(s->http2->server, s->is_trial);
}

/* RFC 9110 section 9.2.2, as for HTTP/1.1: only what was not answered at all, and whose body is still
 * there, may be sent again; what the server has not acted on (RFC 9113 section 8.7) whatever it is. */
static bool may_repeat(const struct upstream_stream *s, bool is_untouched)
{
    const struct exchange *x = s->exchange;
    if (s->has_head || x->response_started || x->interim_responses > 0 || x->request_body_sent > 0)
        return false;
    return is_untouched || http_method_is_idempotent(x->request.method_id);
}

/* A connection that had been in use may end at any time (RFC 9113 section 9.1): the first time that
 * is nobody's fault. */
static enum upstream_failure failure_of(const struct upstream_stream *s, bool is_untouched)
{
    if (!may_repeat(s, is_untouched))
        return UPSTREAM_FINAL;
    bool was_in_use = is_untouched || s->http2->conn->requests > 1;
    return was_in_use && s->exchange->attempts == 1 ? UPSTREAM_STALE : UPSTREAM_LOST;
}

/* detail: static, or in the exchange's arena. */
static void fail(struct upstream_stream *s, enum upstream_failure failure, enum outcome outcome,
                 const char *detail)
{
    if (s->is_failed || s->is_complete)
        return;
    s->is_failed = true;
    s->failure = failure;
    s->outcome = outcome;
    s->detail = detail;
    make_due(s);
}

/* ---- the request, towards the server ------------------------------------------------------ */

static size_t op_send_body(struct exchange *x, struct str data)
{
    struct upstream_stream *s = x->upstream;
    if (s->stream == NULL) /* it has failed: what became of it is told in a moment */
        return data.len;
    size_t taken = http2_stream_send_body(s->stream, data);
    if (taken > 0)
        s->active_ms = clock_monotonic_ms();
    return taken;
}

static void op_end_body(struct exchange *x)
{
    struct upstream_stream *s = x->upstream;
    s->active_ms = clock_monotonic_ms();
    if (s->stream != NULL)
        http2_stream_end(s->stream, &x->request_trailers);
}

static void op_flush(struct exchange *x)
{
    const struct upstream_stream *s = x->upstream;
    schedule(s->http2);
}

static void op_resume(struct exchange *x)
{
    struct upstream_stream *s = x->upstream;
    s->active_ms = clock_monotonic_ms();
    s->may_resume = true;
    make_due(s);
    schedule(s->http2);
}

static void op_cancel(struct exchange *x)
{
    struct upstream_stream *s = x->upstream;
    struct upstream_http2 *http2 = s->http2;
    leave(s);
    schedule(http2);
}

static const struct upstream_ops HTTP2_OPS = {
    .send_body = op_send_body,
    .end_body = op_end_body,
    .flush = op_flush,
    .resume = op_resume,
    .cancel = op_cancel,
};

static void op_cancel_waiting(struct exchange *x)
{
    struct upstream_stream *s = x->upstream;
    struct upstream_http2 *http2 = s->http2;
    stop_waiting(s);
    if (http2->waiting == NULL && http2->conn != NULL)
        upstream_conn_close(http2->conn);
}

static const struct upstream_ops WAITING_OPS = {
    .send_body = upstream_takes_none,
    .end_body = upstream_does_nothing,
    .flush = upstream_does_nothing,
    .resume = upstream_does_nothing,
    .cancel = op_cancel_waiting,
};

/* An idle connection may be gone without a word. */
static void ask_if_there(struct upstream_http2 *http2, uint64_t now_ms)
{
    if (http2->conn->requests == 0 || now_ms - http2->heard_ms < PING_AFTER_MS)
        return;
    http2_client_ping(http2->client);
    http2->is_timed = false;
}

static void start(struct upstream_stream *s)
{
    struct upstream_http2 *http2 = s->http2;
    struct exchange *x = s->exchange;
    const struct http_field *host = http_fields_find(&x->upstream_fields, STR("Host"));
    const struct http2_request request = {
        .method = x->request.method,
        .method_id = x->request.method_id,
        .scheme = http2->server->config->config->is_https ? STR("https") : STR("http"),
        .authority = host == NULL ? (struct str){NULL, 0} : host->value,
        .path = x->upstream_target,
        .fields = &x->upstream_fields,
        .has_body = x->request_has_body,
        .arena = &x->arena,
    };
    s->active_ms = clock_monotonic_ms();
    ask_if_there(http2, s->active_ms);
    x->upstream_ops = &HTTP2_OPS;
    DL_APPEND(http2->open, s);
    http2->conn->requests++;
    s->stream = http2_client_request(http2->client, &request, s);
    if (s->stream == NULL)
        fail(s, failure_of(s, true), OUTCOME_UPSTREAM_CLOSED, "the connection ended");
    /* A repeated request whose body turned out to be empty. */
    if (x->request_has_body && x->request_ended)
        op_end_body(x);
    exchange_upstream_ready(x);
    if (http2->conn->requests >= settings(http2)->keepalive_requests)
        upstream_http2_retire(http2);
    schedule(http2);
}

void upstream_http2_join(struct upstream_http2 *http2, struct exchange *x)
{
    struct upstream_stream *s = arena_calloc(&x->arena, 1, sizeof *s);
    s->http2 = http2;
    s->exchange = x;
    s->is_trial = upstream_server_take(http2->server);
    x->upstream = s;
    if (is_open(http2)) {
        start(s);
        return;
    }
    x->upstream_ops = &WAITING_OPS;
    DL_APPEND(http2->waiting, s);
    http2->waiting_count++;
}

/* ---- the response ------------------------------------------------------------------------- */

static void on_interim(void *owner, struct http2_stream *stream,
                       const struct http_response *response)
{
    (void)owner;
    struct upstream_stream *s = http2_stream_user(stream);
    struct exchange *x = s->exchange;
    s->active_ms = clock_monotonic_ms();
    if (++x->interim_responses > INTERIM_MAX)
        fail(s, UPSTREAM_FINAL, OUTCOME_UPSTREAM_INVALID, "too many interim responses");
    else
        exchange_response_interim(x, response);
    make_due(s);
}

static void on_response(void *owner, struct http2_stream *stream,
                        const struct http_response *response)
{
    struct upstream_http2 *http2 = owner;
    struct upstream_stream *s = http2_stream_user(stream);
    s->active_ms = clock_monotonic_ms();
    if (s->is_failed)
        return;
    s->has_head = true;
    upstream_health_succeeded(http2->server);
    exchange_response_head(s->exchange, response);
    make_due(s);
}

static size_t on_body(void *owner, struct http2_stream *stream, struct str data)
{
    (void)owner;
    struct upstream_stream *s = http2_stream_user(stream);
    if (s->is_failed)
        return data.len;
    size_t taken = exchange_response_body(s->exchange, data);
    s->active_ms = clock_monotonic_ms();
    /* Who takes nothing now says so when it can. */
    if (taken > 0)
        make_due(s);
    return taken;
}

static void on_end(void *owner, struct http2_stream *stream, const struct http_fields *trailers)
{
    (void)owner;
    struct upstream_stream *s = http2_stream_user(stream);
    if (s->is_failed)
        return;
    s->is_complete = true;
    exchange_response_trailers(s->exchange, trailers);
    exchange_response_end(s->exchange);
    make_due(s);
}

static const char *told_of(struct upstream_stream *s, uint32_t error, const char *detail)
{
    struct arena *arena = &s->exchange->arena;
    if (s->http2->lost != NULL)
        return arena_copy(arena, str_of(s->http2->lost)).ptr;
    if (!http2_client_is_confirmed(s->http2->client))
        return arena_printf(arena, "the server does not speak HTTP/2: %s", detail).ptr;
    return arena_printf(arena, "HTTP/2: %s (%s)", detail, http2_error_name(error)).ptr;
}

/* RFC 9113 section 7: the server wants this request on HTTP/1.1. */
static void repeat_on_http1(struct upstream_stream *s)
{
    struct exchange *x = s->exchange;
    bool can = settings(s->http2)->protocol == PROTOCOL_AUTO && may_repeat(s, true);
    x->needs_http1 = can;
    fail(s, can ? UPSTREAM_STALE : UPSTREAM_FINAL, OUTCOME_UPSTREAM_INVALID,
         "HTTP/2: the server wants this request on HTTP/1.1 (HTTP_1_1_REQUIRED)");
}

static void on_closed(void *owner, struct http2_stream *stream, uint32_t error, const char *detail)
{
    const struct upstream_http2 *http2 = owner;
    struct upstream_stream *s = http2_stream_user(stream);
    s->stream = NULL;
    if (detail == NULL || s->is_complete || s->is_failed)
        return;
    /* What the server did wrong ends the stream or the connection from here. */
    bool is_invalid = http2->lost == NULL && (error == HTTP2_PROTOCOL_ERROR ||
                                              http2_client_problem(http2->client) != NULL);
    if (error == HTTP2_HTTP_1_1_REQUIRED)
        repeat_on_http1(s);
    else
        fail(s, failure_of(s, error == HTTP2_REFUSED_STREAM),
             is_invalid ? OUTCOME_UPSTREAM_INVALID : OUTCOME_UPSTREAM_CLOSED,
             told_of(s, error, detail));
}

static void on_writable(void *owner, struct http2_stream *stream)
{
    (void)owner;
    struct upstream_stream *s = http2_stream_user(stream);
    s->active_ms = clock_monotonic_ms();
    make_due(s);
}

static void on_room(void *owner)
{
    struct upstream_http2 *http2 = owner;
    upstream_group_wake(http2->server->group);
}

static const struct http2_client_ops CLIENT_OPS = {
    .interim = on_interim,
    .response = on_response,
    .body = on_body,
    .end = on_end,
    .closed = on_closed,
    .writable = on_writable,
    .room = on_room,
};

/* ---- telling exchanges -------------------------------------------------------------------- */

/* As for HTTP/1.1: a connection that had been in use may end at any time, and one that ends inside an
 * upload may do so for what is in it. */
static bool is_servers_fault(const struct upstream_stream *s)
{
    if (s->has_head || s->failure == UPSTREAM_STALE || s->exchange->needs_http1)
        return false;
    return s->outcome != OUTCOME_UPSTREAM_CLOSED ||
           (s->http2->conn->requests == 1 && s->exchange->request_body_sent == 0);
}

static void tell_failure(struct upstream_stream *s)
{
    struct exchange *x = s->exchange;
    struct upstream_server *server = s->http2->server;
    if (is_servers_fault(s))
        upstream_health_failed(server, clock_monotonic_ms(), s->detail);
    leave(s);
    upstream_attempt_failed(x, server, s->failure, s->outcome, s->detail);
}

static void tell(struct upstream_stream *s)
{
    struct exchange *x = s->exchange;
    end_due(s);
    if (s->may_resume && s->stream != NULL && !s->is_failed && !s->is_complete) {
        s->may_resume = false;
        http2_stream_accept_body(s->stream);
        end_due(s);
    }
    if (s->is_failed) {
        tell_failure(s);
    } else if (s->is_complete) {
        leave(s);
        exchange_detach_upstream(x);
    }
    x->client_ops->run(x);
}

static void tell_all(struct upstream_http2 *http2)
{
    while (http2->due != NULL)
        tell(http2->due);
}

/* ---- turns -------------------------------------------------------------------------------- */

/* The connection is gone; those it carried are due. reason: static, or of the transport. */
static void lose(struct upstream_http2 *http2, const char *reason)
{
    http2->lost = reason;
    http2_client_free(http2->client);
    http2->client = NULL;
    for (struct upstream_stream *s = http2->open; s != NULL; s = s->next)
        fail(s, failure_of(s, false), OUTCOME_UPSTREAM_CLOSED, told_of(s, HTTP2_NO_ERROR, reason));
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
        /* A server that answers and closes makes our write fail: its answer counts. */
        if (stream_flush(stream) == TRANSPORT_ERROR && stream_fill(stream) != TRANSPORT_OK) {
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
    bool is_leaving = http2_client_is_leaving(http2->client) ||
                      http2->server->group->engine->is_draining ||
                      settings(http2)->keepalive_connections == 0;
    if (is_leaving && http2->open == NULL && !is_over) {
        http2_client_drain(http2->client);
        send_output(http2);
        is_over = is_open(http2);
    }
    if (!is_open(http2) || !is_over)
        return;
    if (http2->open == NULL)
        upstream_conn_close(http2->conn);
    else
        lose(http2, "the HTTP/2 connection ended");
}

static void arm(struct upstream_http2 *http2)
{
    const struct config_timeouts *timeouts = &config_of(http2)->timeouts;
    uint64_t ping_ms = settings(http2)->keepalive_ping_ms;
    struct deadline *deadline = &http2->conn->deadline;
    if (http2->open == NULL && http2_client_ping_since(http2->client) == 0) {
        if (!http2->is_idle)
            deadline_set(deadline, settings(http2)->keepalive_idle_ms);
        http2->is_idle = true;
        http2->is_timed = false;
        return;
    }
    http2->is_idle = false;
    if (http2->is_timed)
        return;
    uint64_t in_ms = timeouts->response;
    if (ping_ms > 0 && ping_ms < in_ms)
        in_ms = ping_ms;
    if (http2_client_ping_since(http2->client) != 0 && timeouts->connect < in_ms)
        in_ms = timeouts->connect;
    deadline_set(deadline, in_ms);
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
        tell_all(http2);
        if (is_open(http2))
            send_output(http2);
        if (is_open(http2))
            see_to_the_end(http2);
        tell_all(http2);
    } while (is_open(http2) && (http2->must_run || has_more));
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
    if (!is_open(http2))
        return;
    stream_release_input(&http2->conn->stream);
    arm(http2);
    transport_want(&http2->conn->stream.transport, true,
                   stream_has_output(&http2->conn->stream));
}

static void turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct upstream_http2 *http2 = arg;
    if (is_open(http2))
        upstream_http2_run(http2, false);
}

/* ---- deadlines ---------------------------------------------------------------------------- */

/* When the server will have kept the stream waiting for too long; UINT64_MAX: it is not its turn. */
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

static void stream_timed_out(struct upstream_stream *s)
{
    struct upstream_http2 *http2 = s->http2;
    http2_stream_reset(s->stream, HTTP2_CANCEL);
    s->stream = NULL;
    fail(s, UPSTREAM_FINAL, OUTCOME_UPSTREAM_TIMEOUT, "the upstream did not answer in time");
    /* It may be this request, or the connection is dead. */
    http2_client_ping(http2->client);
    http2->is_suspect = true;
}

static void see_to_pings(struct upstream_http2 *http2, uint64_t now_ms)
{
    uint64_t ping_ms = settings(http2)->keepalive_ping_ms;
    uint64_t since_ms = http2_client_ping_since(http2->client);
    if (since_ms != 0 && since_ms + config_of(http2)->timeouts.connect <= now_ms)
        lose(http2, "the upstream did not answer a PING");
    else if (since_ms == 0 && ping_ms > 0 && http2->heard_ms + ping_ms <= now_ms)
        http2_client_ping(http2->client);
}

static uint64_t earliest(const struct upstream_http2 *http2, uint64_t now_ms)
{
    const struct config_timeouts *timeouts = &config_of(http2)->timeouts;
    uint64_t ping_ms = settings(http2)->keepalive_ping_ms;
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
    if (is_open(http2)) {
        deadline_set(&http2->conn->deadline, earliest(http2, now_ms) - now_ms);
        http2->is_timed = true;
    }
    http2->is_running = true;
    tell_all(http2);
    http2->is_running = false;
    if (is_open(http2))
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

bool upstream_http2_has_room(const struct upstream_http2 *http2)
{
    if (http2->client == NULL)
        return http2->waiting_count < HTTP2_CLIENT_STREAMS;
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
    stop_waiting(http2->waiting);
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
    http2->client = http2_client_new(&CLIENT_OPS, http2, &http2->limits,
                                     &http2->server->group->engine->buffers);
    http2->heard_ms = clock_monotonic_ms();
    while (http2->waiting != NULL) {
        struct upstream_stream *s = http2->waiting;
        DL_DELETE(http2->waiting, s);
        http2->waiting_count--;
        start(s);
        make_due(s); /* its client may have a body to send */
    }
    upstream_http2_run(http2, false);
}

void upstream_http2_retire(struct upstream_http2 *http2)
{
    if (!is_open(http2))
        return;
    http2->is_retired = true;
    http2_client_drain(http2->client);
    schedule(http2);
}
