/* SPDX-License-Identifier: MIT */
#include "auth/trust_probe.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "auth/cert_facts.h"
#include "auth/crl_index.h"
#include "auth/trust.h"
#include "auth/verdict_private.h"
#include "base/mem.h"

/* The made-up certificate is valid this long before and after: what ends sooner is another one. */
#define PROBE_SECONDS (INT64_C(30) * 86400)

struct trust_prober {
    const struct trust *trust;
    EVP_PKEY *key; /* of the made-up client */
};

/* ---- the stores ---- */

size_t trust_issuer_count(const struct trust *trust)
{
    return trust->member_count;
}

/* The stores by the number of their bit. */
static const enum cert_store stores[TRUST_STORES] = {
    CERT_STORE_INTERMEDIATE,
    CERT_STORE_ROOT,
    CERT_STORE_TRUSTED_ISSUERS,
    CERT_STORE_CLIENT_AUTH_ISSUERS,
};

void trust_issuer_get(const struct trust *trust, size_t i, struct trust_issuer *ret_issuer)
{
    static const size_t preference[TRUST_STORES] = {1, 2, 0, 3};
    const struct trust_member *member = &trust->members[i];
    const struct cert_facts *facts = member->cert->facts;
    size_t at = 0;
    while (member->origin[preference[at]] == TRUST_NONE)
        at++;
    const struct trust_origin *origin = &trust->origins[member->origin[preference[at]]];
    *ret_issuer = (struct trust_issuer){
        .cert = member->cert,
        .store = stores[preference[at]],
        .mark = origin->mark,
        .path = origin->path,
        .is_listed = member->is_issuer,
        .is_anchor = member->is_anchor,
        .is_self_signed = member->is_self_signed,
        .is_authority = facts->is_ca || (facts->is_version_1 && member->is_self_signed),
        .is_used = member->is_in_pool || member->is_issuer,
    };
}

bool trust_issuer_find(const struct trust *trust, const struct cert *cert,
                       struct trust_issuer *ret_issuer)
{
    uint32_t at = trust_find(trust, cert);
    if (at == TRUST_NONE)
        return false;
    trust_issuer_get(trust, at, ret_issuer);
    return true;
}

bool trust_has_issuer_of(const struct trust *trust, const struct cert *cert)
{
    const struct cert_facts *facts = cert->facts;
    uint32_t i = trust_first_subject(trust, facts->issuer_hash);
    while (i != TRUST_NONE &&
           !cert_name_equal(facts->issuer, trust->members[i].cert->facts->subject))
        i = trust->members[i].next_subject;
    return i != TRUST_NONE;
}

enum config_trust_mode trust_mode(const struct trust *trust)
{
    return trust->mode;
}

bool trust_has_anchor(const struct trust *trust)
{
    size_t i = 0;
    while (i < trust->member_count && !trust->members[i].is_anchor)
        i++;
    return i < trust->member_count;
}

bool trust_mix_refuses_all(const struct trust *trust)
{
    return trust->is_root_mixed && trust->root_mix == ROOT_MIX_STRICT &&
           trust->mode != TRUST_MODE_EXCLUSIVE_CA && trust->source == TRUST_SOURCE_ROOT;
}

/* ---- the made-up certificate ---- */

static void add_policy(CERTIFICATEPOLICIES *policies, const ASN1_OBJECT *oid)
{
    for (int i = 0; i < sk_POLICYINFO_num(policies); i++) {
        if (OBJ_cmp(sk_POLICYINFO_value(policies, i)->policyid, oid) == 0)
            return;
    }
    POLICYINFO *info = POLICYINFO_new();
    ASN1_OBJECT_free(info->policyid);
    info->policyid = OBJ_dup(oid);
    (void)sk_POLICYINFO_push(policies, info);
}

/* Every policy that its issuer or the configuration knows, and any other. */
static void add_policies(X509 *x509, const struct trust *trust, const struct cert *issuer)
{
    const struct cert_policy_facts *facts = &issuer->facts->policy;
    CERTIFICATEPOLICIES *policies = sk_POLICYINFO_new_null();
    for (size_t i = 0; i < trust->initial_count; i++)
        add_policy(policies, trust->initial[i]);
    for (int i = 0; i < sk_POLICYINFO_num(facts->policies); i++)
        add_policy(policies, sk_POLICYINFO_value(facts->policies, i)->policyid);
    for (int i = 0; i < sk_POLICY_MAPPING_num(facts->mappings); i++)
        add_policy(policies, sk_POLICY_MAPPING_value(facts->mappings, i)->subjectDomainPolicy);
    add_policy(policies, OBJ_nid2obj(NID_any_policy));
    (void)X509_add1_ext_i2d(x509, NID_certificate_policies, policies, 0, 0);
    sk_POLICYINFO_pop_free(policies, POLICYINFO_free);
}

static DIST_POINT *any_point(void)
{
    DIST_POINT *point = DIST_POINT_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *uri = ASN1_IA5STRING_new();
    (void)ASN1_STRING_set(uri, "http://crl.invalid/", -1);
    GENERAL_NAME_set0_value(name, GEN_URI, uri);
    point->distpoint = DIST_POINT_NAME_new();
    point->distpoint->type = 0;
    point->distpoint->name.fullname = sk_GENERAL_NAME_new_null();
    (void)sk_GENERAL_NAME_push(point->distpoint->name.fullname, name);
    return point;
}

