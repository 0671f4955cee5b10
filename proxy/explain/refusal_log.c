/* SPDX-License-Identifier: MIT */
#include "explain/refusal_log.h"

#include <stdlib.h>

#include "auth/verdict.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/connection.h"
#include "core/exchange_state.h"
#include "core/snapshot.h"
#include "explain/explain.h"
#include "explain/fix.h"
#include "explain/fix_facts.h"
#include "tls/tls_transport.h"

/* Lines a second for each site and reason. */
#define LINES_PER_SECOND 10
/* Of what a client sent that is no certificate's. */
#define QUOTED_MAX 256

struct refusal_counter {
    uint64_t second;
    unsigned lines;
    uint64_t suppressed;
};
struct refusal_log {
    size_t site_count;
    struct refusal_counter *counters; /* [site][outcome]; the last row is without a site */
    struct refusal_counter *upstream; /* the same for upstream.failed */
    struct refusal_counter handshakes[TLS_FAILURE_COUNT];
    struct refusal_counter proxy_headers;
    struct refusal_counter http2;
};

struct refusal_log *refusal_log_new(size_t site_count)
{
    struct refusal_log *log = xcalloc(1, sizeof *log);
    log->site_count = site_count;
    log->counters = xcalloc((site_count + 1) * OUTCOME_COUNT, sizeof *log->counters);
    log->upstream = xcalloc((site_count + 1) * OUTCOME_COUNT, sizeof *log->upstream);
    return log;
}

void refusal_log_free(struct refusal_log *log)
{
    if (log == NULL)
        return;
    free(log->counters);
    free(log->upstream);
    free(log);
}

static bool may_write(struct refusal_counter *counter)
{
    uint64_t second = clock_monotonic_ms() / 1000;
    if (counter->second != second) {
        counter->second = second;
        counter->lines = 0;
    }
    if (counter->lines >= LINES_PER_SECOND) {
        counter->suppressed++;
        return false;
    }
    counter->lines++;
    return true;
}

static void add_suppressed(struct text *line, struct refusal_counter *counter)
{
    if (counter->suppressed > 0)
        text_addf(line, " suppressed=%llu", (unsigned long long)counter->suppressed);
    counter->suppressed = 0;
}

/* Nothing when it is empty; cut when it is long. */
static void add_quoted(struct text *line, const char *key, struct str value)
{
    if (value.len == 0)
        return;
    text_addf(line, " %s=", key);
    text_add_quoted(line, str_make(value.ptr, value.len < QUOTED_MAX ? value.len : QUOTED_MAX));
    if (value.len > QUOTED_MAX)
        text_add_cstr(line, "...");
}

static size_t row_of(const struct refusal_log *log, const struct exchange *x, enum outcome outcome)
{
    const struct snapshot *snapshot = x->engine->snapshot;
    size_t site = x->site == NULL ? log->site_count : (size_t)(x->site - snapshot->sites);
    return site * OUTCOME_COUNT + outcome;
}

static void add_quoted_name(struct text *line, const char *key, const struct cert *cert,
                            void (*name)(const struct cert *, struct text *))
{
    struct text value = {0};
    name(cert, &value);
    text_addf(line, " %s=", key);
    text_add_quoted(line, text_str(&value));
    text_clear(&value);
}

static void add_certificate(struct text *line, const struct cert *cert)
{
    add_quoted_name(line, "subject", cert, cert_subject);
    add_quoted_name(line, "issuer", cert, cert_issuer);
    text_add_cstr(line, " serial=");
    cert_serial(cert, line);
    text_add_cstr(line, " sha256=");
    text_add_hex(line, cert->sha256, sizeof cert->sha256);
}

/* The certificate at fault, or the leaf when it is the path as a whole. */
static const struct cert *certificate_at_fault(const struct cert *leaf,
                                               const struct verdict *verdict)
{
    if (verdict != NULL && verdict->fault < verdict->path_len)
        return verdict->path[verdict->fault].cert;
    return leaf;
}

/* What the two lines about a request begin with. */
static void add_request(struct text *line, const struct exchange *x, enum outcome outcome)
{
    const struct outcome_info *info = outcome_info(outcome);
    char peer[ADDR_TEXT_SIZE];
    text_addf(line, "id=%s client=%s", x->id, addr_format(&x->connection->peer, peer));
    if (x->site != NULL) {
        text_add_cstr(line, " site=");
        text_add_quoted(line, str_of(x->site->config->name));
    }
    text_addf(line, " status=%u.%u win32=%u reason=%s", info->status, info->substatus, info->win32,
              info->reason);
}

