/* upstream_queue.h - requests that wait until a server of their group has a connection to give.
 *
 * First come, first served; per worker and group. All wait equally long (timeouts.queue), so the
 * oldest is also the next whose time is over.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_QUEUE_H
#define PROXY_UPSTREAMS_UPSTREAM_QUEUE_H

#include <stdbool.h>

struct exchange;
struct upstream_group;

void upstream_queue_init(struct upstream_group *group);
/* The queue must be empty: every client is gone. */
void upstream_queue_clear(struct upstream_group *group);
/* False when there is no place left. When its turn comes, upstream_go_on() is called. */
bool upstream_queue_add(struct exchange *x);

#endif
