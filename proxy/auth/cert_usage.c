/* SPDX-License-Identifier: MIT */
#include "auth/cert_usage.h"

#include <string.h>

#include "auth/cert_facts.h"
#include "auth/der.h"
#include "auth/policy.h"
#include "auth/verdict.h"

/* The contents of the OIDs; older libraries have no numbers for them. */
#define MICROSOFT 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37
static const unsigned char any_application_policy[] = {MICROSOFT, 0x0a, 0x0c, 0x01};
static const unsigned char extension_oids[][9] = {
    [MS_APPLICATION_POLICIES] = {MICROSOFT, 0x15, 0x0a},
    [MS_APPLICATION_MAPPINGS] = {MICROSOFT, 0x15, 0x0b},
    [MS_APPLICATION_CONSTRAINTS] = {MICROSOFT, 0x15, 0x0c},
    [MS_TEMPLATE] = {MICROSOFT, 0x15, 0x07},
    [MS_TEMPLATE_NAME] = {MICROSOFT, 0x14, 0x02},
    [MS_CA_VERSION] = {MICROSOFT, 0x15, 0x01},
    [MS_PREVIOUS_HASH] = {MICROSOFT, 0x15, 0x02},
};
#define EXTENSIONS (sizeof extension_oids / sizeof *extension_oids)

static bool is_oid(const ASN1_OBJECT *oid, const unsigned char *octets, size_t len)
{
    return OBJ_length(oid) == len && memcmp(OBJ_get0_data(oid), octets, len) == 0;
}

static enum ms_extension kind_of(X509_EXTENSION *extension)
{
    const ASN1_OBJECT *oid = X509_EXTENSION_get_object(extension);
    for (size_t i = MS_APPLICATION_POLICIES; i < EXTENSIONS; i++) {
        if (is_oid(oid, extension_oids[i], sizeof extension_oids[i]))
            return (enum ms_extension)i;
    }
    return MS_NONE;
}

static struct der octets_of(X509_EXTENSION *extension)
{
    const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data(extension);
    return (struct der){ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets)};
}

/* One element of this type and nothing behind it. */
static bool is_one(struct der octets, int tag)
{
    struct der_item item;
    return der_take(&octets, tag, &item) && octets.len == 0;
}

/* CertificateTemplate: an OID and up to two numbers. */
static bool is_template(struct der octets)
{
    struct der_item item;
    if (!der_take(&octets, V_ASN1_SEQUENCE, &item) || octets.len != 0)
        return false;
    struct der rest = item.value;
    if (!der_take(&rest, V_ASN1_OBJECT, &item))
        return false;
    for (int i = 0; i < 2; i++) /* major and minor version */
        (void)der_take(&rest, V_ASN1_INTEGER, &item);
    return rest.len == 0;
}

bool cert_usage_processes(X509_EXTENSION *extension)
{
    struct der octets = octets_of(extension);
    switch (kind_of(extension)) {
    case MS_APPLICATION_POLICIES: /* when they cannot be read the certificate is malformed */
    case MS_APPLICATION_MAPPINGS:
    case MS_APPLICATION_CONSTRAINTS:
        return true;
    case MS_TEMPLATE:
        return is_template(octets);
    case MS_TEMPLATE_NAME:
        return is_one(octets, V_ASN1_BMPSTRING);
    case MS_CA_VERSION:
        return is_one(octets, V_ASN1_INTEGER);
    case MS_PREVIOUS_HASH:
        return is_one(octets, V_ASN1_OCTET_STRING);
    case MS_NONE:
        break;
    }
    return false;
}

/* The first one; a second makes the certificate malformed anyhow. */
static X509_EXTENSION *find(const X509 *x509, enum ms_extension wanted)
{
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);
        if (kind_of(extension) == wanted)
            return extension;
    }
    return NULL;
}

/* NULL when there is none, and then or when it cannot be decoded *ret_is_bad tells which. */
static void *decode(const X509 *x509, enum ms_extension wanted, const ASN1_ITEM *type,
                    bool *ret_is_bad)
{
    X509_EXTENSION *extension = find(x509, wanted);
    if (extension == NULL)
        return NULL;
    struct der octets = octets_of(extension);
    const unsigned char *cursor = octets.ptr;
    ASN1_VALUE *value = ASN1_item_d2i(NULL, &cursor, (long)octets.len, type);
    if (value != NULL && cursor != octets.ptr + octets.len) {
        ASN1_item_free(value, type);
        value = NULL;
    }
    *ret_is_bad = value == NULL;
    return value;
}

bool cert_usage_is_any(const ASN1_OBJECT *purpose)
{
    return OBJ_obj2nid(purpose) == NID_anyExtendedKeyUsage ||
           is_oid(purpose, any_application_policy, sizeof any_application_policy);
}

