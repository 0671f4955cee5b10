/* SPDX-License-Identifier: MIT */
#include "auth/cert_facts.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "auth/cert_usage.h"
#include "auth/name_form.h"
#include "auth/policy.h"
#include "auth/verdict.h"
#include "base/mem.h"

#define EXTENSION_MAX 64

uint32_t cert_name_hash(const X509_NAME *name)
{
    int ok = 0;
    unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, &ok);
    return ok ? (uint32_t)hash : 0;
}

bool cert_name_equal(const X509_NAME *a, const X509_NAME *b)
{
    return X509_NAME_cmp(a, b) == 0;
}

int64_t cert_time(const ASN1_TIME *time, int64_t unreadable)
{
    struct tm tm;
    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return unreadable;
    time_t seconds = timegm(&tm);
    return (int64_t)seconds;
}

/* The extension decoded, or NULL. One that cannot be decoded, or that is there twice (RFC 5280
 * section 4.2), marks the certificate with the outcome that stands for it. */
static void *facts_extension(struct cert_facts *facts, const X509 *x509, int nid,
                             enum outcome if_malformed)
{
    int critical = -1;
    void *value = X509_get_ext_d2i(x509, nid, &critical, NULL);
    if (value == NULL && critical != -1)
        facts->malformed |= VERDICT_ERROR_BIT(if_malformed);
    return value;
}

static void facts_read_names(struct cert_facts *facts, const X509 *x509)
{
    facts->subject = X509_get_subject_name(x509);
    facts->issuer = X509_get_issuer_name(x509);
    facts->subject_hash = cert_name_hash(facts->subject);
    facts->issuer_hash = cert_name_hash(facts->issuer);
    facts->is_self_issued = cert_name_equal(facts->subject, facts->issuer);
    const unsigned char *subject = NULL;
    const unsigned char *issuer = NULL;
    size_t subject_len = 0;
    size_t issuer_len = 0;
    if (X509_NAME_get0_der(facts->subject, &subject, &subject_len) == 1 &&
        X509_NAME_get0_der(facts->issuer, &issuer, &issuer_len) == 1)
        facts->same_name_bytes =
            subject_len == issuer_len && memcmp(subject, issuer, subject_len) == 0;
}

/* Measured with OpenSSL 3.0 in units of about 70 us: P-256 has code of its own, P-384 and P-521
 * take 10, curves over binary fields up to 65. */
static unsigned curve_cost(EVP_PKEY *key, unsigned bits)
{
    char text[64] = "";
    size_t len = 0;
    (void)EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, text, sizeof text, &len);
    if (strcmp(text, SN_X9_62_prime256v1) == 0)
        return 1;
    (void)EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_FIELD_TYPE, text, sizeof text,
                                         &len);
    if (strcmp(text, SN_X9_62_prime_field) != 0)
        return 70;
    if (bits <= 256)
        return 8;
    return bits <= 384 ? 14 : 20;
}

/* Units of an RSA-4096 check with exponent 65537. An attacker chooses keys, so a bound on the
 * number of checks is no bound on time: a long exponent, DSA and the slower curves cost more. */
static unsigned key_cost(EVP_PKEY *key, int type, int bits)
{
    unsigned size = (unsigned)(bits > 0 ? bits : 0);
    unsigned square = (size * size) / (4096u * 4096u) + 1;
    if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS) {
        BIGNUM *e = NULL;
        unsigned exponent = 17;
        if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1)
            exponent = (unsigned)BN_num_bits(e);
        BN_free(e);
        return exponent <= 17 ? square : square * (exponent / 17 + 1);
    }
    if (type == EVP_PKEY_DSA)
        return square * 16;
    if (type == EVP_PKEY_EC)
        return curve_cost(key, size);
    return type == EVP_PKEY_ED25519 ? 2 : 6;
}

static void facts_read_key(struct cert_facts *facts, const X509 *x509)
{
    X509_PUBKEY *pubkey = X509_get_X509_PUBKEY(x509);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(pubkey, &der);
    EVP_Digest(der, len > 0 ? (size_t)len : 0, facts->key_sha256, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);

    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *oid = NULL;
    int parameter_type = V_ASN1_UNDEF;
    (void)X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, pubkey);
    X509_ALGOR_get0(&oid, &parameter_type, NULL, algorithm);
    /* RFC 5480 section 2.1.1: specifiedCurve and implicitCurve MUST NOT be used; made-up curves
     * are how CVE-2020-0601 forged roots. */
    facts->is_explicit_curve =
        OBJ_obj2nid(oid) == NID_X9_62_id_ecPublicKey && parameter_type != V_ASN1_OBJECT;
    facts->key = facts->is_explicit_curve ? NULL : X509_get0_pubkey(x509);
    if (facts->key == NULL)
        return;
    facts->key_type = EVP_PKEY_get_base_id(facts->key);
    int bits = EVP_PKEY_get_bits(facts->key);
    facts->verify_cost = key_cost(facts->key, facts->key_type, bits);
    /* iis-semantics.md 8 #22: RSA below 1024 bits is refused; the others by the same strength. */
    bool is_rsa = facts->key_type == EVP_PKEY_RSA || facts->key_type == EVP_PKEY_RSA_PSS;
    if (is_rsa || facts->key_type == EVP_PKEY_DSA)
        facts->is_weak_key = bits < 1024;
    else if (facts->key_type == EVP_PKEY_EC)
        facts->is_weak_key = bits < 160;
}

