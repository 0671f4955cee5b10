/* fix_facts.h - what the fixes of a refused exchange depend on.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_FIX_FACTS_H
#define PROXY_EXPLAIN_FIX_FACTS_H

#include "core/exchange_state.h"
#include "explain/fix.h"
#include "http/outcome.h"

/* What the fixes of a refusal depend on. Call only when it is routed. */
struct fix_facts fix_facts_of(struct exchange *x, enum outcome outcome);

#endif
