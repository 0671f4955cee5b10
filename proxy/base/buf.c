/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_pool_init(struct buf_pool *pool, size_t max_free)
{
    *pool = (struct buf_pool){.max_free = max_free};
}

void buf_pool_clear(struct buf_pool *pool)
{
    assert(pool->lent == 0);
    while (pool->free != NULL) {
        struct buf *buf = pool->free;
        pool->free = buf->next;
        free(buf);
    }
    pool->free_count = 0;
}

struct buf *buf_acquire(struct buf_pool *pool)
{
    struct buf *buf = pool->free;
    if (buf != NULL) {
        pool->free = buf->next;
        pool->free_count--;
    } else {
        buf = xmalloc(sizeof *buf);
    }
    pool->lent++;
    buf->next = NULL;
    buf->start = 0;
    buf->end = 0;
    return buf;
}

void buf_release(struct buf_pool *pool, struct buf *buf)
{
    if (buf == NULL)
        return;
    assert(pool->lent > 0);
    pool->lent--;
    if (pool->free_count >= pool->max_free) {
        free(buf);
        return;
    }
    buf->next = pool->free;
    pool->free = buf;
    pool->free_count++;
}

void buf_compact(struct buf *buf)
{
    if (buf->start == 0)
        return;
    memmove(buf->bytes, buf->bytes + buf->start, buf_len(buf));
    buf->end -= buf->start;
    buf->start = 0;
}
