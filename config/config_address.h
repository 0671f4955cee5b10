/* config_address.h - addresses as they are written in a configuration.
 *
 * Syntax only; nothing is resolved. Functions that return a text return NULL when all is well,
 * else what is wrong, for a person.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_ADDRESS_H
#define PROXY_CONFIG_CONFIG_ADDRESS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

/* Drop the checks that say it once upstreams may speak TLS. */

struct config_url {
    bool is_https;
    bool is_unix;
    struct str host; /* without brackets, or the path of the socket; borrowed from the text */
    unsigned port;   /* 0 for a socket */
};

/* A listening address: http or https, a numeric address, a port (0: any free one; the default is
 * the scheme's). */
MUST_USE const char *config_address_binding(struct str text, struct config_url *ret_url);
/* An upstream server: http, https or unix:/path. Host names are allowed, a path is not. */
MUST_USE const char *config_address_server(struct str text, struct config_url *ret_url);
/* True for what is written as an address rather than as the name of an upstream. */
bool config_address_is_url(struct str text);
/* A host of a site, already in lower case and without a trailing dot: a DNS name, or one under
 * "*." for a single label. */
MUST_USE const char *config_address_site_host(struct str host);
/* Canonical text of a numeric address; false when it is none. */
MUST_USE bool config_address_canonical(struct str host, char ret_text[64]);

#endif
