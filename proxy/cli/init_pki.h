/* init_pki.h - makes the keys, certificates and revocation lists of `init` and `pki`.
 *
 * SHA-256 throughout, but for Ed25519, which needs no digest. Every function returns NULL or false
 * when OpenSSL fails; its error queue says why.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_INIT_PKI_H
#define PROXY_CLI_INIT_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/attr.h"
#include "base/str.h"

enum init_key_type {
    INIT_KEY_P256,
    INIT_KEY_P384,
    INIT_KEY_RSA2048,
    INIT_KEY_RSA4096,
    INIT_KEY_ED25519
};
/* "p256" and so on. */
MUST_USE bool init_key_type_parse(const char *text, enum init_key_type *ret_type);

struct init_identity { /* start from {0} */
    X509 *x509;
    EVP_PKEY *key;
};

struct init_request {
    const char *common_name;
    bool is_authority;   /* else a leaf with digitalSignature */
    bool has_path_limit; /* an authority that may only issue leaves */
    enum init_key_type key_type;
    const char *usage;          /* extended key usage; NULL: none */
    const GENERAL_NAMES *names; /* subject alternative names; NULL: none */
    int64_t not_before;         /* seconds since 1970 */
    int64_t not_after;
};

/* issuer NULL: signed by itself. The caller clears the identity, also after a failure. */
MUST_USE bool init_identity_make(const struct init_request *request,
                                 const struct init_identity *issuer,
                                 struct init_identity *ret_identity);
void init_identity_clear(struct init_identity *identity);

/* Adds an alternative name to the list: "dns:NAME", "ip:ADDRESS", "email:ADDRESS", "uri:URI" or
 * "upn:USER@DOMAIN" (a user principal name, 1.3.6.1.4.1.311.20.2.3). False when it is none. */
MUST_USE bool init_names_add(GENERAL_NAMES *names, const char *text);
/* As dns: or ip:, whichever it looks like. */
MUST_USE bool init_names_add_host(GENERAL_NAMES *names, const char *host);

/* What `before` lists, if it is not NULL, under the next number, and `revoked`, if it is not NULL.
 */
X509_CRL *init_crl_make(const struct init_identity *issuer, const X509_CRL *before, X509 *revoked,
                        int64_t this_update, int64_t next_update);
/* The key, the certificate and the one that issued it (NULL: itself), for browsers. */
PKCS12 *init_pkcs12_make(const struct init_identity *identity, X509 *issuer, const char *name,
                         const char *password);

#endif
