/* upstream_http2.h - exchanges that share a connection to a server over HTTP/2 (RFC 9113).
 *
 * It begins before the connection does: those that come meanwhile wait for it together, and go on
 * to the server's next address with it. Once it speaks HTTP/2 each of them is a stream.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_HTTP2_H
#define PROXY_UPSTREAMS_UPSTREAM_HTTP2_H

#include <stdbool.h>

#include "upstreams/upstream.h"

/* Without a connection and without exchanges. */
struct upstream_http2 *upstream_http2_new(struct upstream_server *server);
/* It must carry nothing any more; NULL is allowed. */
void upstream_http2_free(struct upstream_http2 *http2);

/* Established, and carries nothing now. */
bool upstream_http2_is_unused(const struct upstream_http2 *http2);
/* One more exchange may join. */
bool upstream_http2_has_room(const struct upstream_http2 *http2);
/* The exchange goes over it: at once, or when the connection is established. */
void upstream_http2_join(struct upstream_http2 *http2, struct exchange *x);

/* ---- before it is established ---- */

/* The connection that is being made for it; NULL: none is. */
void upstream_http2_attach(struct upstream_http2 *http2, struct upstream_conn *conn);
/* No connection came about: upstream_attempt_failed() for all that wait, and with runs_clients
 * their clients' turns. reason is copied. */
void upstream_http2_fail(struct upstream_http2 *http2, enum upstream_failure failure,
                         const char *reason, bool runs_clients);
/* The server chose HTTP/1.1. Takes out the exchange that has waited longest; there is one. */
struct exchange *upstream_http2_take(struct upstream_http2 *http2);
/* ... and starts the others again. */
void upstream_http2_start_anew(struct upstream_http2 *http2);
/* The connection is established and speaks HTTP/2. */
void upstream_http2_begin(struct upstream_http2 *http2);

/* ---- then ---- */

/* Bytes arrived or room appeared. */
void upstream_http2_run(struct upstream_http2 *http2, bool can_read);
/* The connection's deadline passed. */
void upstream_http2_timeout(struct upstream_http2 *http2);
/* Nothing may join any more; it is closed when it carries nothing. */
void upstream_http2_retire(struct upstream_http2 *http2);

#endif
