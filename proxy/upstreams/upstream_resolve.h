/* upstream_resolve.h - the addresses behind the names of upstream servers, kept up to date.
 *
 * Names are looked up with getaddrinfo(), at load and every `resolve` after it: the same answer
 * as every other program of the machine gets, from /etc/hosts, DNS or whatever nsswitch.conf names.
 * It blocks and opens files, which a worker must not; so one helper process (upstream_resolver.h)
 * does it for all workers of a generation and leaves the answers in memory they share. A library
 * that does DNS alone inside the worker would read the hosts file there and ignore nsswitch.conf.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_RESOLVE_H
#define PROXY_UPSTREAMS_UPSTREAM_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "net/addr.h"

/* Of more addresses than this the first ones are used. */
#define RESOLVED_MAX 16

struct resolved {
    uint64_t count;
    int64_t error; /* of getaddrinfo() the last time; 0: none */
    struct addr addrs[RESOLVED_MAX];
};

/* A name and its addresses in shared memory: one process writes, any number read. */
struct resolve_slot;
struct resolve_slot *resolve_slots_new(size_t count);
void resolve_slots_free(struct resolve_slot *slots, size_t count);
struct resolve_slot *resolve_slot_at(struct resolve_slot *slots, size_t index);
void resolve_slot_write(struct resolve_slot *slot, const struct resolved *resolved);
/* False when nothing was written since *seen (start from 0), or while it is being written. */
MUST_USE bool resolve_slot_read(const struct resolve_slot *slot, uint64_t *seen,
                                struct resolved *ret_resolved);

/* Looks a name up, which may take long. Returns 0, or the error of getaddrinfo(). */
int resolve_name(const char *host, unsigned port, struct resolved *ret_resolved);

typedef int (*resolve_fn)(const char *host, unsigned port, struct resolved *ret_resolved);
/* Looks the name up and writes what is new: other addresses, in whatever order, or an error, which
 * leaves the addresses as they are. *known is what was written last. True when it wrote. */
bool resolve_update(struct resolve_slot *slot, resolve_fn resolve, const char *host, unsigned port,
                    struct resolved *known);

struct upstream_server;
/* Takes over what the helper found meanwhile; kept connections to addresses that are gone are
 * closed. Cheap when nothing is new. True when something was. */
bool upstream_resolve_refresh(struct upstream_server *server);

#endif
