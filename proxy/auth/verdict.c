/* SPDX-License-Identifier: MIT */
#include "auth/verdict.h"

#include <assert.h>

#include "auth/cert_facts.h"
#include "auth/chain.h"
#include "auth/path_check.h"
#include "auth/policy.h"
#include "auth/revocation.h"
#include "auth/trust.h"
#include "auth/verdict_private.h"

#define BIT(outcome) VERDICT_ERROR_BIT(outcome)

/* A refusal is looked at again after this many seconds at the latest. */
#define REFUSAL_SECONDS 60

/* iis-semantics.md 2.5: the classes of errors, worst first; within one class the order of the
 * enumeration decides which is named, but none is worse than the other. */
static const uint32_t priorities[] = {
    BIT(OUTCOME_EXPLICIT_DISTRUST),
    BIT(OUTCOME_SIGNATURE) | BIT(OUTCOME_WEAK_KEY),
    BIT(OUTCOME_UNTRUSTED_ROOT) | BIT(OUTCOME_ROOT_STORE_MIXED) | BIT(OUTCOME_ISSUER_NOT_LISTED) |
        BIT(OUTCOME_SEARCH_LIMIT),
    BIT(OUTCOME_PARTIAL_CHAIN) | BIT(OUTCOME_PARTIAL_CHAIN_CHAINING),
    BIT(OUTCOME_EXPIRED) | BIT(OUTCOME_NOT_YET_VALID),
    BIT(OUTCOME_BASIC_CONSTRAINTS),
    BIT(OUTCOME_WRONG_USAGE),
    BIT(OUTCOME_REVOKED),
    BIT(OUTCOME_REVOCATION_OFFLINE),
    BIT(OUTCOME_INVALID_NAME) | BIT(OUTCOME_INVALID_POLICY),
    BIT(OUTCOME_CRITICAL_EXTENSION),
};
#define PRIORITY_COUNT (sizeof priorities / sizeof *priorities)

/* Index of the worst class; PRIORITY_COUNT: no error. */
static size_t worst_class(uint32_t errors)
{
    size_t i = 0;
    while (i < PRIORITY_COUNT && (errors & priorities[i]) == 0)
        i++;
    return i;
}

static enum outcome worst_outcome(uint32_t errors)
{
    size_t class = worst_class(errors);
    if (class == PRIORITY_COUNT)
        return OUTCOME_OK;
    uint32_t bits = errors & priorities[class];
    int outcome = OUTCOME_EXPLICIT_DISTRUST;
    while ((bits & VERDICT_ERROR_BIT(outcome)) == 0)
        outcome++;
    return (enum outcome)outcome;
}

const char *cert_store_name(enum cert_store store)
{
    switch (store) {
    case CERT_STORE_PRESENTED:
        return "presented";
    case CERT_STORE_ROOT:
        return "root";
    case CERT_STORE_INTERMEDIATE:
        return "intermediate";
    case CERT_STORE_TRUSTED_ISSUERS:
        return "trusted_issuers";
    case CERT_STORE_CLIENT_AUTH_ISSUERS:
        return "client_auth_issuers";
    case CERT_STORE_DISALLOWED:
        return "disallowed";
    }
    return "presented";
}

enum cert_store trust_issuer_store(const struct trust *trust)
{
    switch (trust->source) {
    case TRUST_SOURCE_TRUSTED_ISSUERS:
        return CERT_STORE_TRUSTED_ISSUERS;
    case TRUST_SOURCE_CLIENT_AUTH_ISSUERS:
        return CERT_STORE_CLIENT_AUTH_ISSUERS;
    case TRUST_SOURCE_ROOT:
        break;
    }
    return CERT_STORE_ROOT;
}

enum cert_store trust_anchor_store(const struct trust *trust)
{
    return trust->mode == TRUST_MODE_MACHINE ? CERT_STORE_ROOT : trust_issuer_store(trust);
}

/* ---- the rules of trust (iis-semantics.md 3.7) ---- */

/* Whether one of the path's issuers satisfies the condition. A path of one certificate is an
 * anchor that issued itself. */
static bool some_issuer(const struct chain_pool *pool, const struct chain_path *path,
                        bool (*is_wanted)(const struct trust_member *member))
{
    for (size_t i = path->len == 1 ? 0 : 1; i < path->len; i++) {
        /* By content: a member of a store that is not searched may have been presented. */
        uint32_t member = trust_find(pool->trust, chain_cert(pool, path->nodes[i]));
        if (member != TRUST_NONE && is_wanted(&pool->trust->members[member]))
            return true;
    }
    return false;
}

