/* client_http1.h - the server side of HTTP/1.1 on one client connection (RFC 9112).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CLIENT_HTTP1_H
#define PROXY_CLIENTS_CLIENT_HTTP1_H

#include <stdbool.h>

#include "clients/client.h"

/* Something may be possible: bytes arrived, room appeared, or the state changed. Never re-entrant:
 * a call from below only makes the running one go round again. */
void client_http1_run(struct client *client, bool can_read);
/* The deadline of the current state passed. */
void client_http1_timeout(struct client *client);

#endif
