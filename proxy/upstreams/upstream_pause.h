/* upstream_pause.h - requests that wait for a server that cannot be reached, and are tried again.
 *
 * A backend that restarts is away for a moment. No byte of such a request was sent, so it waits
 * `retry_wait` and begins anew, with the only server as well, for as long as `timeouts.queue` after
 * the group was first found out of reach. A group that stays away longer answers at once.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_PAUSE_H
#define PROXY_UPSTREAMS_UPSTREAM_PAUSE_H

#include <stdbool.h>

struct exchange;
struct upstream_group;

void upstream_pause_init(struct upstream_group *group);
/* Nobody may be waiting: every client is gone. */
void upstream_pause_clear(struct upstream_group *group);
/* A server could not be connected to: the group may be out of reach. */
void upstream_pause_note_failure(struct upstream_group *group);
/* A server was connected to. */
void upstream_pause_note_success(struct upstream_group *group);
/* The exchange, which no server has, waits and goes on by itself. False when it should not: it is
 * off, `queue` requests wait already, or the group has been out of reach for too long. */
bool upstream_pause_add(struct exchange *x);

#endif
