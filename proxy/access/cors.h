/* cors.h - CORS preflights, which carry no certificate by design of the browsers.
 *
 * Sources: the Fetch standard, "CORS-preflight fetch": credentials, and with them client
 * certificates, are left out.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_CORS_H
#define PROXY_ACCESS_CORS_H

#include <stdbool.h>

#include "config/config.h"
#include "http/message.h"

struct exchange;

/* OPTIONS with one Origin, one Access-Control-Request-Method and no body: nothing looser. */
bool cors_is_preflight(const struct http_request *request);
/* The origin is one of those configured, byte by byte. */
bool cors_allows_origin(const struct config_cors *cors, const struct http_request *request);
/* Answers the preflight: 204 with what is allowed. */
void cors_answer(struct exchange *x);

#endif
