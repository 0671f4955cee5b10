/* master.h - the process that holds the sockets, the keys and the configuration.
 *
 * It serves nobody itself: it starts generations of workers, replaces workers that die, and takes
 * the signals (HUP reload, USR1 reopen logs, TERM QUIT INT drain and stop).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_MASTER_H
#define PROXY_PROCESS_MASTER_H

#include "config/config.h"
#include "engine/snapshot_load.h"
#include "process/listeners.h"
#include "process/spawn.h"

enum master_exit {
    MASTER_OK = 0,
    MASTER_FAILED = 1,      /* configuration or run-time failure */
    MASTER_CANNOT_BIND = 3, /* an address is in use or not ours */
};

/* What a master is made of; a test puts its own parts in. Each is used as the function of the same
 * name. */
struct master_parts {
    struct config *(*config_load)(const char *file, struct error_list *errors);
    void (*config_free)(struct config *config);
    struct snapshot *(*snapshot_new)(struct config *config, struct tls_ticket_keys *keys,
                                     struct error_list *errors);
    void (*snapshot_free)(struct snapshot *snapshot);
    listeners_open_fn listener_open;
    process_main_fn worker_main;
    int keylog_fd;          /* config.keylog_fd of every configuration */
    const char *program;    /* the file that an upgrade starts; NULL: there are none */
    char *const *arguments; /* with which this one was started, argv[0] first */
};

/* keylog_fd: TLS secrets are written there; 0: nowhere. Serves until it is told to stop; the value
 * is an enum master_exit. Errors in the configuration at the start go to stderr as
 * `file:line:column: error: text`, everything else to the log. */
int master_run(const char *config_file, int keylog_fd, const char *program, char *const *arguments);
int master_run_with(const char *config_file, const struct master_parts *parts);

#endif
