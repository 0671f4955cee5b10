/* echo_websocket.h - the echo command's own end of a WebSocket: every message comes back.
 *
 * Frames are echoed one by one as they arrive, unmasked; ping is answered with pong, close with
 * close. A frame that a client must not send ends the connection. Source: RFC 6455 section 5.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ECHO_ECHO_WEBSOCKET_H
#define PROXY_ECHO_ECHO_WEBSOCKET_H

struct exchange;

/* Answers an upgrade with 101 and goes on with frames, until the client's connection ends. */
void echo_websocket_begin(struct exchange *x);

#endif
