/* upstream_probe_http2.h - one GET over HTTP/2, for a probe.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_PROBE_HTTP2_H
#define PROXY_UPSTREAMS_UPSTREAM_PROBE_HTTP2_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct buf;
struct probe_http2;
struct upstream_server;

/* Asks for path. arena: outlives it. */
struct probe_http2 *probe_http2_new(const struct upstream_server *server, struct str path,
                                    struct arena *arena);
/* NULL is allowed. */
void probe_http2_free(struct probe_http2 *http2);
void probe_http2_feed(struct probe_http2 *http2, struct str bytes);
/* The next output, or NULL; see http2_client_pull(). */
struct buf *probe_http2_pull(struct probe_http2 *http2);
/* The status of the answer; 0: none came yet. */
unsigned probe_http2_status(const struct probe_http2 *http2);
/* Why none will come; NULL: one may. Static. */
const char *probe_http2_problem(const struct probe_http2 *http2);

#endif
