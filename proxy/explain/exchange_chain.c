/* SPDX-License-Identifier: MIT */
#include "explain/exchange_chain.h"

#include "core/connection.h"
#include "core/identity.h"

const struct verdict *exchange_chain_verdict(struct exchange *x, enum outcome outcome)
{
    enum outcome judged = x->failed != OUTCOME_OK ? x->failed : outcome;
    enum outcome expected = outcome_is_verdict(judged) ? judged : OUTCOME_OK;
    const struct verdict *verdict = exchange_identity(x)->verdict;
    if (exchange_judged_certificate(x) == NULL)
        return NULL;
    if (verdict == NULL && expected == OUTCOME_OK && !x->is_forwarded)
        verdict = connection_path(x->connection);
    return verdict != NULL && verdict->outcome == expected ? verdict : NULL;
}

bool exchange_chain_boxes(struct exchange *x, enum outcome outcome, struct chain_boxes *ret_boxes)
{
    const struct identity *identity = exchange_identity(x);
    bool is_missing = outcome == OUTCOME_CERTIFICATE_REQUIRED;
    if (exchange_judged_certificate(x) == NULL && !is_missing)
        return false;
    chain_boxes_make(exchange_chain_verdict(x, outcome), identity->presented,
                     identity->presented_count, x->started_wall_s, &x->arena, ret_boxes);
    return true;
}
