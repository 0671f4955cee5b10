/* SPDX-License-Identifier: MIT */
#include "auth/remedy.h"

#include <assert.h>

#include <openssl/asn1.h>

#include "auth/cert_facts.h"
#include "auth/chain.h"
#include "auth/revocation.h"
#include "auth/verdict_private.h"
#include "base/mem.h"

#define BIT(outcome) VERDICT_ERROR_BIT(outcome)

/* Verdicts under assumptions, for one list of steps. */
#define ROUNDS_MAX 8

#define PARTIAL_BITS (BIT(OUTCOME_PARTIAL_CHAIN) | BIT(OUTCOME_PARTIAL_CHAIN_CHAINING))

/* Members of the stores whose organization is compared. */
#define ROOTS_MAX 4096

struct attempt { /* one list of steps that is being made */
    const struct trust *trust;
    struct cert **presented; /* what the search finds; grown by what a step installs */
    size_t count;
    struct chain_pool *pool;
    struct chain_assumptions assumed;
    struct remedy *remedy;
    int64_t now;
    bool is_stuck; /* nothing new was found, or there is no room for it */
};

/* ---- steps and assumptions ---------------------------------------------------------------- */

static struct chain_assumption *assume(struct attempt *attempt, const struct cert *cert)
{
    struct chain_assumptions *assumed = &attempt->assumed;
    for (size_t i = 0; i < assumed->count; i++) {
        if (memcmp(assumed->certs[i].cert->sha256, cert->sha256, sizeof cert->sha256) == 0)
            return &assumed->certs[i];
    }
    if (assumed->count == CHAIN_ASSUMED_MAX) {
        attempt->is_stuck = true;
        return &assumed->certs[CHAIN_ASSUMED_MAX - 1];
    }
    assumed->certs[assumed->count] = (struct chain_assumption){.cert = cert};
    return &assumed->certs[assumed->count++];
}

static void add_step(struct attempt *attempt, struct remedy_step step)
{
    struct remedy *remedy = attempt->remedy;
    if (remedy->count == REMEDY_STEPS_MAX)
        attempt->is_stuck = true;
    else
        remedy->steps[remedy->count++] = step;
}

/* A certificate is replaced once, for all that is wrong with it. */
static void replace(struct attempt *attempt, const struct verdict *verdict, size_t i,
                    uint32_t errors)
{
    const struct cert *cert = verdict->path[i].cert;
    assume(attempt, cert)->mended |= errors;
    struct remedy *remedy = attempt->remedy;
    for (size_t j = 0; j < remedy->count; j++) {
        struct remedy_step *step = &remedy->steps[j];
        if (step->kind == REMEDY_REPLACE && step->cert == cert) {
            step->errors |= errors;
            return;
        }
    }
    add_step(attempt, (struct remedy_step){.kind = REMEDY_REPLACE,
                                           .cert = cert,
                                           .store = verdict->path[i].store,
                                           .errors = errors,
                                           .is_authority = i > 0});
}

/* ---- where the path ends ------------------------------------------------------------------ */

/* The store an anchor has to be in. */
static enum cert_store anchor_store(const struct attempt *attempt)
{
    return chain_mode(attempt->pool) == TRUST_MODE_MACHINE ? CERT_STORE_ROOT
                                                           : trust_issuer_store(attempt->trust);
}

static bool is_self_signed(const struct attempt *attempt, const struct cert *cert)
{
    uint32_t member = trust_find(attempt->trust, cert);
    if (member != TRUST_NONE)
        return attempt->trust->members[member].is_self_signed;
    return cert->facts->same_name_bytes && chain_charge(attempt->pool, cert) &&
           trust_check_signature(cert, cert);
}

static void add_anchor(struct attempt *attempt, const struct cert *cert)
{
    assume(attempt, cert)->is_anchor = true;
    add_step(attempt, (struct remedy_step){.kind = REMEDY_ADD_CERTIFICATE,
                                           .cert = cert,
                                           .store = anchor_store(attempt)});
}

/* The issuer of path[i] is to be added and is not at hand: what lies above it is taken to be in
 * order, for nothing can be known of it. */
