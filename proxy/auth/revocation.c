/* SPDX-License-Identifier: MIT */
#include "auth/revocation.h"

#include <openssl/x509v3.h>

#include "auth/cert_facts.h"
#include "auth/crl_index.h"
#include "auth/path_check.h"

/* Distribution points of one certificate that are looked at; real ones have one or two. */
#define POINTS_MAX 32

struct query {
    struct chain_pool *pool;
    const struct chain_path *path;
    size_t element;
    const struct cert *cert;
    int64_t now;
    int64_t *valid_until;
    bool is_nested;    /* the path of a CRL signer is being judged */
    bool is_replaced;  /* a certificate in its place is asked about, which no CRL lists */
    bool is_installed; /* there is a CRL of the issuer, whatever its state */
    bool is_revoked;
    uint32_t covered; /* reasons that CRLs have answered for */
};

static enum revocation_status check(struct query *query);

static void limit(int64_t *valid_until, int64_t time)
{
    if (time < *valid_until)
        *valid_until = time;
}

/* ---- who signed a CRL ---- */

bool revocation_may_sign(const struct cert *cert)
{
    return !cert->facts->has_key_usage || (cert->facts->key_usage & KU_CRL_SIGN) != 0;
}

static bool verifies(struct chain_pool *pool, const struct crl *crl, chain_node node)
{
    const struct cert *cert = chain_cert(pool, node);
    if (crl_knows_key(crl, cert))
        return true;
    for (size_t i = 0; i < pool->crl_memo_count; i++) {
        if (pool->crl_memo[i].crl == crl && pool->crl_memo[i].issuer == node)
            return pool->crl_memo[i].is_good;
    }
    if (!chain_charge(pool, cert))
        return false;
    bool is_good = crl_check_signature(crl, cert);
    if (pool->crl_memo_count < CHAIN_CRL_MEMO_SIZE)
        pool->crl_memo[pool->crl_memo_count++] = (struct chain_crl_memo){crl, node, is_good};
    return is_good;
}

static bool is_signer(struct chain_pool *pool, const struct crl *crl, chain_node node)
{
    const struct cert *cert = chain_cert(pool, node);
    return cert->facts->subject_hash == crl->issuer_hash &&
           cert_name_equal(cert->facts->subject, crl->issuers[0]) && revocation_may_sign(cert) &&
           verifies(pool, crl, node);
}

/* RFC 5280 section 6.3.3 (f): the signer's path must be valid and end in the same anchor. */
static bool signer_path_is_good(const struct query *query, const struct chain_path *path)
{
    struct chain_pool *pool = query->pool;
    chain_node anchor = query->path->nodes[query->path->len - 1];
    if (path->end != CHAIN_END_ANCHOR || path->nodes[path->len - 1] != anchor ||
        path->bad_signature < path->len)
        return false;
    struct path_errors errors = {0};
    path_check_basics(pool, path, query->now, &errors, query->valid_until);
    path_check_names(pool, path, &errors);
    if (path_errors_all(&errors, path->len) != 0)
        return false;
    for (size_t i = 0; i + 1 < path->len; i++) {
        struct query nested = {
            .pool = pool,
            .path = path,
            .element = i,
            .cert = chain_cert(pool, path->nodes[i]),
            .now = query->now,
            .valid_until = query->valid_until,
            .is_nested = true,
        };
        if (check(&nested) != REVOCATION_GOOD)
            return false;
    }
    return true;
}

struct signer_search {
    const struct query *query;
    const struct crl *crl;
    bool is_found;
};

static bool try_signer(void *context, chain_node node)
{
    struct signer_search *wanted = context;
    struct chain_pool *pool = wanted->query->pool;
    if (!is_signer(pool, wanted->crl, node))
        return true;
    struct chain_search search;
    struct chain_path path;
    chain_search_init(&search, pool, node);
    while (!wanted->is_found && chain_next(&search, &path))
        wanted->is_found = signer_path_is_good(wanted->query, &path);
    chain_search_clear(&search);
    return !wanted->is_found;
}

/* The issuer on the path, an issuer above it of the same name (the old or the new key of a roll-
 * over), or any other certificate of the pool whose own path is good. */
