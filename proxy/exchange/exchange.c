/* SPDX-License-Identifier: MIT */
#include "exchange/exchange.h"

#include <stdlib.h>

#include "base/clock.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/body_store.h"
#include "explain/error_page.h"
#include "explain/refusal_log.h"
#include "forward/header_edit.h"
#include "forward/headers.h"
#include "forward/trailers.h"
#include "tls/tls_transport.h"
#include "trace/trace.h"

/* ---- from the client ---------------------------------------------------------------------- */

size_t exchange_request_body(struct exchange *x, struct str data)
{
    x->request_blocked = data.len > 0;
    if (x->upstream_ops == NULL || !x->upstream_is_ready)
        return 0;
    size_t taken = x->upstream_ops->send_body(x, data);
    x->request_body_sent += taken;
    x->request_blocked = taken < data.len;
    x->upstream_needs_flush = x->upstream_needs_flush || taken > 0;
    return taken;
}

void exchange_request_trailers(struct exchange *x, const struct http_fields *trailers)
{
    if (trailers->count > 0 && x->place != NULL)
        trailers_for_upstream(x, trailers);
}

void exchange_request_end(struct exchange *x)
{
    x->request_ended = true;
    if (x->upstream_ops == NULL || x->discard_body)
        return;
    x->upstream_ops->end_body(x);
    x->upstream_needs_flush = true;
}

static void let_go_of_upstream(struct exchange *x)
{
    const struct upstream_ops *ops = x->upstream_ops;
    x->upstream_ops = NULL;
    x->upstream_is_ready = false;
    if (ops != NULL)
        ops->cancel(x);
    x->upstream = NULL;
}

void exchange_request_failed(struct exchange *x, enum outcome outcome, const char *detail)
{
    x->must_close = true;
    x->is_deaf = true;
    x->request_ended = true;
    let_go_of_upstream(x);
    if (x->response_ended)
        return;
    if (x->response_started) {
        x->outcome = outcome;
        x->client_ops->abort_response(x);
    } else {
        x->detail = detail;
        exchange_refuse(x, outcome);
    }
}

void exchange_start_upstream(struct exchange *x)
{
    x->upstream_began_ms = clock_monotonic_ms();
    trace_step(x, TRACE_FORWARDING, NULL);
    x->engine->upstreams->start(x);
}

/* ---- from the upstream -------------------------------------------------------------------- */

void exchange_upstream_ready(struct exchange *x)
{
    x->upstream_is_ready = true;
    x->upstream_needs_flush = true;
    trace_step(x, TRACE_CONNECTED, NULL);
    if (x->request.expect_continue && !x->request_ended && !x->continue_sent) {
        x->continue_sent = true;
        x->client_ops->send_continue(x);
    }
}

/* RFC 9110 section 15.2: a proxy forwards them, but to HTTP/1.0 clients; 100 it answers for itself
 * where it was asked for, and nobody else waits for one. */
void exchange_response_interim(struct exchange *x, const struct http_response *response)
{
    if (response->status == 100 || x->request.minor == 0 || x->response_started)
        return;
    struct http_response interim = *response;
    interim.fields = (struct http_fields){0};
    headers_for_interim(x, response, &interim.fields);
    x->client_ops->send_interim(x, &interim);
}

void exchange_response_head(struct exchange *x, const struct http_response *response)
{
    x->upstream_status = response->status;
    trace_step(x, TRACE_ANSWERED, NULL);
    headers_for_client(x, response);
    x->is_early = !response->keep_alive && !x->request_ended;
    x->client_ops->start_response(x);
}

size_t exchange_response_body(struct exchange *x, struct str data)
{
    return x->client_ops->send_body(x, data);
}

void exchange_response_trailers(struct exchange *x, const struct http_fields *trailers)
{
    if (trailers->count > 0)
        trailers_for_client(x, trailers);
}

void exchange_response_end(struct exchange *x)
{
    x->upstream_ended_ms = clock_monotonic_ms();
    trace_step(x, TRACE_COMPLETE, NULL);
    x->client_ops->end_response(x);
}

void exchange_detach_upstream(struct exchange *x)
{
    x->upstream_ops = NULL;
    x->upstream_is_ready = false;
    x->upstream = NULL;
}

void exchange_upstream_failed(struct exchange *x, enum outcome outcome, const char *detail)
{
    refusal_log_upstream(x->engine->refusals, x, outcome, detail);
    x->upstream_ended_ms = clock_monotonic_ms();
    trace_step(x, TRACE_UPSTREAM_FAILED, detail);
    exchange_detach_upstream(x);
    if (x->response_started) {
        x->outcome = outcome;
        x->client_ops->abort_response(x);
    } else {
        exchange_refuse(x, outcome);
    }
}

/* ---- the end ------------------------------------------------------------------------------ */

void exchange_answer(struct exchange *x, struct str body)
{
    x->discard_body = true;
    trace_step(x, TRACE_ANSWERED, NULL);
    if (x->place != NULL)
        header_edit_response(&x->place->config->response_headers, true,
                             connection_is_tls(x->connection), &x->arena, &x->response.fields);
    x->client_ops->start_response(x);
    (void)x->client_ops->send_body(x, body);
    x->client_ops->end_response(x);
}

void exchange_refuse(struct exchange *x, enum outcome outcome)
{
    let_go_of_upstream(x);
    x->outcome = outcome;
    if (x->place == NULL)
        trace_begin(x);
    trace_step(x, TRACE_REFUSED, outcome_info(outcome)->reason);
    refusal_log_write(x->engine->refusals, x, outcome);
    exchange_answer(x, error_page_make(x, outcome));
}

