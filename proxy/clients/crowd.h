/* crowd.h - who makes room when there are too many connections.
 *
 * Every connection that has no request in flight stands in a list, longest waiting first: those
 * that linger, those that have not sent a request yet, those that have been served and are idle. At
 * limits.connections the first of them goes for a new one; at limits.connections_per_client the
 * first of the same address. Where everybody is busy, the listeners pause for the one limit, and a
 * new connection is reset for the other. All of it is constant work a connection.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CROWD_H
#define PROXY_CLIENTS_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "clients/crowd_place.h"
#include "net/addr.h"

struct address_counts;
struct engine;

/* An engine's part. */
struct crowd {
    struct crowd_waiting waiting;
    size_t fresh_count;
    size_t per_client; /* connections an address may have in this worker */
    struct address_counts *addresses;
    uint64_t told_ms, told_client_ms; /* of clock_monotonic_ms, when the log was told; 0: never */
    uint64_t made_room;               /* since then */
};

void crowd_init(struct engine *engine, unsigned workers);
/* No client may be left. */
void crowd_clear(struct engine *engine);
/* One more connection can be taken, if need be in the place of another. */
bool crowd_has_room(const struct engine *engine);
/* Closes the connection that can be spared best; false when all are busy. */
bool crowd_make_room(struct engine *engine);
/* A new connection from this address may be taken: room was made where one of the limits is
 * reached. addr NULL: a trusted proxy's, which only the limit of all bounds. False: reset it. */
MUST_USE bool crowd_admit(struct engine *engine, const struct addr *addr);
/* The same for a connection of a trusted proxy that has been taken and turns out to be this
 * address's. */
MUST_USE bool crowd_admit_source(struct engine *engine, const struct addr *addr);
/* The client counts for this address from now on. */
void crowd_count(struct client *client, const struct addr *addr);
/* What a client waits for has changed; it stands last in its list. True: it can make room. */
bool crowd_move(struct client *client, enum crowd_class where);
/* The client is closed: it is on no list and counts no more. */
void crowd_leave(struct client *client);
/* At limits.connections: says so at once, and then once a minute. */
void crowd_report(struct engine *engine);

#endif
