/* trusted_proxy_network.h - networks written as 192.0.2.0/24 or 2001:db8::/32, or single addresses.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_TRUSTED_PROXY_NETWORK_H
#define PROXY_ACCESS_TRUSTED_PROXY_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "net/addr.h"

struct trusted_network {
    size_t len; /* of an address: 4 or 16 */
    unsigned bits;
    unsigned char bytes[16];
};

/* NULL when the text is a network; else what is wrong with it. */
MUST_USE const char *trusted_network_parse(const char *text, struct trusted_network *ret_network);
/* bytes: 4 or 16 in network order; other lengths are in no network. */
bool trusted_network_has_bytes(const struct trusted_network *network, const unsigned char *bytes,
                               size_t len);
/* An IPv4-mapped IPv6 address counts as the IPv4 address. */
bool trusted_network_has(const struct trusted_network *network, const struct addr *addr);

#endif
