/* SPDX-License-Identifier: MIT */
#include "auth/trust_store.h"

#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "auth/cert_facts.h"
#include "auth/crl_index.h"
#include "auth/store_load.h"
#include "auth/trust.h"
#include "base/mem.h"
#include "base/password.h"

/* Part of the epoch: change it whenever the same inputs may give another verdict. */
#define VERDICT_CODE_VERSION "verdict 2"

/* Signatures among members are checked at load as far as this goes; the rest costs the verdicts
 * that need them. Bounds the start with a store of very many certificates of one name. */
#define LOAD_CHECKS_MAX 4096

static const char *const certificate_endings[] = {".pem", ".crt", ".cer", ".der",
                                                  ".p7b", ".p7c", NULL};
/* Without a password PKCS#12 files of a folder are passed over: they belong to somebody else. */
static const char *const endings_with_password[] = {".pem", ".crt", ".cer", ".der", ".p7b",
                                                    ".p7c", ".p12", ".pfx", NULL};

struct store { /* one store while loading */
    struct cert **certs;
    uint32_t *origins; /* of each */
    size_t count;
};

struct store_reading {
    struct store *store;
    struct stores *stores;
    struct mark mark;     /* of the item that is being read */
    const char *password; /* of PKCS#12 files; NULL: none */
    const char *problem;  /* of the last file that could not be read, or NULL */
};

struct stores {
    struct store root;
    struct store intermediate;
    struct store trusted_issuers;
    struct store client_auth_issuers;
    struct store disallowed;
    struct trust_origin *origins; /* of all of them */
    size_t origin_count;
    bool is_complete; /* false: some could not be read, so an empty one says nothing */
};

static uint32_t add_origin(struct stores *stores, struct mark mark, const char *path)
{
    stores->origins =
        xreallocarray(stores->origins, stores->origin_count + 1, sizeof *stores->origins);
    stores->origins[stores->origin_count] = (struct trust_origin){mark, xstrdup(path)};
    return (uint32_t)stores->origin_count++;
}

static int take_certificates(void *context, const char *path, const char *bytes, size_t len)
{
    struct store_reading *reading = context;
    struct store *store = reading->store;
    size_t before = store->count;
    bool is_good = cert_list_read(bytes, len, reading->password, &store->certs, &store->count,
                                  &reading->problem);
    store->origins = xreallocarray(store->origins, store->count + 1, sizeof *store->origins);
    uint32_t origin =
        store->count > before ? add_origin(reading->stores, reading->mark, path) : TRUST_NONE;
    for (size_t i = before; i < store->count; i++)
        store->origins[i] = origin;
    return is_good ? (int)(store->count - before) : -1;
}

static const char *why_not(void *context)
{
    const struct store_reading *reading = context;
    return reading->problem;
}

static void store_read(struct stores *stores, struct store *store, const struct config_list *list,
                       const char *password, struct error_list *errors)
{
    struct store_reading reading = {.store = store, .stores = stores, .password = password};
    const struct store_reader reader = {
        .endings = password == NULL ? certificate_endings : endings_with_password,
        .what = "certificate",
        .take_file = take_certificates,
        .why = why_not,
        .context = &reading,
        .names_passed_over = true,
    };
    for (size_t i = 0; i < list->count; i++) {
        const struct config_list item = {.items = &list->items[i], .count = 1};
        reading.mark = list->items[i].mark;
        store_load(&item, &reader, errors);
    }
}

static void store_clear(struct store *store)
{
    for (size_t i = 0; i < store->count; i++)
        cert_unref(store->certs[i]);
    free(store->certs);
    free(store->origins);
    *store = (struct store){0};
}

static uint32_t digest_hash(const unsigned char sha256[32])
{
    uint32_t hash;
    memcpy(&hash, sha256, sizeof hash);
    return hash;
}

uint32_t trust_first_subject(const struct trust *trust, uint32_t hash)
{
    return trust->by_subject == NULL ? TRUST_NONE : trust->by_subject[hash & trust->bucket_mask];
}