/* The points whose CRLs are at hand; else one of which none is, if the issuer itself names some. */
static void add_points(X509 *x509, const struct trust *trust, const struct cert *issuer)
{
    const struct cert_facts *facts = issuer->facts;
    CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
    uint32_t position = UINT32_MAX;
    const struct crl *crl;
    while ((crl = crl_index_next(trust->crls, facts->subject, facts->subject_hash, &position)) !=
           NULL) {
        if (crl->idp == NULL || crl->idp->distpoint == NULL || crl->idp->onlyCA > 0)
            continue;
        DIST_POINT *point = DIST_POINT_new();
        point->distpoint = ASN1_item_dup(ASN1_ITEM_rptr(DIST_POINT_NAME), crl->idp->distpoint);
        (void)sk_DIST_POINT_push(points, point);
    }
    if (sk_DIST_POINT_num(points) == 0 && facts->has_revocation_pointer)
        (void)sk_DIST_POINT_push(points, any_point());
    if (sk_DIST_POINT_num(points) > 0)
        (void)X509_add1_ext_i2d(x509, NID_crl_distribution_points, points, 0, 0);
    sk_DIST_POINT_pop_free(points, DIST_POINT_free);
}

static void add_usage(X509 *x509)
{
    EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
    (void)sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(NID_client_auth));
    (void)X509_add1_ext_i2d(x509, NID_ext_key_usage, usage, 0, 0);
    sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
}

/* Its issuer among several of one name. */
static void add_key_id(X509 *x509, const struct cert *issuer)
{
    if (issuer->facts->subject_key_id == NULL)
        return;
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    id->keyid = ASN1_OCTET_STRING_dup(issuer->facts->subject_key_id);
    (void)X509_add1_ext_i2d(x509, NID_authority_key_identifier, id, 0, 0);
    AUTHORITY_KEYID_free(id);
}

/* NULL when it cannot be made. */
static struct cert *make_client(const struct trust_prober *prober, const struct cert *issuer,
                                int64_t now)
{
    X509 *x509 = X509_new();
    X509_NAME *subject = X509_NAME_new();
    uint64_t serial;
    memcpy(&serial, issuer->sha256, sizeof serial); /* one that no CRL lists */
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"client",
                                     -1, -1, 0);
    (void)X509_set_version(x509, X509_VERSION_3);
    (void)ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial | 1);
    (void)X509_set_subject_name(x509, subject);
    (void)X509_set_issuer_name(x509, X509_get_subject_name(issuer->x509));
    (void)ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(now - PROBE_SECONDS));
    (void)ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(now + PROBE_SECONDS));
    (void)X509_set_pubkey(x509, prober->key);
    add_usage(x509);
    add_key_id(x509, issuer);
    add_policies(x509, prober->trust, issuer);
    add_points(x509, prober->trust, issuer);
    struct cert *cert = NULL;
    if (X509_sign(x509, prober->key, EVP_sha256()) > 0)
        cert = cert_from_x509(x509);
    if (cert != NULL) { /* what nobody but the issuer could do is taken for done */
        cert->facts->is_verified = true;
        memcpy(cert->facts->verified_by, issuer->facts->key_sha256,
               sizeof cert->facts->verified_by);
    }
    X509_NAME_free(subject);
    X509_free(x509);
    ERR_clear_error();
    return cert;
}

/* ---- the question ---- */

struct trust_prober *trust_prober_new(const struct trust *trust)
{
    struct trust_prober *prober = xmalloc(sizeof *prober);
    *prober = (struct trust_prober){.trust = trust, .key = EVP_EC_gen("P-256")};
    return prober;
}

void trust_prober_free(struct trust_prober *prober)
{
    if (prober == NULL)
        return;
    EVP_PKEY_free(prober->key);
    free(prober);
}

void trust_probe(const struct trust_prober *prober, struct cert *issuer, int64_t now,
                 struct verdict *ret_verdict)
{
    struct cert *client = prober->key == NULL ? NULL : make_client(prober, issuer, now);
    *ret_verdict = (struct verdict){.outcome = OUTCOME_OK};
    if (client == NULL)
        return;
    struct cert *const presented[] = {client, issuer};
    /* Which names its issuer allows it is not known. */
    const struct chain_assumptions assumed = {
        .certs = {{.cert = client, .mended = VERDICT_ERROR_BIT(OUTCOME_INVALID_NAME)}},
        .count = 1,
    };
    struct chain_pool pool;
    chain_pool_init(&pool, prober->trust, presented, 2);
    pool.assumed = &assumed;
    verdict_judge(&pool, now, ret_verdict);
    chain_pool_clear(&pool);
    cert_unref(client);
}

int64_t trust_crl_end(const struct trust *trust, const X509_NAME *issuer)
{
    int64_t end = INT64_MIN;
    uint32_t position = UINT32_MAX;
    const struct crl *crl;
    while ((crl = crl_index_next(trust->crls, issuer, cert_name_hash(issuer), &position)) != NULL) {
        if (crl->base == NULL && crl->next_update > end)
            end = crl->next_update;
    }
    return end;
}
