/* buf.h - pooled 16 KiB buffers, held only while bytes are in them.
 *
 * 16 KiB is one TLS record. A buffer belongs to whoever acquired it until it is released to the
 * same pool. Not thread-safe: one pool an engine.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_BUF_H
#define PROXY_BASE_BUF_H

#include <stddef.h>

#define BUF_SIZE ((size_t)16384)

struct buf {
    struct buf *next; /* in the pool's free list, or for the holder's use */
    size_t start;     /* first byte not yet taken */
    size_t end;       /* one past the last byte */
    char bytes[BUF_SIZE];
};

struct buf_pool {
    struct buf *free;
    size_t free_count;
    size_t max_free; /* released buffers beyond this are given back to the allocator */
    size_t lent;     /* acquired and not yet released; 0 means no leak */
};

void buf_pool_init(struct buf_pool *pool, size_t max_free);
/* All buffers must have been released. */
void buf_pool_clear(struct buf_pool *pool);
/* An empty buffer; never NULL. */
struct buf *buf_acquire(struct buf_pool *pool);
/* NULL is allowed. */
void buf_release(struct buf_pool *pool, struct buf *buf);

static inline size_t buf_len(const struct buf *buf)
{
    return buf->end - buf->start;
}
static inline size_t buf_room(const struct buf *buf)
{
    return BUF_SIZE - buf->end;
}
/* Moves the contents to the front, so that buf_room() is all that is free. */
void buf_compact(struct buf *buf);

#endif
