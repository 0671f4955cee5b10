/* trust_store.h - the stores of a site, loaded: what a verdict is reached against.
 *
 * Immutable once built but for the CRLs, which trust_crls.h exchanges; built in the master,
 * inherited by fork. Sources: iis-semantics.md 3.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_TRUST_STORE_H
#define PROXY_AUTH_TRUST_STORE_H

#include <stddef.h>

#include "auth/client_cert.h"
#include "base/errors.h"
#include "config/config.h"

#define TRUST_EPOCH_SIZE 32

struct trust; /* opaque outside auth/ */

/* Loads every store and CRL that the site names. Problems go to the list with the mark of the path
 * that names them; NULL when there were errors. */
struct trust *trust_new(const struct config_site *site, const struct config *config,
                        struct error_list *errors);
void trust_free(struct trust *trust);

/* After a reload: a store that is empty now, was not before, and whose paths are still named is an
 * error; Disallowed that has lost some is worth a warning. Both sites must have been loaded into
 * their trust. */
void trust_check_losses(const struct trust *trust, const struct config_site *site,
                        const struct trust *before, const struct config_site *site_before,
                        struct error_list *errors);

/* SHA-256 over everything the verdict reads except the clock and the contents of CRLs (stores,
 * mode, issuer store, usage, policy, compat, a code version): content, never a counter. */
const unsigned char *trust_epoch(const struct trust *trust);
/* SHA-256 over the contents of the CRLs in use: the revocation generation. */
const unsigned char *trust_revocation_digest(const struct trust *trust);

/* The subject names for the CertificateRequest, DER, in the order to send them: iis-semantics.md
 * 3.4 (filters, deduplicated, ascending SHA-1 of the certificate, 16 KiB cap). Empty when the list
 * is not to be sent. Borrowed. */
struct trust_issuer_name {
    const unsigned char *der;
    size_t len;
};
const struct trust_issuer_name *trust_issuer_list(const struct trust *trust, size_t *ret_count);

/* The members of Root that are not self-signed: what the mixed-store rule is about
 * (iis-semantics.md 3.5). Borrowed; empty when there are none. */
struct cert *const *trust_misplaced_roots(const struct trust *trust, size_t *ret_count);

#endif
