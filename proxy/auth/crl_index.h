/* crl_index.h - the CRLs of a site, found by the name of their issuer.
 *
 * Private to auth/. A view of a block (crl_block.h), read-only.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CRL_INDEX_H
#define PROXY_AUTH_CRL_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "auth/crl.h"

struct crl_index {
    struct crl *crls; /* owned; each once, in the order of their SHA-256 */
    size_t count;
    size_t entry_count; /* of all CRLs */
    int64_t oldest_this_update;
    unsigned char digest[32];
    uint32_t *buckets; /* hash of the issuer */
    size_t bucket_mask;
    void *block; /* the mapping */
    size_t block_size;
};

/* Maps a sealed block (fd borrowed; the mapping does not need it any more). NULL with the reason
 * when it is not sealed, not a block or damaged. */
struct crl_index *crl_index_map(int fd, const char **ret_problem);
void crl_index_free(struct crl_index *index); /* NULL is allowed */

/* Walks the CRLs of an issuer: start with *position = UINT32_MAX; NULL at the end. */
const struct crl *crl_index_next(const struct crl_index *index, const X509_NAME *issuer,
                                 uint32_t hash, uint32_t *position);

#endif
