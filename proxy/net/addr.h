/* addr.h - socket addresses: parse, print, compare.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_NET_ADDR_H
#define PROXY_NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"

struct addr {
    struct sockaddr_storage storage;
    socklen_t len;
};

#define ADDR_TEXT_SIZE 128

/* Numeric IPv4 or IPv6 (without brackets) and a port; false when it is neither. */
MUST_USE bool addr_from_numeric(const char *host, unsigned port, struct addr *ret_addr);
/* False when the path does not fit sockaddr_un. */
MUST_USE bool addr_from_unix(const char *path, struct addr *ret_addr);
/* "192.0.2.1:80", "[::1]:80", "unix:/path". */
const char *addr_format(const struct addr *addr, char ret_text[ADDR_TEXT_SIZE]);
/* Without the port and brackets. */
const char *addr_format_host(const struct addr *addr, char ret_text[ADDR_TEXT_SIZE]);
unsigned addr_port(const struct addr *addr);
/* Same address and port. */
bool addr_equal(const struct addr *a, const struct addr *b);
/* Same address, whatever the port. */
bool addr_equal_host(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *addr);
/* Loopback, or the peer's address is the local one (IIS's meaning of a local request). */
bool addr_is_local(const struct addr *peer, const struct addr *local);

#endif
