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
#include "config/config.h"

struct crl_index;

/* Reads the files and folders of the site, exactly as trust_new() does. The block's descriptor, the
 * caller's; -1 with errors in the list. */
MUST_USE int trust_crls_read(const struct trust *trust, const struct config_revocation *settings,
                             struct error_list *errors);
/* Maps a block for use; fd is borrowed. NULL with the reason when it is none. */
struct crl_index *trust_crls_map(int fd, const char **ret_problem);
void trust_crls_free(struct crl_index *crls); /* NULL is allowed */

struct trust_crls_info {
    size_t crls;
    size_t entries;
    int64_t oldest_this_update; /* seconds since 1970; INT64_MAX: there are none */
    unsigned char digest[TRUST_EPOCH_SIZE];
};
void trust_crls_info(const struct crl_index *crls, struct trust_crls_info *ret_info);
/* The ones in use. */
void trust_crls_current(const struct trust *trust, struct trust_crls_info *ret_info);

/* Puts them into use, taking them over, and frees those before. Not while a verdict is being
 * reached. True when trust_revocation_digest() changed. */
bool trust_crls_set(struct trust *trust, struct crl_index *crls);

/* What the files look like from outside: names, sizes, times. Differs when one was changed, as far
 * as that can be seen without reading it. */
void trust_crls_stamp(const struct config_revocation *settings,
                      unsigned char ret_stamp[TRUST_EPOCH_SIZE]);
/* The stamp of those that trust_new() read, taken before it read them. */
const unsigned char *trust_crls_loaded_stamp(const struct trust *trust);
/* Whether a file of this name is read when it lies in a folder of CRLs. */
bool trust_crls_takes_name(const char *name);

#endif