static struct str field_value(const struct exchange *x, struct str name)
{
    const struct http_field *field = http_fields_find(&x->request.fields, name);
    return field == NULL ? (struct str){NULL, 0} : field->value;
}

/* iis-style overlay: the client went away before it could be told. */
#define WIN32_NETNAME_DELETED 64
#define WIN32_ACCESS_DENIED   5

/* What was judged: one that failed and was let pass as well, though the backend sees none. */
static void add_certificate(struct exchange *x, struct access_record *record)
{
    struct identity *identity = exchange_identity(x);
    bool was_judged = x->shows_certificate || x->failed != OUTCOME_OK;
    if (!was_judged || !identity_has_certificate(identity))
        return;
    const struct identity_words *words = identity_words(identity);
    record->cert_subject = str_of(words->subject);
    record->cert_issuer = str_of(words->issuer);
    record->cert_serial = str_of(words->serial);
    record->cert_sha1 = str_of(words->sha1);
    record->cert_sha256 = str_of(words->sha256);
    record->cert_not_after = str_of(words->not_after);
}

/* The server that had it last. */
static void add_upstream(const struct exchange *x, uint64_t now_ms, struct access_record *record)
{
    uint64_t ended_ms = x->upstream_ended_ms != 0 ? x->upstream_ended_ms : now_ms;
    if (x->upstream_began_ms == 0)
        return;
    record->has_upstream = true;
    record->upstream = x->headers_for != NULL ? str_of(x->headers_for->config->url.text)
                                              : str_of(x->backend->name);
    record->upstream_status = x->upstream_status;
    record->upstream_time_ms = ended_ms - x->upstream_began_ms;
}

static void add_tls(const struct exchange *x, struct access_record *record)
{
    const struct transport *transport = x->connection->transport;
    if (!connection_is_tls(x->connection))
        return;
    record->tls_version = str_of(tls_transport_version(transport));
    record->tls_cipher = str_of(tls_transport_cipher(transport));
    record->tls_resumed = tls_transport_is_resumed(transport) ? STR("yes") : STR("no");
}

static void write_access_log(struct exchange *x, bool client_is_gone, struct exchange_bytes bytes)
{
    if (!access_log_is_on(x->engine->access_log))
        return;
    const struct outcome_info *info = outcome_info(x->outcome);
    const struct connection *connection = x->connection;
    int64_t wall_ms = clock_wall_ms();
    /* A certificate that failed and was let pass is told where nothing else went wrong. */
    enum outcome told = x->outcome == OUTCOME_OK ? x->failed : x->outcome;
    uint64_t now_ms = clock_monotonic_ms();
    char client_ip[ADDR_TEXT_SIZE];
    char server_ip[ADDR_TEXT_SIZE];
    struct str target = x->request.target;
    size_t query = str_find(target, '?');
    struct access_record record = {
        .wall_s = wall_ms / 1000,
        .wall_ms = wall_ms,
        .computer = str_of(x->engine->computer),
        .request_id = str_of(x->id),
        .reason = str_of(outcome_info(told)->reason),
        .site = str_of(x->site == NULL ? NULL : x->site->config->name),
        .server_ip = str_of(addr_format_host(&connection->local, server_ip)),
        .server_port = addr_port(&connection->local),
        .method = x->request.method,
        .uri_stem = str_make(target.ptr, query),
        .uri_query = query < target.len ? str_skip(target, query + 1) : (struct str){NULL, 0},
        .user = str_of(x->user),
        .client_ip = str_of(addr_format_host(&connection->peer, client_ip)),
        .user_agent = field_value(x, STR("User-Agent")),
        .cookie = field_value(x, STR("Cookie")),
        .referer = field_value(x, STR("Referer")),
        .host = x->request.host,
        .is_http2 = x->request.is_http2,
        .http_minor = x->request.minor,
        .status = x->response_started ? x->response.status : info->status,
        .substatus =
            x->response_started && x->outcome != OUTCOME_OK && x->response.status != info->status
                ? 0
                : info->substatus,
        .win32 = info->win32,
        .bytes_sent = bytes.sent,
        .bytes_received = bytes.received,
        .time_taken_ms = now_ms - x->started_ms,
        .mapping = str_of(x->mapping),
    };
    uint64_t columns = access_log_columns(x->engine->access_log);
    if ((columns & ACCESS_TLS_BITS) != 0)
        add_tls(x, &record);
    add_upstream(x, now_ms, &record);
    if ((columns & ACCESS_CERT_BITS) != 0)
        add_certificate(x, &record);
    if (client_is_gone && (record.win32 == 0 || record.win32 == WIN32_ACCESS_DENIED))
        record.win32 = WIN32_NETNAME_DELETED;
    access_log_write(x->engine->access_log, &record);
}

void exchange_finish(struct exchange *x, bool client_is_gone)
{
    if (x->is_finished)
        return;
    x->is_finished = true;
    let_go_of_upstream(x);
    body_store_clear(x->buffered, &x->engine->buffers);
    /* Counted even when nobody reads it: the log may be opened while the connection lasts. */
    struct exchange_bytes bytes = x->client_ops->count(x);
    write_access_log(x, client_is_gone && !x->is_aborted, bytes);
    if (x->trace != NULL)
        trace_finish(x, bytes);
}

void exchange_forget(struct exchange *x)
{
    x->is_finished = true;
    let_go_of_upstream(x);
    body_store_clear(x->buffered, &x->engine->buffers);
}

void exchange_free(struct exchange *x)
{
    /* The exchange lives in its own arena. */
    struct arena arena = x->arena;
    free(x->read_ahead.bytes);
    identity_clear(&x->forwarded);
    arena_clear(&arena);
}
