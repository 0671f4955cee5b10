/* SPDX-License-Identifier: MIT */
#include "cli/init_pki.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/str.h"

#define SERIAL_SIZE 16

/* ---- keys --------------------------------------------------------------------------------- */

static const char *const key_types[] = {
    [INIT_KEY_P256] = "p256",       [INIT_KEY_P384] = "p384",       [INIT_KEY_RSA2048] = "rsa2048",
    [INIT_KEY_RSA4096] = "rsa4096", [INIT_KEY_ED25519] = "ed25519",
};

bool init_key_type_parse(const char *text, enum init_key_type *ret_type)
{
    for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++) {
        if (strcmp(text, key_types[i]) == 0) {
            *ret_type = (enum init_key_type)i;
            return true;
        }
    }
    return false;
}

static EVP_PKEY *make_key(enum init_key_type type)
{
    switch (type) {
    case INIT_KEY_P256:
        return EVP_EC_gen("P-256");
    case INIT_KEY_P384:
        return EVP_EC_gen("P-384");
    case INIT_KEY_RSA2048:
        return EVP_RSA_gen(2048);
    case INIT_KEY_RSA4096:
        return EVP_RSA_gen(4096);
    case INIT_KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

/* RFC 8410: Ed25519 signs what it is given, without a digest before. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

/* ---- alternative names -------------------------------------------------------------------- */

static bool push(GENERAL_NAMES *names, GENERAL_NAME *name)
{
    bool is_added = name != NULL && sk_GENERAL_NAME_push(names, name) > 0;
    if (!is_added)
        GENERAL_NAME_free(name);
    return is_added;
}

/* A user principal name, as Active Directory puts it into certificates. */
static bool add_upn(GENERAL_NAMES *names, const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.4.1.311.20.2.3", 1);
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_UTF8STRING *string = ASN1_UTF8STRING_new();
    bool is_made = name != NULL && type != NULL && value != NULL && string != NULL &&
                   ASN1_STRING_set(string, text, -1) == 1;
    if (is_made) {
        ASN1_TYPE_set(value, V_ASN1_UTF8STRING, string);
        string = NULL;
        is_made = GENERAL_NAME_set0_othername(name, type, value) == 1;
    }
    ASN1_UTF8STRING_free(string);
    if (!is_made) {
        ASN1_TYPE_free(value);
        ASN1_OBJECT_free(type);
        GENERAL_NAME_free(name);
        return false;
    }
    return push(names, name);
}

/* Printable ASCII without blanks: anything else would be another name to somebody. */
static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    return text[0] != '\0';
}

bool init_names_add(GENERAL_NAMES *names, const char *text)
{
    static const struct {
        const char *prefix;
        int type;
    } kinds[] = {{"dns:", GEN_DNS}, {"ip:", GEN_IPADD}, {"email:", GEN_EMAIL}, {"uri:", GEN_URI}};
    if (str_starts_with_icase(str_of(text), STR("upn:")))
        return text[4] != '\0' && add_upn(names, text + 4);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *value = text + strlen(kinds[i].prefix);
        if (str_starts_with_icase(str_of(text), str_of(kinds[i].prefix)))
            return is_plain(value) &&
                   push(names, a2i_GENERAL_NAME(NULL, NULL, NULL, kinds[i].type, value, 0));
    }
    return false;
}

bool init_names_add_host(GENERAL_NAMES *names, const char *host)
{
    unsigned char address[16];
    bool is_ip = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    return is_plain(host) &&
           push(names, a2i_GENERAL_NAME(NULL, NULL, NULL, is_ip ? GEN_IPADD : GEN_DNS, host, 0));
}

/* ---- certificates ------------------------------------------------------------------------- */

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

static bool add_names(X509 *x509, const GENERAL_NAMES *names)
{
    union { /* it is only read */
        const GENERAL_NAMES *given;
        GENERAL_NAMES *wanted;
    } of = {.given = names};
    return names == NULL || sk_GENERAL_NAME_num(names) == 0 ||
           X509_add1_ext_i2d(x509, NID_subject_alt_name, of.wanted, 0, 0) == 1;
}

static bool add_extensions(X509 *x509, X509 *issuer, const struct init_request *request)
{
    bool is_rsa = request->key_type == INIT_KEY_RSA2048 || request->key_type == INIT_KEY_RSA4096;
    const char *constraints = "critical,CA:FALSE";
    const char *usage =
        is_rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature";
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
           add_names(x509, request->names);
}

bool init_identity_make(const struct init_request *request, const struct init_identity *issuer,
                        struct init_identity *ret_identity)
{
    X509 *x509 = X509_new();
    EVP_PKEY *key = make_key(request->key_type);
    *ret_identity = (struct init_identity){x509, key};
    if (x509 == NULL || key == NULL)
        return false;
    if (issuer == NULL)
        issuer = ret_identity;
    return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) &&
           set_name(x509, request->common_name) && set_times(x509, request) &&
           X509_set_issuer_name(x509, X509_get_subject_name(issuer->x509)) == 1 &&
           X509_set_pubkey(x509, key) == 1 && add_extensions(x509, issuer->x509, request) &&
           X509_sign(x509, issuer->key, digest_for(issuer->key)) > 0;
}

/* ---- revocation lists --------------------------------------------------------------------- */

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
static bool add_crl_extensions(X509_CRL *crl, X509 *issuer, int64_t count)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
    X509_EXTENSION *identifier =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool is_added = identifier != NULL && number != NULL &&
                    ASN1_INTEGER_set_int64(number, count) == 1 &&
                    X509_CRL_add_ext(crl, identifier, -1) == 1 &&
                    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;
    X509_EXTENSION_free(identifier);
    ASN1_INTEGER_free(number);
    return is_added;
}

static bool copy_revoked(X509_CRL *crl, const X509_CRL *before)
{
    union { /* OpenSSL sorts what it lists, which changes no entry */
        const X509_CRL *given;
        X509_CRL *wanted;
    } of = {.given = before};
    STACK_OF(X509_REVOKED) *entries = before == NULL ? NULL : X509_CRL_get_REVOKED(of.wanted);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        X509_REVOKED *entry = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));
        if (entry == NULL || X509_CRL_add0_revoked(crl, entry) != 1) {
            X509_REVOKED_free(entry);
            return false;
        }
    }
    return true;
}

static int64_t next_number(const X509_CRL *before)
{
    int64_t count = 0;
    ASN1_INTEGER *number =
        before == NULL ? NULL : X509_CRL_get_ext_d2i(before, NID_crl_number, NULL, NULL);
    if (number != NULL && ASN1_INTEGER_get_int64(&count, number) != 1)
        count = 0;
    ASN1_INTEGER_free(number);
    return count + 1;
}

X509_CRL *init_crl_make(const struct init_identity *issuer, const X509_CRL *before, X509 *revoked,
                        int64_t this_update, int64_t next_update)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)this_update);
    ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)next_update);
    bool is_made =
        crl != NULL && last != NULL && next != NULL &&
        X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1 &&
        X509_CRL_set1_lastUpdate(crl, last) == 1 && X509_CRL_set1_nextUpdate(crl, next) == 1 &&
        add_crl_extensions(crl, issuer->x509, next_number(before)) && copy_revoked(crl, before) &&
        (revoked == NULL || add_revoked(crl, revoked, last)) && X509_CRL_sort(crl) == 1 &&
        X509_CRL_sign(crl, issuer->key, digest_for(issuer->key)) > 0;
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
