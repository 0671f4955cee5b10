/* headers.h - the field lists of forwarded messages.
 *
 * Upstream: hop-by-hop fields go, whatever a client may have invented of its identity goes, ours is
 * added. Client: hop-by-hop fields go. Framing is made anew by the writer.
 * Sources: RFC 9110 section 7.6, RFC 9112 section 9, RFC 9440; interface.md 4.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_HEADERS_H
#define PROXY_FORWARD_HEADERS_H

#include <stdbool.h>

#include "base/str.h"
#include "http/message.h"

struct exchange;

/* Fills x->upstream_fields and x->upstream_target. */
void headers_for_upstream(struct exchange *x, struct str upstream_host);
/* Fills x->response from what the upstream sent: fields without hop-by-hop ones, with a Date. */
void headers_for_client(struct exchange *x, const struct http_response *response);
/* The fields of a 1xx response as the client gets them. */
void headers_for_interim(struct exchange *x, const struct http_response *response,
                         struct http_fields *ret_fields);
/* True for the name of a field that describes the connection rather than the message. */
bool headers_is_hop_by_hop(struct str name);

#endif
