/* trust_crls.h - the CRLs of a site: read again, handed to other processes, put into use.
 *
 * The master reads them and makes one sealed block of memory, which each process maps: one copy
 * for all, and none of them opens a file (iis-semantics.md 4.4: the "cache" is the folder).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_TRUST_CRLS_H
#define PROXY_AUTH_TRUST_CRLS_H

#include <stddef.h>
#include <stdint.h>

#include "auth/trust_store.h"
#include "base/attr.h"
#include "base/errors.h"
#include "base/text.h"
#include "config/config.h"

struct crl_index;

/* Reads the files and folders of the site again, and adds of the lists in use those that nothing
 * succeeds (iis-semantics.md 4.4). A file that cannot be read is an error in the list and no more:
 * what it held is kept, and what the others hold counts. The block's descriptor, the caller's; -1
 * with an error in the list when there is none. */
MUST_USE int trust_crls_read(const struct trust *trust, const struct config_revocation *settings,
                             struct error_list *errors);
/* Maps a block for use; fd is borrowed. NULL with the reason when it is none. */
struct crl_index *trust_crls_map(int fd, const char **ret_problem);
void trust_crls_free(struct crl_index *crls); /* NULL is allowed */

struct trust_crls_info {
    size_t crls;
    size_t kept; /* of them: no file holds them any more */
    size_t entries;
    int64_t oldest_this_update; /* seconds since 1970; INT64_MAX: there are none */
    unsigned char digest[TRUST_EPOCH_SIZE];
};
void trust_crls_info(const struct crl_index *crls, struct trust_crls_info *ret_info);
/* The ones in use; borrowed until trust_crls_set(). */
const struct crl_index *trust_crls_in_use(const struct trust *trust);
void trust_crls_current(const struct trust *trust, struct trust_crls_info *ret_info);

/* Puts them into use, taking them over, and frees those before. Not while a verdict is being
 * reached. True when trust_revocation_digest() changed. */
bool trust_crls_set(struct trust *trust, struct crl_index *crls);

/* After a reload: adds the lists in use under `before` whose paths the settings still name, and
 * that nothing succeeds. Also when nothing is checked, so that they are there when it is again.
 * False with errors in the list. */
MUST_USE bool trust_crls_inherit(struct trust *trust, const struct config_revocation *settings,
                                 const struct trust *before, struct error_list *errors);

struct trust_kept_crl {  /* in use, and in no file any more; borrowed from the lists */
    const char *path;    /* where it was last; never NULL */
    const char *why;     /* a sentence */
    int64_t next_update; /* seconds since 1970; INT64_MAX: none */
};
/* Walks the kept ones, without those that are kept for the same reason in `before` (NULL: nothing
 * is): start with *position = 0; false at the end. The issuer's name (RFC 4514) is added to the
 * text. */
MUST_USE bool trust_crls_next_kept(const struct crl_index *crls, const struct crl_index *before,
                                   size_t *position, struct text *issuer,
                                   struct trust_kept_crl *ret_kept);

/* What the files look like from outside: names, sizes, times. Differs when one was changed, as far
 * as that can be seen without reading it. */
void trust_crls_stamp(const struct config_revocation *settings,
                      unsigned char ret_stamp[TRUST_EPOCH_SIZE]);
/* The stamp of those that trust_new() read, taken before it read them. */
const unsigned char *trust_crls_loaded_stamp(const struct trust *trust);
/* Whether a file of this name is read when it lies in a folder of CRLs. */
bool trust_crls_takes_name(const char *name);

#endif
