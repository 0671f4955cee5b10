/* worker.h - the life of one worker process: one engine, cut off from everything else.
 *
 * Between fork and READY it gives up the master's descriptors and privileges; after READY it opens
 * no path. It ends when its engine has drained: told so over control, by SIGTERM, or because the
 * master is gone (end of file on control).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_WORKER_H
#define PROXY_PROCESS_WORKER_H

#include "core/snapshot.h"
#include "process/listeners.h"
#include "process/logs.h"
#include "process/privileges.h"
#include "process/spawn.h"

/* What the master prepared for the workers of one generation; all borrowed, inherited by fork. */
struct worker_context {
    const struct snapshot *snapshot;
    const struct listener_set *listeners;
    const struct logs *logs;
    const struct privileges *privileges;
    int trace_fd; /* of trace_process_fd(); 0 or -1: nothing is traced */
};

/* A process_main_fn; seat->arg is a struct worker_context. */
int worker_main(const struct process_seat *seat);

#endif