static void add_access(struct text *line, struct exchange *x, enum outcome outcome)
{
    const struct cert *leaf = exchange_judged_certificate(x);
    bool is_judged = outcome_is_verdict(x->failed != OUTCOME_OK ? x->failed : outcome);
    const struct verdict *verdict = is_judged ? exchange_identity(x)->verdict : NULL;
    text_addf(line, " trust_mode=%s", explain_trust_mode(x->site->config->trust.mode));
    if (x->failed != OUTCOME_OK)
        text_addf(line, " failed=%s", outcome_info(x->failed)->reason);
    if (leaf != NULL)
        add_certificate(line, certificate_at_fault(leaf, verdict));
    struct text fix = {0};
    const struct fix_facts facts = fix_facts_of(x, outcome);
    fix_sentence(&facts, &fix);
    text_add_cstr(line, " fix=");
    text_add_quoted(line, text_str(&fix));
    text_clear(&fix);
}

static void add_what_was_asked(struct text *line, const struct exchange *x)
{
    add_quoted(line, "method", x->request.method);
    add_quoted(line, "host", x->request.host);
    add_quoted(line, "target", x->request.target);
    if (x->backend != NULL)
        add_quoted(line, "upstream", str_of(x->backend->name));
    add_quoted(line, "error", str_of(x->detail));
}

void refusal_log_write(struct refusal_log *log, struct exchange *x, enum outcome outcome)
{
    struct refusal_counter *counter = &log->counters[row_of(log, x, outcome)];
    if (!log_wants(LOG_LEVEL_NOTICE) || !may_write(counter))
        return;
    bool is_refusal = outcome_is_refusal(outcome) && x->site != NULL;
    struct text line = {0};
    add_request(&line, x, outcome);
    if (is_refusal)
        add_access(&line, x, outcome);
    else
        add_what_was_asked(&line, x);
    add_suppressed(&line, counter);
    log_notice(is_refusal ? "access.refused" : "request.rejected", "%s", line.ptr);
    text_clear(&line);
}

void refusal_log_upstream(struct refusal_log *log, const struct exchange *x, enum outcome outcome,
                          const char *error)
{
    struct refusal_counter *counter = &log->upstream[row_of(log, x, outcome)];
    const struct outcome_info *info = outcome_info(outcome);
    if (!log_wants(LOG_LEVEL_WARN) || !may_write(counter))
        return;
    struct text line = {0};
    text_addf(&line, "id=%s", x->id);
    add_quoted(&line, "upstream", str_of(x->backend->name));
    text_addf(&line, " status=%u win32=%u", info->status, info->win32);
    add_quoted(&line, "error", str_of(error));
    add_suppressed(&line, counter);
    log_warn("upstream.failed", "%s", line.ptr);
    text_clear(&line);
}

void refusal_log_handshake(struct refusal_log *log, const struct connection *connection,
                           const char *id, enum tls_failure failure, const char *error)
{
    struct refusal_counter *counter = &log->handshakes[failure];
    const struct transport *transport = connection->transport;
    char peer[ADDR_TEXT_SIZE];
    if (!log_wants(LOG_LEVEL_NOTICE) || !may_write(counter))
        return;
    struct text line = {0};
    if (id != NULL)
        text_addf(&line, "id=%s ", id);
    text_addf(&line, "client=%s", addr_format(&connection->peer, peer));
    if (connection_is_tls(connection) && tls_transport_site(transport) != NULL)
        add_quoted(&line, "site", str_of(connection_site_of_handshake(connection)->config->name));
    if (connection_is_tls(connection))
        add_quoted(&line, "server_name", str_of(tls_transport_server_name(transport)));
    text_addf(&line, " reason=%s", tls_failure_name(failure));
    add_quoted(&line, "error", str_of(error));
    add_suppressed(&line, counter);
    log_notice(failure == TLS_FAILURE_LATE ? "tls.late_certificate" : "tls.failed", "%s", line.ptr);
    text_clear(&line);
}

void refusal_log_http2(struct refusal_log *log, const struct connection *connection,
                       const char *error, const char *detail)
{
    char peer[ADDR_TEXT_SIZE];
    if (!log_wants(LOG_LEVEL_NOTICE) || !may_write(&log->http2))
        return;
    struct text line = {0};
    text_addf(&line, "client=%s reason=%s", addr_format(&connection->peer, peer), error);
    add_quoted(&line, "error", str_of(detail));
    add_suppressed(&line, &log->http2);
    log_notice("http2.failed", "%s", line.ptr);
    text_clear(&line);
}

void refusal_log_proxy_protocol(struct refusal_log *log, const struct connection *connection,
                                const char *error)
{
    char peer[ADDR_TEXT_SIZE];
    if (!log_wants(LOG_LEVEL_NOTICE) || !may_write(&log->proxy_headers))
        return;
    struct text line = {0};
    text_addf(&line, "client=%s reason=proxy_protocol", addr_format(&connection->peer, peer));
    add_quoted(&line, "error", str_of(error));
    add_suppressed(&line, &log->proxy_headers);
    log_notice("client.proxy_protocol", "%s", line.ptr);
    text_clear(&line);
}
