/* revocation.h - is one certificate of a path revoked, by the CRLs that are installed?
 *
 * Private to auth/. RFC 5280 section 6.3.3 over a fixed set of CRLs, with iis-semantics.md 4.4 for
 * what to do when they do not answer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_REVOCATION_H
#define PROXY_AUTH_REVOCATION_H

#include <stdint.h>

#include "auth/chain.h"

enum revocation_status {
    REVOCATION_GOOD,    /* not revoked, or nothing says where to look */
    REVOCATION_REVOKED, /* certificateHold included */
    REVOCATION_OFFLINE  /* there should be an answer and there is none */
};

/* path must be anchored, and element be below the anchor. Lowers *valid_until to the moment at
 * which the answer may change. */
enum revocation_status revocation_check(struct chain_pool *pool, const struct chain_path *path,
                                        size_t element, int64_t now, int64_t *valid_until);
/* What the installed CRLs would most likely say of a certificate whose issuer is not at hand: whose
 * they are is told by the name alone. For advice, never for a verdict. */
enum revocation_status revocation_guess(const struct trust *trust, const struct cert *cert,
                                        int64_t now);
/* RFC 5280 section 6.3.3 (f): the key usage allows the certificate's key to sign CRLs. */
bool revocation_may_sign(const struct cert *cert);

#endif