static void facts_read_signature(struct cert_facts *facts, X509 *x509)
{
    int digest = NID_undef;
    int key = NID_undef;
    if (X509_get_signature_info(x509, &digest, &key, NULL, NULL) != 1) {
        /* Not known to the library as a pair: MD2 is no longer built in. */
        (void)OBJ_find_sigid_algs(X509_get_signature_nid(x509), &digest, &key);
    }
    facts->is_weak_digest = digest == NID_md5 || digest == NID_md4 || digest == NID_md2;
    facts->signature_key_type = EVP_PKEY_type(key);
    unsigned char *tbs = NULL;
    int len = i2d_re_X509_tbs(x509, &tbs);
    EVP_Digest(tbs, len > 0 ? (size_t)len : 0, facts->tbs_sha256, NULL, EVP_sha256(), NULL);
    OPENSSL_free(tbs);
}

static void facts_read_constraints(struct cert_facts *facts, const X509 *x509)
{
    facts->is_version_1 = X509_get_version(x509) < X509_VERSION_3;
    facts->path_len = -1;
    BASIC_CONSTRAINTS *basic =
        facts_extension(facts, x509, NID_basic_constraints, OUTCOME_BASIC_CONSTRAINTS);
    facts->has_basic_constraints = X509_get_ext_by_NID(x509, NID_basic_constraints, -1) >= 0;
    if (basic != NULL) {
        facts->is_ca = basic->ca != 0;
        if (basic->pathlen != NULL) {
            bool negative = ASN1_STRING_type(basic->pathlen) == V_ASN1_NEG_INTEGER;
            long value = ASN1_INTEGER_get(basic->pathlen);
            if (negative)
                facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_BASIC_CONSTRAINTS);
            else if (value >= 0) /* -1: larger than a long, so no limit */
                facts->path_len = value;
        }
    }
    BASIC_CONSTRAINTS_free(basic);
}

static void facts_read_usage(struct cert_facts *facts, const X509 *x509)
{
    ASN1_BIT_STRING *usage = facts_extension(facts, x509, NID_key_usage, OUTCOME_WRONG_USAGE);
    if (usage != NULL) {
        facts->has_key_usage = true;
        if (usage->length > 0)
            facts->key_usage = usage->data[0];
        if (usage->length > 1)
            facts->key_usage |= (uint32_t)usage->data[1] << 8;
    }
    ASN1_BIT_STRING_free(usage);
    cert_usage_read(facts, x509);
}

static bool string_has_nul(const ASN1_STRING *value)
{
    int len = ASN1_STRING_length(value);
    if (len <= 0)
        return false;
    /* Two- and four-octet strings have zero octets in every Latin character. */
    int type = ASN1_STRING_type(value);
    if (type == V_ASN1_BMPSTRING || type == V_ASN1_UNIVERSALSTRING) {
        unsigned char *utf8 = NULL;
        int utf8_len = ASN1_STRING_to_UTF8(&utf8, value);
        bool found = utf8_len < 0 || memchr(utf8, 0, (size_t)utf8_len) != NULL;
        OPENSSL_free(utf8);
        return found;
    }
    return memchr(ASN1_STRING_get0_data(value), 0, (size_t)len) != NULL;
}

static void facts_read_general_names(struct cert_facts *facts, const X509 *x509)
{
    for (int i = 0; i < X509_NAME_entry_count(facts->subject); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(facts->subject, i);
        facts->has_nul_name |= string_has_nul(X509_NAME_ENTRY_get_data(entry));
        facts->name_count++;
    }
    GENERAL_NAMES *names = facts_extension(facts, x509, NID_subject_alt_name, OUTCOME_INVALID_NAME);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = 0;
        const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        facts->has_dns_name |= type == GEN_DNS;
        if (type == GEN_DNS || type == GEN_EMAIL || type == GEN_URI)
            facts->has_nul_name |= string_has_nul(value);
        facts->name_count++;
    }
    GENERAL_NAMES_free(names);

    facts->name_constraints =
        facts_extension(facts, x509, NID_name_constraints, OUTCOME_INVALID_NAME);
    if (facts->name_constraints != NULL) {
        int permitted = sk_GENERAL_SUBTREE_num(facts->name_constraints->permittedSubtrees);
        int excluded = sk_GENERAL_SUBTREE_num(facts->name_constraints->excludedSubtrees);
        if (!name_constraints_are_sound(facts->name_constraints))
            facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_INVALID_NAME);
        facts->constraint_count = (size_t)(permitted > 0 ? permitted : 0);
        facts->constraint_count += (size_t)(excluded > 0 ? excluded : 0);
    }
}

