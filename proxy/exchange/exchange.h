/* exchange.h - the mediator between the two sides of a request: what each of them calls.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXCHANGE_EXCHANGE_H
#define PROXY_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "core/exchange_state.h"
#include "http/message.h"
#include "http/outcome.h"

/* From the client side: */
size_t exchange_request_body(struct exchange *x, struct str data);
void exchange_request_end(struct exchange *x);
/* Before exchange_request_end(): the fields behind the body, which are copied as far as they may go
 * on. */
void exchange_request_trailers(struct exchange *x, const struct http_fields *trailers);
/* The request's body is malformed, too large or too slow. detail: static. */
void exchange_request_failed(struct exchange *x, enum outcome outcome, const char *detail);
/* The response's last byte left, or the client is gone: lets go of the upstream, writes the log. */
void exchange_finish(struct exchange *x, bool client_is_gone);
/* Ends it without a response and without a line in the access log: as if never answered. */
void exchange_forget(struct exchange *x);
/* Frees a finished exchange. */
void exchange_free(struct exchange *x);

/* The request is allowed, and complete where it is buffered: it goes to its upstream. */
void exchange_start_upstream(struct exchange *x);

/* From the upstream side: */
void exchange_upstream_ready(struct exchange *x);
/* 1xx other than 101: passed on when the client can tell it from an answer. */
void exchange_response_interim(struct exchange *x, const struct http_response *response);
void exchange_response_head(struct exchange *x, const struct http_response *response);
size_t exchange_response_body(struct exchange *x, struct str data);
void exchange_response_end(struct exchange *x);
/* Before exchange_response_end(), as exchange_request_trailers(). */
void exchange_response_trailers(struct exchange *x, const struct http_fields *trailers);
/* Before the response's head: answered with the outcome; after it: aborted. */
void exchange_upstream_failed(struct exchange *x, enum outcome outcome, const char *detail);

/* Answers with x->response, which is complete, and this body. */
void exchange_answer(struct exchange *x, struct str body);
/* Answers with the outcome's page; the upstream, if any, is cancelled. */
void exchange_refuse(struct exchange *x, enum outcome outcome);
/* The upstream side lets go of a complete exchange (its connection is back in the pool). */
void exchange_detach_upstream(struct exchange *x);

#endif