static bool is_listed_issuer(const struct trust_member *member)
{
    return member->is_issuer;
}

static bool is_misplaced_in_root(const struct trust_member *member)
{
    return (member->stores & TRUST_IN_ROOT) != 0 && !member->is_self_signed;
}

/* iis-semantics.md 3.5 */
static bool violates_root_mix(const struct chain_pool *pool, const struct chain_path *path)
{
    const struct trust *trust = pool->trust;
    if (chain_mode(pool) == TRUST_MODE_EXCLUSIVE_CA || trust->source != TRUST_SOURCE_ROOT ||
        !trust->is_root_mixed)
        return false;
    switch (trust->root_mix) {
    case ROOT_MIX_STRICT:
        return true;
    case ROOT_MIX_ISSUER_FILTER:
        return path->end == CHAIN_END_ANCHOR && !some_issuer(pool, path, is_misplaced_in_root);
    case ROOT_MIX_OFF:
        break;
    }
    return false;
}

static void check_trust(const struct chain_pool *pool, const struct chain_path *path,
                        struct path_errors *errors)
{
    const struct trust *trust = pool->trust;
    if (path->end == CHAIN_END_SELF_SIGNED)
        errors->elements[path->len - 1] |= BIT(OUTCOME_UNTRUSTED_ROOT);
    /* Above a signature that does not verify there is nothing to be incomplete. */
    if (path->end == CHAIN_END_INCOMPLETE && path->bad_signature == path->len)
        errors->whole |= BIT(trust->partial_chain);
    /* The list can be the cause only where the path is otherwise trusted. */
    if (chain_mode(pool) == TRUST_MODE_MACHINE && trust->source != TRUST_SOURCE_ROOT &&
        path->end == CHAIN_END_ANCHOR && !some_issuer(pool, path, is_listed_issuer))
        errors->whole |= BIT(OUTCOME_ISSUER_NOT_LISTED);
    if (violates_root_mix(pool, path))
        errors->whole |= BIT(OUTCOME_ROOT_STORE_MIXED);
}

/* ---- one path ---- */

struct judgement {
    struct chain_path path;
    struct path_errors errors;
    uint32_t all;
    int64_t valid_until;
};

static void check_revocation(struct chain_pool *pool, struct judgement *judgement, int64_t now)
{
    const struct chain_path *path = &judgement->path;
    for (size_t i = 0; i + 1 < path->len; i++) {
        switch (revocation_check(pool, path, i, now, &judgement->valid_until)) {
        case REVOCATION_REVOKED:
            judgement->errors.elements[i] |= BIT(OUTCOME_REVOKED);
            break;
        case REVOCATION_OFFLINE:
            judgement->errors.elements[i] |= BIT(OUTCOME_REVOCATION_OFFLINE);
            break;
        case REVOCATION_GOOD:
            break;
        }
    }
}

static void check_policy(const struct chain_pool *pool, struct judgement *judgement)
{
    const struct cert *certs[VERDICT_PATH_MAX];
    for (size_t i = 0; i < judgement->path.len; i++)
        certs[i] = chain_cert(pool, judgement->path.nodes[i]);
    const struct trust *trust = pool->trust;
    struct trust relaxed;
    if (pool->assumed != NULL && pool->assumed->is_any_policy) {
        relaxed = *trust;
        relaxed.policy.require_explicit = false;
        trust = &relaxed;
    }
    if (!policy_check(trust, certs, judgement->path.len))
        judgement->errors.whole |= BIT(OUTCOME_INVALID_POLICY);
}

/* Takes away what is assumed to be mended. */
static void apply_assumptions(const struct chain_pool *pool, struct judgement *judgement)
{
    if (pool->assumed == NULL)
        return;
    judgement->errors.whole &= ~pool->assumed->mended;
    for (size_t i = 0; i < judgement->path.len; i++) {
        const struct chain_assumption *assumed =
            chain_assumed(pool, chain_cert(pool, judgement->path.nodes[i]));
        if (assumed != NULL)
            judgement->errors.elements[i] &= ~assumed->mended;
    }
}

/* All errors of one path. `best_class` is the worst error of the best path so far: a path that
 * turns out not to be better is not judged to the end. False then. */
