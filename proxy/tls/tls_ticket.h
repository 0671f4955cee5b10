/* tls_ticket.h - session ticket keys in memory that all workers share, and keys from a file that
 * several machines share.
 *
 * Three keys: the current one encrypts, the next is known ahead, the previous still decrypts. The
 * master makes and rotates them; workers only read. The session store, which serves the same end,
 * is reached through them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_TICKET_H
#define PROXY_TLS_TLS_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "config/config.h"

struct tls_store;
struct tls_ticket_keys;

/* Bytes of shared memory the keys need. */
size_t tls_ticket_keys_size(void);
/* Fills fresh memory of that size with random keys; the same pointer is what contexts take. */
struct tls_ticket_keys *tls_ticket_keys_init(void *memory);
/* The store that goes with them (borrowed, at the same address in every process); before the
 * first fork. NULL: none, as at first. */
void tls_ticket_keys_set_store(struct tls_ticket_keys *keys, struct tls_store *store);
struct tls_store *tls_ticket_keys_store(const struct tls_ticket_keys *keys);
/* A new current key; the oldest is cleansed. Called by the master every hour. */
void tls_ticket_keys_rotate(struct tls_ticket_keys *keys);
/* Cleanses all keys. */
void tls_ticket_keys_cleanse(struct tls_ticket_keys *keys);

/* 80 bytes a key: name 16, HMAC-SHA-256 32, AES-256 32. The first encrypts, all decrypt; rotating
 * them is up to who distributes the file. */
struct tls_ticket_file;
/* NULL without sessions.ticket_keys, and when errors were added. */
struct tls_ticket_file *tls_ticket_file_load(const struct config_sessions *sessions,
                                             struct error_list *errors);
void tls_ticket_file_free(struct tls_ticket_file *file); /* cleanses; NULL is allowed */

#endif
