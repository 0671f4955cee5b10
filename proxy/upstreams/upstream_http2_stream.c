/* SPDX-License-Identifier: MIT */
#include <utlist.h>

#include "base/clock.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "upstreams/upstream_health.h"
#include "upstreams/upstream_http2_private.h"

/* A connection that was silent for so long is asked whether it still is one, together with the next
 * request. */
#define PING_AFTER_MS 10000

/* ---- streams ------------------------------------------------------------------------------ */

void upstream_stream_make_due(struct upstream_stream *s)
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

void upstream_stream_stop_waiting(struct upstream_stream *s)
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

/* RFC 9110 section 9.2.2, as for HTTP/1.1: only what was not answered at all, and whose body is
 * still there, may be sent again; what the server has not acted on (RFC 9113 section 8.7) whatever
 * it is. */
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
void upstream_stream_fail(struct upstream_stream *s, enum upstream_failure failure,
                          enum outcome outcome, const char *detail)
{
    if (s->is_failed || s->is_complete)
        return;
    s->is_failed = true;
    s->failure = failure;
    s->outcome = outcome;
    s->detail = detail;
    upstream_stream_make_due(s);
}

void upstream_stream_lose(struct upstream_stream *s)
{
    upstream_stream_fail(s, failure_of(s, false), OUTCOME_UPSTREAM_CLOSED,
                         arena_copy(&s->exchange->arena, str_of(s->http2->lost)).ptr);
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
    upstream_http2_schedule(s->http2);
}

static void op_resume(struct exchange *x)
{
    struct upstream_stream *s = x->upstream;
    s->active_ms = clock_monotonic_ms();
    s->may_resume = true;
    upstream_stream_make_due(s);
    upstream_http2_schedule(s->http2);
}

static void op_cancel(struct exchange *x)
{
    struct upstream_stream *s = x->upstream;
    struct upstream_http2 *http2 = s->http2;
    leave(s);
    upstream_http2_schedule(http2);
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
    upstream_stream_stop_waiting(s);
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

void upstream_stream_start(struct upstream_stream *s)
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
        upstream_stream_fail(s, failure_of(s, true), OUTCOME_UPSTREAM_CLOSED,
                             "the connection ended");
    /* A repeated request whose body turned out to be empty. */
    if (x->request_has_body && x->request_ended)
        op_end_body(x);
    exchange_upstream_ready(x);
    if (http2->conn->requests >= upstream_http2_settings(http2)->keepalive_requests)
        upstream_http2_retire(http2);
    upstream_http2_schedule(http2);
}

void upstream_http2_join(struct upstream_http2 *http2, struct exchange *x)
{
    struct upstream_stream *s = arena_calloc(&x->arena, 1, sizeof *s);
    s->http2 = http2;
    s->exchange = x;
    s->is_trial = upstream_server_take(http2->server);
    x->upstream = s;
    if (upstream_http2_is_open(http2)) {
        upstream_stream_start(s);
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
    if (++x->interim_responses > UPSTREAM_INTERIM_MAX)
        upstream_stream_fail(s, UPSTREAM_FINAL, OUTCOME_UPSTREAM_INVALID,
                             "too many interim responses");
    else
        exchange_response_interim(x, response);
    upstream_stream_make_due(s);
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
    upstream_stream_make_due(s);
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
        upstream_stream_make_due(s);
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
    upstream_stream_make_due(s);
}

static const char *told_of(struct upstream_stream *s, uint32_t error, const char *detail)
{
    struct arena *arena = &s->exchange->arena;
    if (s->http2->lost != NULL)
        return arena_copy(arena, str_of(s->http2->lost)).ptr;
    if (!http2_client_is_confirmed(s->http2->client))
        return arena_printf(arena, "the server does not speak HTTP/2, set `protocol: http1`: %s",
                            detail)
            .ptr;
    return arena_printf(arena, "HTTP/2: %s (%s)", detail, http2_error_name(error)).ptr;
}

/* RFC 9113 section 7: the server wants this request on HTTP/1.1. */
static void repeat_on_http1(struct upstream_stream *s)
{
    struct exchange *x = s->exchange;
    bool can = upstream_http2_settings(s->http2)->protocol == PROTOCOL_AUTO && may_repeat(s, true);
    x->needs_http1 = can;
    upstream_stream_fail(s, can ? UPSTREAM_HTTP1 : UPSTREAM_FINAL, OUTCOME_UPSTREAM_INVALID,
                         "the server wants this request on HTTP/1.1 (HTTP_1_1_REQUIRED): "
                         "`protocol: auto`");
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
        upstream_stream_fail(s, failure_of(s, error == HTTP2_REFUSED_STREAM),
                             is_invalid ? OUTCOME_UPSTREAM_INVALID : OUTCOME_UPSTREAM_CLOSED,
                             told_of(s, error, detail));
}

static void on_writable(void *owner, struct http2_stream *stream)
{
    (void)owner;
    struct upstream_stream *s = http2_stream_user(stream);
    s->active_ms = clock_monotonic_ms();
    upstream_stream_make_due(s);
}

static void on_room(void *owner)
{
    struct upstream_http2 *http2 = owner;
    if (http2_client_is_confirmed(http2->client))
        http2->server->streams_max = http2_client_streams_max(http2->client);
    upstream_group_wake(http2->server->group);
}

const struct http2_client_ops upstream_stream_client_ops = {
    .interim = on_interim,
    .response = on_response,
    .body = on_body,
    .end = on_end,
    .closed = on_closed,
    .writable = on_writable,
    .room = on_room,
};

/* ---- telling exchanges -------------------------------------------------------------------- */

/* As for HTTP/1.1: a connection that had been in use may end at any time, and one that ends inside
 * an upload may do so for what is in it. */
static bool is_servers_fault(const struct upstream_stream *s)
{
    if (s->has_head || s->failure == UPSTREAM_STALE || s->failure == UPSTREAM_HTTP1)
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

void upstream_streams_tell(struct upstream_http2 *http2)
{
    while (http2->due != NULL)
        tell(http2->due);
}
