/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_http1.h"

#include <assert.h>

#include "base/clock.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "http/http1_write.h"
#include "http/tunnel_upgrade.h"
#include "upstreams/tunnel.h"
#include "upstreams/upstream_health.h"

#define READS_PER_TURN 4

/* ---- ending ------------------------------------------------------------------------------- */

/* NTLM and Negotiate authenticate the connection: it must never carry another client's request. */
static bool offers_connection_login(struct str value)
{
    struct str rest = value;
    struct str part;
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        struct str scheme = str_make(part.ptr, str_find(part, ' '));
        if (str_equal_icase(scheme, STR("NTLM")) || str_equal_icase(scheme, STR("Negotiate")))
            return true;
    }
    return false;
}

static bool has_connection_login(const struct http_fields *fields, struct str name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (str_equal_icase(fields->items[i].name, name) &&
            offers_connection_login(fields->items[i].value))
            return true;
    }
    return false;
}

bool upstream_http1_is_login(const struct exchange *x)
{
    return has_connection_login(&x->request.fields, STR("Authorization"));
}

/* RFC 9110 section 9.2.2: what was sent is repeated only when doing it twice is doing it once, and
 * only before anything of an answer was seen. A connection that carries a login is never replaced:
 * the request means something else elsewhere. */
static bool may_repeat(const struct upstream_conn *conn)
{
    const struct exchange *x = conn->exchange;
    if (conn->saw_bytes || x->response_started || x->request_body_sent > 0)
        return false;
    if (conn->stream.bytes_written > 0 && !http_method_is_idempotent(x->request.method_id))
        return false;
    return conn->bound_to == NULL && !upstream_http1_is_login(x);
}

static enum upstream_failure failure_of(const struct upstream_conn *conn, enum outcome outcome)
{
    if (outcome != OUTCOME_UPSTREAM_CLOSED || !may_repeat(conn))
        return UPSTREAM_FINAL;
    /* RFC 9112 section 9.3.1: servers close idle connections at any time. */
    return conn->is_reused ? UPSTREAM_STALE : UPSTREAM_LOST;
}

/* A kept connection may end at any time, and one that is closed inside an upload may be closed for
 * what is in it: three such requests must not take a server from everybody. */
static bool is_servers_fault(const struct upstream_conn *conn, enum outcome outcome)
{
    if (conn->head_received)
        return false;
    return outcome != OUTCOME_UPSTREAM_CLOSED ||
           (!conn->is_reused && conn->exchange->request_body_sent == 0);
}

static void fail(struct upstream_conn *conn, enum outcome outcome, const char *detail)
{
    struct exchange *x = conn->exchange;
    struct upstream_server *server = conn->server;
    enum upstream_failure failure = failure_of(conn, outcome);
    bool is_its_fault = is_servers_fault(conn, outcome);
    /* The detail may belong to the connection. */
    detail = arena_copy(&x->arena, str_of(detail)).ptr;
    upstream_conn_close(conn);
    if (is_its_fault)
        upstream_health_failed(server, clock_monotonic_ms(), detail);
    upstream_attempt_failed(x, server, failure, outcome, detail);
}

static const char *stream_problem(const struct upstream_conn *conn, enum transport_result result)
{
    return result == TRANSPORT_EOF ? "the upstream closed the connection"
                                   : transport_error(&conn->stream.transport);
}

/* ---- the request, towards the server ------------------------------------------------------ */

static size_t op_send_body(struct exchange *x, struct str data)
{
    struct upstream_conn *conn = x->upstream;
    /* The server has stopped listening, but its answer may still be on the way. */
    if (conn->stream.is_broken)
        return data.len;
    size_t taken = stream_put_body(&conn->stream, data, conn->request_is_chunked);
    if (taken < data.len) { /* the server is due to take the rest */
        transport_want(&conn->stream.transport, conn->body_pending.len == 0, true);
        deadline_set(&conn->deadline, x->engine->snapshot->config->timeouts.response);
    }
    return taken;
}

static void op_end_body(struct exchange *x)
{
    struct upstream_conn *conn = x->upstream;
    if (conn->request_is_chunked)
        stream_put(&conn->stream, http1_write_last_chunk(&x->arena, &x->request_trailers));
    conn->request_done = true;
}

static void update_interest(struct upstream_conn *conn)
{
    const struct exchange *x = conn->exchange;
    bool want_write = stream_has_output(&conn->stream) || x->request_blocked;
    if (conn->body_pending.len == 0)
        stream_release_input(&conn->stream);
    transport_want(&conn->stream.transport, conn->body_pending.len == 0, want_write);
    /* The server is due unless it is the client that holds things up. */
    bool waits_for_client = conn->body_pending.len > 0 || (!x->request_ended && !want_write);
    if (waits_for_client)
        deadline_stop(&conn->deadline);
    else
        deadline_set(&conn->deadline, x->engine->snapshot->config->timeouts.response);
}

static void op_flush(struct exchange *x)
{
    upstream_http1_run(x->upstream, false);
}

static void op_resume(struct exchange *x)
{
    upstream_http1_run(x->upstream, false);
}

