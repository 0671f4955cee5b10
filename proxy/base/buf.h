/* buf.h - pooled buffers of two sizes, held only while bytes are in them.
 *
 * 16 KiB is one TLS record. A bulk buffer holds what one system call should move while a long body
 * flows; there is a limit on how many are lent, and who gets none goes on with 16 KiB. A buffer
 * belongs to whoever acquired it until it is released to the same pool. Not thread-safe: one pool
 * an engine.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_BUF_H
#define PROXY_BASE_BUF_H

#include <stddef.h>

#define BUF_SIZE      ((size_t)16384)
#define BUF_BULK_SIZE (16 * BUF_SIZE)

struct buf {
    struct buf *next; /* in the pool's free list, or for the holder's use */
    size_t size;      /* BUF_SIZE or BUF_BULK_SIZE */
    size_t start;     /* first byte not yet taken */
    size_t end;       /* one past the last byte */
    char bytes[];
};

struct buf_pool {
    struct buf *free;
    size_t free_count;
    size_t max_free; /* released buffers beyond this are given back to the allocator */
    size_t bytes;    /* of all buffers there are, lent or free */
    size_t most;     /* bytes there were; whoever reads it may set it back to `bytes` */
    size_t lent;     /* acquired and not yet released; 0 means no leak */
    struct buf *bulk_free;
    size_t bulk_free_count; /* at most BUF_BULK_FREE */
    size_t bulk_lent;       /* of `lent` */
    size_t bulk_max;        /* lent at most, so that slow peers cannot make a pool hold more */
};

/* Lends no bulk buffers until bulk_max is set. */
void buf_pool_init(struct buf_pool *pool, size_t max_free);
/* All buffers must have been released. */
void buf_pool_clear(struct buf_pool *pool);
/* An empty buffer of BUF_SIZE; never NULL. */
struct buf *buf_acquire(struct buf_pool *pool);
/* An empty buffer of BUF_BULK_SIZE, or NULL: bulk_max are lent already. */
struct buf *buf_acquire_bulk(struct buf_pool *pool);
/* NULL is allowed. */
void buf_release(struct buf_pool *pool, struct buf *buf);

static inline size_t buf_len(const struct buf *buf)
{
    return buf->end - buf->start;
}
static inline size_t buf_room(const struct buf *buf)
{
    return buf->size - buf->end;
}
/* Moves the contents to the front, so that buf_room() is all that is free. */
void buf_compact(struct buf *buf);

#endif