static void add_unknown(struct attempt *attempt, const struct verdict *verdict, size_t i,
                        enum cert_store store)
{
    const struct cert *below = verdict->path[i].cert;
    struct chain_assumption *assumed = assume(attempt, below);
    assumed->is_anchor = true;
    assumed->mended |= BIT(OUTCOME_SIGNATURE);
    add_step(attempt, (struct remedy_step){.kind = REMEDY_ADD_CERTIFICATE,
                                           .below = below,
                                           .store = store,
                                           .is_other_key = i + 1 < verdict->path_len});
    if (!attempt->trust->check_revocation)
        return;
    switch (revocation_guess(attempt->trust, below, attempt->now)) {
    case REVOCATION_REVOKED:
        replace(attempt, verdict, i, BIT(OUTCOME_REVOKED));
        break;
    case REVOCATION_OFFLINE:
        add_step(attempt, (struct remedy_step){.kind = REMEDY_ADD_CRL, .cert = below});
        break;
    case REVOCATION_GOOD:
        break;
    }
}

/* Mode 1 takes only roots from the bound store: with a CA of the path in it, mode 2 would do. */
static bool wants_exclusive_ca(const struct attempt *attempt, const struct verdict *verdict)
{
    enum cert_store issuers = trust_issuer_store(attempt->trust);
    if (chain_mode(attempt->pool) != TRUST_MODE_EXCLUSIVE_ROOT || issuers == CERT_STORE_ROOT)
        return false;
    for (size_t i = 1; i < verdict->path_len; i++) {
        const struct cert *cert = verdict->path[i].cert;
        if (verdict->path[i].store == issuers &&
            trust_may_anchor(TRUST_MODE_EXCLUSIVE_CA, cert, is_self_signed(attempt, cert)))
            return true;
    }
    return false;
}

static void set_exclusive_ca(struct attempt *attempt)
{
    attempt->assumed.is_exclusive_ca = true;
    add_step(attempt, (struct remedy_step){.kind = REMEDY_EXCLUSIVE_CA});
}

/* The highest certificate of the path that the mode would take as an anchor; 0: there is none but,
 * perhaps, the client's own. */
static size_t highest_anchor(const struct attempt *attempt, const struct verdict *verdict)
{
    size_t i = verdict->path_len - 1;
    while (i > 0 && !trust_may_anchor(chain_mode(attempt->pool), verdict->path[i].cert,
                                      is_self_signed(attempt, verdict->path[i].cert)))
        i--;
    return i;
}

static void mend_untrusted_root(struct attempt *attempt, const struct verdict *verdict)
{
    const struct cert *root = verdict->path[verdict->path_len - 1].cert;
    uint32_t member = trust_find(attempt->trust, root);
    bool is_there = member != TRUST_NONE && anchor_store(attempt) == CERT_STORE_ROOT &&
                    (attempt->trust->members[member].stores & TRUST_IN_ROOT) != 0;
    size_t anchor = highest_anchor(attempt, verdict);
    if (wants_exclusive_ca(attempt, verdict)) {
        set_exclusive_ca(attempt);
    } else if (is_there && chain_mode(attempt->pool) != TRUST_MODE_EXCLUSIVE_CA) {
        assume(attempt, root)->is_anchor = true;
        add_step(attempt, (struct remedy_step){.kind = REMEDY_WHOLE_LIST, .cert = root});
    } else if (anchor > 0 || trust_may_anchor(chain_mode(attempt->pool), root, true)) {
        add_anchor(attempt, verdict->path[anchor].cert);
    } else {
        replace(attempt, verdict, 0, BIT(OUTCOME_UNTRUSTED_ROOT));
        assume(attempt, verdict->path[0].cert)->is_anchor = true;
    }
}

/* A CA that is in a store, but in none that paths are built from. */
static struct cert *find_unused(const struct attempt *attempt, const struct cert *below)
{
    const struct trust *trust = attempt->trust;
    for (size_t i = 0; i < trust->member_count; i++) {
        const struct trust_member *member = &trust->members[i];
        if (!member->is_in_pool && member->cert->facts->subject_hash == below->facts->issuer_hash &&
            cert_name_equal(member->cert->facts->subject, below->facts->issuer) &&
            chain_charge(attempt->pool, member->cert) && trust_check_signature(below, member->cert))
            return member->cert;
    }
    return NULL;
}

static const ASN1_STRING *entry_of(const X509_NAME *name, int nid)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    return at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
}

static bool calls_itself_root(const X509_NAME *name)
{
    const ASN1_STRING *text = entry_of(name, NID_commonName);
    if (text == NULL)
        return false;
    struct str word =
        str_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    while (word.len > 0 && !str_starts_with_icase(word, STR("root")))
        word = str_skip(word, 1);
    return word.len > 0;
}

/* Whether a root of the same organization is an anchor already. */
static bool has_root_of_same_organization(const struct trust *trust, const X509_NAME *name)
{
    const ASN1_STRING *wanted = entry_of(name, NID_organizationName);
    for (size_t i = 0; i < trust->member_count && i < ROOTS_MAX && wanted != NULL; i++) {
        const struct trust_member *member = &trust->members[i];
        const ASN1_STRING *have = entry_of(member->cert->facts->subject, NID_organizationName);
        if (member->is_anchor && have != NULL && ASN1_STRING_cmp(have, wanted) == 0)
            return true;
    }
    return false;
}

