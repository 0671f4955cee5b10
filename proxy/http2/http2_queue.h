/* http2_queue.h - bytes in the order they came, in buffers of a pool.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_QUEUE_H
#define PROXY_HTTP2_HTTP2_QUEUE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct http2_queue { /* start from {0} */
    struct buf *first;
    struct buf *last;
    size_t len; /* bytes in it */
};

/* Copies all of data. */
void http2_queue_put(struct http2_queue *queue, struct buf_pool *pool, struct str data);
/* The oldest bytes that lie together; empty when there are none. Valid until the next call. */
struct str http2_queue_first(const struct http2_queue *queue);
/* Drops len of them, at most what http2_queue_first() gave. */
void http2_queue_drop(struct http2_queue *queue, struct buf_pool *pool, size_t len);
/* Moves len of the oldest bytes, at most queue->len, to at. */
void http2_queue_take(struct http2_queue *queue, struct buf_pool *pool, char *at, size_t len);
/* Drops everything. */
void http2_queue_clear(struct http2_queue *queue, struct buf_pool *pool);

#endif
