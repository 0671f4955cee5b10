/* body_store.h - a body that is kept whole: its first bytes in memory, the rest in the spool.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXCHANGE_BODY_STORE_H
#define PROXY_EXCHANGE_BODY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "core/spool.h"

struct body_store;

/* Empty, in the arena; the spool is borrowed. */
struct body_store *body_store_new(struct arena *arena, struct spool *spool);
/* Keeps all of data, at most `most` bytes of the whole body in memory. 0, or a negative errno of
 * the spool. */
MUST_USE int body_store_add(struct body_store *store, struct str data, size_t most);
uint64_t body_store_len(const struct body_store *store);
/* The next piece, valid until the next call. False after the last one, when everything has been
 * given back, or, with *ret_error a negative errno, when the spool cannot be read. */
bool body_store_next(struct body_store *store, struct buf_pool *pool, struct str *ret_data,
                     int *ret_error);
/* Gives everything back; idempotent. NULL is allowed. */
void body_store_clear(struct body_store *store, struct buf_pool *pool);

#endif