static bool is_trusted(const struct query *query, const struct crl *crl)
{
    struct chain_pool *pool = query->pool;
    if (crl->is_weak && !pool->trust->weak_allow)
        return false;
    /* A CRL signer may be covered by its own indirect CRL: its issuer said so in the distribution
     * point. A certificate that shares its issuer's name gets no such say about itself. */
    bool is_own = query->is_nested && !query->cert->facts->is_self_issued;
    for (size_t i = query->element + (is_own ? 0 : 1); i < query->path->len; i++) {
        if (is_signer(pool, crl, query->path->nodes[i]))
            return true;
    }
    if (query->is_nested)
        return false;
    struct signer_search wanted = {query, crl, false};
    chain_visit_subject(pool, crl->issuers[0], crl->issuer_hash, try_signer, &wanted);
    return wanted.is_found;
}

/* ---- what a CRL covers ---- */

static bool name_in_list(const GENERAL_NAMES *names, const X509_NAME *name)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *item = sk_GENERAL_NAME_value(names, i);
        if (item->type == GEN_DIRNAME && cert_name_equal(item->d.directoryName, name))
            return true;
    }
    return false;
}

static bool lists_overlap(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(a); i++) {
        for (int j = 0; j < sk_GENERAL_NAME_num(b); j++) {
            if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i), sk_GENERAL_NAME_value(b, j)) == 0)
                return true;
        }
    }
    return false;
}

static bool points_match(const DIST_POINT_NAME *a, const DIST_POINT_NAME *b)
{
    if (a->dpname != NULL && b->dpname != NULL)
        return cert_name_equal(a->dpname, b->dpname);
    if (a->dpname != NULL)
        return b->type == 0 && name_in_list(b->name.fullname, a->dpname);
    if (b->dpname != NULL)
        return a->type == 0 && name_in_list(a->name.fullname, b->dpname);
    return a->type == 0 && b->type == 0 && lists_overlap(a->name.fullname, b->name.fullname);
}

/* RFC 5280 section 6.3.3 (b)(2)(i). point NULL: the one that is assumed when the certificate names
 * none, which has the issuer's name. */
static bool point_name_matches(const struct query *query, const DIST_POINT *point,
                               const DIST_POINT_NAME *scope)
{
    if (point != NULL && point->distpoint != NULL)
        return points_match(point->distpoint, scope);
    if (point != NULL && point->CRLissuer != NULL) {
        if (scope->dpname != NULL)
            return name_in_list(point->CRLissuer, scope->dpname);
        return scope->type == 0 && lists_overlap(point->CRLissuer, scope->name.fullname);
    }
    const X509_NAME *issuer = query->cert->facts->issuer;
    if (scope->dpname != NULL)
        return cert_name_equal(scope->dpname, issuer);
    return scope->type == 0 && name_in_list(scope->name.fullname, issuer);
}

static bool is_in_scope(const struct query *query, const DIST_POINT *point, const struct crl *crl)
{
    const ISSUING_DIST_POINT *idp = crl->idp;
    bool is_own = cert_name_equal(crl->issuers[0], query->cert->facts->issuer);
    if (idp == NULL)
        return is_own; /* section 6.3.3 (b)(1): another issuer's must say indirectCRL */
    bool is_ca = query->cert->facts->is_ca;
    if (idp->onlyattr > 0 || (idp->onlyuser > 0 && is_ca) || (idp->onlyCA > 0 && !is_ca))
        return false;
    if (!is_own && idp->indirectCRL <= 0)
        return false;
    return idp->distpoint == NULL || point_name_matches(query, point, idp->distpoint);
}

static bool is_same_scope(const struct crl *a, const struct crl *b)
{
    return memcmp(a->idp_digest, b->idp_digest, sizeof a->idp_digest) == 0;
}

/* ---- one complete CRL with its delta ---- */

/* Begun, and nothing in it that this program does not understand. */
static bool is_begun(const struct query *query, const struct crl *crl)
{
    if (query->now < crl->this_update) {
        limit(query->valid_until, crl->this_update);
        return false;
    }
    return !crl->is_unusable;
}

/* Signed with the very key that signed the certificate. A CA that has renewed its key goes on with
 * one CRL a key, and each lists only the certificates of its key (Windows CAs do so): the CRLs of
 * one name are comparable only if they are of the same kind. */
static bool is_direct(const struct query *query, const struct crl *crl)
{
    return is_signer(query->pool, crl, query->path->nodes[query->element + 1]);
}

/* There is a CRL by the certificate's own issuing key, so one by another key cannot clear it. */
static bool has_direct(const struct query *query, const struct crl *crl)
{
    const struct crl_index *index = query->pool->trust->crls;
    uint32_t position = UINT32_MAX;
    const struct crl *other;
    while ((other = crl_index_next(index, crl->issuers[0], crl->issuer_hash, &position)) != NULL) {
        if (other->base == NULL && is_same_scope(other, crl) && is_direct(query, other))
            return true;
    }
    return false;
}

