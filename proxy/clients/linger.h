/* linger.h - the end of a connection whose client may still be sending.
 *
 * A socket that is closed with bytes unread, or gets some afterwards, sends a reset, and that takes
 * from the client what it has not read yet: the answer. So the sending direction alone is ended,
 * and what the client sends is taken off the socket until it closes, below TLS, since nobody will
 * read it: no memory, no cipher. `timeouts.linger` bounds the time between two reads,
 * `timeouts.linger_total` all of it. RFC 9112 section 9.6.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_LINGER_H
#define PROXY_CLIENTS_LINGER_H

#include <stdbool.h>

struct client;

/* Everything is sent: says goodbye and waits for the client's end, or closes at once when that has
 * come. */
void linger_begin(struct client *client);
/* The socket may be read from or written to. */
void linger_run(struct client *client);
/* The engine drains: from now on such a client has less time. */
void linger_hurry(struct client *client);
/* Drops what the client has sent while its answer is still on the way. False: the client sends no
 * more, or is gone. */
bool linger_drop(struct client *client);

#endif
