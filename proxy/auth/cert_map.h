/* cert_map.h - from a certificate to a user: one-to-one, then many-to-one (iis-semantics.md 5).
 *
 * Immutable once built. One-to-one is a hash look-up of the whole certificate; many-to-one rules
 * are matched in order against the parsed names, first match wins. What is not enabled is not even
 * read. Values are compared as UTF-8, whatever their string type; a value with a NUL in it, or that
 * cannot be decoded, matches nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_H
#define PROXY_AUTH_CERT_MAP_H

#include <stdbool.h>

#include "auth/client_cert.h"
#include "base/attr.h"
#include "base/errors.h"
#include "base/str.h"
#include "config/config.h"
#include "http/outcome.h"

struct cert_map;

/* Reads certificate and password files. Errors and warnings (rules that can never match, unknown
 * sub-fields, duplicates) go to the list; NULL when there were errors. */
struct cert_map *cert_map_new(const struct config_site *site, const struct config *config,
                              struct error_list *errors);
void cert_map_free(struct cert_map *map);
/* True when one-to-one or many-to-one mappings are configured. */
bool cert_map_is_configured(const struct cert_map *map);
/* How many certificates one_to_one_file maps. */
size_t cert_map_file_count(const struct cert_map *map);

struct cert_map_result {
    enum outcome outcome; /* OUTCOME_OK, mapping denied/malformed, or a failed logon */
    const char *user;     /* borrowed from the map; NULL: no mapping matched */
    const char *mapping;  /* "one_to_one" or the many-to-one mapping's name; NULL: none */
    const char *password; /* borrowed; NULL: none configured */
};

/* OUTCOME_OK with user NULL: nothing matched, the site's `anonymous` decides. */
struct cert_map_result cert_map_lookup(const struct cert_map *map, const struct cert *cert);

/* The last answer, for a connection whose requests all ask the same. Start from {0}; whoever keeps
 * it keeps a reference to the certificate, so that the pointer cannot come to mean another one. */
struct cert_map_memo {
    const struct cert_map *map; /* NULL: empty */
    const struct cert *cert;
    struct cert_map_result result;
};
/* As cert_map_lookup(), which is asked when the memo is about another map or certificate. */
struct cert_map_result cert_map_lookup_again(struct cert_map_memo *memo, const struct cert_map *map,
                                             const struct cert *cert);

/* The wildcard rule of many-to-one: `*` is any text, any number of them, everything else literal;
 * UTF-8, linear time. Without case, A to Z are folded and nothing else: the result then depends on
 * no locale and no Unicode version, and no letter is taken for another (K and the Kelvin sign). */
bool cert_map_glob(struct str pattern, struct str value, bool case_sensitive);

#endif
