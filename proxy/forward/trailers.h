/* trailers.h - the fields behind a body (RFC 9110 section 6.5): which of them go on.
 *
 * A backend may read them as if they stood in front of the body. So nothing does that says who the
 * client is, under any spelling, that frames, routes or describes the message (section 6.5.1), or
 * that the administrator sets or removes in the head.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_TRAILERS_H
#define PROXY_FORWARD_TRAILERS_H

#include "http/message.h"

struct exchange;

/* Fills x->request_trailers with copies of what may go on of the client's. The request has a place.
 */
void trailers_for_upstream(struct exchange *x, const struct http_fields *trailers);
/* Fills x->response_trailers with copies of what may go on of the upstream's. */
void trailers_for_client(struct exchange *x, const struct http_fields *trailers);

#endif