uint32_t trust_find(const struct trust *trust, const struct cert *cert)
{
    if (trust->by_digest == NULL)
        return TRUST_NONE;
    uint32_t i = trust->by_digest[digest_hash(cert->sha256) & trust->bucket_mask];
    while (i != TRUST_NONE && memcmp(trust->members[i].cert->sha256, cert->sha256, 32) != 0)
        i = trust->members[i].next_digest;
    return i;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

bool trust_is_disallowed(const struct trust *trust, const struct cert *cert)
{
    return trust->disallowed_count > 0 &&
           bsearch(cert->facts->tbs_sha256, trust->disallowed, trust->disallowed_count,
                   sizeof *trust->disallowed, compare_digests) != NULL;
}

/* A signature that one key verified once is good for as long as the certificate lives: clients that
 * were never seen before come with intermediates that were. What failed is not remembered: another
 * key of the same name may still verify it. */
bool trust_check_signature(const struct cert *subject, const struct cert *issuer)
{
    struct cert_facts *facts = subject->facts;
    const struct cert_facts *key_facts = issuer->facts;
    if (key_facts->key == NULL)
        return false;
    if (facts->is_verified &&
        memcmp(facts->verified_by, key_facts->key_sha256, sizeof facts->verified_by) == 0)
        return true;
    int needed =
        facts->signature_key_type == EVP_PKEY_RSA_PSS ? EVP_PKEY_RSA : facts->signature_key_type;
    int have = key_facts->key_type == EVP_PKEY_RSA_PSS ? EVP_PKEY_RSA : key_facts->key_type;
    if (needed != 0 && needed != have) /* spares an attacker's check */
        return false;
    bool good = X509_verify(subject->x509, key_facts->key) == 1;
    ERR_clear_error();
    if (good) {
        memcpy(facts->verified_by, key_facts->key_sha256, sizeof facts->verified_by);
        facts->is_verified = true;
    }
    return good;
}

static int compare_signatures(const void *a, const void *b)
{
    const struct trust_signature *left = a;
    const struct trust_signature *right = b;
    return left->key < right->key ? -1 : left->key > right->key;
}

static uint64_t signature_key(uint32_t subject, uint32_t issuer)
{
    return (uint64_t)subject << 32 | issuer;
}

int trust_known_signature(const struct trust *trust, uint32_t subject, uint32_t issuer)
{
    if (trust->signature_count == 0)
        return -1;
    const struct trust_signature wanted = {.key = signature_key(subject, issuer)};
    const struct trust_signature *found = bsearch(
        &wanted, trust->signatures, trust->signature_count, sizeof wanted, compare_signatures);
    return found == NULL ? -1 : found->is_good;
}

/* Adds the store's certificates as members, or marks those that are members already. */
static void add_members(struct trust *trust, const struct store *store, unsigned bit)
{
    for (size_t i = 0; i < store->count; i++) {
        struct cert *cert = store->certs[i];
        uint32_t at = trust_find(trust, cert);
        if (at == TRUST_NONE) {
            at = (uint32_t)trust->member_count++;
            uint32_t *bucket = &trust->by_digest[digest_hash(cert->sha256) & trust->bucket_mask];
            trust->members[at] = (struct trust_member){
                .cert = cert_ref(cert), .next_subject = TRUST_NONE, .next_digest = *bucket};
            for (size_t j = 0; j < TRUST_STORES; j++)
                trust->members[at].origin[j] = TRUST_NONE;
            *bucket = at;
        }
        uint32_t *origin = &trust->members[at].origin[ffs((int)bit) - 1];
        if (*origin == TRUST_NONE)
            *origin = store->origins[i];
        trust->members[at].stores |= bit;
    }
}

static void make_tables(struct trust *trust, size_t capacity)
{
    size_t buckets = 16;
    while (buckets < capacity * 2)
        buckets *= 2;
    trust->members = xcalloc(capacity + 1, sizeof *trust->members);
    trust->by_subject = xcalloc(buckets, sizeof *trust->by_subject);
    trust->by_digest = xcalloc(buckets, sizeof *trust->by_digest);
    trust->bucket_mask = buckets - 1;
    for (size_t i = 0; i < buckets; i++)
        trust->by_subject[i] = trust->by_digest[i] = TRUST_NONE;
}

static void index_subjects(struct trust *trust)
{
    for (size_t i = trust->member_count; i-- > 0;) { /* backwards, so that chains ascend */
        struct trust_member *member = &trust->members[i];
        if (!member->is_in_pool)
            continue;
        uint32_t *bucket =
            &trust->by_subject[member->cert->facts->subject_hash & trust->bucket_mask];
        member->next_subject = *bucket;
        *bucket = (uint32_t)i;
    }
}

static void check_signatures(struct trust *trust)
{
    size_t capacity = 0;
    for (uint32_t i = 0; i < trust->member_count; i++) {
        const struct cert *subject = trust->members[i].cert;
        uint32_t j = trust_first_subject(trust, subject->facts->issuer_hash);
        for (; j != TRUST_NONE; j = trust->members[j].next_subject) {
            const struct cert *issuer = trust->members[j].cert;
            if (trust->signature_count == LOAD_CHECKS_MAX)
                return;
            if (!cert_name_equal(subject->facts->issuer, issuer->facts->subject))
                continue;
            if (trust->signature_count == capacity) {
                capacity = capacity == 0 ? 64 : capacity * 2;
                trust->signatures =
                    xreallocarray(trust->signatures, capacity, sizeof *trust->signatures);
            }
            trust->signatures[trust->signature_count++] = (struct trust_signature){
                .key = signature_key(i, j), .is_good = trust_check_signature(subject, issuer)};
        }
    }
}

/* iis-semantics.md 3.3: the store that names the issuers a client may come from. */
static enum trust_source choose_source(const struct config_site *site, const struct config *config,
                                       const struct stores *stores, struct error_list *errors)
{
    const struct config_trust *settings = &site->trust;
    if (settings->trusted_issuers.is_set) {
        if (stores->trusted_issuers.count > 0)
            return TRUST_SOURCE_TRUSTED_ISSUERS;
        bool deny = config->compat.empty_trusted_issuers_deny;
        if (stores->is_complete)
            errors_warn(errors, settings->trusted_issuers.mark,
                        "the trusted_issuers store of site \"%s\" is bound but empty: %s",
                        site->name, deny ? "every certificate is refused" : "treated as not bound");
        if (deny)
            return TRUST_SOURCE_TRUSTED_ISSUERS;
    }
    if (config->compat.client_auth_issuers_documented && stores->client_auth_issuers.count > 0)
        return TRUST_SOURCE_CLIENT_AUTH_ISSUERS;
    return TRUST_SOURCE_ROOT;
}

static unsigned source_bit(enum trust_source source)
{
    switch (source) {
    case TRUST_SOURCE_TRUSTED_ISSUERS:
        return TRUST_IN_TRUSTED_ISSUERS;
    case TRUST_SOURCE_CLIENT_AUTH_ISSUERS:
        return TRUST_IN_CLIENT_AUTH_ISSUERS;
    case TRUST_SOURCE_ROOT:
        break;
    }
    return TRUST_IN_ROOT;
}

bool trust_may_anchor(enum config_trust_mode mode, const struct cert *cert, bool is_self_signed)
{
    const struct cert_facts *facts = cert->facts;
    if (mode == TRUST_MODE_EXCLUSIVE_CA)
        return facts->is_ca || (is_self_signed && cert_facts_say_nothing(facts));
    return is_self_signed;
}

static bool member_is_anchor(const struct trust *trust, const struct trust_member *member)
{
    bool is_there = trust->mode == TRUST_MODE_MACHINE ? (member->stores & TRUST_IN_ROOT) != 0
                                                      : member->is_issuer;
    return is_there && trust_may_anchor(trust->mode, member->cert, member->is_self_signed);
}

static void classify_members(struct trust *trust)
{
    unsigned source = source_bit(trust->source);
    unsigned pool = TRUST_IN_INTERMEDIATE | TRUST_IN_ROOT;
    if (trust->mode != TRUST_MODE_MACHINE)
        pool |= source;
    trust->misplaced = xcalloc(trust->member_count + 1, sizeof(struct cert *));
    for (size_t i = 0; i < trust->member_count; i++) {
        struct trust_member *member = &trust->members[i];
        member->is_issuer = (member->stores & source) != 0;
        member->is_in_pool = (member->stores & pool) != 0;
        member->is_self_signed = member->cert->facts->same_name_bytes &&
                                 trust_check_signature(member->cert, member->cert);
        member->is_anchor = member_is_anchor(trust, member);
        if ((member->stores & TRUST_IN_ROOT) != 0 && !member->is_self_signed)
            trust->misplaced[trust->misplaced_count++] = member->cert;
    }
    trust->is_root_mixed = trust->misplaced_count > 0;
}

static void load_disallowed(struct trust *trust, const struct store *store)
{
    trust->disallowed = xcalloc(store->count + 1, sizeof *trust->disallowed);
    trust->disallowed_count = store->count;
    for (size_t i = 0; i < store->count; i++)
        memcpy(trust->disallowed[i], store->certs[i]->facts->tbs_sha256, 32);
    qsort(trust->disallowed, store->count, sizeof *trust->disallowed, compare_digests);
}

static void load_policy(struct trust *trust, const struct config_policy *policy,
                        struct error_list *errors)
{
    trust->policy = *policy;
    trust->policy.initial = (struct config_list){0};
    trust->initial_is_any = policy->initial.count == 0;
    trust->initial = xcalloc(policy->initial.count + 1, sizeof(ASN1_OBJECT *));
    for (size_t i = 0; i < policy->initial.count; i++) {
        const struct config_value *item = &policy->initial.items[i];
        ASN1_OBJECT *oid = OBJ_txt2obj(item->text, 1);
        if (oid == NULL) {
            errors_add(errors, item->mark, "\"%s\" is not an object identifier", item->text);
        } else if (OBJ_obj2nid(oid) == NID_any_policy) {
            trust->initial_is_any = true;
            ASN1_OBJECT_free(oid);
        } else {
            trust->initial[trust->initial_count++] = oid;
        }
    }
    ERR_clear_error();
}

/* ---- the epoch ---- */

static void hash_u64(EVP_MD_CTX *hash, uint64_t value)
{
    unsigned char octets[8];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (unsigned char)(value >> (56 - 8 * i));
    EVP_DigestUpdate(hash, octets, sizeof octets);
}

/* Contents, not order or file names: replicas with the same stores agree. */
static void hash_store(EVP_MD_CTX *hash, const struct store *store)
{
    unsigned char(*digests)[32] = xcalloc(store->count + 1, sizeof *digests);
    for (size_t i = 0; i < store->count; i++)
        memcpy(digests[i], store->certs[i]->sha256, 32);
    qsort(digests, store->count, sizeof *digests, compare_digests);
    hash_u64(hash, store->count);
    EVP_DigestUpdate(hash, digests, store->count * sizeof *digests);
    free(digests);
}

static void make_epoch(struct trust *trust, const struct stores *stores,
                       const struct config_site *site, const struct config *config)
{
    const struct config_policy *policy = &site->trust.policy;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    EVP_DigestUpdate(hash, VERDICT_CODE_VERSION, sizeof VERDICT_CODE_VERSION);
    hash_store(hash, &stores->root);
    hash_store(hash, &stores->intermediate);
    hash_store(hash, &stores->trusted_issuers);
    hash_store(hash, &stores->client_auth_issuers);
    hash_store(hash, &stores->disallowed);
    const uint64_t settings[] = {
        trust->mode,
        trust->source,
        trust->root_mix,
        trust->partial_chain,
        trust->weak_allow,
        trust->check_usage,
        trust->check_revocation,
        trust->missing_always,
        site->trust.revocation.freshness_time_ms,
        site->trust.revocation.cached_only,
        policy->require_explicit,
        policy->inhibit_mapping,
        policy->inhibit_any,
        config->compat.large_root_store,
        policy->initial.count,
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        hash_u64(hash, settings[i]);
    for (size_t i = 0; i < policy->initial.count; i++) {
        const char *oid = policy->initial.items[i].text;
        EVP_DigestUpdate(hash, oid, strlen(oid) + 1);
    }
    EVP_DigestFinal_ex(hash, trust->epoch, NULL);
    EVP_MD_CTX_free(hash);
}

/* ---- building ---- */

static void read_stores(struct stores *stores, const struct config_trust *settings,
                        struct error_list *errors)
{
    const struct config_value *file = &settings->password_file;
    const char *problem = NULL;
    char *password = file->text == NULL ? NULL : password_read(file->text, &problem);
    if (problem != NULL) {
        errors_add(errors, file->mark, "cannot read the password file %s: %s", file->text, problem);
        return;
    }
    store_read(stores, &stores->root, &settings->root, password, errors);
    store_read(stores, &stores->intermediate, &settings->intermediate, password, errors);
    store_read(stores, &stores->trusted_issuers, &settings->trusted_issuers, password, errors);
    store_read(stores, &stores->client_auth_issuers, &settings->client_auth_issuers, password,
               errors);
    store_read(stores, &stores->disallowed, &settings->disallowed, password, errors);
    password_free(password);
}

static void clear_stores(struct stores *stores)
{
    store_clear(&stores->root);
    store_clear(&stores->intermediate);
    store_clear(&stores->trusted_issuers);
    store_clear(&stores->client_auth_issuers);
    store_clear(&stores->disallowed);
}

static void fill(struct trust *trust, const struct stores *stores, const struct config_site *site,
                 const struct config *config, struct error_list *errors)
{
    const struct config_trust *settings = &site->trust;
    trust->mode = config->compat.trust_mode_honoured ? settings->mode : TRUST_MODE_MACHINE;
    trust->source = choose_source(site, config, stores, errors);
    bool needs_root = trust->mode == TRUST_MODE_MACHINE || trust->source == TRUST_SOURCE_ROOT;
    if (stores->root.count == 0 && settings->root.is_set && needs_root && stores->is_complete)
        errors_warn(errors, settings->root.mark,
                    "the root store of site \"%s\" is empty: every certificate is refused",
                    site->name);
    trust->root_mix = config->compat.root_mix;
    trust->partial_chain = config->compat.partial_chain == 0x800B010A
                               ? OUTCOME_PARTIAL_CHAIN_CHAINING
                               : OUTCOME_PARTIAL_CHAIN;
    trust->weak_allow = config->compat.weak_allow;
    trust->check_usage = settings->check_usage;

    make_tables(trust, stores->root.count + stores->intermediate.count +
                           stores->trusted_issuers.count + stores->client_auth_issuers.count);
    add_members(trust, &stores->intermediate, TRUST_IN_INTERMEDIATE);
    add_members(trust, &stores->root, TRUST_IN_ROOT);
    add_members(trust, &stores->trusted_issuers, TRUST_IN_TRUSTED_ISSUERS);
    add_members(trust, &stores->client_auth_issuers, TRUST_IN_CLIENT_AUTH_ISSUERS);
    classify_members(trust);
    index_subjects(trust);
    if (config->performance.check_stores_at_load)
        check_signatures(trust);
    load_disallowed(trust, &stores->disallowed);
    load_policy(trust, &settings->policy, errors);
    trust_load_crls(trust, &settings->revocation, errors);
    trust_build_issuer_list(trust, site, config);
    make_epoch(trust, stores, site, config);
    trust->origins = stores->origins;
    trust->origin_count = stores->origin_count;
}

struct trust *trust_new(const struct config_site *site, const struct config *config,
                        struct error_list *errors)
{
    size_t errors_before = errors->errors;
    struct stores stores = {0};
    read_stores(&stores, &site->trust, errors);
    stores.is_complete = errors->errors == errors_before;
    struct trust *trust = xcalloc(1, sizeof *trust);
    fill(trust, &stores, site, config, errors);
    clear_stores(&stores);
    if (errors->errors > errors_before) {
        trust_free(trust);
        return NULL;
    }
    return trust;
}

void trust_free(struct trust *trust)
{
    if (trust == NULL)
        return;
    for (size_t i = 0; i < trust->member_count; i++)
        cert_unref(trust->members[i].cert);
    for (size_t i = 0; i < trust->initial_count; i++)
        ASN1_OBJECT_free(trust->initial[i]);
    for (size_t i = 0; i < trust->origin_count; i++)
        free(trust->origins[i].path);
    crl_index_free(trust->crls);
    free(trust->origins);
    free(trust->members);
    free(trust->by_subject);
    free(trust->by_digest);
    free(trust->signatures);
    free(trust->disallowed);
    free(trust->initial);
    free(trust->misplaced);
    free(trust->issuer_list);
    free(trust);
}

const unsigned char *trust_epoch(const struct trust *trust)
{
    return trust->epoch;
}

struct cert *const *trust_misplaced_roots(const struct trust *trust, size_t *ret_count)
{
    *ret_count = trust->misplaced_count;
    return trust->misplaced;
}
