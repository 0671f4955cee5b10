/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A busy worker moves a few long bodies in a turn; the rest goes back to the allocator. */
#define BUF_BULK_FREE 8

void buf_pool_init(struct buf_pool *pool, size_t max_free)
{
    *pool = (struct buf_pool){.max_free = max_free};
}

static void free_list(struct buf *list)
{
    while (list != NULL) {
        struct buf *buf = list;
        list = buf->next;
        free(buf);
    }
}

void buf_pool_clear(struct buf_pool *pool)
{
    assert(pool->lent == 0 && pool->bulk_lent == 0);
    free_list(pool->free);
    free_list(pool->bulk_free);
    *pool = (struct buf_pool){.max_free = pool->max_free, .bulk_max = pool->bulk_max};
}

static struct buf *acquire(struct buf_pool *pool, struct buf **list, size_t *count, size_t size)
{
    struct buf *buf = *list;
    if (buf != NULL) {
        *list = buf->next;
        (*count)--;
    } else {
        buf = xmalloc(sizeof *buf + size);
        buf->size = size;
        pool->bytes += size;
        if (pool->bytes > pool->most)
            pool->most = pool->bytes;
    }
    pool->lent++;
    buf->next = NULL;
    buf->start = 0;
    buf->end = 0;
    return buf;
}

struct buf *buf_acquire(struct buf_pool *pool)
{
    return acquire(pool, &pool->free, &pool->free_count, BUF_SIZE);
}

struct buf *buf_acquire_bulk(struct buf_pool *pool)
{
    if (pool->bulk_lent >= pool->bulk_max)
        return NULL;
    pool->bulk_lent++;
    return acquire(pool, &pool->bulk_free, &pool->bulk_free_count, BUF_BULK_SIZE);
}

static void put_back(struct buf_pool *pool, struct buf *buf, struct buf **list, size_t *count,
                     size_t most)
{
    if (*count >= most) {
        pool->bytes -= buf->size;
        free(buf);
        return;
    }
    buf->next = *list;
    *list = buf;
    (*count)++;
}

void buf_release(struct buf_pool *pool, struct buf *buf)
{
    if (buf == NULL)
        return;
    assert(pool->lent > 0);
    pool->lent--;
    if (buf->size == BUF_SIZE) {
        put_back(pool, buf, &pool->free, &pool->free_count, pool->max_free);
        return;
    }
    assert(pool->bulk_lent > 0);
    pool->bulk_lent--;
    put_back(pool, buf, &pool->bulk_free, &pool->bulk_free_count, BUF_BULK_FREE);
}

void buf_compact(struct buf *buf)
{
    if (buf->start == 0)
        return;
    memmove(buf->bytes, buf->bytes + buf->start, buf_len(buf));
    buf->end -= buf->start;
    buf->start = 0;
}