/* Nothing in a certificate says whether its issuer is a root. Above a CA it mostly is, above the
 * client's own mostly not, and names are a hint; the text of the fix names the other case. */
static bool is_likely_root(const struct trust *trust, const struct verdict *verdict, size_t i)
{
    const X509_NAME *name = verdict->path[i].cert->facts->issuer;
    if (i + 1 < verdict->path_len) /* a namesake with another key */
        return verdict->path[i + 1].cert->facts->is_self_issued;
    return calls_itself_root(name) || (i > 0 && !has_root_of_same_organization(trust, name));
}

static void add_missing_issuer(struct attempt *attempt, const struct verdict *verdict, size_t i)
{
    bool is_root = is_likely_root(attempt->trust, verdict, i) ||
                   chain_mode(attempt->pool) == TRUST_MODE_EXCLUSIVE_CA;
    add_unknown(attempt, verdict, i, is_root ? anchor_store(attempt) : CERT_STORE_INTERMEDIATE);
}

/* The pool made anew over what is presented now. */
static void refill(struct attempt *attempt, bool keeps_budget)
{
    struct chain_pool *pool = attempt->pool;
    unsigned checks_left = pool->checks_left;
    unsigned cost_left = pool->cost_left;
    unsigned candidates_left = pool->candidates_left;
    size_t names_left = pool->names_left;
    chain_pool_clear(pool);
    chain_pool_init(pool, attempt->trust, attempt->presented, attempt->count);
    pool->assumed = &attempt->assumed;
    if (!keeps_budget)
        return;
    pool->checks_left = checks_left;
    pool->cost_left = cost_left;
    pool->candidates_left = candidates_left;
    pool->names_left = names_left;
}

static void present(struct attempt *attempt, struct cert *const *certs, size_t count)
{
    attempt->presented = xreallocarray(attempt->presented, count, sizeof(struct cert *));
    memcpy(attempt->presented, certs, count * sizeof(struct cert *));
    attempt->count = count;
}

/* The search goes on from it by itself, as if the client had sent it. */
static void install(struct attempt *attempt, struct cert *cert)
{
    attempt->presented =
        xreallocarray(attempt->presented, attempt->count + 1, sizeof(struct cert *));
    attempt->presented[attempt->count++] = cert;
    refill(attempt, true);
    add_step(attempt, (struct remedy_step){.kind = REMEDY_ADD_CERTIFICATE,
                                           .cert = cert,
                                           .store = CERT_STORE_INTERMEDIATE});
}

static void mend_partial_chain(struct attempt *attempt, const struct verdict *verdict)
{
    size_t last = verdict->path_len - 1;
    struct cert *unused = find_unused(attempt, verdict->path[last].cert);
    size_t anchor = highest_anchor(attempt, verdict);
    if (wants_exclusive_ca(attempt, verdict))
        set_exclusive_ca(attempt);
    else if (anchor > 0)
        add_anchor(attempt, verdict->path[anchor].cert);
    else if (unused != NULL)
        install(attempt, unused);
    else
        add_missing_issuer(attempt, verdict, last);
}

/* The certificates of one chain, without what else was sent. */
static void present_fewer(struct attempt *attempt)
{
    size_t kept = 1;
    for (size_t i = 1; i < attempt->count && kept < VERDICT_PATH_MAX; i++) {
        const struct cert_facts *below = attempt->presented[kept - 1]->facts;
        struct cert *cert = attempt->presented[i];
        if (cert_name_equal(cert->facts->subject, below->issuer) && !below->is_self_issued &&
            chain_charge(attempt->pool, cert) &&
            trust_check_signature(attempt->presented[kept - 1], cert))
            attempt->presented[kept++] = cert;
    }
    attempt->is_stuck = attempt->is_stuck || kept == attempt->count;
    attempt->count = kept;
    refill(attempt, false);
    add_step(attempt, (struct remedy_step){.kind = REMEDY_PRESENT_FEWER});
}

/* ---- what is wrong with one certificate --------------------------------------------------- */

/* A CA that has renewed its key leaves one certificate a key, all of one name: the one at hand need
 * not be the one that signed. */
