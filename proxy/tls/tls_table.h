/* tls_table.h - a bounded table in shared memory: 32-byte keys, short values, oldest out first.
 *
 * Values lie in a ring, so memory is touched only as far as it is used, and what is overwritten is
 * the oldest. Each value is guarded by one of a few process-shared robust locks: a process that is
 * killed while it holds one costs the entries under that lock, nothing else. Nobody ever waits
 * longer than a moment; an entry that cannot be had in time is as good as absent.
 *
 * Private to tls/. Everything may hold secrets: it is cleansed when it is overwritten.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_TABLE_H
#define PROXY_TLS_TLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

#define TLS_TABLE_KEY_SIZE 32

struct tls_table;

/* Bytes of shared memory for count values of up to value_size bytes each. */
size_t tls_table_size(size_t count, size_t value_size);
/* In zeroed memory of that size, before the first fork; count is at least 1. */
struct tls_table *tls_table_init(void *memory, size_t count, size_t value_size);

/* The key must be evenly distributed (random, or a digest). False: not stored, the locks were
 * taken. The oldest value goes. */
bool tls_table_put(struct tls_table *table, const unsigned char key[TLS_TABLE_KEY_SIZE],
                   const void *value, size_t len);
/* Copies the value out; ret_value has room for value_size bytes. */
MUST_USE bool tls_table_get(struct tls_table *table, const unsigned char key[TLS_TABLE_KEY_SIZE],
                            void *ret_value, size_t *ret_len);
/* There, and among the younger half, so that it stays for as many more puts. */
MUST_USE bool tls_table_has_young(struct tls_table *table,
                                  const unsigned char key[TLS_TABLE_KEY_SIZE]);
void tls_table_remove(struct tls_table *table, const unsigned char key[TLS_TABLE_KEY_SIZE]);
/* Removes every value that the question, asked under the value's lock, is answered with true for.
 */
typedef bool (*tls_table_fn)(const void *value, size_t len, const void *arg);
void tls_table_remove_if(struct tls_table *table, tls_table_fn question, const void *arg);
/* Wipes every value, whoever holds a lock. */
void tls_table_cleanse(struct tls_table *table);

#endif
