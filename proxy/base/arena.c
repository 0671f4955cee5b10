/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct arena_large {
    struct arena_large *next;
    max_align_t bytes[];
};

#define ALIGNMENT sizeof(max_align_t)

void arena_init(struct arena *arena, struct buf_pool *pool)
{
    *arena = (struct arena){.pool = pool};
}

void arena_clear(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct buf *block = arena->blocks;
        arena->blocks = block->next;
        buf_release(arena->pool, block);
    }
    while (arena->large != NULL) {
        struct arena_large *large = arena->large;
        arena->large = large->next;
        free(large);
    }
}

/* Distance from the block's cursor to the next aligned address. */
static size_t padding(const struct buf *block)
{
    return (size_t)(-(uintptr_t)(block->bytes + block->end)) % ALIGNMENT;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > BUF_SIZE / 4) {
        struct arena_large *large = xmalloc(sizeof *large + size);
        large->next = arena->large;
        arena->large = large;
        return large->bytes;
    }
    struct buf *block = arena->blocks;
    if (block == NULL || padding(block) + size > buf_room(block)) {
        block = buf_acquire(arena->pool);
        block->next = arena->blocks;
        arena->blocks = block;
    }
    block->end += padding(block);
    void *ptr = block->bytes + block->end;
    block->end += size;
    return ptr;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    assert(size == 0 || count <= SIZE_MAX / size);
    void *ptr = arena_alloc(arena, count * size);
    memset(ptr, 0, count * size);
    return ptr;
}

struct str arena_copy(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return str_make(copy, s.len);
}

struct str arena_join(struct arena *arena, const struct str *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *joined = arena_alloc(arena, len + 1);
    char *at = joined;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    *at = '\0';
    return str_make(joined, len);
}

struct str arena_decimal(struct arena *arena, uint64_t value)
{
    char digits[STR_DECIMAL_SIZE];
    return arena_copy(arena, str_make(digits, (size_t)(str_put_decimal(digits, value) - digits)));
}

struct str arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return str_make(text, (size_t)len);
}
