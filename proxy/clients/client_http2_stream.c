/* SPDX-License-Identifier: MIT */
#include <utlist.h>

#include "base/clock.h"
#include "clients/client_http2_private.h"
#include "exchange/body_buffer.h"
#include "exchange/exchange.h"
#include "exchange/exchange_begin.h"
#include "explain/grpc_answer.h"
#include "explain/refusal_log.h"
#include "http/http1_write.h"
#include "http/tunnel_upgrade.h"

/* ---- streams of a turn -------------------------------------------------------------------- */

void client_stream_make_due(struct client_stream *s)
{
    struct client_http2 *http2 = s->client->http2;
    if (s->is_due || s->is_finished)
        return;
    s->is_due = true;
    s->next_due = NULL;
    *http2->due_end = s;
    http2->due_end = &s->next_due;
}

static void note_bytes(struct client_stream *s)
{
    s->bytes = (struct exchange_bytes){
        .received = http2_stream_bytes_received(s->stream),
        .sent = http2_stream_bytes_sent(s->stream),
    };
}

void client_stream_finish(struct client_stream *s, bool client_is_gone)
{
    struct client_http2 *http2 = s->client->http2;
    if (s->is_finished)
        return;
    s->is_finished = true;
    exchange_finish(s->exchange, client_is_gone);
    DL_DELETE(http2->open, s);
    s->next = http2->dead;
    http2->dead = s;
}

void client_streams_free_dead(struct client_http2 *http2)
{
    while (http2->dead != NULL) {
        struct client_stream *s = http2->dead;
        http2->dead = s->next;
        exchange_free(s->exchange);
    }
}

void client_stream_reset(struct client_stream *s, enum http2_error error)
{
    if (s->stream == NULL)
        return;
    note_bytes(s);
    http2_stream_reset(s->stream, error);
    s->stream = NULL;
    client_stream_make_due(s);
}

/* ---- the response, towards the client ----------------------------------------------------- */

static void op_send_interim(struct exchange *x, const struct http_response *response)
{
    const struct client_stream *s = x->client;
    if (s->stream != NULL)
        http2_stream_interim(s->stream, response);
}

static void op_send_continue(struct exchange *x)
{
    static const struct http_response CONTINUE = {.status = 100};
    op_send_interim(x, &CONTINUE);
}

static void op_start_response(struct exchange *x)
{
    const struct client_stream *s = x->client;
    struct http_response *response = &x->response;
    x->response_started = true;
    if (response->body.kind == HTTP_BODY_LENGTH)
        http_fields_add(&response->fields, &x->arena, STR("Content-Length"),
                        arena_decimal(&x->arena, response->body.length));
    if (s->stream != NULL)
        http2_stream_respond(s->stream, response);
}

static void send_page(struct client_stream *s)
{
    if (s->stream == NULL)
        return;
    s->page = str_skip(s->page, http2_stream_send_body(s->stream, s->page));
    if (s->page.len == 0 && s->ends_with_page)
        http2_stream_end(s->stream, NULL);
}

static size_t op_send_body(struct exchange *x, struct str data)
{
    struct client_stream *s = x->client;
    if (s->stream == NULL || x->response.body.kind == HTTP_BODY_NONE)
        return data.len;
    if (x->discard_body && x->upstream_ops == NULL) { /* nobody would offer the rest again */
        s->page = data;
        send_page(s);
        return data.len;
    }
    size_t taken = http2_stream_send_body(s->stream, data);
    if (x->is_tunnel && taken > 0)
        s->body_at_ms = clock_monotonic_ms();
    x->response_blocked = taken < data.len;
    return taken;
}

static void op_end_response(struct exchange *x)
{
    struct client_stream *s = x->client;
    x->response_ended = true;
    if (s->page.len > 0)
        s->ends_with_page = true;
    else if (s->stream != NULL && x->response.body.kind != HTTP_BODY_NONE)
        http2_stream_end(s->stream, &x->response_trailers);
}

