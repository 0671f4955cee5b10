/* init_write.h - certificates, keys and lists as files of a tree.
 *
 * Every function returns 0, a negative errno, or INIT_CRYPTO_FAILED with the reason in OpenSSL's
 * error queue; the writer remembers what it was about.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_INIT_WRITE_H
#define PROXY_CLI_INIT_WRITE_H

#include "base/attr.h"
#include "cli/init_pki.h"
#include "cli/init_tree.h"

#define INIT_PKCS12_PASSWORD "mtls-proxy"

enum { INIT_CRYPTO_FAILED = 1 };

struct init_writer {
    struct init_tree *tree;
    const char *name; /* what is being made, for messages; borrowed */
};

/* second NULL: only the first. */
MUST_USE int init_write_certificates(struct init_writer *writer, const char *name, X509 *first,
                                     X509 *second);
/* PKCS#8 in PEM, mode 0600. */
MUST_USE int init_write_key(struct init_writer *writer, const char *name, EVP_PKEY *key);
/* Takes the place of a file of that name at once. crl NULL: it could not be made. */
MUST_USE int init_write_crl(struct init_writer *writer, const char *name, X509_CRL *crl);
/* Mode 0600, password INIT_PKCS12_PASSWORD; issuer NULL: itself. */
MUST_USE int init_write_pkcs12(struct init_writer *writer, const char *name,
                               const struct init_identity *identity, X509 *issuer,
                               const char *friendly_name);

#endif
