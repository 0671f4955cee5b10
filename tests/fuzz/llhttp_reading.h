/* llhttp_reading.h - one reading of a request, and llhttp's. Its header and ours name the same
 * methods, so no file can include both.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_LLHTTP_READING_H
#define TESTS_FUZZ_LLHTTP_READING_H

#include <stdbool.h>

#include "base/str.h"
#include "base/text.h"

/* Of the first request in some bytes. The fields are lines "name:value" ended by LF, which is in
 * none of them; those of the trailer section are left out. */
struct reading { /* start from {0} */
    bool is_whole;
    bool is_past_head;     /* theirs */
    bool has_other_method; /* ours: none of the common ones */
    const char *error;     /* theirs: the name of what was refused, or NULL */
    unsigned minor;
    struct text method;
    struct text target;
    struct text fields;
    struct text content;
};

void reading_add_field(struct reading *reading, struct str name, struct str value);
void reading_clear(struct reading *reading);
/* Reads with llhttp, no leniency switched on. */
void reading_by_llhttp(struct str bytes, struct reading *reading);

#endif
