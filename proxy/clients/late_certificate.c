/* SPDX-License-Identifier: MIT */
#include "clients/late_certificate.h"

#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "clients/client.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "exchange/exchange_begin.h"
#include "explain/refusal_log.h"
#include "forward/identity_headers.h"
#include "tls/tls_transport.h"

/* The first piece of the buffer; it doubles, so that it costs what was sent, not what was said. */
#define FIRST_BYTES 4096

static const struct config *config_of(const struct client *client)
{
    return client->engine->snapshot->config;
}

/* ---- ends without a certificate ----------------------------------------------------------- */

static void log_failure(const struct client *client, const char *error)
{
    refusal_log_handshake(client->engine->refusals, &client->connection, client->exchange->id,
                          TLS_FAILURE_LATE, error);
}

/* IIS: such a connection is closed without a response. */
static void give_up(struct client *client, const char *error)
{
    log_failure(client, error);
    client->exchange->awaits_certificate = false;
    exchange_forget(client->exchange);
    client_close(client);
}

void late_certificate_lost(struct client *client)
{
    const char *error = transport_error(&client->stream.transport);
    if (!client->exchange->awaits_certificate)
        return; /* given up here, and said already */
    log_failure(client, error[0] == '\0' ? "the connection ended first" : error);
    exchange_forget(client->exchange);
}

/* Answers instead of asking; the connection ends with the answer. */
static void refuse(struct client *client, enum outcome outcome, const char *detail)
{
    client->exchange->awaits_certificate = false;
    client_set_state(client, CLIENT_EXCHANGE);
    exchange_request_failed(client->exchange, outcome, detail);
    client->must_run = true;
}

static void reset(struct client *client)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(client->stream.transport.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    give_up(client, "the client offers no post-handshake authentication");
}

/* iis-semantics.md 1.4: Windows Server 2022 resets the connection, 2025 answers 500.0; 403.7 is for
 * people. */
static void cannot_ask(struct client *client)
{
    struct exchange *x = client->exchange;
    enum config_post_handshake answer = config_of(client)->compat.post_handshake;
    if (!tls_transport_is_tls13(&client->stream.transport)) {
        give_up(client, "the client offers no secure renegotiation");
    } else if (answer == POST_HANDSHAKE_RST) {
        reset(client);
    } else {
        x->awaits_certificate = false;
        exchange_refuse(x, answer == POST_HANDSHAKE_403 ? OUTCOME_POST_HANDSHAKE_403
                                                        : OUTCOME_POST_HANDSHAKE_500);
    }
}

/* ---- reading ahead ------------------------------------------------------------------------ */

static bool keep(struct exchange *x, struct str data, size_t limit)
{
    struct read_ahead *ahead = &x->read_ahead;
    if (data.len > limit - ahead->len)
        return false;
    size_t capacity = ahead->capacity == 0 ? FIRST_BYTES : ahead->capacity;
    while (capacity - ahead->len < data.len)
        capacity *= 2;
    if (capacity != ahead->capacity)
        ahead->bytes = xreallocarray(ahead->bytes, capacity, 1);
    ahead->capacity = capacity;
    memcpy(ahead->bytes + ahead->len, data.ptr, data.len);
    ahead->len += data.len;
    return true;
}

/* Takes what has arrived of the body; what follows it is the next request's. False when the request
 * was refused. */
static bool read_ahead(struct client *client)
{
    struct exchange *x = client->exchange;
    while (!x->read_ahead.is_whole) {
        struct str input = stream_input(&client->stream);
        struct str data;
        size_t before = input.len;
        enum http1_body_result result = http1_body_next(&client->body, &input, &data);
        if (result == HTTP1_BODY_DATA && !keep(x, data, config_of(client)->limits.read_ahead_bytes))
            result = HTTP1_BODY_BAD;
        stream_consume(&client->stream, before - input.len);
        if (result == HTTP1_BODY_MORE)
            return true;
        x->read_ahead.is_whole = result == HTTP1_BODY_END;
        if (result != HTTP1_BODY_BAD)
            continue;
        if (client->body.reason == HTTP1_VALID)
            refuse(client, OUTCOME_READ_AHEAD_EXCEEDED, "more than limits.read_ahead_bytes");
        else
            refuse(client, http1_reason_outcome(client->body.reason),
                   http1_reason_text(client->body.reason));
        return false;
    }
    return true;
}

void late_certificate_begin(struct client *client)
{
    struct exchange *x = client->exchange;
    const struct http_body_framing *body = &x->request.body;
    if (!tls_transport_can_ask(&client->stream.transport)) {
        cannot_ask(client);
        return;
    }
    x->read_ahead.is_whole = !x->request_has_body;
    client_set_state(client, CLIENT_ASK_CERT);
    if (body->kind == HTTP_BODY_LENGTH && !x->request.expect_continue &&
        body->length > config_of(client)->limits.read_ahead_bytes)
        refuse(client, OUTCOME_READ_AHEAD_EXCEEDED, "more than limits.read_ahead_bytes");
}

/* ---- asking ------------------------------------------------------------------------------- */

static void resume(struct client *client)
{
    struct exchange *x = client->exchange;
    client_set_state(client, CLIENT_EXCHANGE);
    connection_identify(&client->connection);
    identity_cache_clear(
        &client->connection.told); /* a renegotiation may have changed the cipher, too */
    client->body_pending = str_make(x->read_ahead.bytes, x->read_ahead.len);
    x->request_blocked = client->body_pending.len > 0;
    x->awaits_certificate = false;
    client->must_run = true;
    exchange_authorize(x);
}

static void ask(struct client *client)
{
    client->connection.was_asked = true;
    deadline_set(&client->deadline, config_of(client)->timeouts.handshake);
    if (!tls_transport_ask(&client->stream.transport))
        give_up(client, transport_error(&client->stream.transport));
}

static void wait_for_answer(struct client *client)
{
    struct exchange *x = client->exchange;
    if (!x->is_question_sent) {
        enum transport_result result = transport_handshake(&client->stream.transport);
        x->is_question_sent = result == TRANSPORT_OK;
        if (result != TRANSPORT_OK && result != TRANSPORT_AGAIN)
            give_up(client, transport_error(&client->stream.transport));
        return;
    }
    if (tls_transport_is_answered(&client->stream.transport))
        resume(client);
    else if (client->saw_eof)
        give_up(client, "the client closed instead of an answer");
    else if (stream_input(&client->stream).len >= BUF_SIZE)
        give_up(client, "too much came before the answer");
}

static void wait_for_body(struct client *client)
{
    if (client->saw_eof)
        refuse(client, OUTCOME_BAD_REQUEST, "the client closed inside the body");
    else if (client->stream.bytes_read != client->progress)
        deadline_set(&client->deadline, config_of(client)->timeouts.body);
    client->progress = client->stream.bytes_read;
}

void late_certificate_run(struct client *client)
{
    struct exchange *x = client->exchange;
    if (!read_ahead(client))
        return;
    if (!client->connection.was_asked && !x->read_ahead.is_whole && !x->request.expect_continue) {
        wait_for_body(client);
        return;
    }
    if (!client->connection.was_asked)
        ask(client);
    if (client->state == CLIENT_ASK_CERT)
        wait_for_answer(client);
}

void late_certificate_timeout(struct client *client)
{
    if (client->connection.was_asked)
        give_up(client, "no answer in time");
    else
        refuse(client, OUTCOME_REQUEST_TIMEOUT, "the body took too long");
}
