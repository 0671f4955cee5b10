/* spawn.h - forks one process with a control socket, cut off from what the master has.
 *
 * Signals stay blocked across the fork until the child has handlers of its own, and the child drops
 * the master's event base without touching the master's registrations in the shared epoll.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_SPAWN_H
#define PROXY_PROCESS_SPAWN_H

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

#include <event2/event.h>

#include "base/attr.h"
#include "process/control.h"

/* What a new process knows of itself. */
struct process_seat {
    enum process_kind kind;
    unsigned slot;
    unsigned generation;
    int control_fd;   /* the process's end */
    sigset_t signals; /* the mask to restore once handlers stand; until then all are blocked */
    const void *arg;  /* whatever the master prepared before the fork */
};

/* The whole life of the process; the value is its exit status. */
typedef int (*process_main_fn)(const struct process_seat *seat);

/* Forks. In the child base is gone and main runs; it never returns. In the master: 0 and the
 * master's end of the control socket, or a negative errno. */
MUST_USE int spawn_process(struct event_base *base, struct process_seat seat, process_main_fn main,
                           pid_t *ret_pid, int *ret_control_fd);

/* Closes every descriptor above 2 that is not listed; the list is sorted in place. */
void spawn_close_others(int *keep, size_t count);

#endif
