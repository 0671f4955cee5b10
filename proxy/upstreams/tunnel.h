/* tunnel.h - what follows a valid 101: bytes both ways, uninterpreted.
 *
 * Each direction holds at most one buffer that was read and one that waits to be written; a side
 * that does not read stops the other one's sending. Each direction ends by itself, so a half-closed
 * connection stays one. The tunnel ends when both directions have, when either connection breaks,
 * when nothing moves for timeouts.tunnel (timeouts.idle once one direction has ended, if that is
 * shorter), or when the engine's drain is over.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_TUNNEL_H
#define PROXY_UPSTREAMS_TUNNEL_H

#include <stdbool.h>

struct exchange;
struct http_response;
struct upstream_conn;

/* The upstream answered the exchange's upgrade with this 101, which tunnel_upgrade_problem() found
 * nothing wrong with: passes it on and joins the connections. The exchange ends, and is logged,
 * with the tunnel. Nothing moves before the client's side runs. */
void tunnel_begin(struct upstream_conn *conn, const struct http_response *response);
/* Something may be possible on the upstream's side. May end the client's connection: the last thing
 * a turn does. */
void tunnel_upstream_ready(struct exchange *x, bool can_read);

#endif
