/* SPDX-License-Identifier: MIT */
#include "base/cert_bundle.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "base/str.h"

/* Rounds of key derivation: what programs write is 2,000 to 600,000. */
#define ROUNDS_MAX 2000000

/* Certificates that are put in order; stores may hold more, and need none. */
#define ORDERED_MAX 64

static const char armour[] = "-----BEGIN ";

/* ---- collecting --------------------------------------------------------------------------- */

/* Takes the reference over. */
static void add(struct cert_bundle *bundle, X509 *cert)
{
    bundle->certs = xreallocarray(bundle->certs, bundle->count + 1, sizeof(X509 *));
    bundle->certs[bundle->count++] = cert;
}

static void add_all(struct cert_bundle *bundle, const STACK_OF(X509) * certs)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);
        if (X509_up_ref(cert) == 1)
            add(bundle, cert);
    }
}

void cert_bundle_clear(struct cert_bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++)
        X509_free(bundle->certs[i]);
    free(bundle->certs);
    EVP_PKEY_free(bundle->key);
    *bundle = (struct cert_bundle){0};
}

static enum cert_bundle_status fail(struct cert_bundle *bundle, const char *problem)
{
    cert_bundle_clear(bundle);
    bundle->problem = problem;
    return CERT_BUNDLE_FAILED;
}

/* ---- PKCS#7 ------------------------------------------------------------------------------- */

static bool add_pkcs7(struct cert_bundle *bundle, const unsigned char *der, size_t len)
{
    const unsigned char *cursor = der;
    PKCS7 *pkcs7 = d2i_PKCS7(NULL, &cursor, (long)len);
    bool is_read = pkcs7 != NULL && PKCS7_type_is_signed(pkcs7) && pkcs7->d.sign != NULL;
    if (is_read)
        add_all(bundle, pkcs7->d.sign->cert);
    PKCS7_free(pkcs7);
    return is_read;
}

static bool is_pkcs7_name(const char *name)
{
    return strcmp(name, PEM_STRING_PKCS7) == 0 || strcmp(name, PEM_STRING_PKCS7_SIGNED) == 0 ||
           strcmp(name, PEM_STRING_CMS) == 0;
}

static bool add_block(struct cert_bundle *bundle, const char *name, const unsigned char *der,
                      long len, bool *is_bundle)
{
    if (is_pkcs7_name(name)) {
        *is_bundle = true;
        return add_pkcs7(bundle, der, (size_t)len);
    }
    if (strcmp(name, PEM_STRING_X509) != 0 && strcmp(name, PEM_STRING_X509_OLD) != 0)
        return true;
    const unsigned char *cursor = der;
    X509 *cert = d2i_X509(NULL, &cursor, len);
    if (cert != NULL)
        add(bundle, cert);
    return cert != NULL;
}

/* A file of PEM counts as a bundle when one of its blocks is PKCS#7. */
static enum cert_bundle_status read_pem(const char *bytes, size_t len, struct cert_bundle *bundle)
{
    if (memmem(bytes, len, "-----BEGIN PKCS", 15) == NULL &&
        memmem(bytes, len, "-----BEGIN CMS", 14) == NULL)
        return CERT_BUNDLE_NONE;
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    bool is_bundle = false;
    bool is_good = bio != NULL;
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    while (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1) {
        is_good &= add_block(bundle, name, der, der_len, &is_bundle);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)der_len);
    }
    is_good &= ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(bio);
    if (!is_bundle) {
        cert_bundle_clear(bundle);
        return CERT_BUNDLE_NONE;
    }
    return is_good ? CERT_BUNDLE_READ : fail(bundle, "the PKCS#7 file is damaged");
}

/* ---- PKCS#12 ------------------------------------------------------------------------------ */

/* RFC 7292 section 4: the MAC tells whether the password is right, before anything is decrypted. */
static const char *check_mac(PKCS12 *pkcs12)
{
    const ASN1_INTEGER *rounds = NULL;
    const X509_ALGOR *algorithm = NULL;
    if (PKCS12_mac_present(pkcs12) != 1)
        return "the PKCS#12 file has no MAC, so that a password cannot be verified";
    PKCS12_get0_mac(NULL, &algorithm, NULL, &rounds, pkcs12);
    const ASN1_OBJECT *digest = NULL;
    X509_ALGOR_get0(&digest, NULL, NULL, algorithm);
    if (EVP_get_digestbyobj(digest) == NULL)
        return "the MAC of the PKCS#12 file has an algorithm that is not supported";
    int64_t count = 1;
    if (rounds != NULL && (ASN1_INTEGER_get_int64(&count, rounds) != 1 || count < 1))
        return "the PKCS#12 file is damaged";
    return count > ROUNDS_MAX ? "the PKCS#12 file demands too many rounds of key derivation" : NULL;
}