static bool is_namesake(const struct verdict *verdict, size_t i)
{
    if (i + 1 >= verdict->path_len)
        return false;
    const AUTHORITY_KEYID *wanted = verdict->path[i].cert->facts->authority_key_id;
    const ASN1_OCTET_STRING *have = verdict->path[i + 1].cert->facts->subject_key_id;
    return wanted != NULL && wanted->keyid != NULL && have != NULL &&
           ASN1_OCTET_STRING_cmp(wanted->keyid, have) != 0;
}

static void mend_signature(struct attempt *attempt, const struct verdict *verdict, size_t i)
{
    if (is_namesake(verdict, i)) {
        add_missing_issuer(attempt, verdict, i);
        return;
    }
    replace(attempt, verdict, i, BIT(OUTCOME_SIGNATURE));
    assume(attempt, verdict->path[i].cert)->is_reachable = true;
}

static void mend_offline(struct attempt *attempt, const struct verdict *verdict, size_t i)
{
    const struct cert *cert = verdict->path[i].cert;
    assume(attempt, cert)->mended |= BIT(OUTCOME_REVOCATION_OFFLINE);
    if (i + 1 < verdict->path_len && !revocation_may_sign(verdict->path[i + 1].cert))
        replace(attempt, verdict, i + 1, BIT(OUTCOME_REVOCATION_OFFLINE));
    else
        add_step(attempt, (struct remedy_step){.kind = REMEDY_ADD_CRL, .cert = cert});
}

static void mend_element(struct attempt *attempt, const struct verdict *verdict, size_t i)
{
    const struct cert *cert = verdict->path[i].cert;
    uint32_t errors = verdict->path[i].errors & ~BIT(OUTCOME_UNTRUSTED_ROOT);
    if ((errors & BIT(OUTCOME_SIGNATURE)) != 0)
        mend_signature(attempt, verdict, i);
    if ((errors & BIT(OUTCOME_EXPLICIT_DISTRUST)) != 0) {
        assume(attempt, cert)->mended |= BIT(OUTCOME_EXPLICIT_DISTRUST);
        add_step(attempt, (struct remedy_step){.kind = REMEDY_REMOVE_DISALLOWED, .cert = cert});
    }
    uint32_t own = errors & ~(BIT(OUTCOME_SIGNATURE) | BIT(OUTCOME_EXPLICIT_DISTRUST) |
                              BIT(OUTCOME_REVOCATION_OFFLINE));
    if (own != 0)
        replace(attempt, verdict, i, own);
    if ((errors & BIT(OUTCOME_REVOCATION_OFFLINE)) != 0)
        mend_offline(attempt, verdict, i);
}

/* ---- the path as a whole ------------------------------------------------------------------ */

static void mend_issuer_list(struct attempt *attempt, const struct verdict *verdict)
{
    const struct cert *leaf = verdict->path[0].cert;
    bool is_alone = verdict->path_len == 1;
    const struct cert *issuer = is_alone ? leaf : verdict->path[1].cert;
    attempt->assumed.mended |= BIT(OUTCOME_ISSUER_NOT_LISTED);
    if (is_alone && !is_self_signed(attempt, leaf))
        issuer = NULL;
    add_step(attempt, (struct remedy_step){.kind = REMEDY_ADD_CERTIFICATE,
                                           .cert = issuer,
                                           .below = leaf,
                                           .store = trust_issuer_store(attempt->trust)});
}

static void mend_policy(struct attempt *attempt, const struct verdict *verdict)
{
    if (attempt->trust->policy.require_explicit && !attempt->assumed.is_any_policy) {
        attempt->assumed.is_any_policy = true;
        add_step(attempt, (struct remedy_step){.kind = REMEDY_ANY_POLICY});
        return;
    }
    attempt->assumed.mended |= BIT(OUTCOME_INVALID_POLICY);
    replace(attempt, verdict, 0, BIT(OUTCOME_INVALID_POLICY));
}

static void mend_path(struct attempt *attempt, const struct verdict *verdict)
{
    uint32_t errors = verdict->errors;
    const struct verdict_element *top = &verdict->path[verdict->path_len - 1];
    if ((errors & BIT(OUTCOME_ROOT_STORE_MIXED)) != 0) {
        attempt->assumed.mended |= BIT(OUTCOME_ROOT_STORE_MIXED);
        add_step(attempt, (struct remedy_step){.kind = REMEDY_MOVE_ROOTS});
    }
    if ((errors & PARTIAL_BITS) != 0)
        mend_partial_chain(attempt, verdict);
    if ((top->errors & BIT(OUTCOME_UNTRUSTED_ROOT)) != 0)
        mend_untrusted_root(attempt, verdict);
    if ((errors & BIT(OUTCOME_ISSUER_NOT_LISTED)) != 0)
        mend_issuer_list(attempt, verdict);
    if ((errors & BIT(OUTCOME_INVALID_POLICY)) != 0)
        mend_policy(attempt, verdict);
}

