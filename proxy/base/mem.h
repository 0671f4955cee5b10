/* mem.h - allocation that cannot fail.
 *
 * Memory is bounded by the configured limits, so running out is a fault of the machine, not of a
 * request: every function aborts with a line on stderr instead of returning NULL. Free with free().
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_MEM_H
#define PROXY_BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

void *xmalloc(size_t size);
/* Zeroed; aborts as well when count * size overflows. */
void *xcalloc(size_t count, size_t size);
/* Room for count elements; old contents kept. Aborts when count * size overflows. */
void *xreallocarray(void *ptr, size_t count, size_t size);
char *xstrdup(const char *text);
/* Copies len bytes and adds a NUL. */
char *xstrndup(const char *text, size_t len);
void *xmemdup(const void *bytes, size_t len);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

#endif
