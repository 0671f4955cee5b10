/* trace_process.h - the process that writes the traces of one release.
 *
 * A worker opens no path and waits for no disk, so finished traces go to a process of their own
 * (trace/trace_wire.h), with the user's rights. It ends when nobody is left who could send one:
 * the master has let go of the release and its last worker is gone. One that dies is replaced.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_TRACE_PROCESS_H
#define PROXY_PROCESS_TRACE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include <event2/event.h>

#include "config/config.h"
#include "process/logs.h"
#include "process/privileges.h"

struct trace_process_options { /* all borrowed, and outlive it */
    struct event_base *base;
    const struct config *config;
    const struct logs *logs;
    const struct privileges *privileges;
};

struct trace_process;
/* NULL when nothing is traced, or when it cannot be: trace.failed tells. */
struct trace_process *trace_process_new(const struct trace_process_options *options);
/* No worker of the release is left. Waits a second at most while it writes what is on its way. NULL
 * is allowed. */
void trace_process_free(struct trace_process *process);
/* What the workers send to; -1 when process is NULL. */
int trace_process_fd(const struct trace_process *process);
/* A reopened error log. */
void trace_process_set_log(struct trace_process *process, int fd);
/* True when it was this one. */
bool trace_process_reaped(struct trace_process *process, pid_t pid);

#endif
