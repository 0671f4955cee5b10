/* tls_store.h - the sessions of all workers, in memory they share.
 *
 * What it holds of a TLS 1.3 session is what a resumption needs: the secret, the record of the
 * verdict (see struct tls_record) and the names (SHA-256) of the certificates presented. The
 * certificates themselves are kept once each, in pieces, because thousands of sessions share a
 * few. An entry may vanish at any time; a session that cannot be had whole is not resumed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_STORE_H
#define PROXY_TLS_TLS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct tls_store;

/* Bytes of shared memory for so many sessions, 0 for none; the pages are touched only as they are
 * used. */
size_t tls_store_size(uint64_t sessions);
/* In zeroed memory of that size, before the first fork; NULL for no sessions. */
struct tls_store *tls_store_init(void *memory, uint64_t sessions);
/* Wipes the sessions that nobody can resume any more; now in seconds since 1970. Called by the
 * master now and then, so that a secret does not outlive its use in memory. */
void tls_store_expire(struct tls_store *store, int64_t now);
/* Wipes everything. NULL is allowed, here and above. */
void tls_store_cleanse(struct tls_store *store);

#endif
