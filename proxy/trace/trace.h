/* trace.h - what happened to a request, step by step, for the file that a rule asks for.
 *
 * Collected in the exchange's arena, and only where a rule of `tracing` can hold: elsewhere
 * x->trace is NULL and every step costs one comparison. Called by exchange alone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_H
#define PROXY_TRACE_TRACE_H

#include <stdbool.h>

#include "core/exchange_state.h"
#include "trace/trace_events.h"

/* Begins a trace when a rule of the exchange's place, or of the site that the connection is for
 * when it has none, can hold for it. Once for an exchange. */
void trace_begin(struct exchange *x);
void trace_record(struct trace *trace, enum trace_step step, const char *text);
static inline void trace_step(struct exchange *x, enum trace_step step, const char *text)
{
    if (x->trace != NULL)
        trace_record(x->trace, step, text);
}
/* At the end, with what went over the connection: writes the files if a rule holds. */
void trace_finish(struct exchange *x, struct exchange_bytes bytes);

#endif