/* A list that is kept although an older one is in its place does not make that one mute: nobody who
 * is revoked by what is installed gets in, and when the kept one has expired the other decides. */
static bool may_supersede(const struct crl *other, const struct crl *crl)
{
    return other != crl && other->base == NULL && is_same_scope(other, crl) &&
           (other->kept == CRL_KEPT_NOT || crl->kept != CRL_KEPT_NOT) && crl_is_newer(other, crl);
}

static bool is_superseded(const struct query *query, const struct crl *crl)
{
    const struct crl_index *index = query->pool->trust->crls;
    uint32_t position = UINT32_MAX;
    const struct crl *other;
    while ((other = crl_index_next(index, crl->issuers[0], crl->issuer_hash, &position)) != NULL) {
        if (may_supersede(other, crl) && is_begun(query, other) &&
            is_direct(query, other) == is_direct(query, crl) && is_trusted(query, other))
            return true;
    }
    return false;
}

/* RFC 5280 section 5.2.4: the delta's base is not newer than the complete CRL, and the delta is
 * newer than it. One that is older has been overtaken. */
static bool delta_applies(const struct crl *delta, const struct crl *complete)
{
    return delta->base != NULL && delta->number != NULL && complete->number != NULL &&
           is_same_scope(delta, complete) && ASN1_INTEGER_cmp(delta->base, complete->number) <= 0 &&
           ASN1_INTEGER_cmp(delta->number, complete->number) > 0;
}

static const struct crl *find_delta(const struct query *query, const struct crl *complete)
{
    const struct crl_index *index = query->pool->trust->crls;
    const struct crl *best = NULL;
    uint32_t position = UINT32_MAX;
    const struct crl *crl;
    while ((crl = crl_index_next(index, complete->issuers[0], complete->issuer_hash, &position)) !=
           NULL) {
        if (delta_applies(crl, complete) && (best == NULL || crl_is_newer(crl, best)) &&
            is_begun(query, crl) && is_direct(query, crl) == is_direct(query, complete) &&
            is_trusted(query, crl))
            best = crl;
    }
    return best;
}

static bool is_listed(const struct query *query, const struct crl *complete,
                      const struct crl *delta)
{
    if (query->is_replaced)
        return false;
    const struct crl_entry *entry = delta == NULL ? NULL : crl_find(delta, query->cert);
    if (entry != NULL)
        return entry->reason != CRL_REASON_REMOVE;
    return crl_find(complete, query->cert) != NULL;
}

static bool lists(const struct query *query, const struct crl *crl)
{
    const struct crl_entry *entry = query->is_replaced ? NULL : crl_find(crl, query->cert);
    return entry != NULL && (crl->base == NULL || entry->reason != CRL_REASON_REMOVE);
}

/* RFC 5280 section 6.3.3 (c) to (l). */
static void ask_crl(struct query *query, const DIST_POINT *point, const struct crl *crl)
{
    if (crl->base != NULL || !is_begun(query, crl) || !is_in_scope(query, point, crl))
        return;
    uint32_t reasons = crl->reasons;
    if (point != NULL && point->reasons != NULL)
        reasons &= (uint32_t)point->dp_reasons;
    /* Two that claim the same number and time both count, whichever is asked first. */
    if (((reasons & ~query->covered) == 0 && !lists(query, crl)) || is_superseded(query, crl) ||
        !is_trusted(query, crl))
        return;
    const struct crl *delta = find_delta(query, crl);
    const struct crl *newest = delta == NULL ? crl : delta;
    if (query->now > newest->next_update)
        return; /* iis-semantics.md 10.5: a stale delta is no better than none */
    if (newest->next_update != INT64_MAX)
        limit(query->valid_until, newest->next_update + 1);
    if (is_direct(query, crl) || !has_direct(query, crl))
        query->covered |= reasons;
    query->is_revoked |= is_listed(query, crl, delta);
}

static void ask_issuer(struct query *query, const DIST_POINT *point, const X509_NAME *issuer,
                       uint32_t hash)
{
    uint32_t position = UINT32_MAX;
    const struct crl *crl;
    while ((crl = crl_index_next(query->pool->trust->crls, issuer, hash, &position)) != NULL) {
        query->is_installed = true;
        if (!query->is_revoked)
            ask_crl(query, point, crl);
    }
}

