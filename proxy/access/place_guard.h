/* place_guard.h - which settings hold for a path, and whether the backend may read it as another.
 *
 * A location protects a path only as far as the backend reads the path as the proxy does. So a path
 * that a known kind of server takes for one of another place (http/path_reading.h), where other
 * rules hold, is refused.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_PLACE_GUARD_H
#define PROXY_ACCESS_PLACE_GUARD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "core/snapshot.h"
#include "http/outcome.h"

struct place_guard;

struct place_found {
    const struct snapshot_access *place;
    /* Of an ambiguous path: */
    const struct snapshot_access *other; /* where some servers find it */
    struct str read_as;                  /* what they read; any bytes */
    const char *phrase;                  /* how they come to it; NULL: in too many ways to tell */
};

/* Of a site whose places are filled in. NULL when there is nothing to guard: the same rules hold
 * everywhere, or ambiguous_path is keep. The site must outlive it. */
struct place_guard *place_guard_new(const struct snapshot_site *site);
void place_guard_free(struct place_guard *guard); /* NULL is allowed */

/* The place of a canonical path: OUTCOME_OK, OUTCOME_ENCODED_SLASH for an escaped slash that the
 * site refuses, or OUTCOME_AMBIGUOUS_PATH; the place is set in any case. Repeated slashes are
 * merged for the choice (iis-semantics.md 1.7). Slices are of path or in the arena. */
enum outcome place_find(const struct snapshot_site *site, struct str path, struct arena *arena,
                        struct place_found *ret_found);

#endif
