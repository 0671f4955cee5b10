/* The paths that a path may be read as: each starts with a slash, none is missing, and the short
 * way out is right.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "http/path_reading.h"

static bool has(const struct path_spellings *found, struct str path)
{
    for (size_t i = 0; i < found->count; i++) {
        if (str_equal(found->all[i].path, path))
            return true;
    }
    return false;
}

/* out is of the size that is promised to be enough. */
static void check_closed(const struct path_spellings *found, char *out)
{
    size_t count = 0;
    const struct path_reading *table = path_reading_table(&count);
    for (size_t i = 0; i < found->count; i++) {
        struct str path = found->all[i].path;
        FUZZ_CHECK(path.len > 0 && path.ptr[0] == '/');
        for (size_t j = 0; j < count && found->is_complete; j++) {
            struct str read = str_make(out, table[j].read(path, out));
            FUZZ_CHECK(read.len <= path.len && has(found, read));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str path = str_make((const char *)bytes, size);
    struct buf_pool pool;
    struct arena arena;
    struct path_spellings found;
    if (size == 0 || bytes[0] != '/')
        return 0;
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
    path_spellings_find(path, &arena, &found);
    FUZZ_CHECK(found.count >= 1 && found.count <= PATH_READINGS_MAX);
    FUZZ_CHECK(!path_has_one_reading(path) || (found.count == 1 && found.is_complete));
    char *out = malloc(size);
    check_closed(&found, out);
    free(out);
    struct str merged = path_merge_slashes(path, &arena);
    FUZZ_CHECK(!found.is_complete || has(&found, merged));
    arena_clear(&arena);
    buf_pool_clear(&pool);
    return 0;
}