static void op_cancel(struct exchange *x)
{
    upstream_conn_close(x->upstream);
}

static const struct upstream_ops HTTP1_OPS = {
    .send_body = op_send_body,
    .end_body = op_end_body,
    .flush = op_flush,
    .resume = op_resume,
    .cancel = op_cancel,
};

void upstream_http1_attach(struct upstream_conn *conn)
{
    conn->exchange->upstream = conn;
    conn->exchange->upstream_ops = &HTTP1_OPS;
}

void upstream_http1_begin(struct upstream_conn *conn)
{
    struct exchange *x = conn->exchange;
    upstream_http1_attach(conn);
    conn->requests++;
    conn->head_received = false;
    conn->response_done = false;
    conn->request_done = !x->request_has_body;
    conn->request_is_chunked = x->request.body.kind == HTTP_BODY_CHUNKED;
    conn->must_close = false;
    conn->saw_bytes = false;
    conn->body_pending = (struct str){NULL, 0};
    conn->stream.bytes_written = 0;
    stream_put(&conn->stream, http1_write_request_head(&x->arena, x->request.method,
                                                       x->upstream_target, &x->upstream_fields));
    /* A repeated request whose body turned out to be empty. */
    if (x->request_has_body && x->request_ended)
        op_end_body(x);
    exchange_upstream_ready(x);
}

/* ---- the response ------------------------------------------------------------------------- */

static void bind_if_login(struct upstream_conn *conn, const struct http_response *response)
{
    struct exchange *x = conn->exchange;
    if (upstream_http1_is_login(x) ||
        (response->status == 401 &&
         has_connection_login(&response->fields, STR("WWW-Authenticate"))))
        upstream_conn_bind(conn, x->connection);
}

/* RFC 8441 section 5: over HTTP/2 a tunnel is a stream that was answered with 200, and its bytes
 * are bodies without an end. What was agreed on with the server is no business of the client's. */
static void become_bodies(struct upstream_conn *conn, const struct http_response *response)
{
    struct exchange *x = conn->exchange;
    conn->response = *response;
    conn->response.status = 200;
    conn->response.body = (struct http_body_framing){.kind = HTTP_BODY_UNTIL_CLOSE};
    (void)http_fields_remove(&conn->response.fields, STR("Sec-WebSocket-Accept"));
    upstream_health_succeeded(conn->server);
    conn->head_received = true;
    conn->must_close = true;
    conn->request_done = false;
    http1_body_init(&conn->body, conn->response.body, 0);
    x->is_tunnel = true;
    x->request_has_body = true;
    x->request_ended = false;
    exchange_response_head(x, &conn->response);
    exchange_upstream_ready(x);
}

/* RFC 9110 section 15.2.2: 101 answers an Upgrade, and only that one. */
static void change_protocol(struct upstream_conn *conn, const struct http_response *response)
{
    struct str key = conn->exchange->upgrade_key;
    const char *problem = key.len == 0 ? "101 without an Upgrade in the request"
                                       : tunnel_upgrade_problem(response, key);
    if (problem == NULL && conn->exchange->client_ops->start_tunnel == NULL)
        become_bodies(conn, response);
    else if (problem == NULL)
        tunnel_begin(conn, response);
    else
        fail(conn, OUTCOME_UPSTREAM_INVALID, problem);
}

/* Interim responses; 101 ends HTTP or the exchange. */
static bool is_final(struct upstream_conn *conn, const struct http_response *response)
{
    struct exchange *x = conn->exchange;
    if (response->status >= 200)
        return true;
    if (response->status == 101)
        change_protocol(conn, response);
    else if (++x->interim_responses > UPSTREAM_INTERIM_MAX)
        fail(conn, OUTCOME_UPSTREAM_INVALID, "too many interim responses");
    else
        exchange_response_interim(x, response);
    return false;
}

static void take_head(struct upstream_conn *conn)
{
    struct exchange *x = conn->exchange;
    const struct config_limits *limits = &x->engine->snapshot->config->limits;
    struct http1_limits head_limits = {.field_count = limits->header_count};
    struct str head;
    switch (stream_take_head(&conn->stream, limits->header_bytes, &x->arena, &head)) {
    case STREAM_HEAD_READY:
        break;
    case STREAM_HEAD_MORE:
        return;
    case STREAM_HEAD_BAD:
        fail(conn, OUTCOME_UPSTREAM_INVALID, http1_reason_text(conn->stream.scan.reason));
        return;
    case STREAM_HEAD_TOO_LONG:
        fail(conn, OUTCOME_UPSTREAM_INVALID,
             "the response head is longer than limits.header_bytes");
        return;
    }
    struct http_response *response = &conn->response;
    enum http1_reason reason =
        http1_parse_response(head, &head_limits, x->request.method_id, &x->arena, response);
    if (reason != HTTP1_VALID) {
        fail(conn, OUTCOME_UPSTREAM_INVALID, http1_reason_text(reason));
        return;
    }
    if (!is_final(conn, response)) {
        if (conn->state == UPSTREAM_BUSY)
            conn->must_run = true;
        return;
    }
    if (x->request.protocol.len > 0 && response->status < 300) {
        /* To a client that sent CONNECT this would say that the tunnel is open. */
        fail(conn, OUTCOME_UPSTREAM_INVALID, "success without 101 for a WebSocket");
        return;
    }
    bind_if_login(conn, response);
    upstream_health_succeeded(conn->server);
    conn->head_received = true;
    conn->must_close = !response->keep_alive;
    http1_body_init(&conn->body, response->body, 0);
    http1_body_keep_trailers(&conn->body, &x->arena, limits->header_count);
    exchange_response_head(x, response);
}

