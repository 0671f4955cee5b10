/* Extended key usage and application policies along a path: iis-semantics.md 4.3.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/x509v3.h>

#include "auth/cert_facts.h"
#include "auth/cert_usage.h"
#include "auth/path_check.h"

#define PURPOSES_MAX 32

struct wanted { /* names under which the purpose goes at this point of the path */
    ASN1_OBJECT *purposes[PURPOSES_MAX];
    size_t count;
    long explicit_after; /* certificates until one must say what it is for; -1: never */
    long inhibit_after;  /* ... until mappings count no longer */
};

static const struct cert *element(const struct chain_pool *pool, const struct chain_path *path,
                                  size_t i)
{
    return chain_cert(pool, path->nodes[i]);
}

static void add_purpose(struct wanted *wanted, ASN1_OBJECT *purpose)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (OBJ_cmp(wanted->purposes[i], purpose) == 0)
            return;
    }
    if (wanted->count < PURPOSES_MAX)
        wanted->purposes[wanted->count++] = purpose;
}

static bool is_mapped(const POLICY_MAPPINGS *mappings, const ASN1_OBJECT *purpose)
{
    for (int i = 0; i < sk_POLICY_MAPPING_num(mappings); i++) {
        if (OBJ_cmp(sk_POLICY_MAPPING_value(mappings, i)->issuerDomainPolicy, purpose) == 0)
            return true;
    }
    return false;
}

/* What the issuer calls by one name its subjects call by another (RFC 5280 section 6.1.4 (b)); when
 * it may not, the purpose is lost. */
static void map(struct wanted *wanted, const POLICY_MAPPINGS *mappings)
{
    const struct wanted before = *wanted;
    wanted->count = 0;
    for (size_t i = 0; i < before.count; i++) {
        ASN1_OBJECT *purpose = before.purposes[i];
        if (!is_mapped(mappings, purpose)) {
            add_purpose(wanted, purpose);
            continue;
        }
        for (int j = 0; j < sk_POLICY_MAPPING_num(mappings) && before.inhibit_after != 0; j++) {
            const POLICY_MAPPING *pair = sk_POLICY_MAPPING_value(mappings, j);
            if (OBJ_cmp(pair->issuerDomainPolicy, purpose) == 0)
                add_purpose(wanted, pair->subjectDomainPolicy);
        }
    }
}

static void count_down(long *after)
{
    if (*after > 0)
        --*after;
}

static void lower(long *after, long skip)
{
    if (skip >= 0 && (*after < 0 || skip < *after))
        *after = skip;
}

/* RFC 5280 section 6.1.4 (h) and (i), for the certificates below this one. */
static void step_down(struct wanted *wanted, const struct cert_facts *facts)
{
    if (!facts->is_self_issued) {
        count_down(&wanted->explicit_after);
        count_down(&wanted->inhibit_after);
    }
    lower(&wanted->explicit_after, facts->usage_explicit);
    lower(&wanted->inhibit_after, facts->usage_inhibit_mapping);
}

static void check_mapped(const struct chain_pool *pool, const struct chain_path *path,
                         struct path_errors *errors)
{
    struct wanted wanted = {.explicit_after = -1, .inhibit_after = -1};
    add_purpose(&wanted, OBJ_nid2obj(NID_client_auth));
    for (size_t i = path->len; i-- > 0;) {
        const struct cert *cert = element(pool, path, i);
        bool is_silent = !cert->facts->has_usage && wanted.explicit_after == 0;
        if (is_silent || !cert_usage_allows(cert->x509, wanted.purposes, wanted.count))
            errors->elements[i] |= VERDICT_ERROR_BIT(OUTCOME_WRONG_USAGE);
        map(&wanted, cert->facts->usage_mappings);
        step_down(&wanted, cert->facts);
    }
}

/* Only where an anchor vouches for what is there, as decoding costs more than looking. */
static bool is_mapped_path(const struct chain_pool *pool, const struct chain_path *path)
{
    if (path->end != CHAIN_END_ANCHOR || path->bad_signature < path->len)
        return false;
    for (size_t i = 0; i < path->len; i++) {
        const struct cert_facts *facts = element(pool, path, i)->facts;
        if (facts->usage_mappings != NULL || facts->usage_explicit >= 0)
            return true;
    }
    return false;
}

void path_check_usage(const struct chain_pool *pool, const struct chain_path *path,
                      struct path_errors *errors)
{
    if (is_mapped_path(pool, path)) {
        check_mapped(pool, path, errors);
        return;
    }
    for (size_t i = 0; i < path->len; i++) {
        const struct cert_facts *facts = element(pool, path, i)->facts;
        if (facts->has_usage && !facts->usage_client_auth)
            errors->elements[i] |= VERDICT_ERROR_BIT(OUTCOME_WRONG_USAGE);
    }
}