/* A skipCerts value: absent is -1; one too large for a long never takes effect either. */
static long skip_certs(struct cert_facts *facts, const ASN1_INTEGER *value)
{
    if (value == NULL)
        return -1;
    if (ASN1_STRING_type(value) == V_ASN1_NEG_INTEGER) {
        facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_INVALID_POLICY);
        return -1;
    }
    return ASN1_INTEGER_get(value);
}

/* RFC 5280 section 4.2.1.4: whoever cannot interpret a qualifier of a critical extension MUST
 * reject the certificate. */
static bool has_unknown_qualifier(const CERTIFICATEPOLICIES *policies)
{
    for (int i = 0; i < sk_POLICYINFO_num(policies); i++) {
        const STACK_OF(POLICYQUALINFO) *qualifiers = sk_POLICYINFO_value(policies, i)->qualifiers;
        for (int j = 0; j < sk_POLICYQUALINFO_num(qualifiers); j++) {
            int nid = OBJ_obj2nid(sk_POLICYQUALINFO_value(qualifiers, j)->pqualid);
            if (nid != NID_id_qt_cps && nid != NID_id_qt_unotice)
                return true;
        }
    }
    return false;
}

static bool is_critical(const X509 *x509, int nid)
{
    X509_EXTENSION *extension = X509_get_ext(x509, X509_get_ext_by_NID(x509, nid, -1));
    return extension != NULL && X509_EXTENSION_get_critical(extension) != 0;
}

static void facts_read_policy(struct cert_facts *facts, const X509 *x509)
{
    struct cert_policy_facts *policy = &facts->policy;
    policy->policies =
        facts_extension(facts, x509, NID_certificate_policies, OUTCOME_INVALID_POLICY);
    facts->has_unknown_critical |=
        is_critical(x509, NID_certificate_policies) && has_unknown_qualifier(policy->policies);
    policy->mappings = facts_extension(facts, x509, NID_policy_mappings, OUTCOME_INVALID_POLICY);
    if (sk_POLICYINFO_num(policy->policies) > POLICY_MAX ||
        sk_POLICY_MAPPING_num(policy->mappings) > POLICY_MAX) {
        facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_INVALID_POLICY);
        return;
    }
    for (int i = 0; i < sk_POLICYINFO_num(policy->policies); i++) {
        const ASN1_OBJECT *oid = sk_POLICYINFO_value(policy->policies, i)->policyid;
        policy->has_any |= OBJ_obj2nid(oid) == NID_any_policy;
        /* RFC 5280 section 4.2.1.4: no policy more than once */
        for (int j = 0; j < i; j++) {
            if (OBJ_cmp(sk_POLICYINFO_value(policy->policies, j)->policyid, oid) == 0)
                facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_INVALID_POLICY);
        }
    }
    for (int i = 0; i < sk_POLICY_MAPPING_num(policy->mappings); i++) {
        const POLICY_MAPPING *pair = sk_POLICY_MAPPING_value(policy->mappings, i);
        /* RFC 5280 section 6.1.4 (a): anyPolicy in a mapping makes the path invalid. */
        if (OBJ_obj2nid(pair->issuerDomainPolicy) == NID_any_policy ||
            OBJ_obj2nid(pair->subjectDomainPolicy) == NID_any_policy)
            facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_INVALID_POLICY);
    }
    POLICY_CONSTRAINTS *constraints =
        facts_extension(facts, x509, NID_policy_constraints, OUTCOME_INVALID_POLICY);
    ASN1_INTEGER *inhibit_any =
        facts_extension(facts, x509, NID_inhibit_any_policy, OUTCOME_INVALID_POLICY);
    policy->require_explicit =
        skip_certs(facts, constraints == NULL ? NULL : constraints->requireExplicitPolicy);
    policy->inhibit_mapping =
        skip_certs(facts, constraints == NULL ? NULL : constraints->inhibitPolicyMapping);
    policy->inhibit_any = skip_certs(facts, inhibit_any);
    POLICY_CONSTRAINTS_free(constraints);
    ASN1_INTEGER_free(inhibit_any);
}

