/* SPDX-License-Identifier: MIT */
#include "auth/client_cert.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/cert_facts.h"
#include "auth/store_load.h"
#include "base/cert_bundle.h"
#include "base/mem.h"

/* Consumes x509 and der. */
static struct cert *cert_make(X509 *x509, unsigned char *der, size_t der_len)
{
    struct cert *cert = xcalloc(1, sizeof *cert);
    cert->refs = 1;
    cert->x509 = x509;
    cert->der = der;
    cert->der_len = der_len;
    EVP_Digest(der, der_len, cert->sha256, NULL, EVP_sha256(), NULL);
    EVP_Digest(der, der_len, cert->sha1, NULL, EVP_sha1(), NULL);
    /* An unreadable time makes the certificate invalid at every moment. */
    cert->not_before = cert_time(X509_get0_notBefore(x509), INT64_MAX);
    cert->not_after = cert_time(X509_get0_notAfter(x509), INT64_MIN);
    cert->facts = cert_facts_new(x509);
    ERR_clear_error();
    return cert;
}

struct cert *cert_from_der(const unsigned char *der, size_t len)
{
    if (len == 0 || len > LONG_MAX)
        return NULL;
    const unsigned char *cursor = der;
    X509 *x509 = d2i_X509(NULL, &cursor, (long)len);
    if (x509 == NULL || cursor != der + len) {
        X509_free(x509);
        ERR_clear_error();
        return NULL;
    }
    return cert_make(x509, xmemdup(der, len), len);
}

struct cert *cert_from_x509(X509 *x509)
{
    int len = i2d_X509(x509, NULL);
    if (len <= 0 || X509_up_ref(x509) != 1) {
        ERR_clear_error();
        return NULL;
    }
    unsigned char *der = xmalloc((size_t)len);
    unsigned char *cursor = der;
    (void)i2d_X509(x509, &cursor);
    return cert_make(x509, der, (size_t)len);
}

struct cert *cert_ref(struct cert *cert)
{
    cert->refs++;
    return cert;
}

void cert_unref(struct cert *cert)
{
    if (cert == NULL || --cert->refs > 0)
        return;
    cert_facts_free(cert->facts);
    X509_free(cert->x509);
    free(cert->der);
    free(cert);
}

static void list_add(struct cert ***certs, size_t *count, struct cert *cert)
{
    *certs = xreallocarray(*certs, *count + 1, sizeof(struct cert *));
    (*certs)[(*count)++] = cert;
}

/* One PEM block; true when it was a certificate that can be read, or is none. */
static bool list_add_block(const char *name, const unsigned char *der, long len,
                           struct cert ***certs, size_t *count)
{
    struct cert *cert = NULL;
    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0) {
        cert = cert_from_der(der, (size_t)len);
    } else if (strcmp(name, PEM_STRING_X509_TRUSTED) == 0) {
        const unsigned char *cursor = der;
        X509 *x509 = d2i_X509_AUX(NULL, &cursor, len);
        if (x509 != NULL)
            cert = cert_from_x509(x509);
        X509_free(x509);
    } else {
        return true;
    }
    if (cert == NULL)
        return false;
    list_add(certs, count, cert);
    return true;
}

/* blocks: how many the text begins; it has been cut off when it does not end them all. */
static bool list_parse_pem(BIO *bio, size_t blocks, struct cert ***certs, size_t *count)
{
    for (size_t found = 0;; found++) {
        char *name = NULL;
        char *header = NULL;
        unsigned char *der = NULL;
        long len = 0;
        ERR_clear_error();
        /* The end of the input is reported as "no start line"; anything else is damage. */
        if (PEM_read_bio(bio, &name, &header, &der, &len) != 1)
            return found >= blocks && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        bool good = list_add_block(name, der, len, certs, count);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)len);
        if (!good)
            return false;
    }
}

bool cert_list_parse(const char *bytes, size_t len, struct cert ***certs, size_t *count)
{
    if (len == 0)
        return true;
    if (len > INT_MAX)
        return false;
    bool good;
    static const char armour[] = "-----BEGIN ";
    if (memmem(bytes, len, armour, sizeof armour - 1) != NULL) {
        BIO *bio = BIO_new_mem_buf(bytes, (int)len);
        good = bio != NULL && list_parse_pem(bio, store_count_blocks(bytes, len), certs, count);
        BIO_free(bio);
    } else {
        struct cert *cert = cert_from_der((const unsigned char *)bytes, len);
        good = cert != NULL;
        if (good)
            list_add(certs, count, cert);
    }
    ERR_clear_error();
    return good;
}

bool cert_list_read(const char *bytes, size_t len, const char *password, struct cert ***certs,
                    size_t *count, const char **ret_problem)
{
    struct cert_bundle bundle = {0};
    *ret_problem = NULL;
    switch (cert_bundle_read(bytes, len, password, NULL, &bundle)) {
    case CERT_BUNDLE_NONE:
        return cert_list_parse(bytes, len, certs, count);
    case CERT_BUNDLE_READ:
        break;
    case CERT_BUNDLE_FAILED:
        *ret_problem = bundle.problem;
        return false;
    }
    bool is_good = true;
    for (size_t i = 0; i < bundle.count && is_good; i++) {
        struct cert *cert = cert_from_x509(bundle.certs[i]);
        is_good = cert != NULL;
        if (is_good)
            list_add(certs, count, cert);
    }
    cert_bundle_clear(&bundle);
    return is_good;
}