/* True when all of it was taken. */
static bool offer_body(struct upstream_conn *conn, struct str data)
{
    size_t taken = exchange_response_body(conn->exchange, data);
    conn->body_pending = str_skip(data, taken);
    return taken == data.len;
}

static void response_complete(struct upstream_conn *conn)
{
    struct exchange *x = conn->exchange;
    conn->response_done = true;
    conn->body_pending = (struct str){NULL, 0};
    exchange_response_trailers(x, &conn->body.trailers);
    exchange_response_end(x);
    exchange_detach_upstream(x);
    upstream_conn_release(conn);
}

static void take_body(struct upstream_conn *conn)
{
    if (conn->body_pending.len > 0 && !offer_body(conn, conn->body_pending))
        return;
    for (;;) {
        struct str input = stream_input(&conn->stream);
        struct str data;
        size_t before = input.len;
        enum http1_body_result result = http1_body_next(&conn->body, &input, &data);
        stream_consume(&conn->stream, before - input.len);
        if (result == HTTP1_BODY_MORE)
            return;
        if (result == HTTP1_BODY_END) {
            response_complete(conn);
            return;
        }
        if (result == HTTP1_BODY_BAD) {
            fail(conn, OUTCOME_UPSTREAM_INVALID, http1_reason_text(conn->body.reason));
            return;
        }
        if (!offer_body(conn, data))
            return;
    }
}

static void ended(struct upstream_conn *conn, enum transport_result result)
{
    if (conn->head_received && conn->body_pending.len == 0 && result == TRANSPORT_EOF &&
        http1_body_finish(&conn->body)) {
        conn->must_close = true;
        response_complete(conn);
        return;
    }
    fail(conn, OUTCOME_UPSTREAM_CLOSED, stream_problem(conn, result));
}

/* True when more may be waiting in the socket that should be read in this turn. */
static bool fill(struct upstream_conn *conn)
{
    if (conn->body_pending.len > 0 || !stream_has_room(&conn->stream))
        return false;
    enum transport_result result = stream_fill(&conn->stream);
    if (result == TRANSPORT_OK) {
        conn->saw_bytes = true;
        return stream_may_read_on(&conn->stream);
    }
    if (result != TRANSPORT_AGAIN)
        ended(conn, result);
    return false;
}

static void flush(struct upstream_conn *conn)
{
    /* A server that answers early and closes makes our write fail: its answer counts. */
    if (stream_flush(&conn->stream) == TRANSPORT_ERROR && !conn->saw_bytes) {
        bool can_still_read = stream_fill(&conn->stream) == TRANSPORT_OK;
        if (can_still_read)
            conn->saw_bytes = true;
        else
            fail(conn, OUTCOME_UPSTREAM_CLOSED, "the upstream closed while the request was sent");
    }
}

/* The end of the client's half of a tunnel is passed on behind its last byte. */
static void pass_end(struct upstream_conn *conn)
{
    if (conn->exchange->is_tunnel && conn->request_done && !conn->is_told &&
        !stream_has_output(&conn->stream)) {
        conn->is_told = true;
        (void)transport_shutdown(&conn->stream.transport);
    }
}

static bool is_busy_with(const struct upstream_conn *conn, const struct exchange *x)
{
    return conn->state == UPSTREAM_BUSY && conn->exchange == x;
}

static void run_once(struct upstream_conn *conn, struct exchange *x)
{
    flush(conn);
    if (is_busy_with(conn, x))
        pass_end(conn);
    if (is_busy_with(conn, x) && !conn->head_received)
        take_head(conn);
    if (is_busy_with(conn, x) && conn->head_received)
        take_body(conn);
}

void upstream_http1_run(struct upstream_conn *conn, bool can_read)
{
    struct exchange *x = conn->exchange;
    if (conn->is_running) {
        conn->must_run = true;
        return;
    }
    conn->is_running = true;
    int reads = 0;
    bool has_more = can_read;
    do {
        conn->must_run = false;
        if (has_more)
            has_more = fill(conn) && ++reads < READS_PER_TURN;
        if (is_busy_with(conn, x))
            run_once(conn, x);
    } while (is_busy_with(conn, x) && (conn->must_run || has_more));
    conn->is_running = false;
    if (is_busy_with(conn, x))
        update_interest(conn);
    /* The last thing of the turn: it may finish the exchange. */
    x->client_ops->run(x);
}

void upstream_http1_timeout(struct upstream_conn *conn)
{
    struct exchange *x = conn->exchange;
    fail(conn, OUTCOME_UPSTREAM_TIMEOUT, "the upstream did not answer in time");
    x->client_ops->run(x);
}