/* Reasons as bits, and a name relative to the CRL's issuer made whole (RFC 5280 section
 * 4.2.1.13: the cRLIssuer if there is one, else the certificate's issuer). */
static void facts_complete_point(const struct cert_facts *facts, DIST_POINT *point)
{
    point->dp_reasons = CRLDP_ALL_REASONS;
    if (point->reasons != NULL) {
        unsigned reasons = point->reasons->length > 0 ? point->reasons->data[0] : 0;
        if (point->reasons->length > 1)
            reasons |= (unsigned)point->reasons->data[1] << 8;
        point->dp_reasons = (int)(reasons & CRLDP_ALL_REASONS);
    }
    if (point->distpoint == NULL)
        return;
    const X509_NAME *base = facts->issuer;
    for (int i = 0; i < sk_GENERAL_NAME_num(point->CRLissuer); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->CRLissuer, i);
        if (name->type == GEN_DIRNAME)
            base = name->d.directoryName;
    }
    (void)DIST_POINT_set_dpname(point->distpoint, base);
}

static void facts_read_pointers(struct cert_facts *facts, const X509 *x509)
{
    facts->crl_points =
        facts_extension(facts, x509, NID_crl_distribution_points, OUTCOME_CRITICAL_EXTENSION);
    facts->has_revocation_pointer = sk_DIST_POINT_num(facts->crl_points) > 0;
    for (int i = 0; i < sk_DIST_POINT_num(facts->crl_points); i++)
        facts_complete_point(facts, sk_DIST_POINT_value(facts->crl_points, i));
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(x509, NID_info_access, NULL, NULL);
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++) {
        const ACCESS_DESCRIPTION *item = sk_ACCESS_DESCRIPTION_value(access, i);
        facts->has_revocation_pointer |= OBJ_obj2nid(item->method) == NID_ad_OCSP;
    }
    AUTHORITY_INFO_ACCESS_free(access);
    facts->subject_key_id = X509_get_ext_d2i(x509, NID_subject_key_identifier, NULL, NULL);
    facts->authority_key_id = X509_get_ext_d2i(x509, NID_authority_key_identifier, NULL, NULL);
}

/* The extensions this program processes. RFC 5280 section 4.2: any other that is critical, and
 * any that occurs twice, makes the certificate unusable. */
static bool extension_is_known(int nid)
{
    static const int known[] = {
        NID_basic_constraints,       NID_key_usage,          NID_ext_key_usage,
        NID_subject_alt_name,        NID_name_constraints,   NID_certificate_policies,
        NID_policy_mappings,         NID_policy_constraints, NID_inhibit_any_policy,
        NID_crl_distribution_points,
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i] == nid)
            return true;
    }
    return false;
}

static void facts_read_critical(struct cert_facts *facts, const X509 *x509)
{
    int count = X509_get_ext_count(x509);
    if (count > EXTENSION_MAX) { /* the search for doubles is quadratic */
        facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_CRITICAL_EXTENSION);
        return;
    }
    for (int i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(extension);
        bool is_critical = X509_EXTENSION_get_critical(extension) != 0;
        if (is_critical && !extension_is_known(OBJ_obj2nid(oid)) &&
            !cert_usage_processes(extension))
            facts->has_unknown_critical = true;
        if (X509_get_ext_by_OBJ(x509, oid, i) >= 0)
            facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_CRITICAL_EXTENSION);
    }
}

struct cert_facts *cert_facts_new(X509 *x509)
{
    struct cert_facts *facts = xcalloc(1, sizeof *facts);
    facts_read_names(facts, x509);
    facts_read_key(facts, x509);
    facts_read_signature(facts, x509);
    facts_read_constraints(facts, x509);
    facts_read_usage(facts, x509);
    facts_read_general_names(facts, x509);
    facts_read_policy(facts, x509);
    facts_read_pointers(facts, x509);
    facts_read_critical(facts, x509);
    ERR_clear_error();
    return facts;
}

void cert_facts_free(struct cert_facts *facts)
{
    if (facts == NULL)
        return;
    ASN1_OCTET_STRING_free(facts->subject_key_id);
    AUTHORITY_KEYID_free(facts->authority_key_id);
    NAME_CONSTRAINTS_free(facts->name_constraints);
    CERTIFICATEPOLICIES_free(facts->policy.policies);
    sk_POLICY_MAPPING_pop_free(facts->policy.mappings, POLICY_MAPPING_free);
    sk_POLICY_MAPPING_pop_free(facts->usage_mappings, POLICY_MAPPING_free);
    CRL_DIST_POINTS_free(facts->crl_points);
    free(facts);
}
