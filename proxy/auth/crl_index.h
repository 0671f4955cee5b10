/* crl_index.h - the CRLs of a site, found by the name of their issuer.
 *
 * Private to auth/. Filled at load, read-only afterwards.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CRL_INDEX_H
#define PROXY_AUTH_CRL_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "auth/crl.h"

struct trust;

struct crl_index {
    struct crl **crls; /* owned; each once, in the order of their SHA-256 after finish */
    size_t count;
    size_t capacity;
    uint32_t *buckets; /* hash of the issuer */
    size_t bucket_mask;
};

struct crl_index *crl_index_new(void);
void crl_index_free(struct crl_index *index); /* NULL is allowed */
/* Every CRL of a file, PEM (other armour ignored) or one DER: their number, -1 for damage. */
int crl_index_add(struct crl_index *index, const char *bytes, size_t len);
/* Call once when all are added. The digest covers the contents of all CRLs. */
void crl_index_finish(struct crl_index *index, unsigned char ret_digest[32]);
/* Checks the signatures that store certificates can verify, so that verdicts need not. */
void crl_index_verify(struct crl_index *index, const struct trust *trust);

/* Walks the CRLs of an issuer: start with *position = UINT32_MAX; NULL at the end. */
const struct crl *crl_index_next(const struct crl_index *index, const X509_NAME *issuer,
                                 uint32_t hash, uint32_t *position);

#endif
