/* cert_map_rules.h - many-to-one mappings, compiled: first match in the configured order wins.
 *
 * Every mapping hangs on one anchor: the literal, leading or trailing text, or four bytes in the
 * middle, of its rarest rule. A look-up visits only the mappings whose anchor occurs in the
 * certificate, and those that have none (`*abc*`). Private to the mapping files.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_RULES_H
#define PROXY_AUTH_CERT_MAP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/cert_map_glob.h"
#include "auth/cert_map_index.h"
#include "auth/cert_map_logon.h"
#include "auth/cert_map_names.h"
#include "base/errors.h"
#include "config/config.h"

struct cert_map_rule {
    uint32_t slot;
    bool is_folded;
    char *text; /* owned; folded already when is_folded */
    struct cert_map_pattern pattern;
};

struct cert_map_mapping {
    char *name; /* owned */
    bool deny;
    uint32_t logon; /* unless deny */
    struct cert_map_rule *rules;
    size_t rule_count;
};

struct cert_map_anchor {
    uint64_t key;
    uint32_t mapping;
};

struct cert_map_anchored {      /* what the anchors of a slot are; [0] as written, [1] folded */
    uint64_t prefix_lengths[2]; /* bit n: some anchor has n bytes */
    uint64_t suffix_lengths[2];
    bool has_grams[2];
};

struct cert_map_rules { /* start from {0} */
    struct cert_map_slots slots;
    struct cert_map_mapping *mappings; /* enabled ones that can match, in order */
    uint32_t count;
    struct cert_map_anchor *anchors; /* sorted by key, then mapping */
    size_t anchor_count;
    struct cert_map_index runs;         /* key to the first anchor that has it */
    struct cert_map_anchored *anchored; /* one a slot */
    uint32_t *unanchored;               /* in order */
    size_t unanchored_count;
    uint32_t *grams; /* the mappings that hang on four bytes, in order */
    size_t gram_count;
};

void cert_map_rules_load(struct cert_map_rules *rules, struct cert_map_logons *logons,
                         const struct config_mapping *mapping, struct error_list *errors);
void cert_map_rules_clear(struct cert_map_rules *rules);
/* The first mapping that matches, or NULL. */
const struct cert_map_mapping *cert_map_rules_find(const struct cert_map_rules *rules,
                                                   const X509 *x509);

/* cert_map_anchor.c: builds the anchors of the compiled mappings. */
void cert_map_anchors_build(struct cert_map_rules *rules);
/* The first mapping that matches the values, or rules->count. */
uint32_t cert_map_anchors_find(const struct cert_map_rules *rules,
                               const struct cert_map_values *values);

#endif
