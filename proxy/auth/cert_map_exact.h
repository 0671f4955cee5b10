/* cert_map_exact.h - one-to-one mappings: the SHA-256 of a certificate to a logon.
 *
 * Entries are 36 bytes plus the index; the order of the configuration is their position. Private to
 * the mapping files.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_EXACT_H
#define PROXY_AUTH_CERT_MAP_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/cert_map_index.h"
#include "auth/cert_map_logon.h"
#include "auth/cert_map_source.h"
#include "base/attr.h"
#include "base/errors.h"
#include "config/config.h"

struct cert_map_entry {
    unsigned char sha256[CERT_MAP_DIGEST_SIZE];
    uint32_t logon;
};

struct cert_map_exact {
    struct cert_map_entry *entries; /* owned */
    uint32_t count;
    size_t capacity;
    struct cert_map_index index;
    /* iis-semantics.md 5.2: an undecodable certificate stops the search when it is reached, so what
     * was listed behind it no longer matches. CERT_MAP_INDEX_NONE: there is none. */
    uint32_t first_malformed;
};

void cert_map_exact_init(struct cert_map_exact *exact);
void cert_map_exact_clear(struct cert_map_exact *exact);
/* The entry of a certificate, or CERT_MAP_INDEX_NONE. */
uint32_t cert_map_exact_find(const struct cert_map_exact *exact,
                             const unsigned char sha256[CERT_MAP_DIGEST_SIZE]);
/* False when the certificate is mapped already. */
MUST_USE bool cert_map_exact_add(struct cert_map_exact *exact,
                                 const unsigned char sha256[CERT_MAP_DIGEST_SIZE], uint32_t logon);

/* one_to_one in its order, without what is not enabled, which is not even read. */
void cert_map_exact_load(struct cert_map_exact *exact, struct cert_map_logons *logons,
                         const struct config_mapping *mapping, bool pem_is_malformed,
                         struct error_list *errors);
/* one_to_one_file: a line is the SHA-256 in hex, blanks, and the user up to the end of the line;
 * lines that are empty or start with # are skipped. Problems name the file and the line. */
void cert_map_exact_load_file(struct cert_map_exact *exact, struct cert_map_logons *logons,
                              const struct config_value *path, struct error_list *errors);
/* Gives back what was allocated ahead. */
void cert_map_exact_finish(struct cert_map_exact *exact);

#endif