static enum cert_bundle_status unlock(PKCS12 *pkcs12, const char *password,
                                      struct cert_bundle *bundle)
{
    const char *problem = check_mac(pkcs12);
    if (problem != NULL)
        return fail(bundle, problem);
    const char *given = password;
    if (password == NULL && PKCS12_verify_mac(pkcs12, NULL, 0) != 1)
        given = "";
    if (given != NULL && PKCS12_verify_mac(pkcs12, given, (int)strlen(given)) != 1)
        return fail(bundle, password == NULL ? "a PKCS#12 file, and its password is not known "
                                               "(password_file, --password-file)"
                                             : "the password does not open the PKCS#12 file");
    STACK_OF(X509) *others = NULL;
    X509 *cert = NULL;
    bool is_read = PKCS12_parse(pkcs12, given, &bundle->key, &cert, &others) == 1;
    if (cert != NULL)
        add(bundle, cert);
    add_all(bundle, others);
    sk_X509_pop_free(others, X509_free);
    if (is_read)
        return CERT_BUNDLE_READ;
    bool is_old = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_UNSUPPORTED ||
                  ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_EVP;
    return fail(bundle, is_old
                            ? "the PKCS#12 file is encrypted with an algorithm that OpenSSL does "
                              "not offer any more (export it with AES-256)"
                            : "the PKCS#12 file cannot be decrypted");
}

static enum cert_bundle_status read_pkcs12(const char *bytes, size_t len, const char *password,
                                           struct cert_bundle *bundle)
{
    const unsigned char *cursor = (const unsigned char *)bytes;
    PKCS12 *pkcs12 = d2i_PKCS12(NULL, &cursor, (long)len);
    if (pkcs12 == NULL)
        return fail(bundle, "the PKCS#12 file is damaged");
    enum cert_bundle_status status = unlock(pkcs12, password, bundle);
    PKCS12_free(pkcs12);
    return status;
}

/* ---- the order ---------------------------------------------------------------------------- */

static void swap(struct cert_bundle *bundle, size_t a, size_t b)
{
    X509 *cert = bundle->certs[a];
    bundle->certs[a] = bundle->certs[b];
    bundle->certs[b] = cert;
}

static bool is_self_issued(X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

static bool issued_others(const struct cert_bundle *bundle, size_t at)
{
    for (size_t i = 0; i < bundle->count; i++) {
        if (i != at && X509_check_issued(bundle->certs[at], bundle->certs[i]) == X509_V_OK)
            return true;
    }
    return false;
}

static size_t find_first(const struct cert_bundle *bundle, EVP_PKEY *key)
{
    for (size_t i = 0; i < bundle->count && key != NULL; i++) {
        if (X509_check_private_key(bundle->certs[i], key) == 1)
            return i;
    }
    for (size_t i = 0; i < bundle->count; i++) {
        if (!issued_others(bundle, i) && X509_check_ca(bundle->certs[i]) == 0)
            return i;
    }
    for (size_t i = 0; i < bundle->count; i++) {
        if (!issued_others(bundle, i))
            return i;
    }
    return 0;
}

/* PKCS#7 is a set, and PKCS#12 says nothing about an order either. */
static void put_in_order(struct cert_bundle *bundle, EVP_PKEY *key)
{
    if (bundle->count == 0 || bundle->count > ORDERED_MAX)
        return;
    swap(bundle, 0, find_first(bundle, key));
    size_t len = 1;
    for (size_t i = len; i < bundle->count; i++) {
        if (is_self_issued(bundle->certs[len - 1]))
            break;
        if (X509_check_issued(bundle->certs[i], bundle->certs[len - 1]) == X509_V_OK) {
            swap(bundle, len++, i);
            i = len - 1;
        }
    }
    bool has_root = len > 1 && is_self_issued(bundle->certs[len - 1]);
    bundle->chain_len = has_root ? len - 1 : len;
}

/* ---- the file ----------------------------------------------------------------------------- */

/* Where the contents of the outermost SEQUENCE begin; 0: it is none. */
static size_t contents(const unsigned char *der, size_t len)
{
    if (len < 4 || der[0] != 0x30)
        return 0;
    size_t more = der[1] < 0x80 ? 0 : der[1] & 0x7fU;
    return more > 4 || 2 + more >= len ? 0 : 2 + more;
}

static bool is_pkcs7(const unsigned char *der, size_t len)
{
    static const unsigned char signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                0xf7, 0x0d, 0x01, 0x07, 0x02};
    size_t at = contents(der, len);
    return at > 0 && len - at >= sizeof signed_data &&
           memcmp(der + at, signed_data, sizeof signed_data) == 0;
}

