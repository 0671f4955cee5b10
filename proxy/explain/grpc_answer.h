/* grpc_answer.h - what a gRPC client is told when its call is refused or fails here.
 *
 * Such a client reads no page: it reads grpc-status and grpc-message, in the head of an answer
 * without a body, or behind a body that broke off ("gRPC over HTTP/2", Responses).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_GRPC_ANSWER_H
#define PROXY_EXPLAIN_GRPC_ANSWER_H

#include <stdbool.h>

#include "base/str.h"
#include "http/message.h"
#include "http/outcome.h"

struct exchange;

/* The request is a gRPC call: over HTTP/2, of type application/grpc. gRPC-Web is not: it carries
 * its trailers in the body. */
bool grpc_answer_is_due(const struct exchange *x);
/* The answer that has begun may end with a status: it is one of gRPC, of a length that nobody has
 * announced. */
bool grpc_answer_may_follow(const struct exchange *x);
/* 16 for a certificate or login that is missing or no good, 7 for what its owner may not do, 14 for
 * an upstream that is not there or broke off, else as gRPC translates the status of HTTP. */
unsigned grpc_answer_status(enum outcome outcome);
/* Adds grpc-status and grpc-message. */
void grpc_answer_add(struct exchange *x, enum outcome outcome, struct str message,
                     struct http_fields *fields);

#endif
