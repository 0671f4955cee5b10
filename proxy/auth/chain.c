/* SPDX-License-Identifier: MIT */
#include "auth/chain.h"

#include <assert.h>

#include <openssl/x509v3.h>

#include "auth/cert_facts.h"
#include "base/mem.h"

#define NO_STEP UINT32_MAX

/* Issuers of one name that are tried for one certificate. */
#define ISSUERS_MAX 1024

/* ---- the pool ---- */

void chain_pool_init(struct chain_pool *pool, const struct trust *trust,
                     struct cert *const *presented, size_t count)
{
    *pool = (struct chain_pool){
        .trust = trust,
        .presented = presented,
        .presented_count = count,
        .presented_node = xcalloc(count, sizeof *pool->presented_node),
        .checks_left = CHAIN_CHECKS_MAX,
        .cost_left = CHAIN_COST_MAX,
        .candidates_left = CHAIN_CANDIDATES_MAX,
        .names_left = CHAIN_NAMES_MAX,
    };
    for (size_t i = 0; i < count; i++) {
        uint32_t member = trust_find(trust, presented[i]);
        bool is_member = member != TRUST_NONE && trust->members[member].is_in_pool;
        size_t same = 0;
        while (same < i && memcmp(presented[same]->sha256, presented[i]->sha256, 32) != 0)
            same++;
        pool->presented_node[i] = (chain_node)(is_member ? count + member : same);
    }
}

void chain_pool_clear(struct chain_pool *pool)
{
    free(pool->presented_node);
    pool->presented_node = NULL;
}

struct cert *chain_cert(const struct chain_pool *pool, chain_node node)
{
    if (node < pool->presented_count)
        return pool->presented[node];
    return pool->trust->members[node - pool->presented_count].cert;
}

const struct trust_member *chain_member(const struct chain_pool *pool, chain_node node)
{
    if (node < pool->presented_count)
        return NULL;
    return &pool->trust->members[node - pool->presented_count];
}

bool chain_charge(struct chain_pool *pool, const struct cert *key_owner)
{
    unsigned cost = key_owner->facts->verify_cost;
    if (pool->checks_left == 0 || pool->cost_left < cost) {
        pool->is_exhausted = true;
        return false;
    }
    pool->checks_left--;
    pool->cost_left -= cost;
    return true;
}

void chain_visit_subject(const struct chain_pool *pool, const X509_NAME *name, uint32_t hash,
                         chain_visit_fn visit, void *context)
{
    for (size_t i = 0; i < pool->presented_count; i++) {
        const struct cert_facts *facts = pool->presented[i]->facts;
        /* A member is met below; a certificate that was sent twice is met once. */
        if (pool->presented_node[i] == i && facts->subject_hash == hash &&
            cert_name_equal(facts->subject, name) && !visit(context, (chain_node)i))
            return;
    }
    const struct trust *trust = pool->trust;
    uint32_t i = trust_first_subject(trust, hash);
    for (; i != TRUST_NONE; i = trust->members[i].next_subject) {
        const struct cert_facts *facts = trust->members[i].cert->facts;
        if (facts->subject_hash == hash && cert_name_equal(facts->subject, name) &&
            !visit(context, (chain_node)(pool->presented_count + i)))
            return;
    }
}

/* ---- what is assumed ---- */

const struct chain_assumption *chain_assumed(const struct chain_pool *pool, const struct cert *cert)
{
    size_t count = pool->assumed == NULL ? 0 : pool->assumed->count;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(pool->assumed->certs[i].cert->sha256, cert->sha256, sizeof cert->sha256) == 0)
            return &pool->assumed->certs[i];
    }
    return NULL;
}

enum config_trust_mode chain_mode(const struct chain_pool *pool)
{
    return pool->assumed != NULL && pool->assumed->is_exclusive_ca ? TRUST_MODE_EXCLUSIVE_CA
                                                                   : pool->trust->mode;
}

static bool is_anchor(const struct chain_pool *pool, chain_node node)
{
    const struct trust_member *member = chain_member(pool, node);
    if (pool->assumed == NULL)
        return member != NULL && member->is_anchor;
    const struct cert *cert = chain_cert(pool, node);
    const struct chain_assumption *assumed = chain_assumed(pool, cert);
    if (assumed != NULL && assumed->is_anchor)
        return true;
    if (member == NULL || !pool->assumed->is_exclusive_ca)
        return member != NULL && member->is_anchor;
    return member->is_issuer &&
           trust_may_anchor(TRUST_MODE_EXCLUSIVE_CA, cert, member->is_self_signed);
}

/* ---- signatures ---- */