static bool is_one_of(const ASN1_OBJECT *purpose, ASN1_OBJECT *const *purposes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (OBJ_cmp(purpose, purposes[i]) == 0)
            return true;
    }
    return cert_usage_is_any(purpose);
}

struct usage {
    CERTIFICATEPOLICIES *policies; /* application policies, which count alone if they are there */
    EXTENDED_KEY_USAGE *eku;
    bool is_bad;
};

static struct usage usage_read(const X509 *x509)
{
    struct usage usage = {0};
    usage.policies =
        decode(x509, MS_APPLICATION_POLICIES, ASN1_ITEM_rptr(CERTIFICATEPOLICIES), &usage.is_bad);
    int critical = -1;
    usage.eku = X509_get_ext_d2i(x509, NID_ext_key_usage, &critical, NULL);
    usage.is_bad |= usage.eku == NULL && critical != -1;
    return usage;
}

static void usage_clear(struct usage *usage)
{
    CERTIFICATEPOLICIES_free(usage->policies);
    EXTENDED_KEY_USAGE_free(usage->eku);
}

static bool usage_allows(const struct usage *usage, ASN1_OBJECT *const *purposes, size_t count)
{
    if (usage->policies == NULL && usage->eku == NULL)
        return true;
    if (usage->policies == NULL) {
        for (int i = 0; i < sk_ASN1_OBJECT_num(usage->eku); i++) {
            if (is_one_of(sk_ASN1_OBJECT_value(usage->eku, i), purposes, count))
                return true;
        }
        return false;
    }
    for (int i = 0; i < sk_POLICYINFO_num(usage->policies); i++) {
        if (is_one_of(sk_POLICYINFO_value(usage->policies, i)->policyid, purposes, count))
            return true;
    }
    return false;
}

bool cert_usage_allows(const X509 *x509, ASN1_OBJECT *const *purposes, size_t count)
{
    struct usage usage = usage_read(x509);
    bool allows = !usage.is_bad && usage_allows(&usage, purposes, count);
    usage_clear(&usage);
    return allows;
}

/* -1: absent, or too large ever to take effect. */
static long skip_certs(const ASN1_INTEGER *value, bool *is_bad)
{
    if (value == NULL)
        return -1;
    *is_bad |= ASN1_STRING_type(value) == V_ASN1_NEG_INTEGER;
    return ASN1_INTEGER_get(value);
}

static void read_mappings(struct cert_facts *facts, const X509 *x509, bool *is_bad)
{
    POLICY_MAPPINGS *mappings =
        decode(x509, MS_APPLICATION_MAPPINGS, ASN1_ITEM_rptr(POLICY_MAPPINGS), is_bad);
    facts->usage_mappings = mappings;
    *is_bad |= sk_POLICY_MAPPING_num(mappings) > POLICY_MAX;
    /* As RFC 5280 section 6.1.4 (a) has it for certificate policies. */
    for (int i = 0; i < sk_POLICY_MAPPING_num(mappings); i++) {
        const POLICY_MAPPING *pair = sk_POLICY_MAPPING_value(mappings, i);
        *is_bad |= cert_usage_is_any(pair->issuerDomainPolicy) ||
                   cert_usage_is_any(pair->subjectDomainPolicy);
    }
}

static void read_constraints(struct cert_facts *facts, const X509 *x509, bool *is_bad)
{
    POLICY_CONSTRAINTS *constraints =
        decode(x509, MS_APPLICATION_CONSTRAINTS, ASN1_ITEM_rptr(POLICY_CONSTRAINTS), is_bad);
    facts->usage_explicit =
        skip_certs(constraints == NULL ? NULL : constraints->requireExplicitPolicy, is_bad);
    facts->usage_inhibit_mapping =
        skip_certs(constraints == NULL ? NULL : constraints->inhibitPolicyMapping, is_bad);
    POLICY_CONSTRAINTS_free(constraints);
}

void cert_usage_read(struct cert_facts *facts, const X509 *x509)
{
    ASN1_OBJECT *const client_auth[] = {OBJ_nid2obj(NID_client_auth)};
    struct usage usage = usage_read(x509);
    facts->has_usage = usage.policies != NULL || usage.eku != NULL;
    facts->usage_client_auth = facts->has_usage && usage_allows(&usage, client_auth, 1);
    if (usage.is_bad)
        facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_WRONG_USAGE);
    usage_clear(&usage);
    bool is_bad = false;
    read_mappings(facts, x509, &is_bad);
    read_constraints(facts, x509, &is_bad);
    if (is_bad)
        facts->malformed |= VERDICT_ERROR_BIT(OUTCOME_INVALID_POLICY);
}
