/* client_http2.h - HTTP/2 towards a client: its streams, each with an exchange of its own.
 *
 * Bytes and rules are http2/'s; here a stream becomes an exchange, and the connection's turns,
 * deadlines and end are seen to. A slow stream keeps nobody waiting: what its upstream has not
 * taken stays behind its window, and what the client has not taken stays with the upstream.
 * RFC 9113.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CLIENT_HTTP2_H
#define PROXY_CLIENTS_CLIENT_HTTP2_H

#include <stdbool.h>

struct client;

/* The handshake has chosen HTTP/2. The client must be run next. */
void client_http2_begin(struct client *client);
/* Something may be possible. May close the client. */
void client_http2_run(struct client *client, bool can_read);
/* The deadline has passed, of a client with streams or without. */
void client_http2_timeout(struct client *client);
/* Says that no more streams are taken, lets those that run end, and closes behind them; at once,
 * when there are none and it is not asked for gracefully. */
void client_http2_drain(struct client *client, bool gracefully);
/* The connection is over: every exchange is finished and logged. Frees nothing yet. */
void client_http2_end(struct client *client);
/* NULL is allowed. */
void client_http2_free(struct client *client);

#endif
