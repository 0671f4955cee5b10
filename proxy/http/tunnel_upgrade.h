/* tunnel_upgrade.h - the WebSocket opening handshake as an intermediary has to read it.
 *
 * WebSocket is the one protocol a request may change to; h2c and everything else is not offered to
 * the backend. Pure functions. Sources: RFC 6455 sections 4.1 and 4.2, RFC 9110 section 7.8.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_TUNNEL_UPGRADE_H
#define PROXY_HTTP_TUNNEL_UPGRADE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"
#include "http/message.h"

/* "websocket", as it is sent in Upgrade. */
#define TUNNEL_PROTOCOL STR("websocket")
/* The text of a SHA-1 in base64. */
#define TUNNEL_ACCEPT_SIZE 29

/* The Sec-WebSocket-Key of a request that may change to WebSocket; the empty slice for any other
 * request, whose Upgrade field means nothing here. */
struct str tunnel_upgrade_key(const struct http_request *request);
/* What the server must answer to that key, NUL-terminated. */
void tunnel_upgrade_accept(struct str key, char ret_accept[TUNNEL_ACCEPT_SIZE]);
/* NULL when this 101 answers the request with that key, else what is wrong with it; static. */
const char *tunnel_upgrade_problem(const struct http_response *response, struct str key);

/* RFC 8441 section 5: the opening handshake that an extended CONNECT for WebSocket stands for, with
 * a key of our own. *request is changed; what is added lies in the arena. False: no random bytes.
 */
MUST_USE bool tunnel_upgrade_from_connect(struct http_request *request, struct arena *arena);

#endif
