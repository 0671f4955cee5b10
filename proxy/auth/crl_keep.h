/* crl_keep.h - a list that was in use stays in use until another one succeeds it.
 *
 * Private to auth/. A file that is emptied, deleted or exchanged for an older one must not let the
 * revoked back in (iis-semantics.md 4.4).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CRL_KEEP_H
#define PROXY_AUTH_CRL_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/crl_builder.h"
#include "auth/crl_index.h"
#include "base/attr.h"
#include "config/config.h"

/* Lists that no certificate of the stores has signed, and that are in no file any more: nothing
 * tells what will succeed them, so they are bounded. */
#define CRL_KEEP_UNVERIFIED_MAX 256

/* Adds to the builder, which must hold all that was read, verified, the lists of `before` that were
 * read from a path that `named` names and that nothing in the builder succeeds. They are borrowed:
 * `before` must outlive the builder. now: seconds since 1970. False when there are too many that
 * nothing verifies; the builder is then of no use. */
MUST_USE bool crl_keep(struct crl_builder *builder, const struct crl_index *before,
                       const struct config_list *named, const struct trust *trust, int64_t now);
/* Whether the list was read from a path that `named` names. */
bool crl_is_named(const struct crl *crl, const struct config_list *named);
/* Why it is kept, a sentence. */
const char *crl_kept_text(enum crl_kept kept);

#endif
