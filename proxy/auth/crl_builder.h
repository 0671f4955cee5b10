/* crl_builder.h - reads CRLs and makes the block that processes share.
 *
 * Private to auth/. Used at load and whenever the master reads the CRLs again, so both give the
 * same.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CRL_BUILDER_H
#define PROXY_AUTH_CRL_BUILDER_H

#include <stddef.h>

#include "auth/crl.h"
#include "base/attr.h"

struct trust;

struct crl_builder {   /* start from {0} */
    struct crl **crls; /* owned */
    size_t count;
    size_t capacity;
    const char *source; /* borrowed; path of the file that is added next, or NULL */
};

/* Every CRL of a file, PEM (other armour ignored) or one DER: their number, -1 for damage. */
int crl_builder_add(struct crl_builder *builder, const char *bytes, size_t len);
/* Takes a list over. */
void crl_builder_take(struct crl_builder *builder, struct crl *crl);
/* Sorts by SHA-256, each list once with all of its sources. */
void crl_builder_sort(struct crl_builder *builder);
/* The list of this SHA-256, or NULL; after crl_builder_sort(). */
const struct crl *crl_builder_find(const struct crl_builder *builder,
                                   const unsigned char sha256[32]);
/* Checks the signatures that store certificates can verify, so that verdicts need not. Those of
 * issuers that only clients present are checked by the verdict, from what the block keeps. */
void crl_builder_verify(struct crl_builder *builder, const struct trust *trust);
/* The same for one list. */
void crl_builder_verify_one(struct crl *crl, const struct trust *trust);
/* A sealed block of all that was added, each CRL once: its descriptor, the caller's, or a negative
 * errno. Once. */
MUST_USE int crl_builder_finish(struct crl_builder *builder);
void crl_builder_clear(struct crl_builder *builder);

#endif
