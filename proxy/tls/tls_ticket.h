/* tls_ticket.h - session ticket keys in memory that all workers share, and what a ticket carries.
 *
 * Three keys: the current one encrypts, the next is known ahead, the previous still decrypts. The
 * master makes and rotates them; workers only read.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_TICKET_H
#define PROXY_TLS_TLS_TICKET_H

#include <stddef.h>

struct tls_ticket_keys;

/* Bytes of shared memory the keys need. */
size_t tls_ticket_keys_size(void);
/* Fills fresh memory of that size with random keys; the same pointer is what contexts take. */
struct tls_ticket_keys *tls_ticket_keys_init(void *memory);
/* A new current key; the oldest is cleansed. Called by the master every hour. */
void tls_ticket_keys_rotate(struct tls_ticket_keys *keys);
/* Cleanses all keys. */
void tls_ticket_keys_cleanse(struct tls_ticket_keys *keys);

#endif
