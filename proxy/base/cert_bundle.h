/* cert_bundle.h - files that hold certificates in another form than PEM or DER: PKCS#7 (.p7b, .p7c;
 * RFC 2315) and PKCS#12 (.p12, .pfx; RFC 7292); and words for what a file is that holds none.
 *
 * The bytes may be anybody's: their size is bounded, and a PKCS#12 file is decrypted only after its
 * integrity was verified with the password, which costs a bounded number of rounds.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_CERT_BUNDLE_H
#define PROXY_BASE_CERT_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/attr.h"

#define CERT_BUNDLE_BYTES_MAX ((size_t)16 << 20)

enum cert_bundle_status {
    CERT_BUNDLE_NONE, /* neither PKCS#7 nor PKCS#12: read it as ever */
    CERT_BUNDLE_READ,
    CERT_BUNDLE_FAILED /* with a reason */
};

struct cert_bundle { /* start from {0} */
    X509 **certs;    /* owned, as are the references; the certificate of the key, or the one that
                        issued none of the others, first, then its issuers, then what is left */
    size_t count;
    size_t chain_len;    /* of the first ones: the chain, without a root */
    EVP_PKEY *key;       /* owned; NULL: none */
    const char *problem; /* static; what CERT_BUNDLE_FAILED is about */
};

/* Reads the bytes of a file, PEM or DER. password: of a PKCS#12 file; NULL: none is known, the
 * empty one is tried. certificate_of: the private key whose certificate is to be the first; NULL:
 * the bundle's own. On CERT_BUNDLE_READ the bundle is the caller's: cert_bundle_clear. */
MUST_USE enum cert_bundle_status cert_bundle_read(const char *bytes, size_t len,
                                                  const char *password, EVP_PKEY *certificate_of,
                                                  struct cert_bundle *bundle);
void cert_bundle_clear(struct cert_bundle *bundle);

/* "0123abcd.0", "0123abcd.r0": `openssl rehash` makes such a second name for each file of a folder.
 */
bool cert_bundle_is_hash_link(const char *name);

/* What a file is that holds no certificate: "a private key", "empty"; NULL: not known. */
const char *cert_bundle_describe(const char *bytes, size_t len);

#endif
