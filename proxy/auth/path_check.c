/* SPDX-License-Identifier: MIT */
#include "auth/path_check.h"

#include <openssl/x509v3.h>

#include "auth/cert_facts.h"

static const struct cert *element(const struct chain_pool *pool, const struct chain_path *path,
                                  size_t i)
{
    return chain_cert(pool, path->nodes[i]);
}

static void add_error(struct path_errors *errors, size_t i, enum outcome outcome)
{
    errors->elements[i] |= VERDICT_ERROR_BIT(outcome);
}

uint32_t path_errors_all(const struct path_errors *errors, size_t len)
{
    uint32_t all = errors->whole;
    for (size_t i = 0; i < len; i++)
        all |= errors->elements[i];
    return all;
}

/* Both ends of the validity period belong to it (RFC 5280 section 4.1.2.5). */
static void check_time(const struct cert *cert, size_t i, int64_t now, struct path_errors *errors,
                       int64_t *valid_until)
{
    if (now < cert->not_before)
        add_error(errors, i, OUTCOME_NOT_YET_VALID);
    if (now > cert->not_after)
        add_error(errors, i, OUTCOME_EXPIRED);
    if (now < cert->not_before && cert->not_before < *valid_until)
        *valid_until = cert->not_before;
    if (now <= cert->not_after && cert->not_after < *valid_until)
        *valid_until = cert->not_after + 1;
}

/* RFC 5280 section 4.2.1.9: without basicConstraints a version 3 key MUST NOT verify signatures on
 * certificates. Whether a self-signed certificate that does not say what it is, of version 1 or 3,
 * is a root only the administrator can say, by making it one (iis-semantics.md 3.7). */
static bool is_issuer_allowed(const struct chain_pool *pool, chain_node node)
{
    const struct trust_member *member = chain_member(pool, node);
    const struct cert_facts *facts = chain_cert(pool, node)->facts;
    if (cert_facts_say_nothing(facts))
        return member != NULL && member->is_anchor && member->is_self_signed;
    return facts->is_ca;
}

/* RFC 5280 section 6.1.4 (k), (l), (m), (n), and the same for the anchor, as Windows does. */
static void check_issuers(const struct chain_pool *pool, const struct chain_path *path,
                          struct path_errors *errors)
{
    long below = 0; /* intermediate certificates that are not self-issued */
    for (size_t i = 1; i < path->len; i++) {
        const struct cert_facts *facts = element(pool, path, i)->facts;
        if (!is_issuer_allowed(pool, path->nodes[i]) ||
            (facts->path_len >= 0 && below > facts->path_len))
            add_error(errors, i, OUTCOME_BASIC_CONSTRAINTS);
        /* iis-semantics.md 3.7: a CA without keyCertSign is not valid for usage. */
        if (facts->has_key_usage && (facts->key_usage & KU_KEY_CERT_SIGN) == 0)
            add_error(errors, i, OUTCOME_WRONG_USAGE);
        below += !facts->is_self_issued;
    }
}

void path_check_basics(const struct chain_pool *pool, const struct chain_path *path, int64_t now,
                       struct path_errors *errors, int64_t *valid_until)
{
    const struct trust *trust = pool->trust;
    for (size_t i = 0; i < path->len; i++) {
        const struct cert *cert = element(pool, path, i);
        const struct cert_facts *facts = cert->facts;
        errors->elements[i] |= facts->malformed;
        if (trust_is_disallowed(trust, cert))
            add_error(errors, i, OUTCOME_EXPLICIT_DISTRUST);
        /* The anchor's own signature is not relied upon, so its digest does not matter. */
        bool is_anchor = path->end == CHAIN_END_ANCHOR && i + 1 == path->len;
        bool is_weak = facts->is_weak_key || (facts->is_weak_digest && !is_anchor);
        if (facts->is_explicit_curve || (is_weak && !trust->weak_allow))
            add_error(errors, i, OUTCOME_WEAK_KEY);
        if (facts->has_unknown_critical)
            add_error(errors, i, OUTCOME_CRITICAL_EXTENSION);
        check_time(cert, i, now, errors, valid_until);
    }
    if (path->bad_signature < path->len)
        add_error(errors, path->bad_signature, OUTCOME_SIGNATURE);
    check_issuers(pool, path, errors);
}