static bool judge(struct chain_pool *pool, int64_t now, size_t best_class, bool has_best,
                  struct judgement *judgement)
{
    const struct trust *trust = pool->trust;
    const struct chain_path *path = &judgement->path;
    judgement->errors = (struct path_errors){0};
    judgement->valid_until = INT64_MAX;
    check_trust(pool, path, &judgement->errors);
    path_check_basics(pool, path, now, &judgement->errors, &judgement->valid_until);
    if (trust->check_usage)
        path_check_usage(pool, path, &judgement->errors);
    apply_assumptions(pool, judgement);
    /* Equal is not better: the paths come in the order of preference. */
    if (has_best && worst_class(path_errors_all(&judgement->errors, path->len)) <= best_class)
        return false;
    /* What is expensive is done only for certificates that a trusted issuer vouches for: other
     * paths have a worse error already, and their contents are anybody's invention. */
    if (path->end == CHAIN_END_ANCHOR && path->bad_signature == path->len) {
        if (trust->check_revocation)
            check_revocation(pool, judgement, now);
        check_policy(pool, judgement);
        path_check_names(pool, path, &judgement->errors);
        apply_assumptions(pool, judgement);
    }
    judgement->all = path_errors_all(&judgement->errors, path->len);
    return !has_best || worst_class(judgement->all) > best_class;
}

/* ---- the result ---- */

static enum cert_store store_of(const struct chain_pool *pool, chain_node node)
{
    const struct trust_member *member = chain_member(pool, node);
    if (member == NULL)
        return CERT_STORE_PRESENTED;
    /* An anchor of modes 1 and 2 is trusted for being in T, wherever else it may be. */
    if (member->is_issuer && chain_mode(pool) != TRUST_MODE_MACHINE)
        return trust_issuer_store(pool->trust);
    return (member->stores & TRUST_IN_ROOT) != 0 ? CERT_STORE_ROOT : CERT_STORE_INTERMEDIATE;
}

static size_t fault_of(const struct verdict *verdict)
{
    size_t i = 0;
    while (i < verdict->path_len &&
           (verdict->outcome == OUTCOME_OK ||
            (verdict->path[i].errors & VERDICT_ERROR_BIT(verdict->outcome)) == 0))
        i++;
    return i;
}

static void write_verdict(const struct chain_pool *pool, const struct judgement *best,
                          bool is_limited, int64_t now, struct verdict *ret_verdict)
{
    *ret_verdict = (struct verdict){.path_len = best->path.len, .errors = best->all};
    if (is_limited)
        ret_verdict->errors |= BIT(OUTCOME_SEARCH_LIMIT);
    ret_verdict->outcome = is_limited ? OUTCOME_SEARCH_LIMIT : worst_outcome(ret_verdict->errors);
    for (size_t i = 0; i < best->path.len; i++) {
        chain_node node = best->path.nodes[i];
        ret_verdict->path[i] = (struct verdict_element){
            .cert = cert_ref(chain_cert(pool, node)),
            .store = i == 0 ? CERT_STORE_PRESENTED : store_of(pool, node),
            .is_anchor = best->path.end == CHAIN_END_ANCHOR && i + 1 == best->path.len,
            .errors = best->errors.elements[i],
        };
    }
    ret_verdict->fault = fault_of(ret_verdict);
    ret_verdict->valid_until = best->valid_until;
    if (ret_verdict->outcome != OUTCOME_OK && now + REFUSAL_SECONDS < best->valid_until)
        ret_verdict->valid_until = now + REFUSAL_SECONDS;
}

void verdict_judge(struct chain_pool *pool, int64_t now, struct verdict *ret_verdict)
{
    struct chain_search search;
    struct judgement best = {.path = {.nodes = {0}, .len = 1}, .valid_until = INT64_MAX};
    struct judgement current;
    size_t best_class = 0;
    bool has_best = false;
    chain_search_init(&search, pool, pool->presented_node[0]);
    while (best_class < PRIORITY_COUNT && chain_next(&search, &current.path)) {
        if (!judge(pool, now, best_class, has_best, &current))
            continue;
        best = current;
        best_class = worst_class(current.all);
        has_best = true;
    }
    if (!has_best)
        best.path.nodes[0] = pool->presented_node[0];
    bool is_limited = pool->is_exhausted && best_class < PRIORITY_COUNT;
    assert(has_best || is_limited); /* a leaf alone is a path too */
    write_verdict(pool, &best, is_limited, now, ret_verdict);
    chain_search_clear(&search);
}

void verdict_compute(const struct trust *trust, struct cert *const *presented, size_t count,
                     int64_t now, struct verdict *ret_verdict)
{
    assert(count > 0);
    struct chain_pool pool;
    chain_pool_init(&pool, trust, presented, count);
    verdict_judge(&pool, now, ret_verdict);
    chain_pool_clear(&pool);
}

void verdict_clear(struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->path_len; i++)
        cert_unref(verdict->path[i].cert);
    *verdict = (struct verdict){0};
}
