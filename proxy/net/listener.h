/* listener.h - listening sockets: one a binding and worker slot, opened by the master and kept.
 *
 * Sources: docs/architecture.md, "Processes" (SO_REUSEPORT per slot, owned by the master).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_NET_LISTENER_H
#define PROXY_NET_LISTENER_H

#include <stdbool.h>

#include <event2/event.h>

#include "base/attr.h"
#include "net/addr.h"

/* Opens `slots` SO_REUSEPORT sockets on the address (TCP, CLOEXEC, non-blocking, listening). A
 * probe without SO_REUSEPORT comes first, so that a second instance fails instead of stealing
 * connections. Port 0: the kernel chooses, *addr is updated and all slots share it. Returns 0 or a
 * negative errno; ret_fds has room for `slots`. [::] is IPv6 only. */
MUST_USE int listener_open(struct addr *addr, unsigned slots, int *ret_fds);

struct listener;
/* A new connection: fd is non-blocking, CLOEXEC, TCP_NODELAY and now the callee's. It may pause the
 * listener, but not free it. */
typedef void (*listener_cb)(int fd, const struct addr *peer, void *arg);
/* Accepts on fd (borrowed). Paused at start. */
struct listener *listener_new(struct event_base *base, int fd, listener_cb callback, void *arg);
void listener_free(struct listener *listener);
/* Asked before each connection is accepted; false: it waits in the queue, and the callee has paused
 * the listener. is_exhausted: none could be accepted for want of descriptors or memory; true when
 * something was given back, so that another try is worth it. */
typedef bool (*listener_room_cb)(bool is_exhausted, void *arg);
/* arg is that of listener_new(). Without it there is always room. */
void listener_set_room(struct listener *listener, listener_room_cb room);
/* Accepting may be paused, at the connection limit. On EMFILE and the like the listener pauses by
 * itself for 100 ms and says so once a minute, unless room could be made. */
void listener_set_accepting(struct listener *listener, bool is_accepting);

#endif
