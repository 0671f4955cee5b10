/* listeners.h - the master's listening sockets, kept by address from one configuration to the next.
 *
 * Each binding has one socket for each worker slot. Worker i of every generation accepts from
 * socket i, so nothing that waits in a queue is lost when a worker dies or a generation changes.
 * A reload is prepare, then commit or rollback; sockets of bindings that vanished stay until the
 * old workers no longer accept.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_LISTENERS_H
#define PROXY_PROCESS_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "net/addr.h"
#include "process/inherited.h"

struct listener_wish { /* one binding of a configuration */
    struct addr addr;  /* port 0: any free port */
    bool is_https;
};

/* The sockets of one generation, in the order of its bindings. */
struct listener_set {
    size_t count;
    unsigned slots;
    int *fds;           /* [binding * slots + slot]; borrowed from the table */
    struct addr *addrs; /* the real ones */
    bool *is_lent;      /* somebody else listens there as well, and goes on when we are gone */
};

/* listener_open(), or a test's stand-in. */
typedef int (*listeners_open_fn)(struct addr *addr, unsigned slots, int *ret_fds);

struct listeners;
struct listeners *listeners_new(unsigned slots, listeners_open_fn open);
/* From now on sockets are looked for there before any is opened; borrowed, may be NULL. A slot for
 * which there is none shares that of another: then both workers accept from one queue. */
void listeners_inherit(struct listeners *listeners, struct inherited *inherited);
/* Closes everything. NULL is allowed. */
void listeners_free(struct listeners *listeners);

/* Opens what is missing. A binding with port 0 finds the socket of the one that stood at the same
 * place among its equals (address, scheme). On failure nothing has changed, *ret_failed is the
 * index of the wish and a negative errno is returned. */
MUST_USE int listeners_prepare(struct listeners *listeners, const struct listener_wish *wishes,
                               size_t count, struct listener_set *ret_set, size_t *ret_failed);
/* What was prepared holds; what it does not name retires. */
void listeners_commit(struct listeners *listeners);
/* What was opened for it is closed again. */
void listeners_rollback(struct listeners *listeners);
/* Once no process accepts from retired sockets. Lent ones stay, for a configuration that names them
 * again; the others stop listening in every process that still
 * holds a copy, so that clients are refused instead of left waiting. */
void listeners_close_retired(struct listeners *listeners);
/* The same with all of them: the end. */
void listeners_close_all(struct listeners *listeners);
/* All sockets in use, those that nobody else has first, the slots of an address in order. The
 * caller frees *ret_fds; the descriptors are borrowed. Returns their number, of which *ret_own are
 * ours alone. */
size_t listeners_list(const struct listeners *listeners, int **ret_fds, size_t *ret_own);
/* A successor has them all: from now on they are closed, never shut down. */
void listeners_hand_over(struct listeners *listeners);
/* The predecessor has been told: from now on what it passed is ours alone. Before that a failure
 * must not touch it. */
void listeners_take_over(struct listeners *listeners);
/* How many addresses are open. */
size_t listeners_count(const struct listeners *listeners);

/* Which slots have a worker that accepts; new connections go to these (steering.h). Cheap when
 * nothing changed. */
void listeners_steer(struct listeners *listeners, const bool *is_alive);

void listener_set_clear(struct listener_set *set);

#endif
