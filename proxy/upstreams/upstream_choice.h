/* upstream_choice.h - which server of a group gets the next request.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_CHOICE_H
#define PROXY_UPSTREAMS_UPSTREAM_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

struct upstream_group;
struct upstream_server;

enum upstream_choice {
    UPSTREAM_CHOSEN,
    UPSTREAM_ALL_BUSY, /* there are servers, each at its limit of connections */
    UPSTREAM_NONE_UP,  /* none is left that may be asked now */
};

/* By the group's balance, among the servers that are up and have room. tried: one flag a server,
 * those are left out; NULL: none was. A server that is down takes part once its back-off is over
 * (without probes, or when no other is up), one request at a time. needs_own: a connection that
 * carries others as well will not do. */
enum upstream_choice upstream_choose(struct upstream_group *group, const bool *tried,
                                     bool needs_own, uint64_t now_ms,
                                     struct upstream_server **ret_server);
/* True when a request would have to wait; chooses nothing. */
bool upstream_all_busy(const struct upstream_group *group, const bool *tried, bool needs_own,
                       uint64_t now_ms);

#endif
