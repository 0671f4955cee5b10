/* SPDX-License-Identifier: MIT */
#include "core/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/http1_write.h"

void stream_init(struct stream *stream, struct buf_pool *pool)
{
    stream->pool = pool;
    stream->in = NULL;
    stream->long_head = NULL;
    stream->long_len = 0;
    stream->long_capacity = 0;
    stream->scan = (struct http1_scan){0};
    stream->out = NULL;
    stream->out_last = NULL;
    stream->is_bulk = false;
    stream->is_broken = false;
    stream->is_blocked = false;
    stream->bytes_read = 0;
    stream->bytes_written = 0;
}

static void drop_output(struct stream *stream)
{
    while (stream->out != NULL) {
        struct buf *buf = stream->out;
        stream->out = buf->next;
        buf_release(stream->pool, buf);
    }
    stream->out_last = NULL;
}

static void drop_long_head(struct stream *stream)
{
    free(stream->long_head);
    stream->long_head = NULL;
    stream->long_len = 0;
    stream->long_capacity = 0;
}

void stream_clear(struct stream *stream)
{
    transport_close(&stream->transport);
    drop_output(stream);
    drop_long_head(stream);
    buf_release(stream->pool, stream->in);
    stream->in = NULL;
}

bool stream_has_room(const struct stream *stream)
{
    if (stream->long_head != NULL)
        return stream->long_len < stream->long_capacity;
    return stream->in == NULL || buf_len(stream->in) < stream->in->size;
}

bool stream_may_read_on(const struct stream *stream)
{
    return !stream_has_room(stream) && (stream->in == NULL || stream->in->size == BUF_SIZE);
}

/* An empty buffer is exchanged when the other size fits better what the peer sends. */
static void make_room(struct stream *stream)
{
    if (stream->in != NULL && buf_room(stream->in) == 0)
        buf_compact(stream->in);
    if (stream->in != NULL &&
        (buf_len(stream->in) > 0 || stream->is_bulk == (stream->in->size > BUF_SIZE)))
        return;
    buf_release(stream->pool, stream->in);
    stream->in = stream->is_bulk ? buf_acquire_bulk(stream->pool) : NULL;
    if (stream->in == NULL)
        stream->in = buf_acquire(stream->pool);
}

enum transport_result stream_fill(struct stream *stream)
{
    char *room;
    size_t size;
    if (stream->long_head != NULL) {
        room = stream->long_head + stream->long_len;
        size = stream->long_capacity - stream->long_len;
        if (size > BUF_SIZE)
            size = BUF_SIZE;
    } else {
        make_room(stream);
        room = stream->in->bytes + stream->in->end;
        size = buf_room(stream->in);
    }
    if (size == 0)
        return TRANSPORT_AGAIN;
    size_t len = 0;
    enum transport_result result = transport_read(&stream->transport, room, size, &len);
    if (result == TRANSPORT_OK) {
        stream->bytes_read += len;
        stream->is_bulk = len >= BUF_SIZE;
        if (stream->long_head != NULL)
            stream->long_len += len;
        else
            stream->in->end += len;
    } else {
        stream_release_input(stream);
    }
    return result;
}

struct str stream_input(const struct stream *stream)
{
    if (stream->in == NULL)
        return (struct str){NULL, 0};
    return str_make(stream->in->bytes + stream->in->start, buf_len(stream->in));
}

void stream_consume(struct stream *stream, size_t len)
{
    if (stream->in == NULL)
        return;
    stream->in->start += len;
    if (buf_len(stream->in) == 0) {
        stream->in->start = 0;
        stream->in->end = 0;
    }
}

void stream_release_input(struct stream *stream)
{
    if (stream->in != NULL && buf_len(stream->in) == 0) {
        buf_release(stream->pool, stream->in);
        stream->in = NULL;
    }
}

void stream_drop_input(struct stream *stream)
{
    drop_long_head(stream);
    stream->scan = (struct http1_scan){0};
    buf_release(stream->pool, stream->in);
    stream->in = NULL;
}

