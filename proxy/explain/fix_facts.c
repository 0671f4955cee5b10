/* SPDX-License-Identifier: MIT */
#include "explain/fix_facts.h"

#include "access/authorize.h"
#include "core/identity.h"
#include "core/snapshot.h"

struct fix_facts fix_facts_of(struct exchange *x, enum outcome outcome)
{
    struct identity *identity = exchange_identity(x);
    const struct cert *leaf =
        x->shows_certificate && identity_has_certificate(identity) ? identity->presented[0] : NULL;
    const struct authorize_facts nobody = {.leaf = leaf};
    return (struct fix_facts){
        .site = x->site,
        .access = x->place == NULL ? NULL : x->place->config,
        .outcome = outcome,
        .leaf = leaf,
        .is_refused_by_rules = x->place != NULL && !authorize_allows(x->place->authorize, &nobody),
        .remedy = outcome_is_verdict(outcome) ? identity_remedy(identity, x->site) : NULL,
    };
}
