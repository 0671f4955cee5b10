/* SPDX-License-Identifier: MIT */
#include "trace/trace_sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "trace/trace_wire.h"

#define LOG_INTERVAL_MS UINT64_C(60000)

struct trace_sink {
    int fd;
    uint64_t second;
    unsigned made; /* in it */
    uint64_t lost; /* since the last line */
    uint64_t log_at_ms;
};

struct trace_sink *trace_sink_new(int fd)
{
    if (fd <= 0)
        return NULL;
    struct trace_sink *sink = xcalloc(1, sizeof *sink);
    sink->fd = fd;
    return sink;
}

void trace_sink_free(struct trace_sink *sink)
{
    free(sink);
}

static void lose(struct trace_sink *sink, uint64_t now_ms, const char *reason)
{
    sink->lost++;
    if (now_ms < sink->log_at_ms)
        return;
    log_warn("trace.lost", "lost=%" PRIu64 " reason=\"%s\"", sink->lost, reason);
    sink->lost = 0;
    sink->log_at_ms = now_ms + LOG_INTERVAL_MS;
}

bool trace_sink_may_send(struct trace_sink *sink)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms / 1000 != sink->second) {
        sink->second = now_ms / 1000;
        sink->made = 0;
    }
    if (sink->made >= TRACE_SINK_PER_SECOND) {
        lose(sink, now_ms, "more traces in a second than are written");
        return false;
    }
    sink->made++;
    return true;
}

void trace_sink_send(struct trace_sink *sink, struct str xml, struct str html)
{
    int error = trace_wire_send(sink->fd, xml, html);
    if (error < 0)
        lose(sink, clock_monotonic_ms(),
             error == -EAGAIN ? "the disk is slower than the traces" : strerrordesc_np(-error));
}
