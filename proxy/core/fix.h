/* fix.h - what would turn a refusal into a success: for the log line and for explain.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_FIX_H
#define PROXY_CORE_FIX_H

#include <stddef.h>

#include "auth/verdict.h"
#include "base/text.h"
#include "core/snapshot.h"
#include "http/outcome.h"

enum fix_action {
    FIX_ADD_CERTIFICATE,
    FIX_REMOVE_CERTIFICATE,
    FIX_MOVE_CERTIFICATE,
    FIX_SET,
    FIX_RENEW,
    FIX_ADD_CRL,
    FIX_PRESENT
};
/* "add_certificate" and so on. */
const char *fix_action_name(enum fix_action action);

struct fix {
    enum fix_action action;
    const char *store; /* cert_store_name() of where it goes or leaves; NULL: none */
    const struct cert
        *cert;       /* the one to add, remove, move or renew; NULL: not at hand. Borrowed */
    const char *key; /* the configuration key to set; NULL: none */
    const char *value;
    char *text; /* owned: one sentence, without a full stop */
};

#define FIX_MAX 16

/* Everything to be done, in order. verdict: the one that refused, or NULL. The texts are the
 * caller's: fix_clear. */
size_t fix_list(const struct snapshot_site *site, enum outcome outcome,
                const struct verdict *verdict, struct fix ret_fixes[FIX_MAX]);
void fix_clear(struct fix *fixes, size_t count);
/* The texts of fix_list in one line. */
void fix_sentence(const struct snapshot_site *site, enum outcome outcome,
                  const struct verdict *verdict, struct text *out);

#endif