static void op_abort_response(struct exchange *x)
{
    struct client_stream *s = x->client;
    x->is_aborted = true;
    if (s->stream == NULL || !grpc_answer_may_follow(x)) {
        client_stream_reset(s, HTTP2_INTERNAL_ERROR);
        return;
    }
    /* Messages have lengths of their own: the client sees that one is missing, and is told why. */
    struct http_fields trailers = {0};
    grpc_answer_add(x, x->outcome, str_of(http_status_text(outcome_info(x->outcome)->status)),
                    &trailers);
    http2_stream_end(s->stream, &trailers);
}

static void op_run(struct exchange *x)
{
    struct client_stream *s = x->client;
    client_stream_make_due(s);
    client_http2_run(s->client, false);
}

static bool op_has_output(const struct exchange *x)
{
    const struct client_stream *s = x->client;
    return s->stream != NULL && http2_stream_blocked_since(s->stream) != 0;
}

static struct exchange_bytes op_count(struct exchange *x)
{
    struct client_stream *s = x->client;
    if (s->stream != NULL)
        note_bytes(s);
    return s->bytes;
}

/* A stream has no bytes that could be garbage. */
static void op_drop(struct exchange *x, enum client_drop how)
{
    struct client_stream *s = x->client;
    client_stream_reset(s, how == CLIENT_DROP_CLOSE ? HTTP2_CANCEL : HTTP2_INTERNAL_ERROR);
    client_http2_run(s->client, false);
}

static const struct client_ops HTTP2_OPS = {
    .send_continue = op_send_continue,
    .send_interim = op_send_interim,
    .start_response = op_start_response,
    .send_body = op_send_body,
    .end_response = op_end_response,
    .abort_response = op_abort_response,
    .run = op_run,
    .has_output = op_has_output,
    .count = op_count,
    .drop = op_drop,
};

/* ---- requests ----------------------------------------------------------------------------- */

static struct client_stream *stream_new(struct client *client, struct http2_stream *stream,
                                        struct arena *arena)
{
    struct client_http2 *http2 = client->http2;
    struct client_stream *s = arena_calloc(arena, 1, sizeof *s);
    s->client = client;
    s->stream = stream;
    s->body_at_ms = clock_monotonic_ms();
    http2_stream_set_user(stream, s);
    DL_APPEND(http2->open, s);
    if (client->state == CLIENT_IDLE) {
        client_set_state(client, CLIENT_EXCHANGE);
        http2->is_timed = false;
    }
    return s;
}

static struct client_end end_of(struct client_stream *s)
{
    return (struct client_end){&HTTP2_OPS, s, &s->client->connection, s->client->engine};
}

static void on_request(void *owner, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request)
{
    struct client_stream *s = stream_new(owner, stream, arena);
    struct http_request upgrade = *request;
    s->has_ended = request->body.kind == HTTP_BODY_NONE;
    if (request->protocol.len > 0 && !tunnel_upgrade_from_connect(&upgrade, arena))
        exchange_begin_refused(end_of(s), arena, request, OUTCOME_INTERNAL, NULL, &s->exchange);
    else
        exchange_begin(end_of(s), arena, &upgrade, &s->exchange);
    client_stream_make_due(s);
}

static void on_refused(void *owner, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request, enum outcome outcome, const char *detail)
{
    struct client_stream *s = stream_new(owner, stream, arena);
    exchange_begin_refused(end_of(s), arena, request, outcome, detail, &s->exchange);
    client_stream_make_due(s);
}

static size_t offer(struct exchange *x, struct str data)
{
    return x->discard_body ? data.len : exchange_request_body(x, data);
}

static size_t on_body(void *owner, struct http2_stream *stream, struct str data)
{
    (void)owner;
    struct client_stream *s = http2_stream_user(stream);
    s->body_at_ms = clock_monotonic_ms();
    /* Of a tunnel that is not open yet: the backend must not see it before its 101. */
    if (s->exchange->request.protocol.len > 0 && !s->exchange->is_tunnel &&
        !s->exchange->discard_body)
        return 0;
    size_t taken = offer(s->exchange, data);
    /* Who takes nothing now says so when it can: asking again would go on for ever. */
    if (taken > 0)
        client_stream_make_due(s);
    return taken;
}

static void on_end(void *owner, struct http2_stream *stream, const struct http_fields *trailers)
{
    (void)owner;
    struct client_stream *s = http2_stream_user(stream);
    client_stream_make_due(s);
    s->has_ended = true;
    if (s->exchange->request_ended)
        return;
    exchange_request_trailers(s->exchange, trailers);
    exchange_request_end(s->exchange);
}

