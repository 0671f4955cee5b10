/* trace_events.h - the steps of a request that a trace tells of.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_EVENTS_H
#define PROXY_TRACE_TRACE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

enum trace_step {
    TRACE_RECEIVED,        /* the head was read */
    TRACE_DECIDING,        /* access checks begin */
    TRACE_JUDGED,          /* the chain has a verdict; text: its reason, or NULL: trusted */
    TRACE_ASKED,           /* the client is asked for a certificate after the handshake */
    TRACE_DECIDED,         /* it is allowed */
    TRACE_REFUSED,         /* answered here instead; text: the reason */
    TRACE_FORWARDING,      /* handed to the upstream */
    TRACE_CONNECTED,       /* a server takes it */
    TRACE_UPSTREAM_FAILED, /* text: what happened, or NULL */
    TRACE_ANSWERED,        /* the head of the answer */
    TRACE_COMPLETE,        /* the upstream's answer is whole */
    TRACE_FINISHED,        /* the last byte left, or the client is gone */
};

struct trace_event {
    enum trace_step step;
    uint64_t at_us;   /* since the trace began */
    const char *text; /* static, or in the arena; or NULL */
};

#define TRACE_EVENTS_MAX 64

struct trace {
    uint64_t began_us; /* clock_monotonic_us() */
    struct trace_event events[TRACE_EVENTS_MAX];
    size_t count;
};

#endif
