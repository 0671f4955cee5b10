/* arena.h - memory that lives as long as one exchange and is freed in one go.
 *
 * Blocks come from a buffer pool, so a request normally allocates nothing; a piece larger than a
 * quarter of a block gets memory of its own. Nothing is freed singly.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_ARENA_H
#define PROXY_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

struct arena_large;

struct arena {
    struct buf_pool *pool;     /* borrowed; outlives the arena */
    struct buf *blocks;        /* newest first, linked by next */
    struct arena_large *large; /* pieces with memory of their own */
};

void arena_init(struct arena *arena, struct buf_pool *pool);
/* Frees everything; the arena may be used again. */
void arena_clear(struct arena *arena);
/* Aligned for any type; contents undefined; never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/* Zeroed; aborts when count * size overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);
/* A copy of s with a NUL behind it (not counted). */
struct str arena_copy(struct arena *arena, struct str s);
/* The parts one after the other, with a NUL behind them (not counted). */
struct str arena_join(struct arena *arena, const struct str *parts, size_t count);
/* The value in decimal, with a NUL behind it (not counted). */
struct str arena_decimal(struct arena *arena, uint64_t value);
/* Costs thousands of instructions: not for what every request needs. */
struct str arena_printf(struct arena *arena, const char *fmt, ...) PRINTF(2, 3);

#endif
