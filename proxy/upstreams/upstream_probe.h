/* upstream_probe.h - asks a server now and then whether it is well (health.path).
 *
 * Each worker asks for itself, over a new connection each time: GET, any answer from 200 to 399 in
 * time is good. upstream_health.h draws the conclusions. Probes do not count against
 * max_connections.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_PROBE_H
#define PROXY_UPSTREAMS_UPSTREAM_PROBE_H

struct upstream_probe;
struct upstream_server;

/* NULL when no probes are configured. The first comes soon. */
struct upstream_probe *upstream_probe_new(struct upstream_server *server);
void upstream_probe_free(struct upstream_probe *probe); /* NULL is allowed */

#endif
