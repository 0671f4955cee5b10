/* pki_folder.h - what `init` made, found again: authorities with their keys, certificates by name,
 * revocation lists.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_PKI_FOLDER_H
#define PROXY_CLI_PKI_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/attr.h"
#include "cli/init_make.h"

#define PKI_CLIENTS "pki/clients"
#define PKI_SERVERS "pki/servers"

struct pki_folder { /* start from {.tree = {.fd = -1}} */
    struct init_tree tree;
    struct init_writer writer;
    int64_t now; /* seconds since 1970 */
};

/* 0 or a negative errno: -ENOENT when there is no pki/ in it. */
MUST_USE int pki_folder_open(struct pki_folder *folder, const char *path);
void pki_folder_close(struct pki_folder *folder);

/* The caller owns the result; NULL when there is none that can be read. */
X509 *pki_folder_certificate(const struct pki_folder *folder, const char *name);
X509_CRL *pki_folder_crl(const struct pki_folder *folder, const char *name);
/* False when certificate or key are missing; the caller clears the identity either way. */
MUST_USE bool pki_folder_authority(const struct pki_folder *folder, const char *certificate,
                                   const char *key, struct init_identity *ret_identity);

/* A name of a file without its ending: letters, digits and ._@+- but no dot or dash in front. */
bool pki_name_is_valid(const char *name);

enum pki_state { PKI_GOOD, PKI_EXPIRED, PKI_NOT_YET_VALID, PKI_REVOKED };
/* As the certificate and the lists of the folder say. */
enum pki_state pki_folder_state(const struct pki_folder *folder, X509 *x509);
const char *pki_state_name(enum pki_state state);

/* pki_show.c: everything that is there, or one of it in full. Exit status. */
int pki_show(const struct pki_folder *folder, const char *name);

#endif
