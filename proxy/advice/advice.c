/* SPDX-License-Identifier: MIT */
#include "advice/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "advice/advice_private.h"
#include "auth/trust_probe.h"
#include "base/clock.h"
#include "config/config_place.h"

#define SHOWN_MAX 5 /* warnings of a kind about a site */

/* In the order in which a client meets what they are about. */
static void (*const checks[])(const struct advice *advice) = {
    advice_server_time, advice_server_chain, advice_server_usage, advice_server_names,
    advice_transport,   advice_late,         advice_root_mix,     advice_anchors,
    advice_issuers,     advice_one_to_one,   advice_many_to_one,  advice_accounts,
    advice_anonymous,   advice_authorize,
};

void advice_add(const struct advice *advice, struct advice_count *count, struct mark mark,
                const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    if (++count->count > SHOWN_MAX) {
        if (count->count == SHOWN_MAX + 1)
            count->next = mark;
        return;
    }
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) >= 0)
        errors_warn(advice->errors, mark, "%s", text);
    va_end(args);
    free(text);
}

void advice_end(const struct advice *advice, const struct advice_count *count, const char *what)
{
    if (count->count > SHOWN_MAX)
        errors_warn(advice->errors, count->next, "and %zu more %s", count->count - SHOWN_MAX, what);
}

void advice_add_subject(struct text *out, const struct cert *cert)
{
    text_add_char(out, '"');
    cert_subject(cert, out);
    text_add_char(out, '"');
}

void advice_add_time(struct text *out, int64_t wall_s)
{
    char time[CLOCK_TEXT_SIZE];
    text_add(out, clock_format_rfc3339(wall_s, time));
}

bool advice_asks(const struct config_site *site)
{
    bool asks = site->access.client_certificate != CLIENT_CERT_IGNORE;
    for (size_t i = 0; i < site->location_count && !asks; i++)
        asks = site->locations[i].access.client_certificate != CLIENT_CERT_IGNORE;
    return asks;
}

void advice_give(const struct snapshot *snapshot, struct error_list *errors)
{
    size_t first = errors->count;
    struct advice advice = {.snapshot = snapshot, .errors = errors, .now = clock_wall_s()};
    advice.at = advice.now;
    for (size_t i = 0; i < snapshot->site_count; i++) {
        advice.site = &snapshot->sites[i];
        for (size_t j = 0; j < sizeof checks / sizeof checks[0]; j++)
            checks[j](&advice);
    }
    config_place_errors(snapshot->config, errors, first);
}

struct snapshot *advice_snapshot_new(struct config *config, struct tls_ticket_keys *keys,
                                     struct error_list *errors)
{
    struct snapshot *snapshot = snapshot_new(config, keys, errors);
    if (snapshot != NULL)
        advice_give(snapshot, errors);
    return snapshot;
}
