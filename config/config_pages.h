/* config_pages.h - rules for error pages, redirects and prefixes.
 *
 * Schema hooks, see config_schema.h. Sources: RFC 9110 section 15.4, RFC 3986.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_PAGES_H
#define PROXY_CONFIG_CONFIG_PAGES_H

#include "base/str.h"
#include "config/config_decode.h"

/* struct config_error_page: reads the status, joins the path. */
void config_error_page_after(const struct config_cursor *at, void *page);
/* struct config_value: `redirect`. */
void config_redirect_after(const struct config_cursor *at, void *value);
/* struct config_value: a prefix of rewrite; a slash at its end is dropped. */
void config_prefix_after(const struct config_cursor *at, void *value);

/* What stands at the end of a redirect for the path and query of the request. */
#define CONFIG_REDIRECT_TARGET "{target}"
/* "https" or "https:PORT"; false for anything else. *ret_port is 0 when it is not given. */
bool config_redirect_is_https(struct str text, unsigned *ret_port);

#endif
