/* fix.h - what would turn a refusal into a success: for the log line and for explain.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_FIX_H
#define PROXY_EXPLAIN_FIX_H

#include <stddef.h>

#include "auth/cert_map.h"
#include "auth/remedy.h"
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
    const char *store; /* cert_store_name() of where it goes, lies or leaves; NULL: none */
    const struct cert
        *cert;       /* the one to add, remove, move or renew; NULL: not at hand. Borrowed */
    const char *key; /* the configuration key to set; NULL: none */
    const char *value;
    char *own_key; /* owned: what `key` points to; NULL: that is static */
    char *text;    /* owned: one sentence, without a full stop */
};
struct fix_list { /* start from {0} */
    struct fix *items;
    size_t count;
};

struct fix_facts {
    const struct snapshot_site *site;
    const struct config_access *access; /* of the place that was asked for; NULL: not known */
    enum outcome outcome;
    enum outcome failed; /* under pass: what the certificate was not refused for; it comes first */
    const struct cert *leaf;  /* of the client; NULL: it presents none */
    bool is_refused_by_rules; /* `authorize` would refuse it without a user as well */
    /* For a verdict, or for plain http with a certificate that https would have judged: what would
     * mend it; NULL: nothing has to be. */
    const struct remedy *remedy;
};

/* Everything to be done, in order; where there is a choice, the second way begins with "or". The
 * caller's: fix_clear. */
void fix_make(const struct fix_facts *facts, struct fix_list *ret_list);
void fix_clear(struct fix_list *list);
/* The texts in one line; a long list is cut and says so. */
void fix_sentence(const struct fix_facts *facts, struct text *out);

#endif
