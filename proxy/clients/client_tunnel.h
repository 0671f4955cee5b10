/* client_tunnel.h - a connection over HTTP/1.1 that was upgraded: bytes, which somebody else reads.
 *
 * RFC 9110 section 7.8. Who answered the upgrade (tunnel.h, echo_websocket.h) is given the stream
 * and called whenever something may be possible there.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CLIENT_TUNNEL_H
#define PROXY_CLIENTS_CLIENT_TUNNEL_H

#include "exchange/exchange.h"

struct client;

/* Three of the client_ops. */
struct stream *client_tunnel_start(struct exchange *x, struct str head, tunnel_run_cb run,
                                   bool *ret_has_ended);
void client_tunnel_extend(struct exchange *x, uint64_t ms);
void client_tunnel_end(struct exchange *x, enum tunnel_end how);
/* Nothing moved for too long. */
void client_tunnel_timeout(struct client *client);

#endif
