/* master_private.h - the state of the master, shared by master.c, reload.c and upgrade.c alone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_MASTER_PRIVATE_H
#define PROXY_PROCESS_MASTER_PRIVATE_H

#include <stdbool.h>

#include <event2/event.h>

#include "process/inherited.h"
#include "process/master.h"
#include "process/release.h"
#include "process/shm.h"
#include "process/stop_level.h"

#define MASTER_SIGNALS 7

struct upgrade { /* a successor that was started and is not ready yet */
    pid_t pid;   /* 0: none */
    int fd;
    struct event *answer;
};

struct master {
    const struct master_parts *parts;
    const char *config_file;
    struct event_base *base;
    struct event *signals[MASTER_SIGNALS];
    struct event *step;     /* made active by hand */
    struct event *rotate;   /* ticket keys, hourly */
    struct event *midnight; /* daily access logs */
    struct event *watchdog; /* NULL when the service manager wants none */
    struct shm *shm;
    struct tls_ticket_keys *keys; /* in shm */
    struct privileges privileges;
    struct inherited inherited;
    struct listeners *listeners;
    struct upgrade upgrade;
    struct release *releases; /* all that have a living process, newest first */
    struct release *active;   /* NULL until the first is ready */
    struct release *starting; /* NULL when none is */
    struct release *logging;  /* whose logs this process uses; freed at the very end */
    char *pid_file;           /* NULL: none is written */
    unsigned slots;
    unsigned next_number;
    enum stop_level stop;
    uint64_t stop_at_ms; /* when it was last raised by a signal */
    bool is_reload_wanted;
    bool is_hold_logged;
    bool is_upgrade_wanted;
    enum master_exit exit_code;
};

/* Something changed: step() runs from the loop soon. arg is the master. */
void master_wake(void *arg);
/* Raises the limit of open files and warns when it is short. */
void master_check_nofile(const struct master *master, const struct release *release);

#endif
