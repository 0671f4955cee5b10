/* exchange_chain.h - the chain that a request was decided by, for people.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_EXCHANGE_CHAIN_H
#define PROXY_EXPLAIN_EXCHANGE_CHAIN_H

#include <stdbool.h>

#include "core/exchange_state.h"
#include "explain/chain_boxes.h"
#include "http/outcome.h"

/* The verdict behind an outcome of this exchange: for a session that was resumed it is reached
 * again. NULL: no certificate was judged, or other requests of the connection have brought another
 * verdict since. */
const struct verdict *exchange_chain_verdict(struct exchange *x, enum outcome outcome);
/* The boxes, in the exchange's arena. False when certificates have nothing to do with it. */
bool exchange_chain_boxes(struct exchange *x, enum outcome outcome, struct chain_boxes *ret_boxes);

#endif
