/* crowd_place.h - a connection's place among those that can make room; see crowd.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CROWD_PLACE_H
#define PROXY_CLIENTS_CROWD_PLACE_H

#include <stdbool.h>
#include <stdint.h>

struct address_count;
struct client;

/* In the order in which they go. */
enum crowd_class {
    CROWD_LINGER, /* answered and closed on our side */
    CROWD_FRESH,  /* no handshake or no whole head yet */
    CROWD_IDLE,   /* between two requests */
    CROWD_CLASSES,
    CROWD_BUSY = CROWD_CLASSES, /* a request in flight, or gone: on no list */
};

struct crowd_waiting {
    struct client *first[CROWD_CLASSES]; /* longest waiting first */
};

/* A client's part. */
struct crowd_place {
    struct client *prev, *next;         /* among all */
    struct client *own_prev, *own_next; /* among those of the same address */
    struct address_count *address;      /* NULL: a trusted proxy, not counted */
    enum crowd_class where;
    uint64_t since_ms; /* clock_ticks_ms; CROWD_FRESH only */
    bool has_asked;    /* a request was taken */
};

#endif
