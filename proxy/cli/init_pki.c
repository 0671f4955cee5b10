/* SPDX-License-Identifier: MIT */
#include "cli/init_pki.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define SERIAL_SIZE 16

void init_identity_clear(struct init_identity *identity)
{
    X509_free(identity->x509);
    EVP_PKEY_free(identity->key);
    *identity = (struct init_identity){0};
}

/* RFC 5280 section 4.1.2.2: positive, at most 20 octets; 126 bits of it are random. */
static bool set_serial(X509 *x509)
{
    unsigned char bytes[SERIAL_SIZE];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool is_set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
    BN_free(number);
    return is_set;
}

static bool set_name(X509 *x509, const char *common_name)
{
    static const char *const types[] = {"C", "O"};
    static const char *const values[] = {"US", "Contoso"};
    X509_NAME *name = X509_get_subject_name(x509);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (X509_NAME_add_entry_by_txt(name, types[i], MBSTRING_ASC,
                                       (const unsigned char *)values[i], -1, -1, 0) != 1)
            return false;
    }
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

static bool set_times(X509 *x509, const struct init_request *request)
{
    /* UTCTime up to 2049, GeneralizedTime from then on: RFC 5280 section 4.1.2.5. */
    return ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)request->not_before) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)request->not_after) != NULL;
}

/* A NULL value adds nothing. */
static bool add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    if (value == NULL)
        return true;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool is_added = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool add_extensions(X509 *x509, X509 *issuer, const struct init_request *request)
{
    const char *constraints = "critical,CA:FALSE";
    const char *usage = "critical,digitalSignature";
    if (request->is_authority) {
        constraints = request->has_path_limit ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE";
        usage = "critical,keyCertSign,cRLSign";
    }
    /* The subject's identifier first: a certificate signed by itself refers to it. */
    return add_extension(x509, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(x509, issuer, NID_authority_key_identifier, "keyid:always") &&
           add_extension(x509, issuer, NID_basic_constraints, constraints) &&
           add_extension(x509, issuer, NID_key_usage, usage) &&
           add_extension(x509, issuer, NID_ext_key_usage, request->usage) &&
           add_extension(x509, issuer, NID_subject_alt_name, request->names);
}

bool init_identity_make(const struct init_request *request, const struct init_identity *issuer,
                        struct init_identity *ret_identity)
{
    X509 *x509 = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    *ret_identity = (struct init_identity){x509, key};
    if (x509 == NULL || key == NULL)
        return false;
    if (issuer == NULL)
        issuer = ret_identity;
    return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) &&
           set_name(x509, request->common_name) && set_times(x509, request) &&
           X509_set_issuer_name(x509, X509_get_subject_name(issuer->x509)) == 1 &&
           X509_set_pubkey(x509, key) == 1 && add_extensions(x509, issuer->x509, request) &&
           X509_sign(x509, issuer->key, EVP_sha256()) > 0;
}

static bool add_revoked(X509_CRL *crl, X509 *x509, ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    bool is_added = entry != NULL && reason != NULL &&
                    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x509)) == 1 &&
                    X509_REVOKED_set_revocationDate(entry, when) == 1 &&
                    ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE) == 1 &&
                    X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) == 1 &&
                    X509_CRL_add0_revoked(crl, entry) == 1;
    ASN1_ENUMERATED_free(reason);
    if (!is_added)
        X509_REVOKED_free(entry);
    return is_added;
}

/* RFC 5280 section 5.2: the issuer's key identifier and a number are what a list must have. */
static bool add_crl_extensions(X509_CRL *crl, X509 *issuer)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
    X509_EXTENSION *identifier =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool is_added = identifier != NULL && number != NULL && ASN1_INTEGER_set(number, 1) == 1 &&
                    X509_CRL_add_ext(crl, identifier, -1) == 1 &&
                    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;
    X509_EXTENSION_free(identifier);
    ASN1_INTEGER_free(number);
    return is_added;
}

X509_CRL *init_crl_make(const struct init_identity *issuer, X509 *revoked, int64_t this_update,
                        int64_t next_update)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)this_update);
    ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)next_update);
    bool is_made = crl != NULL && last != NULL && next != NULL &&
                   X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
                   X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1 &&
                   X509_CRL_set1_lastUpdate(crl, last) == 1 &&
                   X509_CRL_set1_nextUpdate(crl, next) == 1 &&
                   add_crl_extensions(crl, issuer->x509) &&
                   (revoked == NULL || add_revoked(crl, revoked, last)) &&
                   X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0;
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    if (is_made)
        return crl;
    X509_CRL_free(crl);
    return NULL;
}

PKCS12 *init_pkcs12_make(const struct init_identity *identity, X509 *issuer, const char *name,
                         const char *password)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    PKCS12 *pkcs12 = NULL;
    if (chain != NULL && (issuer == NULL || sk_X509_push(chain, issuer) > 0))
        pkcs12 = PKCS12_create(password, name, identity->key, identity->x509, chain, 0, 0, 0, 0, 0);
    sk_X509_free(chain);
    return pkcs12;
}
