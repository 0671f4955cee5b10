/* SPDX-License-Identifier: MIT */
#include "clients/client_http1.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "clients/clear_text.h"
#include "clients/client_tunnel.h"
#include "clients/late_certificate.h"
#include "clients/linger.h"
#include "core/snapshot.h"
#include "exchange/body_buffer.h"
#include "exchange/exchange_begin.h"
#include "http/http1_write.h"
#include "tls/tls_transport.h"

/* Reads in one turn of the loop before others get theirs. */
#define READS_PER_TURN 4
/* What is read of a refused request's body so that the connection can be kept. */
#define DISCARD_MAX (UINT64_C(256) * 1024)

static const struct config_limits *limits(const struct client *client)
{
    return &client->engine->snapshot->config->limits;
}

static struct client *client_of(const struct exchange *x)
{
    return x->client;
}

/* ---- the response, towards the client ---------------------------------------------------- */

static void op_send_continue(struct exchange *x)
{
    stream_put(&client_of(x)->stream, STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void op_send_interim(struct exchange *x, const struct http_response *response)
{
    stream_put(&client_of(x)->stream,
               http1_write_response_head(&x->arena, response->status, response->reason,
                                         &response->fields));
}

/* A client that waits for 100 Continue and is refused may send its body or may not: the next
 * request could not be told from it (RFC 9110 section 10.1.1). */
static bool body_is_uncertain(const struct exchange *x)
{
    return x->request_has_body && !x->request_ended && !x->request_is_read &&
           (x->discard_body || x->is_early) &&
           (x->request.expect_continue ||
            (x->request.body.kind == HTTP_BODY_LENGTH && x->request.body.length > DISCARD_MAX));
}

/* A client that did not wait for 101 may have sent WebSocket frames: they are not to be read as
 * requests when it gets another answer. */
static bool input_is_uncertain(const struct exchange *x)
{
    return x->upgrade_key.len > 0 && stream_input(&client_of(x)->stream).len > 0;
}

static void add_connection(struct exchange *x)
{
    struct client *client = client_of(x);
    if (body_is_uncertain(x) || input_is_uncertain(x) || client->close_after || client->saw_eof ||
        client->engine->is_draining || !x->request.keep_alive)
        x->must_close = true;
    if (x->must_close)
        http_fields_add(&x->response.fields, &x->arena, STR("Connection"), STR("close"));
    else if (x->request.minor == 0)
        http_fields_add(&x->response.fields, &x->arena, STR("Connection"), STR("keep-alive"));
}

static void op_start_response(struct exchange *x)
{
    struct http_response *response = &x->response;
    x->response_started = true;
    switch (response->body.kind) {
    case HTTP_BODY_LENGTH:
        http_fields_add(&response->fields, &x->arena, STR("Content-Length"),
                        arena_decimal(&x->arena, response->body.length));
        break;
    case HTTP_BODY_CHUNKED:
    case HTTP_BODY_UNTIL_CLOSE:
        /* RFC 9112 section 6.1: no transfer coding towards HTTP/1.0; the close ends the body. */
        x->is_chunked = x->request.minor > 0;
        if (x->is_chunked)
            http_fields_add(&response->fields, &x->arena, STR("Transfer-Encoding"), STR("chunked"));
        else
            x->must_close = true;
        break;
    case HTTP_BODY_NONE:
        break;
    }
    add_connection(x);
    stream_put(&client_of(x)->stream,
               http1_write_response_head(&x->arena, response->status, response->reason,
                                         &response->fields));
}

static size_t op_send_body(struct exchange *x, struct str data)
{
    struct stream *stream = &client_of(x)->stream;
    if (x->response.body.kind == HTTP_BODY_NONE)
        return data.len;
    if (x->discard_body) { /* an error page: small, and nobody would offer the rest again */
        stream_put(stream, data);
        return data.len;
    }
    size_t taken = stream_put_body(stream, data, x->is_chunked);
    x->response_blocked = taken < data.len;
    return taken;
}

static void op_end_response(struct exchange *x)
{
    if (x->is_chunked && x->response.body.kind != HTTP_BODY_NONE)
        stream_put(&client_of(x)->stream, http1_write_last_chunk(&x->arena, &x->response_trailers));
    x->response_ended = true;
}

static void op_abort_response(struct exchange *x)
{
    x->is_aborted = true;
}

static void op_run(struct exchange *x)
{
    client_http1_run(client_of(x), false);
}

static bool op_has_output(const struct exchange *x)
{
    return stream_has_output(&client_of(x)->stream);
}

/* What was read since the last request, without what is left for the next one. */
static struct exchange_bytes op_count(struct exchange *x)
{
    struct client *client = client_of(x);
    size_t rest = x->must_close ? 0 : stream_input(&client->stream).len;
    uint64_t consumed = client->stream.bytes_read - rest;
    struct exchange_bytes bytes = {
        .received = consumed - client->bytes_logged,
        .sent = client->stream.bytes_written - client->sent_before,
    };
    client->bytes_logged = consumed;
    return bytes;
}

static void op_drop(struct exchange *x, enum client_drop how)
{
    struct client *client = client_of(x);
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (how == CLIENT_DROP_RESET)
        (void)setsockopt(client->stream.transport.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (how == CLIENT_DROP_GARBAGE) {
        stream_put(&client->stream, STR("\x16\x03\x01 this is not HTTP\r\n\r\n\xff\xfe\x01\x02"));
        (void)stream_flush(&client->stream);
    }
    client_close(client);
}

static const struct client_ops HTTP1_OPS = {
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
    .start_tunnel = client_tunnel_start,
    .end_tunnel = client_tunnel_end,
    .extend_tunnel = client_tunnel_extend,
};

static struct client_end end_of(struct client *client)
{
    client->sent_before = client->stream.bytes_written;
    return (struct client_end){&HTTP1_OPS, client, &client->connection, client->engine};
}

/* ---- the request's head ------------------------------------------------------------------- */

static void begin_refused(struct client *client, struct arena *arena, enum outcome outcome,
                          const char *detail)
{
    client->close_after = true;
    client_set_state(client, CLIENT_EXCHANGE);
    exchange_begin_refused(end_of(client), arena, NULL, outcome, detail, &client->exchange);
}

/* head: a copy in the arena. */
static void begin(struct client *client, struct arena *arena, struct str head)
{
    struct http1_limits head_limits = {.target_bytes = limits(client)->target_bytes,
                                       .field_count = limits(client)->header_count};
    struct http_request request;
    enum http1_reason reason = http1_parse_request(head, &head_limits, arena, &request);
    if (reason == HTTP1_VALID)
        exchange_begin(end_of(client), arena, &request, &client->exchange);
    else
        exchange_begin_refused(end_of(client), arena, NULL, http1_reason_outcome(reason),
                               http1_reason_text(reason), &client->exchange);
}

/* RFC 9110 section 15.5.15: a head that is too long because its target is, is told so. */
static enum outcome too_long(const struct client *client)
{
    struct str partial = stream_partial_head(&client->stream);
    return str_find(partial, '\r') > limits(client)->target_bytes ? OUTCOME_URI_TOO_LONG
                                                                  : OUTCOME_HEADER_TOO_LARGE;
}

/* True when an exchange was begun. */
static bool take_request(struct client *client)
{
    struct str input = stream_input(&client->stream);
    if (client->state == CLIENT_IDLE && client->stream.scan.offset == 0)
        stream_consume(&client->stream, http1_skip_blank(input.ptr, input.len));
    input = stream_partial_head(&client->stream);
    if (input.len == 0)
        return false;
    struct arena arena;
    struct str head;
    arena_init(&arena, &client->engine->buffers);
    switch (stream_take_head(&client->stream, limits(client)->header_bytes, &arena, &head)) {
    case STREAM_HEAD_READY:
        client_set_state(client, CLIENT_EXCHANGE);
        begin(client, &arena, head);
        http1_body_init(&client->body, client->exchange->request.body, limits(client)->body_bytes);
        http1_body_keep_trailers(&client->body, &client->exchange->arena,
                                 limits(client)->header_count);
        if (client->exchange->awaits_certificate)
            late_certificate_begin(client);
        return true;
    case STREAM_HEAD_MORE:
        arena_clear(&arena);
        if (client->state == CLIENT_IDLE)
            client_set_state(client, CLIENT_READ_HEAD);
        return false;
    case STREAM_HEAD_BAD:
        begin_refused(client, &arena, http1_reason_outcome(client->stream.scan.reason),
                      http1_reason_text(client->stream.scan.reason));
        return true;
    case STREAM_HEAD_TOO_LONG:
        begin_refused(client, &arena, too_long(client), "the head is longer than allowed");
        return true;
    }
    return false;
}

/* ---- the request's body ------------------------------------------------------------------- */

/* From here on what the client sends is dropped below TLS. */
static void give_up_body(struct client *client)
{
    client->exchange->must_close = true;
    client->exchange->request_ended = true;
    client->exchange->is_deaf = true;
    client->body_pending = (struct str){NULL, 0};
}

/* Offers data; true when all of it was taken. */
static bool offer_body(struct client *client, struct str data)
{
    struct exchange *x = client->exchange;
    if (x->discard_body) {
        client->drained_bytes += data.len;
        if (client->drained_bytes > DISCARD_MAX)
            give_up_body(client);
        return true;
    }
    size_t taken = exchange_request_body(x, data);
    client->body_pending = str_skip(data, taken);
    return taken == data.len;
}

/* The client's body is complete: what was kept of it goes first. */
static bool end_body(struct client *client)
{
    struct str data;
    if (client->exchange->request_is_read && body_buffer_next(client->exchange, &data))
        return offer_body(client, data);
    if (client->exchange->request_ended)
        return true;
    exchange_request_trailers(client->exchange, &client->body.trailers);
    exchange_request_end(client->exchange);
    return true;
}

static void pump_body(struct client *client)
{
    struct exchange *x = client->exchange;
    if (x->discard_body && x->request_is_read) { /* what is left of it lies here, not in the way */
        client->body_pending = (struct str){NULL, 0};
        x->request_ended = true;
        return;
    }
    if (client->body_pending.len > 0) {
        struct str pending = client->body_pending;
        client->body_pending = (struct str){NULL, 0};
        if (!offer_body(client, pending))
            return;
    }
    while (!x->request_ended && (x->upstream_is_ready || x->discard_body)) {
        struct str input = stream_input(&client->stream);
        struct str data;
        size_t before = input.len;
        enum http1_body_result result = http1_body_next(&client->body, &input, &data);
        stream_consume(&client->stream, before - input.len);
        if (result == HTTP1_BODY_MORE && !client->saw_eof)
            break;
        if (result == HTTP1_BODY_END) {
            if (!end_body(client))
                break;
        } else if (result == HTTP1_BODY_MORE) {
            exchange_request_failed(x, OUTCOME_BAD_REQUEST, "the client closed inside the body");
            give_up_body(client);
        } else if (result == HTTP1_BODY_BAD) {
            exchange_request_failed(x, http1_reason_outcome(client->body.reason),
                                    http1_reason_text(client->body.reason));
            give_up_body(client);
        } else if (!offer_body(client, data)) {
            break;
        }
    }
}

/* ---- turns -------------------------------------------------------------------------------- */

static void finish_exchange(struct client *client)
{
    struct exchange *x = client->exchange;
    bool must_close = x->must_close || client->close_after;
    exchange_finish(x, client->saw_eof && client_peer_is_gone(client));
    client->exchange = NULL;
    exchange_free(x);
    client->body_pending = (struct str){NULL, 0}; /* may have been read ahead into the exchange */
    client->drained_bytes = 0;
    if (must_close) {
        linger_begin(client);
        return;
    }
    client_set_state(client, CLIENT_IDLE);
    if (stream_input(&client->stream).len > 0)
        client->must_run = true;
    else if (client->saw_eof)
        linger_begin(client);
    else
        stream_release_input(&client->stream);
}

static void run_exchange(struct client *client)
{
    struct exchange *x = client->exchange;
    if (!x->request_ended)
        pump_body(client);
    if (x->upstream_needs_flush && x->upstream_ops != NULL) {
        x->upstream_needs_flush = false;
        x->upstream_ops->flush(x);
    }
    if (x->is_aborted) {
        (void)stream_flush(&client->stream);
        client_cut_off(client);
        return;
    }
    if (x->response_started && x->upstream_ops == NULL && !x->request_ended && !x->discard_body) {
        /* Answered early: the rest of the body is read and dropped, within bounds. It may be that
         * the client sends all of it before it reads anything. */
        x->discard_body = true;
        client->must_run = true;
    }
    enum transport_result flushed = stream_flush(&client->stream);
    if (flushed == TRANSPORT_ERROR || client->stream.is_broken) {
        client_close(client);
        return;
    }
    if (flushed == TRANSPORT_OK && x->response_blocked && x->upstream_ops != NULL) {
        x->response_blocked = false;
        x->upstream_ops->resume(x);
        return;
    }
    if (!x->response_ended || stream_has_output(&client->stream))
        return;
    if (!x->request_ended && !x->must_close && !client->saw_eof)
        return;
    finish_exchange(client);
}

static void run_once(struct client *client)
{
    switch (client->state) {
    case CLIENT_IDLE:
    case CLIENT_READ_HEAD:
        if (client->connection.is_plain_on_https && !clear_text_goes_on(client))
            break;
        if (take_request(client))
            client->must_run = true;
        else if (client->saw_eof)
            linger_begin(client);
        break;
    case CLIENT_EXCHANGE:
        run_exchange(client);
        break;
    case CLIENT_ASK_CERT:
        late_certificate_run(client);
        break;
    case CLIENT_LINGER:
    case CLIENT_HANDSHAKE:
    case CLIENT_TUNNEL:
    case CLIENT_CLOSED:
        break;
    }
}

static bool is_deaf(const struct client *client)
{
    return client->state == CLIENT_EXCHANGE && client->exchange->is_deaf;
}

/* True when more may be waiting in the socket that should be read in this turn. */
static bool fill(struct client *client)
{
    if (client->saw_eof || client->body_pending.len > 0)
        return false;
    if (is_deaf(client)) {
        client->saw_eof = !linger_drop(client);
        return false;
    }
    if (!stream_has_room(&client->stream))
        return false;
    switch (stream_fill(&client->stream)) {
    case TRANSPORT_OK:
        return stream_may_read_on(&client->stream);
    case TRANSPORT_AGAIN:
        return false;
    case TRANSPORT_EOF:
        client->saw_eof = true;
        return false;
    case TRANSPORT_ERROR:
        client_break(client);
        return false;
    }
    return false;
}

/* The client owes us bytes of the body, or has to take some of the response. */
static bool client_is_due(const struct client *client)
{
    const struct exchange *x = client->exchange;
    if (stream_has_output(&client->stream) || x->response_blocked)
        return true;
    return !x->request_ended && client->body_pending.len == 0 &&
           (x->upstream_is_ready || x->discard_body);
}

static void arm_exchange_deadline(struct client *client)
{
    uint64_t progress = stream_progress(&client->stream);
    bool is_due = client_is_due(client);
    if (!is_due)
        deadline_stop(&client->deadline);
    else if (!client->is_due || progress != client->progress)
        deadline_set(&client->deadline, client->engine->snapshot->config->timeouts.body);
    client->is_due = is_due;
    client->progress = progress;
}

/* The answer takes the session's ticket along; nobody waits for an answer here. */
static void send_session(struct client *client)
{
    if (client->state != CLIENT_EXCHANGE && connection_is_tls(&client->connection))
        tls_transport_send_session(&client->stream.transport);
}

static void update_interest(struct client *client)
{
    bool want_read =
        !client->saw_eof && client->body_pending.len == 0 && stream_has_room(&client->stream);
    bool want_write = stream_has_output(&client->stream);
    if (is_deaf(client)) {
        stream_drop_input(&client->stream);
        want_read = !client->saw_eof;
    }
    if (client->state == CLIENT_EXCHANGE) {
        want_write = want_write || client->exchange->response_blocked;
        arm_exchange_deadline(client);
    }
    if (client->body_pending.len == 0)
        stream_release_input(&client->stream);
    transport_want(&client->stream.transport, want_read, want_write);
}

static bool is_over(const struct client *client)
{
    return client->state == CLIENT_LINGER || client->state == CLIENT_CLOSED;
}

void client_http1_run(struct client *client, bool can_read)
{
    if (client->is_running) {
        client->must_run = true;
        return;
    }
    client->is_running = true;
    int reads = 0;
    bool has_more = can_read;
    do {
        if (has_more)
            has_more = fill(client) && ++reads < READS_PER_TURN;
        client->must_run = false;
        run_once(client);
    } while (!is_over(client) && (client->must_run || has_more));
    client->is_running = false;
    if (client->state == CLIENT_TUNNEL) {
        client->tunnel_run(client->exchange, false);
    } else if (!is_over(client)) {
        send_session(client);
        update_interest(client);
    }
}

void client_http1_timeout(struct client *client)
{
    struct exchange *x = client->exchange;
    if (client->state == CLIENT_READ_HEAD) {
        struct arena arena;
        arena_init(&arena, &client->engine->buffers);
        begin_refused(client, &arena, OUTCOME_REQUEST_TIMEOUT, "the head took too long");
    } else if (client->state == CLIENT_ASK_CERT) {
        late_certificate_timeout(client);
    } else if (!x->response_started) {
        exchange_request_failed(x, OUTCOME_REQUEST_TIMEOUT, "the body took too long");
        give_up_body(client);
    } else {
        client_close(client);
        return;
    }
    client_http1_run(client, false);
}
