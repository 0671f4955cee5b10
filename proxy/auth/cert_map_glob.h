/* cert_map_glob.h - patterns of many-to-one rules, taken apart once and matched in linear time.
 *
 * Private to the mapping files; cert_map.h has the one-off form.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_GLOB_H
#define PROXY_AUTH_CERT_MAP_GLOB_H

#include <stdbool.h>

#include "base/str.h"

struct cert_map_pattern { /* slices of the pattern's text */
    bool is_literal;      /* no star: head is the whole value */
    struct str head;      /* before the first star */
    struct str middle;    /* between the first star and the last, stars in it */
    struct str tail;      /* behind the last star */
};

struct cert_map_pattern cert_map_pattern_of(struct str text);
/* Byte by byte: fold both sides first for a comparison without case. */
bool cert_map_pattern_matches(const struct cert_map_pattern *pattern, struct str value);
/* A to Z to lower case; a heap copy. */
char *cert_map_fold(struct str text);

#endif
