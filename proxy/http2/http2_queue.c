/* SPDX-License-Identifier: MIT */
#include "http2/http2_queue.h"

#include <assert.h>
#include <string.h>

static struct buf *room_at_end(struct http2_queue *queue, struct buf_pool *pool)
{
    struct buf *last = queue->last;
    if (last != NULL && buf_room(last) > 0)
        return last;
    struct buf *fresh = buf_acquire(pool);
    if (last == NULL)
        queue->first = fresh;
    else
        last->next = fresh;
    queue->last = fresh;
    return fresh;
}

void http2_queue_put(struct http2_queue *queue, struct buf_pool *pool, struct str data)
{
    queue->len += data.len;
    while (data.len > 0) {
        struct buf *buf = room_at_end(queue, pool);
        size_t len = data.len < buf_room(buf) ? data.len : buf_room(buf);
        memcpy(buf->bytes + buf->end, data.ptr, len);
        buf->end += len;
        data = str_skip(data, len);
    }
}

struct str http2_queue_first(const struct http2_queue *queue)
{
    const struct buf *first = queue->first;
    if (first == NULL)
        return (struct str){NULL, 0};
    return str_make(first->bytes + first->start, buf_len(first));
}

void http2_queue_drop(struct http2_queue *queue, struct buf_pool *pool, size_t len)
{
    struct buf *first = queue->first;
    if (len == 0)
        return;
    assert(first != NULL && len <= buf_len(first));
    first->start += len;
    queue->len -= len;
    if (buf_len(first) > 0)
        return;
    queue->first = first->next;
    if (queue->first == NULL)
        queue->last = NULL;
    buf_release(pool, first);
}

void http2_queue_take(struct http2_queue *queue, struct buf_pool *pool, char *at, size_t len)
{
    assert(len <= queue->len);
    while (len > 0 && queue->first != NULL) {
        struct str part = http2_queue_first(queue);
        part.len = part.len < len ? part.len : len;
        memcpy(at, part.ptr, part.len);
        at += part.len;
        len -= part.len;
        http2_queue_drop(queue, pool, part.len);
    }
}

void http2_queue_clear(struct http2_queue *queue, struct buf_pool *pool)
{
    while (queue->first != NULL)
        http2_queue_drop(queue, pool, buf_len(queue->first));
}
