/* SPDX-License-Identifier: MIT */
#include "access/access.h"

/* IIS: below this, Ssl128 is not met (iis-semantics.md 1.2 step 2). */
#define STRONG_BITS 128

/* What is wrong with the certificate refuses the request; under pass it hides the certificate. */
static enum outcome refuse_or_pass(const struct access_facts *facts, enum outcome outcome,
                                   struct access_decision *decision)
{
    if (outcome == OUTCOME_OK || facts->access->client_certificate != CLIENT_CERT_PASS)
        return outcome;
    decision->shows_certificate = false;
    decision->failed = outcome;
    return OUTCOME_OK;
}

/* Steps 1 to 8 of the order of checks. */
static enum outcome check_transport(const struct access_facts *facts,
                                    struct access_decision *decision)
{
    const struct config_access *access = facts->access;
    bool is_required = access->client_certificate == CLIENT_CERT_REQUIRE;
    if (access->require_ssl && !facts->is_tls)
        return OUTCOME_SSL_REQUIRED;
    if (access->require_128_bit && facts->cipher_bits < STRONG_BITS)
        return OUTCOME_CIPHER_STRENGTH;
    /* Ignore means ignore, even if the client presents a certificate. */
    if (access->client_certificate == CLIENT_CERT_IGNORE)
        return OUTCOME_OK;
    decision->must_ask = facts->is_tls && facts->leaf == NULL && facts->may_ask;
    if (decision->must_ask)
        return OUTCOME_OK;
    if (facts->leaf == NULL)
        return is_required ? OUTCOME_CERTIFICATE_REQUIRED : OUTCOME_OK;
    /* A bad certificate is refused under accept as well. */
    decision->shows_certificate = true;
    return refuse_or_pass(facts, facts->judge(facts->judge_arg), decision);
}

static struct cert_map_result look_up(const struct access_facts *facts)
{
    const struct cert_map *map = facts->site->map;
    return facts->mapped == NULL ? cert_map_lookup(map, facts->leaf)
                                 : cert_map_lookup_again(facts->mapped, map, facts->leaf);
}

struct access_decision access_decide(const struct access_facts *facts)
{
    struct access_decision decision = {.outcome = OUTCOME_OK};
    decision.outcome = check_transport(facts, &decision);
    if (decision.outcome != OUTCOME_OK || decision.must_ask)
        return decision;
    if (decision.shows_certificate) {
        struct cert_map_result mapped = look_up(facts);
        decision.outcome = refuse_or_pass(facts, mapped.outcome, &decision);
        decision.mapping = mapped.mapping;
        if (decision.outcome != OUTCOME_OK)
            return decision;
        if (mapped.outcome == OUTCOME_OK) {
            decision.user = mapped.user;
            decision.password = mapped.password;
        }
    }
    if (decision.user == NULL && !facts->access->anonymous) {
        decision.outcome = OUTCOME_NO_USER;
        return decision;
    }
    struct authorize_facts who = {.leaf = decision.shows_certificate ? facts->leaf : NULL,
                                  .user = decision.user,
                                  .mapping = decision.user == NULL ? NULL : decision.mapping};
    if (!authorize_allows(facts->authorize, &who))
        decision.outcome = OUTCOME_NOT_AUTHORIZED;
    return decision;
}
