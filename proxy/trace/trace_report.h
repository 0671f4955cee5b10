/* trace_report.h - everything that a trace tells, put together once a rule holds.
 *
 * Texts may be anything that a client or a certificate holds: whoever writes them escapes. Secrets
 * are gone already.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_REPORT_H
#define PROXY_TRACE_TRACE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/exchange_state.h"
#include "explain/chain_boxes.h"
#include "http/outcome.h"
#include "trace/trace_events.h"

struct trace_pair {
    struct str name;
    struct str value;
};
struct trace_list {
    struct str *items;
    size_t count;
};
struct trace_headers {
    struct trace_pair *items;
    size_t count;
};

struct trace_stage { /* where in the life of a request it was refused, in IIS's terms */
    const char *module;
    const char *notification;
    unsigned number;
};

#define TRACE_ACTIVITY_SIZE 39

struct trace_report { /* slices in the exchange's arena; static texts */
    struct str id;
    struct str computer;
    struct str site; /* empty: none was found */
    struct str location;
    struct str url;
    struct str verb;
    struct str version; /* "HTTP/1.1" */
    struct str client;
    struct str server;
    struct str tls; /* version and cipher; empty: plain http */
    struct trace_headers request;
    struct trace_headers response;

    const char *reason; /* of the outcome, or of `failed`; NULL: nothing is wrong with the access */
    const char *title;
    const char *message;
    struct str detail;
    struct trace_stage stage;
    const char *trust_mode; /* NULL without a site */
    struct str user;
    struct str mapping;
    struct str upstream; /* the server that had it last; empty: none */
    struct trace_list rules;
    struct trace_list fixes;
    struct trace_list windows;  /* where the same is set there */
    struct trace_list commands; /* and the fixes as its commands */
    struct chain_boxes chain;

    const struct trace_event *events;
    size_t event_count;
    int64_t began_ms; /* since 1970 */
    uint64_t took_ms;
    struct exchange_bytes bytes;

    pid_t pid;
    enum outcome outcome;
    enum outcome failed; /* under pass: what the certificate was not refused for */
    unsigned site_id;    /* 0: none */
    unsigned client_port;
    unsigned server_port;
    unsigned status;
    unsigned substatus;
    unsigned upstream_status;
    unsigned attempts;
    uint32_t hresult;
    bool is_resumed;
    bool is_by_time;
    bool has_chain;
    char activity[TRACE_ACTIVITY_SIZE]; /* the id as a GUID with braces */
};

/* The status that the client got, or would have got, as the access log has it. */
void trace_report_status(const struct exchange *x, unsigned *ret_status, unsigned *ret_substatus);
/* x->trace is at its end. */
void trace_report_make(struct exchange *x, struct exchange_bytes bytes, bool is_by_time,
                       struct trace_report *ret_report);
/* The value of a field that may be shown: one that lets its bearer in is not. */
struct str trace_shown_value(struct str name, struct str value);

#endif