static void ask_point(struct query *query, const DIST_POINT *point)
{
    if (point == NULL || point->CRLissuer == NULL) {
        const struct cert_facts *facts = query->cert->facts;
        ask_issuer(query, point, facts->issuer, facts->issuer_hash);
        return;
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(point->CRLissuer) && i < POINTS_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->CRLissuer, i);
        if (name->type == GEN_DIRNAME)
            ask_issuer(query, point, name->d.directoryName, cert_name_hash(name->d.directoryName));
    }
}

/* ---- no CRL answers ---- */

/* A newer CRL of the same scope that does not list the certificate any more. A delta that is
 * silent says nothing about what its base lists. */
static bool is_withdrawn(const struct query *query, const struct crl *listing)
{
    const struct crl_index *index = query->pool->trust->crls;
    uint32_t position = UINT32_MAX;
    const struct crl *crl;
    while ((crl = crl_index_next(index, listing->issuers[0], listing->issuer_hash, &position)) !=
           NULL) {
        bool speaks = crl->base == NULL || crl_find(crl, query->cert) != NULL;
        if (is_same_scope(crl, listing) && crl_is_newer(crl, listing) && speaks &&
            !lists(query, crl) && is_direct(query, crl) == is_direct(query, listing) &&
            is_trusted(query, crl))
            return true;
    }
    return false;
}

/* iis-semantics.md 4.4: an expired or unsuitable CRL never lets a revoked client in. */
static bool is_listed_by_newest(const struct query *query)
{
    const struct cert_facts *facts = query->cert->facts;
    const struct crl_index *index = query->pool->trust->crls;
    uint32_t position = UINT32_MAX;
    const struct crl *crl;
    while ((crl = crl_index_next(index, facts->issuer, facts->issuer_hash, &position)) != NULL) {
        if (lists(query, crl) && is_trusted(query, crl) && !is_withdrawn(query, crl))
            return true;
    }
    return false;
}

static enum revocation_status check(struct query *query)
{
    const struct cert_facts *facts = query->cert->facts;
    for (int i = 0; i < sk_DIST_POINT_num(facts->crl_points) && i < POINTS_MAX; i++)
        ask_point(query, sk_DIST_POINT_value(facts->crl_points, i));
    /* RFC 5280 section 6.3.3: then any other CRL of the issuer */
    if (query->covered != CRLDP_ALL_REASONS)
        ask_point(query, NULL);
    if (query->is_revoked)
        return REVOCATION_REVOKED;
    if (query->covered == CRLDP_ALL_REASONS)
        return REVOCATION_GOOD;
    if (query->is_installed)
        return is_listed_by_newest(query) ? REVOCATION_REVOKED : REVOCATION_OFFLINE;
    bool must_answer = facts->has_revocation_pointer || query->pool->trust->missing_always;
    return must_answer ? REVOCATION_OFFLINE : REVOCATION_GOOD;
}

enum revocation_status revocation_check(struct chain_pool *pool, const struct chain_path *path,
                                        size_t element, int64_t now, int64_t *valid_until)
{
    int64_t until = *valid_until;
    struct query query = {
        .pool = pool,
        .path = path,
        .element = element,
        .cert = chain_cert(pool, path->nodes[element]),
        .now = now,
        .valid_until = &until,
    };
    const struct chain_assumption *assumed = chain_assumed(pool, query.cert);
    query.is_replaced =
        assumed != NULL && (assumed->mended & VERDICT_ERROR_BIT(OUTCOME_REVOKED)) != 0;
    /* Without budget a newer CRL may have gone unread: that must not look like "not listed". */
    bool was_exhausted = pool->is_exhausted;
    pool->is_exhausted = false;
    enum revocation_status status = check(&query);
    if (pool->is_exhausted && status == REVOCATION_GOOD)
        status = REVOCATION_OFFLINE;
    pool->is_exhausted |= was_exhausted;
    *valid_until = until;
    return status;
}

enum revocation_status revocation_guess(const struct trust *trust, const struct cert *cert,
                                        int64_t now)
{
    const struct cert_facts *facts = cert->facts;
    uint32_t position = UINT32_MAX;
    bool is_installed = false;
    bool is_current = false;
    const struct crl *crl;
    while ((crl = crl_index_next(trust->crls, facts->issuer, facts->issuer_hash, &position)) !=
           NULL) {
        is_installed = true;
        is_current |= crl->base == NULL && now >= crl->this_update && now <= crl->next_update;
        if (crl_find(crl, cert) != NULL)
            return REVOCATION_REVOKED;
    }
    bool must_answer = is_installed || facts->has_revocation_pointer || trust->missing_always;
    return must_answer && !is_current ? REVOCATION_OFFLINE : REVOCATION_GOOD;
}