struct str stream_partial_head(const struct stream *stream)
{
    if (stream->long_head != NULL)
        return str_make(stream->long_head, stream->long_len);
    return stream_input(stream);
}

/* The head outgrew the buffer: it continues in a block of its own, as large as a head may be plus
 * what one read may bring behind it. */
static void start_long_head(struct stream *stream, size_t max_bytes)
{
    assert(stream->in != NULL);
    struct str input = stream_input(stream);
    stream->long_capacity = max_bytes + BUF_SIZE;
    stream->long_head = xmalloc(stream->long_capacity);
    memcpy(stream->long_head, input.ptr, input.len);
    stream->long_len = input.len;
    buf_release(stream->pool, stream->in);
    stream->in = NULL;
}

static enum stream_head end_of_head(struct stream *stream, struct str bytes, size_t head_len,
                                    struct arena *arena, struct str *ret_head)
{
    *ret_head = arena_copy(arena, str_make(bytes.ptr, head_len));
    stream->scan = (struct http1_scan){0};
    if (stream->long_head == NULL) {
        stream_consume(stream, head_len);
        return STREAM_HEAD_READY;
    }
    /* What follows the head came with the last read, so it fits a buffer. */
    struct str rest = str_skip(bytes, head_len);
    if (rest.len > 0) {
        stream->in = buf_acquire(stream->pool);
        memcpy(stream->in->bytes, rest.ptr, rest.len);
        stream->in->end = rest.len;
    }
    drop_long_head(stream);
    return STREAM_HEAD_READY;
}

enum stream_head stream_take_head(struct stream *stream, size_t max_bytes, struct arena *arena,
                                  struct str *ret_head)
{
    struct str bytes = stream_partial_head(stream);
    if (bytes.len == 0)
        return STREAM_HEAD_MORE;
    size_t head_len = 0;
    switch (http1_scan_head(&stream->scan, bytes.ptr, bytes.len, &head_len)) {
    case HTTP1_SCAN_END:
        if (head_len > max_bytes)
            return STREAM_HEAD_TOO_LONG;
        return end_of_head(stream, bytes, head_len, arena, ret_head);
    case HTTP1_SCAN_BAD:
        return STREAM_HEAD_BAD;
    case HTTP1_SCAN_MORE:
        break;
    }
    if (bytes.len > max_bytes)
        return STREAM_HEAD_TOO_LONG;
    if (stream->long_head == NULL && bytes.len == stream->in->size)
        start_long_head(stream, max_bytes);
    return STREAM_HEAD_MORE;
}

/* The last buffer if it has room for `least` bytes, else a new one that suits `len`. */
static struct buf *output_with_room(struct stream *stream, size_t least, size_t len)
{
    struct buf *last = stream->out_last;
    if (last != NULL && buf_room(last) >= least)
        return last;
    struct buf *buf = len > BUF_SIZE ? buf_acquire_bulk(stream->pool) : NULL;
    if (buf == NULL)
        buf = buf_acquire(stream->pool);
    if (last == NULL)
        stream->out = buf;
    else
        last->next = buf;
    stream->out_last = buf;
    return buf;
}

void stream_put(struct stream *stream, struct str bytes)
{
    while (bytes.len > 0 && !stream->is_broken) {
        struct buf *buf = output_with_room(stream, 1, 1);
        size_t len = bytes.len < buf_room(buf) ? bytes.len : buf_room(buf);
        memcpy(buf->bytes + buf->end, bytes.ptr, len);
        buf->end += len;
        bytes = str_skip(bytes, len);
    }
}

void stream_put_buf(struct stream *stream, struct buf *buf)
{
    if (stream->is_broken) {
        buf_release(stream->pool, buf);
        return;
    }
    if (stream->out_last == NULL)
        stream->out = buf;
    else
        stream->out_last->next = buf;
    stream->out_last = buf;
}

