/* upstream_health.h - when a server of a group is left out, and when it is asked again.
 *
 * Two sources: what happens to requests, and probes (upstream_probe.h). Each worker judges for
 * itself: it may be the one that cannot reach a server.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_HEALTH_H
#define PROXY_UPSTREAMS_UPSTREAM_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct upstream_server;

/* True when a request may go to the server. is_last_resort: no other one is up. */
bool upstream_health_allows(const struct upstream_server *server, uint64_t now_ms,
                            bool is_last_resort);
/* A request was refused, lost, answered with nonsense or not at all. */
void upstream_health_failed(struct upstream_server *server, uint64_t now_ms, const char *reason);
/* A request was answered, whatever the answer. */
void upstream_health_succeeded(struct upstream_server *server);
/* A request is on its way to a server that is down; and it is over, however it ended. */
void upstream_health_try(struct upstream_server *server);
void upstream_health_tried(struct upstream_server *server);
/* The outcome of a probe; reason: NULL when it was good. */
void upstream_health_probed(struct upstream_server *server, uint64_t now_ms, const char *reason);

#endif
