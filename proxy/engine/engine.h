/* engine.h - one event loop's worth of proxy.
 *
 * A worker process runs one; a test may run one without forking. It opens no file: listening
 * sockets and log descriptors are handed in.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ENGINE_ENGINE_H
#define PROXY_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/attr.h"
#include "core/snapshot.h"

struct engine;

struct engine_options {
    struct event_base *base;         /* borrowed */
    const struct snapshot *snapshot; /* borrowed, outlives the engine */
    const int *listen_fds;           /* one a binding of the snapshot, in order; borrowed fds */
    const struct addr *listen_addrs; /* the real addresses (port 0 resolved), same order */
    int access_log_fd;               /* borrowed; -1: none */
    int spool_fd;                    /* borrowed, see spool.h; 0 or -1: none */
    int trace_fd;                    /* borrowed, see trace_wire.h; 0 or -1: none */
    unsigned slot;                   /* this worker's number, 0-based */
    unsigned workers;                /* how many share limits.connections */
};

/* Ready to accept, not yet accepting. */
struct engine *engine_new(const struct engine_options *options);
void engine_accept(struct engine *engine);

/* Called once, from the loop, when the last connection of a draining engine is gone. */
typedef void (*engine_drained_cb)(void *arg);
/* For grace_ms: what is judged here is no longer the policy. Idle clients are closed now, and a
 * request that has not begun yet gets 503. */
#define ENGINE_DRAIN_STALE UINT64_MAX
/* Stops accepting; running exchanges finish and get Connection: close. Idle clients: with grace_ms
 * 0 they are closed now, else they live that long and their next request is answered and closed.
 * deadline_ms: whatever is still open then is closed. */
void engine_drain(struct engine *engine, uint64_t grace_ms, uint64_t deadline_ms,
                  engine_drained_cb callback, void *arg);
/* A reopened access log; the engine writes there from now on (fd borrowed). */
void engine_set_access_log(struct engine *engine, int fd);
/* The site's CRLs were read again; fd is the block (borrowed). Every open connection is judged anew
 * at its next request. False, with the reason, when it cannot be used. */
MUST_USE bool engine_set_crls(struct engine *engine, size_t site, int fd, const char **ret_problem);
/* Closes everything at once and frees; flushes the log. */
void engine_free(struct engine *engine);

#endif
