/* config_inline.h - `upstream: http://...` written in place becomes a group of one server.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_INLINE_H
#define PROXY_CONFIG_CONFIG_INLINE_H

#include "config/config_decode.h"

/* Appends a group, named by its address, for each address that sites and locations give in place.
 * Addresses that are not valid are left to config_check. */
void config_inline_upstreams(const struct config_cursor *root);

#endif
