/* verdict_private.h - the verdict over a pool: the one that counts, and those of a search for
 * remedies, which share the pool's budget.
 *
 * Private to auth/.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_VERDICT_PRIVATE_H
#define PROXY_AUTH_VERDICT_PRIVATE_H

#include <stdint.h>

#include "auth/chain.h"
#include "auth/verdict.h"

/* Judges the pool's first presented certificate at the time `now`, under what the pool assumes.
 * Fills *ret_verdict, which verdict_clear() empties again. */
void verdict_judge(struct chain_pool *pool, int64_t now, struct verdict *ret_verdict);

#endif