static enum transport_result failed(struct stream *stream, enum transport_result result)
{
    stream->is_blocked = result == TRANSPORT_AGAIN;
    if (stream->is_blocked)
        return result;
    stream->is_broken = true;
    drop_output(stream);
    return TRANSPORT_ERROR;
}

/* Hands everything to the transport, which may keep some of it. */
static enum transport_result write_output(struct stream *stream, bool has_more)
{
    if (stream->is_broken)
        return TRANSPORT_ERROR;
    if (stream->is_blocked)
        return TRANSPORT_AGAIN;
    while (stream->out != NULL) {
        struct buf *buf = stream->out;
        size_t written = 0;
        struct str bytes = str_make(buf->bytes + buf->start, buf_len(buf));
        bool is_last = buf->next == NULL && bytes.len <= BUF_SIZE && !has_more;
        enum transport_result result =
            is_last ? transport_write(&stream->transport, bytes.ptr, bytes.len, &written)
                    : transport_write_more(&stream->transport, bytes.ptr, bytes.len, &written);
        if (result != TRANSPORT_OK)
            return failed(stream, result);
        stream->bytes_written += written;
        buf->start += written;
        if (buf_len(buf) > 0)
            continue;
        stream->out = buf->next;
        if (stream->out == NULL)
            stream->out_last = NULL;
        buf_release(stream->pool, buf);
    }
    return TRANSPORT_OK;
}

enum transport_result stream_flush(struct stream *stream)
{
    enum transport_result result = write_output(stream, false);
    if (result != TRANSPORT_OK || transport_held(&stream->transport) == 0)
        return result;
    result = transport_flush(&stream->transport);
    return result == TRANSPORT_OK ? result : failed(stream, result);
}

/* Straight from the source's buffer, without a copy. */
static size_t write_through(struct stream *stream, struct str data)
{
    size_t written = 0;
    if (stream->is_blocked)
        return 0;
    enum transport_result result =
        transport_write_more(&stream->transport, data.ptr, data.len, &written);
    stream->is_blocked = result == TRANSPORT_AGAIN;
    stream->is_broken = result == TRANSPORT_ERROR || result == TRANSPORT_EOF;
    if (result != TRANSPORT_OK)
        return 0;
    stream->bytes_written += written;
    return written;
}

/* Below this a copy that shares a record is cheaper than a record of its own. */
#define WRITE_THROUGH_MIN (BUF_SIZE / 2)

static size_t put_some(struct stream *stream, struct str data, bool is_chunked)
{
    if (!is_chunked && stream->out == NULL && data.len >= WRITE_THROUGH_MIN)
        return write_through(stream, data);
    size_t overhead = is_chunked ? HTTP1_CHUNK_OVERHEAD : 0;
    if (stream->out != NULL && buf_room(stream->out_last) <= overhead &&
        write_output(stream, true) != TRANSPORT_OK)
        return 0;
    struct buf *buf = output_with_room(stream, overhead + 1, data.len + overhead);
    size_t room = buf_room(buf) - overhead;
    size_t len = data.len < room ? data.len : room;
    if (is_chunked) {
        char line[HTTP1_CHUNK_OVERHEAD];
        stream_put(stream, str_make(line, http1_write_chunk_size(len, line)));
    }
    stream_put(stream, str_make(data.ptr, len));
    if (is_chunked)
        stream_put(stream, HTTP1_CHUNK_END);
    return len;
}

size_t stream_put_body(struct stream *stream, struct str data, bool is_chunked)
{
    size_t taken = 0;
    while (taken < data.len && !stream->is_broken) {
        /* More than one buffer waiting: a long head is still being sent. */
        if (stream->out != stream->out_last && write_output(stream, true) != TRANSPORT_OK)
            break;
        size_t len = put_some(stream, str_skip(data, taken), is_chunked);
        if (len == 0)
            break;
        taken += len;
    }
    return taken;
}
