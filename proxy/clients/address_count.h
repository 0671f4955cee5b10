/* address_count.h - how many connections each address has open.
 *
 * A table by address: an entry appears with the first connection and goes with the last, so it
 * holds at most as many as there are connections. The hash is universal under a secret of this
 * process: whoever chooses addresses cannot choose collisions. An IPv6 client counts by its /64,
 * which is what one subscriber has at will (RFC 6177); a link-local one by its address; an
 * IPv4-mapped one as the IPv4 address.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_ADDRESS_COUNT_H
#define PROXY_CLIENTS_ADDRESS_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "clients/crowd_place.h"
#include "net/addr.h"

struct address_counts;

struct address_count {
    struct address_count *next; /* of the same hash */
    unsigned char key[16];
    size_t open;                          /* connections */
    struct crowd_waiting waiting;         /* those of them that can make room */
    uint64_t told_ms, made_room, refused; /* the crowd's: what the log was told of it, and when */
};

struct address_counts *address_counts_new(void);
/* All connections must have been released. NULL is allowed. */
void address_counts_free(struct address_counts *counts);
/* The entry of this address, made if there is none; nothing is counted. It is valid until the next
 * address_count_release() that leaves it without connections. */
struct address_count *address_count_get(struct address_counts *counts, const struct addr *addr);
/* One connection more. */
void address_count_take(struct address_count *entry);
/* One less, or with `open` 0 none at all; without any left the entry is freed. */
void address_count_release(struct address_counts *counts, struct address_count *entry);
/* The one with the most connections, NULL when there is none. Looks at all of them. */
const struct address_count *address_counts_most(const struct address_counts *counts);
/* How many addresses have connections. */
size_t address_counts_size(const struct address_counts *counts);
/* "192.0.2.1", "2001:db8:1:2::/64", "fe80::1". */
const char *address_count_format(const struct address_count *entry, char ret_text[ADDR_TEXT_SIZE]);

#endif
