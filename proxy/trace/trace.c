/* SPDX-License-Identifier: MIT */
#include "trace/trace.h"

#include "access/route.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "trace/trace_html.h"
#include "trace/trace_match.h"
#include "trace/trace_report.h"
#include "trace/trace_sink.h"
#include "trace/trace_xml.h"

/* What is refused before a site was found goes by the rules of the one the connection is for. */
static const struct config_trace_rules *rules_of(const struct exchange *x)
{
    const struct snapshot_site *site = x->connection->tls_site;
    if (x->place != NULL)
        return &x->place->config->tracing;
    if (site == NULL)
        site = route_site(x->connection->listener->binding, (struct str){NULL, 0});
    return &site->places[0].config->tracing;
}

static struct str path_of(const struct exchange *x)
{
    struct str target = x->request.target;
    return x->uri.path.len > 0 ? x->uri.path : str_make(target.ptr, str_find(target, '?'));
}

void trace_begin(struct exchange *x)
{
    if (x->engine->traces == NULL || x->trace != NULL ||
        !trace_rules_may_hold(rules_of(x), path_of(x)))
        return;
    struct trace *trace = arena_alloc(&x->arena, sizeof *trace);
    trace->began_us = clock_monotonic_us();
    trace->count = 0;
    x->trace = trace;
    trace_record(trace, TRACE_RECEIVED, NULL);
}

void trace_record(struct trace *trace, enum trace_step step, const char *text)
{
    /* The last place is for the end. */
    if (trace->count >= TRACE_EVENTS_MAX - (step == TRACE_FINISHED ? 0 : 1))
        return;
    trace->events[trace->count++] = (struct trace_event){
        .step = step, .at_us = clock_monotonic_us() - trace->began_us, .text = text};
}

/* When the status was known; the end when it never was. */
static uint64_t answered_us(const struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        if (trace->events[i].step == TRACE_ANSWERED || trace->events[i].step == TRACE_REFUSED)
            return trace->events[i].at_us;
    }
    return trace->events[trace->count - 1].at_us;
}

void trace_finish(struct exchange *x, struct exchange_bytes bytes)
{
    struct trace *trace = x->trace;
    trace_record(trace, TRACE_FINISHED, NULL);
    uint64_t answered_ms = answered_us(trace) / 1000;
    uint64_t took_ms = trace->events[trace->count - 1].at_us / 1000;
    bool is_tunnel = x->tunnel != NULL || x->is_tunnel;
    struct trace_facts facts = {
        .path = path_of(x),
        .answered_ms = answered_ms,
        /* A tunnel is meant to last: what counts is how long it took to begin. */
        .took_ms = is_tunnel ? answered_ms : took_ms,
    };
    trace_report_status(x, &facts.status, &facts.substatus);
    bool is_by_time = false;
    if (trace_rules_find(rules_of(x), &facts, &is_by_time) == NULL ||
        !trace_sink_may_send(x->engine->traces))
        return;
    struct trace_report report;
    struct text xml = {0};
    struct text html = {0};
    trace_report_make(x, bytes, is_by_time, &report);
    trace_xml_add(&report, &xml);
    trace_html_add(&report, &html);
    trace_sink_send(x->engine->traces, text_str(&xml), text_str(&html));
    text_clear(&xml);
    text_clear(&html);
}
