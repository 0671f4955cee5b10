/* init_pki.h - makes the keys, certificates and revocation lists of `init`.
 *
 * ECDSA P-256 with SHA-256 throughout. Every function returns NULL or false when OpenSSL fails; its
 * error queue says why.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_INIT_PKI_H
#define PROXY_CLI_INIT_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "base/attr.h"

struct init_identity { /* start from {0} */
    X509 *x509;
    EVP_PKEY *key;
};

struct init_request {
    const char *common_name;
    bool is_authority;   /* else a leaf with digitalSignature */
    bool has_path_limit; /* an authority that may only issue leaves */
    const char *usage;   /* extended key usage; NULL: none */
    const char *names;   /* subject alternative names as in openssl.cnf; NULL: none */
    int64_t not_before;  /* seconds since 1970 */
    int64_t not_after;
};

/* issuer NULL: signed by itself. The caller clears the identity, also after a failure. */
MUST_USE bool init_identity_make(const struct init_request *request,
                                 const struct init_identity *issuer,
                                 struct init_identity *ret_identity);
void init_identity_clear(struct init_identity *identity);

/* revoked NULL: an empty list. */
X509_CRL *init_crl_make(const struct init_identity *issuer, X509 *revoked, int64_t this_update,
                        int64_t next_update);
/* The key, the certificate and the one that issued it (NULL: itself), for browsers. */
PKCS12 *init_pkcs12_make(const struct init_identity *identity, X509 *issuer, const char *name,
                         const char *password);

#endif
