/* SPDX-License-Identifier: MIT */
#include "core/exchange_state.h"

#include "core/connection.h"

struct identity *exchange_identity(struct exchange *x)
{
    return x->is_forwarded ? &x->forwarded : &x->connection->identity;
}

const struct cert *exchange_judged_certificate(struct exchange *x)
{
    const struct identity *identity = exchange_identity(x);
    bool was_judged = x->shows_certificate || x->failed != OUTCOME_OK;
    return was_judged && identity_has_certificate(identity) ? identity->presented[0] : NULL;
}

size_t upstream_takes_none(struct exchange *x, struct str data)
{
    (void)x;
    (void)data;
    return 0;
}

void upstream_does_nothing(struct exchange *x)
{
    (void)x;
}