static void mend(struct attempt *attempt, const struct verdict *verdict)
{
    if ((verdict->errors & BIT(OUTCOME_SEARCH_LIMIT)) != 0) {
        present_fewer(attempt);
        return;
    }
    mend_path(attempt, verdict);
    for (size_t i = verdict->path_len; i-- > 0;)
        mend_element(attempt, verdict, i);
}

/* ---- the search --------------------------------------------------------------------------- */

static bool has_replacement(const struct remedy *remedy, const struct cert *cert, uint32_t errors)
{
    for (size_t i = 0; i < remedy->count; i++) {
        const struct remedy_step *step = &remedy->steps[i];
        if (step->kind == REMEDY_REPLACE && (cert == NULL || step->cert == cert) &&
            (step->errors & errors) != 0)
            return true;
    }
    return false;
}

/* A certificate that is replaced need not be taken from the list of refused ones, and where the
 * chain itself demands policies the site's demand does not matter. */
static bool is_superfluous(const struct remedy *remedy, const struct remedy_step *step)
{
    if (step->kind == REMEDY_REMOVE_DISALLOWED)
        return has_replacement(remedy, step->cert, UINT32_MAX);
    return step->kind == REMEDY_ANY_POLICY &&
           has_replacement(remedy, NULL, BIT(OUTCOME_INVALID_POLICY));
}

static void tidy(struct remedy *remedy)
{
    size_t kept = 0;
    for (size_t i = 0; i < remedy->count; i++) {
        struct remedy_step step = remedy->steps[i];
        if (is_superfluous(remedy, &step))
            continue;
        if (step.kind == REMEDY_REPLACE) {
            const struct cert_facts *facts = step.cert->facts;
            bool may_issue = !step.is_authority || !facts->has_key_usage ||
                             (facts->key_usage & KU_KEY_CERT_SIGN) != 0;
            step.is_usage_only = step.errors == BIT(OUTCOME_WRONG_USAGE) && may_issue;
        }
        remedy->steps[kept++] = step;
    }
    remedy->count = kept;
}

static void run(struct attempt *attempt)
{
    struct remedy *remedy = attempt->remedy;
    *remedy = (struct remedy){0};
    for (unsigned round = 0; round < ROUNDS_MAX && !attempt->is_stuck; round++) {
        struct verdict verdict;
        attempt->pool->is_exhausted = false;
        verdict_judge(attempt->pool, attempt->now, &verdict);
        remedy->is_complete = verdict.outcome == OUTCOME_OK;
        if (!remedy->is_complete)
            mend(attempt, &verdict);
        verdict_clear(&verdict);
        if (remedy->is_complete)
            break;
    }
    tidy(remedy);
}

/* Another way around the authorities that would have to be replaced, over certificates at hand:
 * then nobody has to wait for their issuers. */
static bool avoid_authorities(struct attempt *attempt, const struct remedy *remedy)
{
    attempt->assumed = (struct chain_assumptions){0};
    attempt->is_stuck = false;
    for (size_t i = 0; i < remedy->count; i++) {
        if (remedy->steps[i].kind == REMEDY_REPLACE && remedy->steps[i].is_authority)
            assume(attempt, remedy->steps[i].cert)->is_avoided = true;
    }
    return attempt->assumed.count > 0;
}

static bool is_within_reach(const struct remedy *remedy)
{
    for (size_t i = 0; i < remedy->count; i++) {
        const struct remedy_step *step = &remedy->steps[i];
        if ((step->kind == REMEDY_REPLACE && step->is_authority) ||
            (step->kind == REMEDY_ADD_CERTIFICATE && step->cert == NULL))
            return false;
    }
    return remedy->is_complete;
}

void remedy_find(const struct trust *trust, struct cert *const *presented, size_t count,
                 int64_t now, struct remedy *ret_remedy)
{
    assert(count > 0);
    struct chain_pool *pool = xmalloc(sizeof *pool);
    struct attempt attempt = {.trust = trust, .pool = pool, .remedy = ret_remedy, .now = now};
    present(&attempt, presented, count);
    chain_pool_init(pool, trust, attempt.presented, count);
    pool->assumed = &attempt.assumed;
    run(&attempt);
    if (avoid_authorities(&attempt, ret_remedy)) {
        struct remedy other;
        attempt.remedy = &other;
        present(&attempt, presented, count);
        refill(&attempt, true);
        run(&attempt);
        if (is_within_reach(&other))
            *ret_remedy = other;
    }
    chain_pool_clear(pool);
    free(attempt.presented);
    free(pool);
}