static size_t memo_slot(chain_node subject, const unsigned char key_sha256[32])
{
    uint32_t hash;
    memcpy(&hash, key_sha256, sizeof hash);
    return (hash ^ subject * UINT32_C(2654435761)) & (CHAIN_MEMO_SIZE - 1);
}

enum check { CHECK_BAD, CHECK_GOOD, CHECK_UNKNOWN /* no budget left */ };

/* Whether the issuer's key verifies the subject's signature; remembered, because the same pair is
 * met on many paths and certificates of one key are as good as one. */
static enum check verify(struct chain_pool *pool, chain_node subject, chain_node issuer)
{
    size_t count = pool->presented_count;
    const struct chain_assumption *assumed = chain_assumed(pool, chain_cert(pool, subject));
    if (assumed != NULL && assumed->is_reachable)
        return CHECK_GOOD;
    if (subject >= count && issuer >= count) {
        int known = trust_known_signature(pool->trust, (uint32_t)(subject - count),
                                          (uint32_t)(issuer - count));
        if (known >= 0)
            return known > 0 ? CHECK_GOOD : CHECK_BAD;
    }
    const struct cert *key_owner = chain_cert(pool, issuer);
    size_t slot = memo_slot(subject, key_owner->facts->key_sha256);
    for (; pool->memo[slot].is_used; slot = (slot + 1) & (CHAIN_MEMO_SIZE - 1)) {
        const struct chain_memo *memo = &pool->memo[slot];
        if (memo->subject == subject && memcmp(chain_cert(pool, memo->issuer)->facts->key_sha256,
                                               key_owner->facts->key_sha256, 32) == 0)
            return memo->is_good ? CHECK_GOOD : CHECK_BAD;
    }
    if (!chain_charge(pool, key_owner))
        return CHECK_UNKNOWN;
    bool is_good = trust_check_signature(chain_cert(pool, subject), key_owner);
    /* At most CHAIN_CHECKS_MAX entries are ever made, so a free slot always ends the loop. */
    pool->memo[slot] = (struct chain_memo){subject, issuer, true, is_good};
    return is_good ? CHECK_GOOD : CHECK_BAD;
}

static bool is_self_signed(struct chain_pool *pool, chain_node node)
{
    if (node >= pool->presented_count)
        return pool->trust->members[node - pool->presented_count].is_self_signed;
    return pool->presented[node]->facts->same_name_bytes && verify(pool, node, node) == CHECK_GOOD;
}

/* ---- issuers of one certificate ---- */

/* RFC 5280 section 4.2.1.1 is a help to choose with, not a condition: 0 when the key identifiers
 * (or issuer and serial) agree, 1 when there is nothing to compare, 2 when they differ. */
static unsigned identifier_rank(const struct cert_facts *subject, const struct cert *issuer)
{
    const AUTHORITY_KEYID *wanted = subject->authority_key_id;
    if (wanted == NULL)
        return 1;
    const ASN1_OCTET_STRING *have = issuer->facts->subject_key_id;
    if (wanted->keyid != NULL && have != NULL)
        return ASN1_OCTET_STRING_cmp(wanted->keyid, have) == 0 ? 0 : 2;
    if (wanted->serial == NULL)
        return 1;
    const ASN1_INTEGER *serial = X509_get0_serialNumber(issuer->x509);
    return ASN1_INTEGER_cmp(wanted->serial, serial) == 0 ? 0 : 2;
}

struct issuers {
    const struct chain_search *search;
    const struct cert_facts *subject;
    uint32_t step; /* the path they would continue */
    chain_node nodes[ISSUERS_MAX];
    uint8_t ranks[ISSUERS_MAX];
    size_t count;
    bool is_cut;
};

/* RFC 4158 section 2.4.2: the same certificate, or the same name and key, not twice in a path. */
static bool is_in_path(const struct chain_search *search, uint32_t step, chain_node node)
{
    const struct cert_facts *facts = chain_cert(search->pool, node)->facts;
    for (; step != NO_STEP; step = search->steps[step].below) {
        chain_node other = search->steps[step].node;
        const struct cert_facts *present = chain_cert(search->pool, other)->facts;
        if (other == node || (memcmp(present->key_sha256, facts->key_sha256, 32) == 0 &&
                              present->subject_hash == facts->subject_hash &&
                              cert_name_equal(present->subject, facts->subject)))
            return true;
    }
    return false;
}

