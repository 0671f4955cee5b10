/* SPDX-License-Identifier: MIT */
#include "explain/fix_facts.h"

#include "access/authorize.h"
#include "core/identity.h"
#include "core/snapshot.h"

struct fix_facts fix_facts_of(struct exchange *x, enum outcome outcome)
{
    const struct cert *leaf = exchange_judged_certificate(x);
    bool is_judged = outcome_is_verdict(x->failed != OUTCOME_OK ? x->failed : outcome);
    const struct authorize_facts nobody = {.leaf = leaf};
    return (struct fix_facts){
        .site = x->site,
        .access = x->place == NULL ? NULL : x->place->config,
        .outcome = outcome,
        .failed = x->failed,
        .leaf = leaf,
        .is_refused_by_rules = x->place != NULL && !authorize_allows(x->place->authorize, &nobody),
        .remedy = is_judged ? identity_remedy(exchange_identity(x), x->site) : NULL,
    };
}
