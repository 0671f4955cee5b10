/* chain_boxes.h - a client's chain as a row of boxes, for whoever draws or lists it.
 *
 * The path that the verdict is about, the client's own certificate first, with what is wrong with
 * each; where it breaks off, a box for the issuer that nobody has; behind it what was presented and
 * is not part of the path. Texts are as the certificates have them: whoever shows them escapes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_CHAIN_BOXES_H
#define PROXY_EXPLAIN_CHAIN_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/verdict.h"
#include "base/arena.h"
#include "base/str.h"

/* More that were presented and do not count are left out. */
#define CHAIN_BOXES_MAX ((size_t)(2 * VERDICT_PATH_MAX))

struct chain_box {
    const struct cert *cert; /* borrowed; NULL: an issuer that is missing, or nothing presented */
    struct str name;         /* the common name, else the subject */
    struct str subject;      /* RFC 4514, UTF-8 */
    struct str issuer;
    struct str serial;
    struct str usage;  /* in words */
    const char *store; /* cert_store_name(); NULL for a missing one */
    uint32_t errors;   /* VERDICT_ERROR_BIT */
    bool is_authority;
    bool is_self_issued;
    bool is_anchor;
    bool is_fault; /* the verdict is about this one */
    bool is_aside; /* presented, but not on the path */
};

struct chain_boxes { /* slices in an arena */
    struct chain_box items[CHAIN_BOXES_MAX + 1];
    size_t count;
    uint32_t whole; /* errors of the path as a whole */
    int64_t now;    /* seconds since 1970 */
};

/* verdict: over exactly these certificates; NULL: there is none, they are shown as presented. */
void chain_boxes_make(const struct verdict *verdict, struct cert *const *presented, size_t count,
                      int64_t now, struct arena *arena, struct chain_boxes *ret_boxes);

/* "root store" for "root": the store in words. */
const char *chain_boxes_store_words(const char *store);

#endif
