/* release.h - one configuration being served: everything the master holds for one generation.
 *
 * Freed when the generation's last process is gone, so a snapshot outlives every worker that
 * inherited it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_RELEASE_H
#define PROXY_PROCESS_RELEASE_H

#include "base/text.h"
#include "process/crl_watch.h"
#include "process/generation.h"
#include "process/master.h"
#include "process/trace_process.h"
#include "process/worker.h"

struct release {
    struct release *next;
    const struct master_parts *parts; /* borrowed */
    struct snapshot *snapshot;        /* owned */
    struct listener_set listeners;    /* its sockets belong to the master's table */
    struct logs logs;
    struct worker_context context;
    struct generation *generation; /* NULL until started; owned */
    struct crl_watch *crl_watch;   /* while there are workers; owned */
    struct trace_process *traces;  /* NULL: nothing is traced; owned */
};

/* Loads and checks a configuration file and adds every problem to the list. NULL when there are
 * errors. */
struct config *release_load(const struct master_parts *parts, const char *file,
                            struct error_list *errors);
/* What must not change while running: each difference is an error that names the key. */
void release_check_restart(const struct config *running, const struct config *wanted,
                           unsigned slots, struct error_list *errors);
/* Builds the snapshot and opens the logs; takes the configuration over whatever happens. NULL with
 * errors in the list. */
struct release *release_new(const struct master_parts *parts, struct config *config,
                            const struct privileges *privileges, struct tls_ticket_keys *keys,
                            struct error_list *errors);
/* Opens its sockets in the table (prepare). 0 or a negative errno; that, which binding, where it
 * stands in the configuration and what to do are then logged as an error under the event. */
MUST_USE int release_bind(struct release *release, struct listeners *listeners, const char *event);
/* Its processes must be gone. NULL is allowed. */
void release_free(struct release *release);

/* The number of workers a configuration asks for: auto is one for each CPU we may run on. */
unsigned release_workers(const struct config *config);
/* "https://127.0.0.1:41234,..." with the real ports. */
void release_describe(const struct release *release, struct text *out);

#endif
