/* errors.h - what is wrong with a configuration: every problem, with its place, in order.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_ERRORS_H
#define PROXY_BASE_ERRORS_H

#include <stddef.h>

#include "base/attr.h"

/* A place in a file; line and column count from 1, 0 means unknown. */
struct mark {
    const char *file; /* borrowed from the configuration, which outlives the list */
    unsigned line;
    unsigned column;
};

enum error_kind { ERROR_KIND_ERROR, ERROR_KIND_WARNING };

struct error_entry {
    enum error_kind kind;
    char *file; /* owned; empty when unknown */
    unsigned line;
    unsigned column;
    char *text; /* owned, one line, no newline */
};

struct error_list { /* start from {0} */
    struct error_entry *entries;
    size_t count;
    size_t errors; /* how many of them are errors rather than warnings */
};

void errors_add(struct error_list *list, struct mark mark, const char *fmt, ...) PRINTF(3, 4);
void errors_warn(struct error_list *list, struct mark mark, const char *fmt, ...) PRINTF(3, 4);
/* "file:line:column: error: text", as the check command prints it; caller frees. */
char *error_format(const struct error_entry *entry);
void errors_clear(struct error_list *list);

#endif
