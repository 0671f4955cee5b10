/* path_reading.h - the other paths that servers take a path for.
 *
 * A place is chosen by one reading of the path; the backend serves by its own. This is the list of
 * what backends are known to do to a path before they look at it, and the set of paths that come
 * out when any of it is done in any order, as a chain of servers may.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_PATH_READING_H
#define PROXY_HTTP_PATH_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

enum { PATH_READINGS_MAX = 64 };

struct path_reading {
    const char *name;
    const char *phrase; /* for messages: "the path with ..." */
    struct str
        triggers; /* bytes of which one must be there for it to change anything; empty: any */
    /* Writes the path, which starts with '/', as such a server sees it; so does what comes out,
     * which may hold any other byte. out is as large as the path. Returns the length. */
    size_t (*read)(struct str path, char *out);
    bool is_loose; /* see struct path_spelling */
};

struct path_spelling {
    struct str path;
    const char *phrase; /* of the last reading that led here; NULL: the path itself */
    /* Reached by a reading that leads away from the place that was meant, not only towards it, and
     * that hardly any backend has: it matters only to what asks for less than that other place. */
    bool is_loose;
};

struct path_spellings {
    struct path_spelling all[PATH_READINGS_MAX]; /* [0] is the path itself */
    size_t count;
    bool is_complete; /* false: there are more than can be looked at with little work */
};

/* The table, for documentation and tests. */
const struct path_reading *path_reading_table(size_t *ret_count);

/* True when no reading makes anything else of it. Works in one pass; this is nearly every path. */
bool path_has_one_reading(struct str path);

/* All that the path, which starts with '/', may be read as, each once. The work is bounded,
 * whatever the path: at most PATH_READINGS_MAX of them, and 256 KiB looked at. They are slices of
 * path or in the arena. */
void path_spellings_find(struct str path, struct arena *arena, struct path_spellings *ret);

/* The path with repeated slashes merged, as HTTP.sys hands it to IIS (iis-semantics.md 1.7): itself
 * when there are none. */
struct str path_merge_slashes(struct str path, struct arena *arena);

#endif
