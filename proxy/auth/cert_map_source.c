/* SPDX-License-Identifier: MIT */
#include "auth/cert_map_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/cert_bundle.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config_site.h"

#define CERTIFICATE_FILE_MAX ((size_t)1 << 20)

int cert_map_read_file(const char *path, char *bytes, size_t size, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t len = 0;
    ssize_t got = 1;
    while (len < size && got > 0) {
        got = read(fd, bytes + len, size - len);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            len += (size_t)got;
    }
    int error = got < 0 ? -errno : 0;
    (void)close(fd);
    if (error == 0 && got > 0)
        error = -EFBIG;
    if (error == 0)
        *ret_len = len;
    return error;
}

bool cert_map_parse_digest(struct str hex, unsigned char ret_digest[CERT_MAP_DIGEST_SIZE])
{
    if (hex.len != (size_t)CERT_MAP_DIGEST_SIZE * 2)
        return false;
    unsigned char digest[CERT_MAP_DIGEST_SIZE];
    for (size_t i = 0; i < CERT_MAP_DIGEST_SIZE; i++) {
        int high = ascii_hex_value(hex.ptr[2 * i]);
        int low = ascii_hex_value(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(ret_digest, digest, sizeof digest);
    return true;
}

static bool is_ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The encoding is made anew, as it is for a certificate that a client presents. */
static bool digest_certificate(const X509 *x509, unsigned char ret_digest[CERT_MAP_DIGEST_SIZE])
{
    unsigned len = 0;
    return X509_digest(x509, EVP_sha256(), ret_digest, &len) == 1 && len == CERT_MAP_DIGEST_SIZE;
}

/* Exactly one certificate, nothing behind it. */
static X509 *decode_der(const unsigned char *der, size_t len)
{
    const unsigned char *at = der;
    X509 *x509 = d2i_X509(NULL, &at, (long)len);
    if (x509 != NULL && at != der + len) {
        X509_free(x509);
        x509 = NULL;
    }
    return x509;
}

static X509 *decode_file(const char *bytes, size_t len)
{
    struct cert_bundle bundle = {0};
    if (cert_bundle_read(bytes, len, NULL, NULL, &bundle) == CERT_BUNDLE_READ) {
        X509 *first =
            bundle.count > 0 && X509_up_ref(bundle.certs[0]) == 1 ? bundle.certs[0] : NULL;
        cert_bundle_clear(&bundle);
        return first;
    }
    if (memmem(bytes, len, "-----BEGIN ", 11) == NULL)
        return decode_der((const unsigned char *)bytes, len);
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    X509 *x509 = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return x509;
}

static void add_no_certificate(const struct config_value *certificate, const char *bytes,
                               size_t len, struct error_list *errors)
{
    const char *what = cert_bundle_describe(bytes, len);
    errors_add(errors, certificate->mark,
               "%s holds no certificate, neither PEM nor DER nor PKCS#7%s%s", certificate->text,
               what == NULL ? "" : ": it is ", what == NULL ? "" : what);
}

static enum cert_map_source digest_file(const struct config_value *certificate,
                                        struct error_list *errors,
                                        unsigned char ret_digest[CERT_MAP_DIGEST_SIZE])
{
    char *bytes = xmalloc(CERTIFICATE_FILE_MAX);
    size_t len = 0;
    int error = cert_map_read_file(certificate->text, bytes, CERTIFICATE_FILE_MAX, &len);
    if (error != 0) {
        errors_add(errors, certificate->mark, "cannot read the certificate %s: %s",
                   certificate->text, strerror(-error));
        free(bytes);
        return CERT_MAP_SOURCE_ERROR;
    }
    X509 *x509 = decode_file(bytes, len);
    bool is_ok = x509 != NULL && digest_certificate(x509, ret_digest);
    if (!is_ok)
        add_no_certificate(certificate, bytes, len, errors);
    X509_free(x509);
    free(bytes);
    return is_ok ? CERT_MAP_SOURCE_OK : CERT_MAP_SOURCE_ERROR;
}

static enum cert_map_source digest_hex(const struct config_value *certificate, struct str hex,
                                       struct error_list *errors,
                                       unsigned char ret_digest[CERT_MAP_DIGEST_SIZE])
{
    if (cert_map_parse_digest(hex, ret_digest))
        return CERT_MAP_SOURCE_OK;
    errors_add(
        errors, certificate->mark,
        "sha256: must be followed by the 64 hexadecimal digits of the certificate's SHA-256");
    return CERT_MAP_SOURCE_ERROR;
}

/* What stands between the armour lines, which may have been joined to one line. */
static bool take_armour_off(struct str *text)
{
    const char *begin = memmem(text->ptr, text->len, "-----BEGIN CERTIFICATE-----", 27);
    if (begin == NULL)
        return false;
    struct str rest = str_skip(*text, (size_t)(begin - text->ptr) + 27);
    const char *end = memmem(rest.ptr, rest.len, "-----END CERTIFICATE-----", 25);
    if (end == NULL)
        return false;
    *text = str_make(rest.ptr, (size_t)(end - rest.ptr));
    return true;
}

static X509 *decode_base64(struct str text)
{
    struct text stripped = {0};
    for (size_t i = 0; i < text.len; i++) {
        if (!is_ascii_space(text.ptr[i]))
            text_add_char(&stripped, text.ptr[i]);
    }
    size_t padding = 0;
    while (padding < 2 && padding < stripped.len && stripped.ptr[stripped.len - 1 - padding] == '=')
        padding++;
    X509 *x509 = NULL;
    bool is_plausible = stripped.len > 0 && stripped.len % 4 == 0 &&
                        stripped.len < CERTIFICATE_FILE_MAX &&
                        str_find(text_str(&stripped), '=') >= stripped.len - padding;
    if (is_plausible) {
        unsigned char *der = xmalloc(stripped.len);
        int len = EVP_DecodeBlock(der, (const unsigned char *)stripped.ptr, (int)stripped.len);
        if (len > (int)padding)
            x509 = decode_der(der, (size_t)len - padding);
        free(der);
    }
    text_clear(&stripped);
    return x509;
}

static enum cert_map_source digest_in_place(const struct config_value *certificate,
                                            bool pem_is_malformed, struct error_list *errors,
                                            unsigned char ret_digest[CERT_MAP_DIGEST_SIZE])
{
    struct str text = str_of(certificate->text);
    X509 *x509 = NULL;
    bool is_pem = memmem(text.ptr, text.len, "-----BEGIN", 10) != NULL;
    if (!is_pem) {
        x509 = decode_base64(text);
    } else if (!pem_is_malformed) {
        errors_warn(errors, certificate->mark,
                    "a certificate in place should be bare base64, without PEM armour");
        x509 = take_armour_off(&text) ? decode_base64(text) : NULL;
    }
    bool is_ok = x509 != NULL && digest_certificate(x509, ret_digest);
    X509_free(x509);
    if (is_ok)
        return CERT_MAP_SOURCE_OK;
    errors_warn(
        errors, certificate->mark,
        "the certificate in place cannot be decoded%s: whoever is not matched by an earlier "
        "mapping gets 401.1",
        is_pem && pem_is_malformed ? " (PEM armour, compat.pem_in_mapping malformed)" : "");
    return CERT_MAP_SOURCE_MALFORMED;
}

enum cert_map_source cert_map_source_digest(const struct config_value *certificate,
                                            bool pem_is_malformed, struct error_list *errors,
                                            unsigned char ret_digest[CERT_MAP_DIGEST_SIZE])
{
    struct str text = str_of(certificate->text);
    enum cert_map_source source;
    if (text.len == 0) {
        errors_add(errors, certificate->mark, "a one-to-one mapping needs a certificate");
        source = CERT_MAP_SOURCE_ERROR;
    } else if (str_starts_with(text, STR("sha256:"))) {
        source = digest_hex(certificate, str_skip(text, 7), errors, ret_digest);
    } else if (config_certificate_is_inline(text)) {
        source = digest_in_place(certificate, pem_is_malformed, errors, ret_digest);
    } else {
        source = digest_file(certificate, errors, ret_digest);
    }
    ERR_clear_error();
    return source;
}

static void take_in_place(struct str text, struct cert ***certs, size_t *count)
{
    bool is_pem = memmem(text.ptr, text.len, "-----BEGIN", 10) != NULL;
    X509 *x509 = is_pem && !take_armour_off(&text) ? NULL : decode_base64(text);
    struct cert *cert = x509 == NULL ? NULL : cert_from_x509(x509);
    X509_free(x509);
    if (cert == NULL)
        return;
    *certs = xreallocarray(*certs, *count + 1, sizeof **certs);
    (*certs)[(*count)++] = cert;
}

static void take_file(const char *path, struct cert ***certs, size_t *count)
{
    const char *problem = NULL;
    char *bytes = xmalloc(CERTIFICATE_FILE_MAX);
    size_t len = 0;
    if (cert_map_read_file(path, bytes, CERTIFICATE_FILE_MAX, &len) == 0)
        (void)!cert_list_read(bytes, len, NULL, certs, count, &problem);
    free(bytes);
}

void cert_map_source_certificates(const struct config_value *certificate, struct cert ***certs,
                                  size_t *count)
{
    struct str text = str_of(certificate->text);
    if (config_certificate_is_inline(text) && !str_starts_with(text, STR("sha256:")))
        take_in_place(text, certs, count);
    else if (text.len > 0 && !str_starts_with(text, STR("sha256:")))
        take_file(certificate->text, certs, count);
    ERR_clear_error();
}
