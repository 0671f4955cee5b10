/* SPDX-License-Identifier: MIT */
#include "clients/client_http2.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "clients/client_http2_private.h"
#include "clients/linger.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "explain/refusal_log.h"
#include "tls/tls_transport.h"

/* Reads in one turn of the loop before others get theirs. */
#define READS_PER_TURN 4
/* Buffers that are put together before they are sent. */
#define BUFFERS_PER_SEND 4

static const struct config *config_of(const struct client *client)
{
    return client->engine->snapshot->config;
}

/* ---- turns -------------------------------------------------------------------------------- */

static bool is_over(const struct client *client)
{
    return client->state == CLIENT_LINGER || client->state == CLIENT_CLOSED;
}

/* True when more may be waiting in the socket that should be read in this turn. */
static bool fill(struct client *client)
{
    struct stream *stream = &client->stream;
    if (client->saw_eof)
        return false;
    enum transport_result result = stream_fill(stream);
    struct str input = stream_input(stream);
    bool may_read_on = stream_may_read_on(stream);
    if (input.len > 0) {
        http2_server_feed(client->http2->server, input);
        stream_consume(stream, input.len);
    }
    switch (result) {
    case TRANSPORT_OK:
        return may_read_on;
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

/* Sends as much as the socket takes; false when the connection is closed. */
static bool send_output(struct client *client)
{
    struct stream *stream = &client->stream;
    for (;;) {
        struct buf *buf = NULL;
        int count = 0;
        bool is_free = !stream_has_output(stream);
        while (is_free && count < BUFFERS_PER_SEND &&
               (buf = http2_server_pull(client->http2->server)) != NULL) {
            stream_put_buf(stream, buf);
            count++;
        }
        if (stream_flush(stream) == TRANSPORT_ERROR || stream->is_broken) {
            client_close(client);
            return false;
        }
        if (stream_has_output(stream) || (is_free && count < BUFFERS_PER_SEND))
            return true;
    }
}

/* Between two turns: what is waited for, and for how long. */
static void arm(struct client *client)
{
    struct client_http2 *http2 = client->http2;
    const struct config_timeouts *timeouts = &config_of(client)->timeouts;
    bool is_reading_head = http2_server_head_since(http2->server) != 0;
    if (http2->open == NULL && client->state == CLIENT_EXCHANGE) {
        client_set_state(client, CLIENT_IDLE);
        http2->is_timed = false;
    }
    if (http2->open == NULL && !is_reading_head)
        return;
    if (http2->is_timed)
        return;
    uint64_t in_ms = timeouts->body;
    if (is_reading_head && timeouts->header < in_ms)
        in_ms = timeouts->header;
    if (timeouts->tunnel < in_ms)
        in_ms = timeouts->tunnel;
    if (http2->is_lingering && timeouts->linger < in_ms)
        in_ms = timeouts->linger;
    deadline_set(&client->deadline, in_ms);
    http2->is_timed = true;
}

static void log_problem(const struct client *client)
{
    const struct http2_server *server = client->http2->server;
    if (http2_server_problem(server) != NULL)
        refusal_log_http2(client->engine->refusals, &client->connection,
                          http2_error_name(http2_server_error(server)),
                          http2_server_problem(server));
}

/* The end of the connection, when it has come. */
static void see_to_the_end(struct client *client)
{
    struct client_http2 *http2 = client->http2;
    bool is_drained = client->close_after && http2->open == NULL;
    if (client->saw_eof && http2->open != NULL) {
        client_close(client);
    } else if (client->saw_eof) {
        linger_begin(client);
    } else if (http2_server_is_over(http2->server) && !stream_has_output(&client->stream)) {
        log_problem(client);
        linger_begin(client);
    } else if (is_drained) {
        http2_server_drain(http2->server);
    }
}

static void update_interest(struct client *client)
{
    stream_release_input(&client->stream);
    if (client->state == CLIENT_IDLE)
        tls_transport_send_session(&client->stream.transport);
    transport_want(&client->stream.transport, !client->saw_eof, stream_has_output(&client->stream));
}

void client_http2_run(struct client *client, bool can_read)
{
    struct client_http2 *http2 = client->http2;
    if (client->is_running) {
        client->must_run = true;
        return;
    }
    if (is_over(client))
        return;
    client->is_running = true;
    int reads = 0;
    bool has_more = can_read;
    do {
        if (has_more)
            has_more = fill(client) && ++reads < READS_PER_TURN;
        client->must_run = false;
        if (is_over(client))
            break;
        client_streams_run(http2);
        if (is_over(client) || !send_output(client))
            break;
        see_to_the_end(client);
    } while (!is_over(client) && (client->must_run || has_more || http2->due != NULL));
    client->is_running = false;
    if (!is_over(client)) {
        arm(client);
        update_interest(client);
    }
    client_streams_free_dead(http2);
}

/* ---- deadlines ---------------------------------------------------------------------------- */

/* When a client that goes on sending after its answer has done so for long enough. */
static uint64_t lingers_until(struct client_stream *s, const struct config_timeouts *timeouts)
{
    uint64_t received = s->stream == NULL ? 0 : http2_stream_bytes_received(s->stream);
    uint64_t end_ms = s->answered_at_ms + timeouts->linger_total;
    if (received != s->bytes.received || s->body_at_ms < s->answered_at_ms)
        s->body_at_ms = clock_monotonic_ms();
    s->bytes.received = received;
    return s->body_at_ms + timeouts->linger < end_ms ? s->body_at_ms + timeouts->linger : end_ms;
}

/* When the client will have kept the stream waiting for too long; UINT64_MAX: it is not its
 * turn. */
static uint64_t due_at(struct client_stream *s, const struct config_timeouts *timeouts)
{
    const struct exchange *x = s->exchange;
    uint64_t limit_ms = timeouts->body;
    if (s->answered_at_ms != 0)
        return lingers_until(s, timeouts);
    if (x->is_tunnel)
        return s->body_at_ms + timeouts->tunnel;
    uint64_t blocked_ms = s->stream == NULL ? 0 : http2_stream_blocked_since(s->stream);
    if (blocked_ms != 0)
        return blocked_ms + limit_ms;
    bool owes_body = s->stream != NULL && !x->request_ended && !x->request_is_read &&
                     x->upstream_is_ready && !http2_stream_has_pending_body(s->stream);
    return owes_body ? s->body_at_ms + limit_ms : UINT64_MAX;
}

static void stream_timed_out(struct client_stream *s)
{
    struct exchange *x = s->exchange;
    if (x->response_started) {
        client_stream_reset(s, s->answered_at_ms != 0 ? HTTP2_NO_ERROR : HTTP2_CANCEL);
        return;
    }
    exchange_request_failed(x, OUTCOME_REQUEST_TIMEOUT, "the body took too long");
    client_stream_make_due(s);
}

void client_http2_timeout(struct client *client)
{
    struct client_http2 *http2 = client->http2;
    const struct config_timeouts *timeouts = &config_of(client)->timeouts;
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t next_ms = now_ms + timeouts->body;
    uint64_t head_ms = http2_server_head_since(http2->server);
    struct client_stream *s;
    struct client_stream *after;
    if (http2->open == NULL && head_ms == 0 && !http2->is_timed) {
        client_http2_drain(client, false);
        return;
    }
    if (http2->open == NULL && head_ms == 0) /* a head that came to nothing was waited for */
        client_set_state(client, CLIENT_IDLE);
    http2->is_timed = false;
    http2->is_lingering = false;
    if (head_ms != 0 && head_ms + timeouts->header <= now_ms)
        http2_server_end(http2->server, HTTP2_ENHANCE_YOUR_CALM, "the head took too long");
    else if (head_ms != 0 && head_ms + timeouts->header < next_ms)
        next_ms = head_ms + timeouts->header;
    DL_FOREACH_SAFE (http2->open, s, after) {
        uint64_t at_ms = due_at(s, timeouts);
        if (at_ms <= now_ms)
            stream_timed_out(s);
        else if (at_ms < next_ms)
            next_ms = at_ms;
    }
    if (http2->open != NULL || head_ms != 0) {
        http2->is_timed = true;
        deadline_set(&client->deadline, next_ms - now_ms);
    }
    client_http2_run(client, false);
}

/* ---- beginning and end -------------------------------------------------------------------- */

/* RFC 9113 section 9.2.2 forbids these with TLS 1.2: no forward secrecy, or no AEAD. */
static bool is_cipher_adequate(const struct transport *transport)
{
    struct str cipher = str_of(tls_transport_cipher(transport));
    if (!str_equal(str_of(tls_transport_version(transport)), STR("TLSv1.2")))
        return true;
    bool is_ephemeral =
        str_starts_with_icase(cipher, STR("ECDHE-")) || str_starts_with_icase(cipher, STR("DHE-"));
    return is_ephemeral && (memmem(cipher.ptr, cipher.len, "GCM", 3) != NULL ||
                            memmem(cipher.ptr, cipher.len, "CHACHA20", 8) != NULL ||
                            memmem(cipher.ptr, cipher.len, "CCM", 3) != NULL);
}

void client_http2_begin(struct client *client)
{
    const struct config_limits *limits = &config_of(client)->limits;
    struct client_http2 *http2 = xcalloc(1, sizeof *http2);
    http2->due_end = &http2->due;
    http2->limits = (struct http2_server_limits){
        .target_bytes = limits->target_bytes,
        .header_bytes = limits->header_bytes,
        .header_count = limits->header_count,
        .body_bytes = limits->body_bytes,
        .streams = HTTP2_STREAMS,
        .stream_window = HTTP2_STREAM_WINDOW,
        .connection_window = HTTP2_CONNECTION_WINDOW,
        .websocket = true,
    };
    client->http2 = http2;
    http2->server = http2_server_new(&client_stream_server_ops, client, &http2->limits,
                                     &client->engine->buffers);
    if (!is_cipher_adequate(&client->stream.transport))
        http2_server_end(http2->server, HTTP2_INADEQUATE_SECURITY,
                         "RFC 9113 section 9.2.2 forbids the cipher");
}

void client_http2_drain(struct client *client, bool gracefully)
{
    struct client_http2 *http2 = client->http2;
    if (gracefully)
        http2_server_drain(http2->server);
    else
        http2_server_drain_now(http2->server);
    client_http2_run(client, false);
}

void client_http2_end(struct client *client)
{
    struct client_http2 *http2 = client->http2;
    http2_server_free(http2->server);
    http2->server = NULL;
    while (http2->open != NULL)
        client_stream_finish(http2->open, true);
}

void client_http2_free(struct client *client)
{
    struct client_http2 *http2 = client->http2;
    if (http2 == NULL)
        return;
    http2_server_free(http2->server);
    client_streams_free_dead(http2);
    free(http2);
}
