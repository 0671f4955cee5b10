/* cert_facts.h - what the chain search reads of a certificate, extracted once.
 *
 * Private to auth/. Everything here is a property of the one certificate; nothing costs a
 * signature check, because the certificate may come from an attacker and checks are budgeted.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_FACTS_H
#define PROXY_AUTH_CERT_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct cert;
struct text;

struct cert_policy_facts {
    CERTIFICATEPOLICIES *policies; /* owned; NULL: no extension */
    POLICY_MAPPINGS *mappings;     /* owned; NULL: none */
    bool has_any;                  /* anyPolicy is among the policies */
    long require_explicit;         /* skipCerts; -1: absent */
    long inhibit_mapping;
    long inhibit_any;
};

struct cert_facts {
    const X509_NAME *subject; /* borrowed from the X509 */
    const X509_NAME *issuer;
    uint32_t subject_hash; /* over the canonical encoding */
    uint32_t issuer_hash;
    unsigned char tbs_sha256[32];  /* survives a re-encoded or malleable signature */
    unsigned char key_sha256[32];  /* over the SubjectPublicKeyInfo */
    EVP_PKEY *key;                 /* borrowed; NULL: cannot be used */
    unsigned char verified_by[32]; /* the key that its signature was once verified with */
    bool is_verified;       /* ... if any; a fact of the bytes, known later than the others */
    int key_type;           /* EVP_PKEY_base_id, 0 without a key */
    unsigned verify_cost;   /* of one check with this key, in RSA-4096 units */
    int signature_key_type; /* the key type that its own signature needs; 0: unknown */
    bool same_name_bytes;   /* subject and issuer are the same octets */
    bool is_self_issued;    /* the same after canonicalisation (RFC 5280 section 7.1) */
    bool is_version_1;      /* or 2: without extensions */
    bool has_basic_constraints;
    bool is_ca;    /* basicConstraints says so */
    long path_len; /* -1: no limit */
    bool has_key_usage;
    uint32_t key_usage;              /* KU_* bits */
    bool has_usage;                  /* extended key usage, or application policies */
    bool usage_client_auth;          /* ... that take in client authentication */
    POLICY_MAPPINGS *usage_mappings; /* of application policies; owned; NULL: none */
    long usage_explicit;             /* skipCerts of their constraints; -1: absent */
    long usage_inhibit_mapping;
    ASN1_OCTET_STRING *subject_key_id; /* owned; NULL: absent */
    AUTHORITY_KEYID *authority_key_id; /* owned; NULL: absent */
    bool is_weak_key;
    bool is_weak_digest;
    bool is_explicit_curve;
    bool has_unknown_critical;
    uint32_t malformed; /* bits (VERDICT_ERROR_BIT) of extensions that cannot be read */
    NAME_CONSTRAINTS *name_constraints; /* owned; NULL: none */
    size_t constraint_count;
    size_t name_count; /* subject, alternative names and common names */
    bool has_dns_name; /* a dNSName among the alternative names */
    bool has_nul_name; /* a name with an embedded NUL */
    struct cert_policy_facts policy;
    CRL_DIST_POINTS *crl_points; /* owned; NULL: none */
    bool has_revocation_pointer; /* names a CRL or an OCSP responder */
};

struct cert_facts *cert_facts_new(X509 *x509);
void cert_facts_free(struct cert_facts *facts); /* NULL is allowed */

/* Neither that it is a CA nor that it is none. */
static inline bool cert_facts_say_nothing(const struct cert_facts *facts)
{
    return facts->is_version_1 || !facts->has_basic_constraints;
}

/* Hash and comparison of names in RFC 5280 section 7.1 canonical form. */
uint32_t cert_name_hash(const X509_NAME *name);
bool cert_name_equal(const X509_NAME *a, const X509_NAME *b);
/* Adds the name as RFC 4514 writes it. */
void cert_name_text(const X509_NAME *name, struct text *out);

/* Seconds since 1970, or `unreadable`. */
int64_t cert_time(const ASN1_TIME *time, int64_t unreadable);

#endif
