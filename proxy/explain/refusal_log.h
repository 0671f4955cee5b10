/* refusal_log.h - the one line for each client that is not served (interface.md 7), rate-limited:
 * at most 10 a second for each site and reason, the next line that is written tells how many were
 * left out. What is left out costs a look at a counter, so nobody can make the log the bottleneck.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_REFUSAL_LOG_H
#define PROXY_EXPLAIN_REFUSAL_LOG_H

#include <stddef.h>

#include "http/outcome.h"
#include "tls/tls_failure.h"

struct connection;
struct exchange;
struct refusal_log;

/* Counters for this many sites. */
struct refusal_log *refusal_log_new(size_t site_count);
void refusal_log_free(struct refusal_log *log);
/* A request that the proxy answers itself: access.refused when access was denied, else
 * request.rejected. */
void refusal_log_write(struct refusal_log *log, struct exchange *x, enum outcome outcome);
/* upstream.failed: what went wrong with the server, whether an answer had begun or not. */
void refusal_log_upstream(struct refusal_log *log, const struct exchange *x, enum outcome outcome,
                          const char *error);
/* tls.failed: no handshake came about; tls.late_certificate: one that was asked for late did not
 * come. id: of the request that it was for, or NULL. */
void refusal_log_handshake(struct refusal_log *log, const struct connection *connection,
                           const char *id, enum tls_failure failure, const char *error);
/* http2.failed: the client broke the rules of HTTP/2, or did more than it may. error: the name of
 * the code it was told; detail: what it did. */
void refusal_log_http2(struct refusal_log *log, const struct connection *connection,
                       const char *error, const char *detail);
/* client.proxy_protocol: no PROXY header where one was due, or a malformed one. */
void refusal_log_proxy_protocol(struct refusal_log *log, const struct connection *connection,
                                const char *error);

#endif
