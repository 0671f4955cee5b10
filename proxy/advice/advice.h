/* advice.h - what a configuration refuses for a reason that is known when it is loaded.
 *
 * Everything here is a warning: the configuration is valid and will be used. Each says who is
 * refused, why, and what to do, with the place of the key. The reasons are those of the verdict
 * itself, which is asked about clients that do nothing wrong. Bounded: a store of many thousand
 * certificates and a mapping of a million cost no more than reading them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ADVICE_ADVICE_H
#define PROXY_ADVICE_ADVICE_H

#include "base/errors.h"
#include "engine/snapshot_load.h"

/* Adds the warnings about a snapshot that has been built, at the present time. */
void advice_give(const struct snapshot *snapshot, struct error_list *errors);
/* snapshot_new(), and the warnings. */
struct snapshot *advice_snapshot_new(struct config *config, struct tls_ticket_keys *keys,
                                     struct error_list *errors);

#endif
