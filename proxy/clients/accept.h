/* accept.h - listeners: when new connections are taken.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_ACCEPT_H
#define PROXY_CLIENTS_ACCEPT_H

#include <stdbool.h>

struct addr;
struct engine;

/* One listener a binding of the snapshot, in order, over borrowed descriptors; not yet accepting.
 * addrs: the real addresses (port 0 resolved). */
void accept_init(struct engine *engine, const int *fds, const struct addr *addrs);
void accept_clear(struct engine *engine);
void accept_set(struct engine *engine, bool is_accepting);
/* A connection left the list of clients: accepting may go on, a drain may be complete. */
void accept_client_closed(struct engine *engine);
/* Somebody can make room again: accepting goes on if it stood still for want of it. */
void accept_has_room(struct engine *engine);

#endif