static bool is_pkcs12(const unsigned char *der, size_t len)
{
    static const unsigned char version_3[] = {0x02, 0x01, 0x03, 0x30};
    size_t at = contents(der, len);
    return at > 0 && len - at >= sizeof version_3 &&
           memcmp(der + at, version_3, sizeof version_3) == 0;
}

enum cert_bundle_status cert_bundle_read(const char *bytes, size_t len, const char *password,
                                         EVP_PKEY *certificate_of, struct cert_bundle *bundle)
{
    const unsigned char *der = (const unsigned char *)bytes;
    enum cert_bundle_status status = CERT_BUNDLE_NONE;
    ERR_clear_error();
    *bundle = (struct cert_bundle){0};
    if (len > 0 && len <= CERT_BUNDLE_BYTES_MAX &&
        memmem(bytes, len, armour, sizeof armour - 1) != NULL)
        status = read_pem(bytes, len, bundle);
    else if (is_pkcs7(der, len))
        status = len > CERT_BUNDLE_BYTES_MAX   ? fail(bundle, "the PKCS#7 file is too large")
                 : add_pkcs7(bundle, der, len) ? CERT_BUNDLE_READ
                                               : fail(bundle, "the PKCS#7 file is damaged");
    else if (is_pkcs12(der, len))
        status = len > CERT_BUNDLE_BYTES_MAX ? fail(bundle, "the PKCS#12 file is too large")
                                             : read_pkcs12(bytes, len, password, bundle);
    if (status == CERT_BUNDLE_READ)
        put_in_order(bundle, certificate_of != NULL ? certificate_of : bundle->key);
    ERR_clear_error();
    return status;
}

bool cert_bundle_is_hash_link(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    if (digits != 8 || name[8] != '.')
        return false;
    const char *number = name + 9 + (name[9] == 'r');
    size_t len = strspn(number, "0123456789");
    return len > 0 && number[len] == '\0';
}

/* ---- in words ----------------------------------------------------------------------------- */

static bool holds(const char *bytes, size_t len, const char *text)
{
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

static const char *describe_pem(const char *bytes, size_t len)
{
    static const struct {
        const char *mark;
        const char *what;
    } kinds[] = {
        {"BEGIN OPENSSH PRIVATE KEY", "an OpenSSH private key"},
        {"BEGIN PGP ", "an OpenPGP file"},
        {"BEGIN ENCRYPTED PRIVATE KEY", "an encrypted private key"},
        {"PRIVATE KEY-----", "a private key"},
        {"CERTIFICATE REQUEST-----", "a certificate signing request"},
        {"BEGIN X509 CRL", "a certificate revocation list"},
        {"PUBLIC KEY-----", "a public key"},
        {"PARAMETERS-----", "key parameters"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (holds(bytes, len, kinds[i].mark))
            return kinds[i].what;
    }
    return NULL;
}

static const char *describe_der(const char *bytes, size_t len)
{
    const unsigned char *start = (const unsigned char *)bytes;
    const unsigned char *cursor = start;
    const char *what = NULL;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &cursor, (long)len);
    cursor = start;
    X509_REQ *request = d2i_X509_REQ(NULL, &cursor, (long)len);
    cursor = start;
    X509_CRL *crl = d2i_X509_CRL(NULL, &cursor, (long)len);
    cursor = start;
    EVP_PKEY *public_key = d2i_PUBKEY(NULL, &cursor, (long)len);
    if (key != NULL)
        what = "a private key";
    else if (request != NULL)
        what = "a certificate signing request";
    else if (crl != NULL)
        what = "a certificate revocation list";
    else if (public_key != NULL)
        what = "a public key";
    EVP_PKEY_free(key);
    X509_REQ_free(request);
    X509_CRL_free(crl);
    EVP_PKEY_free(public_key);
    return what;
}

const char *cert_bundle_describe(const char *bytes, size_t len)
{
    static const char java[] = "\xfe\xed\xfe\xed";
    const char *what = NULL;
    if (len == 0)
        return "empty";
    if (len > CERT_BUNDLE_BYTES_MAX)
        return NULL;
    struct str text = str_make(bytes, len);
    if (is_pkcs12((const unsigned char *)bytes, len))
        what = "a PKCS#12 file";
    else if (is_pkcs7((const unsigned char *)bytes, len))
        what = "a PKCS#7 file";
    else if (holds(bytes, len, armour))
        what = describe_pem(bytes, len);
    else if (str_starts_with(text, STR("ssh-")) || str_starts_with(text, STR("ecdsa-sha2-")))
        what = "an SSH public key";
    else if (str_starts_with(text, STR("PuTTY-User-Key-File")))
        what = "a PuTTY private key";
    else if (len >= 4 && memcmp(bytes, java, 4) == 0)
        what = "a Java key store (keytool -importkeystore makes a PKCS#12 file of it)";
    else
        what = describe_der(bytes, len);
    ERR_clear_error();
    return what;
}
