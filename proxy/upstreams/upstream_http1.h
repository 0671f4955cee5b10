/* upstream_http1.h - the client side of HTTP/1.1 towards a server (RFC 9112).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_HTTP1_H
#define PROXY_UPSTREAMS_UPSTREAM_HTTP1_H

#include <stdbool.h>

#include "upstreams/upstream.h"

/* The request carries NTLM or Negotiate, which authenticate the connection it comes over. */
bool upstream_http1_is_login(const struct exchange *x);
/* Makes the connection the upstream side of its exchange. */
void upstream_http1_attach(struct upstream_conn *conn);
/* The connection is established: queues the head of its exchange. The client side's turn, which
 * must follow, sends it together with the first bytes of the body. */
void upstream_http1_begin(struct upstream_conn *conn);
/* Bytes arrived or room appeared while BUSY. */
void upstream_http1_run(struct upstream_conn *conn, bool can_read);
/* The server is overdue. */
void upstream_http1_timeout(struct upstream_conn *conn);

#endif
