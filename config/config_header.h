/* config_header.h - rules for the headers that tell the backend who the client is.
 *
 * Sources: interface.md 4; RFC 9110 sections 5.1 and 7.6.1; RFC 9440.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_HEADER_H
#define PROXY_CONFIG_CONFIG_HEADER_H

#include <stdbool.h>

#include "base/str.h"
#include "config/config.h"
#include "config/config_decode.h"

/* Schema hooks: the item of `headers` (struct config_header), and the whole of `forward`
 * (struct config_forward). */
void config_header_check(const struct config_cursor *at, void *header);
void config_header_check_sources(const struct config_cursor *at, void *forward);

/* An item of `set` or `add` (struct config_header) of request_headers, whose value is a template,
 * and of response_headers, whose value is plain text; an item of their `remove`. */
void config_request_header_check(const struct config_cursor *at, void *header);
void config_response_header_check(const struct config_cursor *at, void *header);
void config_header_name_check(const struct config_cursor *at, void *name);

/* True when a backend that folds `-`, `_` and `.` together, or letter case, would take the two for
 * one header. */
bool config_header_same(struct str a, struct str b);
/* The fields a template may name in braces; NULL ends the list. */
const char *const *config_header_fields(void);

#endif
