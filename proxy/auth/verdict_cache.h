/* verdict_cache.h - verdicts already reached, so that a client that comes back costs one hash.
 *
 * Keyed by content: the trust epoch, the revocation digest and the certificates presented, so a
 * reload that changes nothing keeps it warm and one that changes anything never answers from it.
 * Bounded, least recently used first out. One cache a worker; not thread-safe.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_VERDICT_CACHE_H
#define PROXY_AUTH_VERDICT_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "auth/client_cert.h"
#include "auth/trust_store.h"
#include "auth/verdict.h"

struct verdict_cache;

struct verdict_cache_stats {
    uint64_t hits;
    uint64_t misses;
    size_t count;
};

/* Holds at most max verdicts; 0: none, everything is computed. */
struct verdict_cache *verdict_cache_new(size_t max);
/* Verdicts still held elsewhere live on. NULL is allowed. */
void verdict_cache_free(struct verdict_cache *cache);

/* The verdict that verdict_compute() gives at the time `now`, computed if it is not known or no
 * longer valid. The caller owns a reference, for as long as the connection likes: verdict_unref.
 * The verdict never changes; whether it still holds is told by its valid_until. */
const struct verdict *verdict_cache_get(struct verdict_cache *cache, const struct trust *trust,
                                        struct cert *const *presented, size_t count, int64_t now);
void verdict_cache_stats(const struct verdict_cache *cache, struct verdict_cache_stats *ret_stats);

/* Only for verdicts from verdict_cache_get. */
const struct verdict *verdict_ref(const struct verdict *verdict);
void verdict_unref(const struct verdict *verdict); /* NULL is allowed */

#endif
