/* clear_text.h - plain http on a binding with https: answered in plain http, with 400.
 *
 * Such a client has no TLS and no site; it is read like any other, so that it may send its head in
 * pieces, and whatever it asks for the answer is OUTCOME_HTTP_ON_HTTPS and the connection ends.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CLEAR_TEXT_H
#define PROXY_CLIENTS_CLEAR_TEXT_H

#include <stdbool.h>

#include "base/str.h"
#include "net/transport.h"

struct client;

/* After a failed handshake: when the client began with a letter, goes on without TLS and returns
 * true. The client may be closed then. */
bool clear_text_begin(struct client *client, transport_cb callback);
/* Before a head is looked for: false when what has arrived can never become one, or no more will;
 * the client is closed then, with a line in the log. */
bool clear_text_goes_on(struct client *client);
/* The bytes are a method and a blank, or may become that (RFC 9112 section 3: a method is a token;
 * taken for one are letters, digits, hyphens and underscores, 32 at most). */
bool clear_text_is_request(struct str bytes);

#endif
