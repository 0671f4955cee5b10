/* SPDX-License-Identifier: MIT */
#include "core/refusal_log.h"

#include <stdlib.h>

#include "auth/verdict.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client.h"
#include "core/exchange.h"
#include "core/fix.h"
#include "core/snapshot.h"

/* Lines a second for each site and reason. */
#define LINES_PER_SECOND 10

struct refusal_counter {
    uint64_t second;
    unsigned lines;
    uint64_t suppressed;
};
struct refusal_log {
    size_t site_count;
    struct refusal_counter *counters; /* [site][outcome] */
};

struct refusal_log *refusal_log_new(size_t site_count)
{
    struct refusal_log *log = xcalloc(1, sizeof *log);
    log->site_count = site_count;
    log->counters = xcalloc(site_count * OUTCOME_COUNT, sizeof *log->counters);
    return log;
}

void refusal_log_free(struct refusal_log *log)
{
    if (log == NULL)
        return;
    free(log->counters);
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

static const char *trust_mode_name(enum config_trust_mode mode)
{
    switch (mode) {
    case TRUST_MODE_MACHINE:
        return "machine";
    case TRUST_MODE_EXCLUSIVE_ROOT:
        return "exclusive_root";
    case TRUST_MODE_EXCLUSIVE_CA:
        return "exclusive_ca";
    }
    return "machine";
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
static const struct cert *certificate_at_fault(const struct identity *identity,
                                               const struct verdict *verdict)
{
    if (verdict != NULL && verdict->fault < verdict->path_len)
        return verdict->path[verdict->fault].cert;
    return identity->presented[0];
}

void refusal_log_write(struct refusal_log *log, struct exchange *x, enum outcome outcome)
{
    const struct snapshot *snapshot = x->engine->snapshot;
    if (x->site == NULL || !log_wants(LOG_LEVEL_NOTICE))
        return;
    size_t site = (size_t)(x->site - snapshot->sites);
    struct refusal_counter *counter = &log->counters[site * OUTCOME_COUNT + outcome];
    if (!may_write(counter))
        return;
    const struct outcome_info *info = outcome_info(outcome);
    const struct identity *identity = exchange_identity(x);
    const struct verdict *verdict = outcome_is_verdict(outcome) ? identity->verdict : NULL;
    char peer[ADDR_TEXT_SIZE];
    struct text line = {0};
    text_addf(&line, "id=%s client=%s site=", x->id, addr_format(&x->client->peer, peer));
    text_add_quoted(&line, str_of(x->site->config->name));
    text_addf(&line, " status=%u.%u win32=%u reason=%s trust_mode=%s", info->status,
              info->substatus, info->win32, info->reason,
              trust_mode_name(x->site->config->trust.mode));
    if (identity_has_certificate(identity) && x->shows_certificate)
        add_certificate(&line, certificate_at_fault(identity, verdict));
    struct text fix = {0};
    const struct fix_facts facts = exchange_fix_facts(x, outcome);
    fix_sentence(&facts, &fix);
    text_add_cstr(&line, " fix=");
    text_add_quoted(&line, text_str(&fix));
    text_clear(&fix);
    if (counter->suppressed > 0)
        text_addf(&line, " suppressed=%llu", (unsigned long long)counter->suppressed);
    counter->suppressed = 0;
    log_notice("access.refused", "%s", line.ptr);
    text_clear(&line);
}