static void on_failed(void *owner, struct http2_stream *stream, enum outcome outcome,
                      const char *detail)
{
    (void)owner;
    struct client_stream *s = http2_stream_user(stream);
    exchange_request_failed(s->exchange, outcome, detail);
    client_stream_make_due(s);
}

static void on_closed(void *owner, struct http2_stream *stream, uint32_t error, const char *detail)
{
    (void)owner;
    (void)detail;
    struct client_stream *s = http2_stream_user(stream);
    bool is_gone = error != HTTP2_NO_ERROR && !s->exchange->is_aborted;
    note_bytes(s);
    s->stream = NULL;
    client_stream_finish(s, is_gone);
}

static void on_writable(void *owner, struct http2_stream *stream)
{
    (void)owner;
    struct client_stream *s = http2_stream_user(stream);
    s->can_write = true;
    client_stream_make_due(s);
}

/* There are clients that lose an answer when the stream ends before they have sent all they had. */
static void on_answered(void *owner, struct http2_stream *stream)
{
    (void)owner;
    struct client_stream *s = http2_stream_user(stream);
    s->answered_at_ms = clock_monotonic_ms();
    s->client->http2->is_lingering = true;
    s->client->http2->is_timed = false;
    exchange_finish(s->exchange, false);
}

static void on_malformed(void *owner, int32_t stream_id, const char *detail)
{
    const struct client *client = owner;
    (void)stream_id;
    refusal_log_http2(client->engine->refusals, &client->connection,
                      http2_error_name(HTTP2_PROTOCOL_ERROR), detail);
}

const struct http2_server_ops client_stream_server_ops = {
    .request = on_request,
    .refused = on_refused,
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .closed = on_closed,
    .writable = on_writable,
    .answered = on_answered,
    .malformed = on_malformed,
};

/* ---- a stream's turn ---------------------------------------------------------------------- */

/* What was kept of a buffered body, as if the client were sending it now. */
static void pump_kept(struct client_stream *s)
{
    struct exchange *x = s->exchange;
    while (x->request_is_read && !x->request_ended && x->upstream_is_ready && !x->discard_body) {
        if (s->pending.len == 0 && !body_buffer_next(x, &s->pending)) {
            if (!x->request_ended)
                exchange_request_end(x);
            return;
        }
        s->pending = str_skip(s->pending, exchange_request_body(x, s->pending));
        if (s->pending.len > 0)
            return;
    }
}

static void discard_request(struct client_stream *s)
{
    struct exchange *x = s->exchange;
    x->discard_body = true;
    x->request_ended = true;
    if (s->stream != NULL)
        http2_stream_discard_body(s->stream);
}

static void run_stream(struct client_stream *s)
{
    struct exchange *x = s->exchange;
    pump_kept(s);
    if (!x->request_ended && x->upstream_is_ready && s->stream != NULL &&
        http2_stream_has_pending_body(s->stream))
        http2_stream_accept_body(s->stream);
    if (s->is_finished)
        return;
    if (x->is_tunnel && s->has_ended && !x->request_ended)
        exchange_request_end(x);
    if (x->upstream_needs_flush && x->upstream_ops != NULL) {
        x->upstream_needs_flush = false;
        x->upstream_ops->flush(x);
    }
    if (s->is_finished)
        return;
    /* Answered early: the rest of the body is read and dropped. */
    if (x->response_started && x->upstream_ops == NULL && !x->request_ended)
        discard_request(s);
    if (s->can_write && s->page.len > 0) {
        s->can_write = false;
        send_page(s);
    } else if (s->can_write && x->upstream_ops != NULL) {
        s->can_write = false;
        x->response_blocked = false;
        x->upstream_ops->resume(x);
    }
    if (s->stream == NULL)
        client_stream_finish(s, false);
}

void client_streams_run(struct client_http2 *http2)
{
    while (http2->due != NULL) {
        struct client_stream *s = http2->due;
        http2->due = s->next_due;
        if (http2->due == NULL)
            http2->due_end = &http2->due;
        s->is_due = false;
        if (!s->is_finished)
            run_stream(s);
    }
}
