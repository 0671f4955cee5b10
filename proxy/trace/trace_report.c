/* SPDX-License-Identifier: MIT */
#include "trace/trace_report.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "explain/error_page_text.h"
#include "explain/exchange_chain.h"
#include "explain/explain.h"
#include "explain/explain_windows.h"
#include "explain/fix_facts.h"
#include "explain/windows_fix.h"
#include "http/http1_write.h"
#include "tls/tls_transport.h"

#define URL_MAX   4096
#define VALUE_MAX 4096

void trace_report_status(const struct exchange *x, unsigned *ret_status, unsigned *ret_substatus)
{
    const struct outcome_info *info = outcome_info(x->outcome);
    *ret_status = x->response_started ? x->response.status : info->status;
    *ret_substatus = x->outcome != OUTCOME_OK && *ret_status == info->status ? info->substatus : 0;
}

/* iis-semantics.md 7.2, "What to put in for client-certificate failures" */
static struct trace_stage stage_of(enum outcome outcome)
{
    if (outcome >= OUTCOME_MAPPING_DENIED && outcome <= OUTCOME_LOGON_TYPE_DENIED)
        return (struct trace_stage){"IISCertificateMappingAuthenticationModule",
                                    "AUTHENTICATE_REQUEST", 2};
    if (outcome == OUTCOME_NO_USER)
        return (struct trace_stage){"IIS Web Core", "AUTHENTICATE_REQUEST", 2};
    if (outcome == OUTCOME_NOT_AUTHORIZED)
        return (struct trace_stage){"UrlAuthorizationModule", "AUTHORIZE_REQUEST", 4};
    if (outcome == OUTCOME_OK ||
        (outcome >= OUTCOME_UPSTREAM_CONNECT && outcome <= OUTCOME_UPSTREAM_TIMEOUT))
        return (struct trace_stage){"ApplicationRequestRouting", "EXECUTE_REQUEST_HANDLER", 128};
    return (struct trace_stage){"IIS Web Core", "BEGIN_REQUEST", 1};
}

static struct str cut(struct str text, size_t max)
{
    if (text.len > max)
        text.len = max;
    return text;
}

/* ---- the request -------------------------------------------------------------------------- */

static bool contains(struct str name, const char *part)
{
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= name.len; i++) {
        if (str_same_letters(name.ptr + i, part, len))
            return true;
    }
    return false;
}

struct str trace_shown_value(struct str name, struct str value)
{
    static const char *const SECRETS[] = {"authorization", "cookie",  "token",  "secret",
                                          "password",      "api-key", "apikey", "session"};
    for (size_t i = 0; i < sizeof SECRETS / sizeof SECRETS[0]; i++) {
        if (contains(name, SECRETS[i]))
            return STR("(not shown)");
    }
    return cut(value, VALUE_MAX);
}

static struct trace_headers headers_of(const struct http_fields *fields, struct arena *arena)
{
    struct trace_headers headers = {
        .items = arena_calloc(arena, fields->count + 1, sizeof(struct trace_pair))};
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        headers.items[headers.count++] =
            (struct trace_pair){field->name, trace_shown_value(field->name, field->value)};
    }
    return headers;
}

/* With the port, as IIS writes it. */
static struct str url_of(struct exchange *x)
{
    struct str target = cut(x->request.target, URL_MAX);
    char local[ADDR_TEXT_SIZE];
    if (x->uri.form == URI_ABSOLUTE || (target.len > 0 && target.ptr[0] != '/'))
        return target;
    struct str host =
        x->host.len > 0 ? x->host : str_of(addr_format_host(&x->connection->local, local));
    return arena_printf(&x->arena, "%s://%.*s:%u%.*s",
                        connection_is_tls(x->connection) ? "https" : "http", STR_ARG(host),
                        addr_port(&x->connection->local), STR_ARG(target));
}

static void add_request(struct exchange *x, struct trace_report *report)
{
    const struct connection *connection = x->connection;
    char host[ADDR_TEXT_SIZE];
    report->url = url_of(x);
    report->verb = x->request.method;
    report->version = x->request.is_http2     ? STR("HTTP/2")
                      : x->request.minor == 0 ? STR("HTTP/1.0")
                                              : STR("HTTP/1.1");
    report->client = arena_copy(&x->arena, str_of(addr_format_host(&connection->peer, host)));
    report->client_port = addr_port(&connection->peer);
    report->server = arena_copy(&x->arena, str_of(addr_format_host(&connection->local, host)));
    report->server_port = addr_port(&connection->local);
    report->request = headers_of(&x->request.fields, &x->arena);
    report->response = headers_of(&x->response.fields, &x->arena);
    if (!connection_is_tls(connection))
        return;
    report->tls = arena_printf(&x->arena, "%s, %s", tls_transport_version(connection->transport),
                               tls_transport_cipher(connection->transport));
    report->is_resumed = tls_transport_is_resumed(connection->transport);
}

/* The engine's number of the request in the form that IIS gives its own. */
static void add_activity(struct trace_report *report)
{
    char *at = report->activity;
    struct str id = report->id;
    memcpy(at, "{00000000-0000-0000-0000-000000000000}", TRACE_ACTIVITY_SIZE);
    for (size_t i = 0; i < id.len && i < 16; i++) {
        char digit = id.ptr[i];
        at[20 + i + (i >= 4)] = (char)(digit >= 'a' && digit <= 'f' ? digit - 'a' + 'A' : digit);
    }
}

