/* client_cert.h - a certificate and its facts, extracted once and shared.
 *
 * Certificates are interned by their DER (cert_table.h): presenting one a thousand times keeps one
 * copy and one parse. Reference-counted, immutable after creation.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CLIENT_CERT_H
#define PROXY_AUTH_CLIENT_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/attr.h"
#include "base/str.h"
#include "base/text.h"

struct cert {
    unsigned refs;
    X509 *x509; /* owned reference */
    unsigned char *der;
    size_t der_len;
    unsigned char sha256[32];
    unsigned char sha1[20];
    int64_t not_before; /* seconds since 1970; INT64_MAX/INT64_MIN when unreadable */
    int64_t not_after;
    struct cert_facts *facts; /* what the chain search needs; private to auth/ */
};

/* DER of exactly one certificate; NULL when it cannot be decoded. The caller owns a reference. */
struct cert *cert_from_der(const unsigned char *der, size_t len);
/* Takes its own reference on x509. */
struct cert *cert_from_x509(X509 *x509);
struct cert *cert_ref(struct cert *cert);
void cert_unref(struct cert *cert); /* NULL is allowed */

/* Every certificate of a file's bytes, PEM (armour other than certificates ignored) or one DER.
 * Appends to *certs (heap array, grown); false when something in it cannot be decoded. */
MUST_USE bool cert_list_parse(const char *bytes, size_t len, struct cert ***certs, size_t *count);

/* The same for PKCS#7 too, and for PKCS#12 with its password (NULL: none is known); the certificate
 * of a key, or the one that issued none of the others, is the first of such a file. On failure
 * *ret_problem is a static reason, or NULL. */
MUST_USE bool cert_list_read(const char *bytes, size_t len, const char *password,
                             struct cert ***certs, size_t *count, const char **ret_problem);

/* RFC 4514, most specific RDN first: "CN=Alice,O=Contoso". */
void cert_subject(const struct cert *cert, struct text *out);
void cert_issuer(const struct cert *cert, struct text *out);
/* The same in UTF-8: what is not ASCII as it is, and not safe for a header or a log. */
void cert_subject_utf8(const struct cert *cert, struct text *out);
void cert_issuer_utf8(const struct cert *cert, struct text *out);
/* IIS order and style: "C=US, O=Contoso, CN=Alice" (iis-semantics.md 6.1, 6.2). arr_quote_single:
 * values with special characters in single instead of double quotes. */
void cert_subject_iis(const struct cert *cert, bool arr_quote_single, struct text *out);
void cert_issuer_iis(const struct cert *cert, bool arr_quote_single, struct text *out);
/* Lower-case hex without leading 00 octets beyond the value's sign octet: as openssl prints it. */
void cert_serial(const struct cert *cert, struct text *out);
/* The URLs at which the certificate says its CRL is (RFC 5280 section 4.2.1.13), in its order, "A
 * or B", escaped and bounded; returns how many were added. */
size_t cert_crl_places(const struct cert *cert, struct text *out);

#endif
