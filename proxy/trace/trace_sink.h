/* trace_sink.h - a worker's end of trace_wire.h: bounded, never waiting.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_SINK_H
#define PROXY_TRACE_TRACE_SINK_H

#include <stdbool.h>

#include "base/str.h"

/* Traces of a worker in a second: a flood of refusals would only wash out what is there. */
#define TRACE_SINK_PER_SECOND 20

struct trace_sink;

/* fd is borrowed; NULL when there is none (negative, or 0). */
struct trace_sink *trace_sink_new(int fd);
void trace_sink_free(struct trace_sink *sink); /* NULL is allowed */
/* Whether one more may be made in this second; one that may not is counted as lost. */
bool trace_sink_may_send(struct trace_sink *sink);
/* What cannot be sent at once is lost: trace.lost, at most one line a minute. */
void trace_sink_send(struct trace_sink *sink, struct str xml, struct str html);

#endif