/* ---- the verdict -------------------------------------------------------------------------- */

static void add_line(struct trace_list *list, struct str line)
{
    list->items[list->count++] = line;
}

static struct trace_list lines_of(const struct text *text, struct arena *arena)
{
    struct str rest = arena_copy(arena, text_str(text));
    size_t count = 1;
    for (size_t i = 0; i < rest.len; i++)
        count += rest.ptr[i] == '\n';
    struct trace_list list = {.items = arena_calloc(arena, count, sizeof(struct str))};
    struct str line;
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        if (line.len > 0)
            add_line(&list, line);
    }
    return list;
}

static void add_fixes(struct exchange *x, struct trace_report *report)
{
    struct fix_list fixes = {0};
    struct text commands = {0};
    const struct fix_facts facts = fix_facts_of(x, x->outcome);
    fix_make(&facts, &fixes);
    report->fixes.items = arena_calloc(&x->arena, fixes.count + 1, sizeof(struct str));
    for (size_t i = 0; i < fixes.count; i++) {
        add_line(&report->fixes, arena_copy(&x->arena, str_of(fixes.items[i].text)));
        windows_fix_add(&fixes.items[i], &commands);
    }
    report->commands = lines_of(&commands, &x->arena);
    text_clear(&commands);
    fix_clear(&fixes);
}

static void add_windows(struct exchange *x, const struct explain_report *explained,
                        struct trace_report *report)
{
    struct text text = {0};
    explain_windows(explained, "", &text);
    report->windows = lines_of(&text, &x->arena);
    text_clear(&text);
}

static void add_explanation(struct exchange *x, const struct verdict *verdict,
                            struct trace_report *report)
{
    size_t place = (size_t)(x->place - x->site->places);
    struct explain_report explained = {
        .site = x->site,
        .access = x->place->config,
        .location = place > 0 ? x->site->config->locations[place - 1].path.text : NULL,
        .now = x->started_wall_s,
        .outcome = x->outcome,
        .failed = x->failed,
        .user = x->user,
        .mapping = x->mapping,
    };
    report->location = str_of(explained.location);
    report->trust_mode = explain_trust_mode(x->site->config->trust.mode);
    bool is_about_access = x->outcome == OUTCOME_OK || outcome_is_refusal(x->outcome);
    if (!is_about_access)
        return;
    if (verdict != NULL) {
        explained.verdict = *verdict; /* borrowed: not to be cleared */
        explained.has_verdict = true;
    }
    explain_rules(&explained, &x->arena, x->shows_certificate);
    report->rules = (struct trace_list){explained.rules, explained.rule_count};
    if (x->outcome != OUTCOME_OK)
        add_windows(x, &explained, report);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void add_result(struct exchange *x, struct trace_report *report)
{
    const struct outcome_info *info = outcome_info(x->outcome);
    enum outcome told = x->outcome == OUTCOME_OK ? x->failed : x->outcome;
    report->outcome = x->outcome;
    report->failed = x->failed;
    trace_report_status(x, &report->status, &report->substatus);
    report->reason = outcome_info(told)->reason;
    report->title = x->outcome == OUTCOME_OK ? http_status_text(report->status) : info->title;
    report->message = info->message;
    report->detail = str_of(x->detail);
    report->hresult = error_page_hresult(info->win32);
    report->stage = stage_of(x->outcome);
    report->user = str_of(x->user);
    report->mapping = str_of(x->mapping);
    report->attempts = x->attempts;
    report->upstream_status = x->upstream_status;
    if (x->upstream_began_ms != 0)
        report->upstream = x->headers_for != NULL ? str_of(x->headers_for->config->url.text)
                                                  : str_of(x->backend->name);
}

void trace_report_make(struct exchange *x, struct exchange_bytes bytes, bool is_by_time,
                       struct trace_report *ret_report)
{
    const struct trace *trace = x->trace;
    uint64_t took_us = trace->events[trace->count - 1].at_us;
    struct trace_report *report = ret_report;
    *report = (struct trace_report){
        .id = str_of(x->id),
        .pid = getpid(),
        .computer = str_of(x->engine->computer),
        .is_by_time = is_by_time,
        .bytes = bytes,
        .events = trace->events,
        .event_count = trace->count,
        .began_ms = clock_wall_ms() - (int64_t)(took_us / 1000),
        .took_ms = clock_monotonic_ms() - x->started_ms,
    };
    add_activity(report);
    add_request(x, report);
    add_result(x, report);
    if (x->site == NULL)
        return;
    const struct verdict *verdict = exchange_chain_verdict(x, x->outcome);
    report->site = str_of(x->site->config->name);
    report->site_id = (unsigned)(x->site - x->engine->snapshot->sites) + 1;
    if (x->place != NULL)
        add_explanation(x, verdict, report);
    report->has_chain = exchange_chain_boxes(x, x->outcome, &report->chain);
    if (x->outcome != OUTCOME_OK)
        add_fixes(x, report);
}
