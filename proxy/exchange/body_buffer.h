/* body_buffer.h - a request's body that is taken whole before the backend sees the request.
 *
 * For `forward.request_body: buffer`: old backends read Content-Length alone, and a slow client
 * holds no connection to them. The body is kept in memory up to `limits.buffered_body_bytes` and
 * beyond that in the worker's spool; then the exchange goes on with a Content-Length, and the
 * client side draws the body from here.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXCHANGE_BODY_BUFFER_H
#define PROXY_EXCHANGE_BODY_BUFFER_H

#include <stdbool.h>

#include "base/errors.h"
#include "base/str.h"
#include "config/config.h"

struct exchange;

/* Whether any place buffers; then `temporary_directory` must be one that can be written to. */
bool body_buffer_check(const struct config *config, struct error_list *errors);

/* True when the body is collected first; the upstream is started by itself. */
bool body_buffer_begin(struct exchange *x);
/* After the client's last byte: the next piece for the backend, valid until the next call. False
 * when there is none (left), or the exchange was refused because it could not be read. */
bool body_buffer_next(struct exchange *x, struct str *ret_data);

#endif