static bool issuers_add(void *context, chain_node node)
{
    struct issuers *issuers = context;
    if (issuers->count == ISSUERS_MAX) {
        issuers->is_cut = true;
        return false;
    }
    const struct chain_pool *pool = issuers->search->pool;
    const struct chain_assumption *assumed = chain_assumed(pool, chain_cert(pool, node));
    if ((assumed != NULL && assumed->is_avoided) ||
        is_in_path(issuers->search, issuers->step, node))
        return true;
    unsigned rank = identifier_rank(issuers->subject, chain_cert(pool, node)) * 2;
    issuers->ranks[issuers->count] = (uint8_t)(rank + (is_anchor(pool, node) ? 0 : 1));
    issuers->nodes[issuers->count++] = node;
    return true;
}

/* ---- the search: breadth first over a tree of steps ---- */

static bool search_push(struct chain_search *search, uint32_t below, chain_node node,
                        bool is_bad_signature)
{
    struct chain_pool *pool = search->pool;
    if (pool->candidates_left == 0) {
        pool->is_exhausted = true;
        return false;
    }
    pool->candidates_left--;
    if (search->step_count == search->step_capacity) {
        search->step_capacity = search->step_capacity == 0 ? 32 : search->step_capacity * 2;
        search->steps = xreallocarray(search->steps, search->step_capacity, sizeof *search->steps);
    }
    search->steps[search->step_count++] = (struct chain_step){
        .below = below,
        .node = node,
        .depth = (uint8_t)(below == NO_STEP ? 1 : search->steps[below].depth + 1),
        .is_bad_signature = is_bad_signature,
    };
    return true;
}

/* Queues the path for each issuer that verifies. When there are issuers by name but none of them
 * verifies, the first of them is queued as a dead end. True: the path itself is no candidate. */
static bool search_expand(struct chain_search *search, uint32_t step)
{
    struct chain_pool *pool = search->pool;
    chain_node node = search->steps[step].node;
    const struct cert_facts *facts = chain_cert(pool, node)->facts;
    struct issuers *issuers = xmalloc(sizeof *issuers);
    issuers->search = search;
    issuers->subject = facts;
    issuers->step = step;
    issuers->count = 0;
    issuers->is_cut = false;
    chain_visit_subject(pool, facts->issuer, facts->issuer_hash, issuers_add, issuers);
    pool->is_exhausted |= issuers->is_cut;

    bool is_continued = false;
    bool is_unknown = issuers->is_cut;
    size_t first_bad = SIZE_MAX;
    for (unsigned rank = 0; rank < 6; rank++) {
        for (size_t i = 0; i < issuers->count; i++) {
            if (issuers->ranks[i] != rank)
                continue;
            enum check check = verify(pool, node, issuers->nodes[i]);
            if (check == CHECK_GOOD)
                is_continued |= search_push(search, step, issuers->nodes[i], false);
            else if (check == CHECK_BAD && first_bad == SIZE_MAX)
                first_bad = i;
            is_unknown |= check == CHECK_UNKNOWN;
        }
    }
    if (!is_continued && !is_unknown && first_bad != SIZE_MAX)
        is_continued = search_push(search, step, issuers->nodes[first_bad], true);
    free(issuers);
    return is_continued || is_unknown;
}

void chain_search_init(struct chain_search *search, struct chain_pool *pool, chain_node leaf)
{
    *search = (struct chain_search){.pool = pool};
    (void)search_push(search, NO_STEP, leaf, false);
}

void chain_search_clear(struct chain_search *search)
{
    free(search->steps);
    *search = (struct chain_search){0};
}

static void read_path(const struct chain_search *search, uint32_t step, enum chain_end end,
                      struct chain_path *ret_path)
{
    ret_path->len = search->steps[step].depth;
    ret_path->end = end;
    ret_path->bad_signature =
        search->steps[step].is_bad_signature ? ret_path->len - 2 : ret_path->len;
    for (size_t i = ret_path->len; i-- > 0; step = search->steps[step].below)
        ret_path->nodes[i] = search->steps[step].node;
}

bool chain_next(struct chain_search *search, struct chain_path *ret_path)
{
    struct chain_pool *pool = search->pool;
    /* Also without budget: what is queued may be complete, or go on over known signatures. */
    while (search->next < search->step_count) {
        uint32_t step = (uint32_t)search->next++;
        const struct chain_step current = search->steps[step];
        enum chain_end end = CHAIN_END_INCOMPLETE;
        if (is_anchor(pool, current.node))
            end = CHAIN_END_ANCHOR;
        else if (is_self_signed(pool, current.node))
            end = CHAIN_END_SELF_SIGNED;
        else if (!current.is_bad_signature && current.depth < VERDICT_PATH_MAX &&
                 search_expand(search, step))
            continue;
        read_path(search, step, end, ret_path);
        return true;
    }
    return false;
}
