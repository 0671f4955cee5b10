/* stream.h - HTTP/1.1 bytes over a transport: heads in, heads and bodies out.
 *
 * What the client side and the upstream side have in common. Buffers come from the engine's pool
 * and are held only while bytes are in them. Output is bounded: heads are always taken, body bytes
 * only while less than a buffer is waiting, which is all the back-pressure there is. Who has just
 * filled a buffer in one go is read from into a bulk buffer next, for as long as that pays.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_STREAM_H
#define PROXY_CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "http/http1_parse.h"
#include "net/transport.h"

struct stream {
    struct transport transport; /* initialised by the owner */
    struct buf_pool *pool;      /* borrowed from the engine */
    struct buf *in;             /* NULL while nothing is buffered */
    char *long_head;            /* owned: a head that outgrew a buffer; NULL else */
    size_t long_len;
    size_t long_capacity;
    struct http1_scan scan;
    struct buf *out; /* waiting output, oldest first */
    struct buf *out_last;
    bool is_bulk;    /* the last read brought at least BUF_SIZE */
    bool is_broken;  /* a write failed: everything further is dropped */
    bool is_blocked; /* the last write had to wait: nothing is tried before stream_writable() */
    uint64_t bytes_read;
    uint64_t bytes_written;
};

void stream_init(struct stream *stream, struct buf_pool *pool);
/* Closes the transport and gives back every buffer; idempotent. */
void stream_clear(struct stream *stream);

/* Reads once into the room there is. OK: something was read. AGAIN: nothing now. EOF and ERROR as
 * transport_read. */
enum transport_result stream_fill(struct stream *stream);
/* What was read and not yet consumed; valid until the next stream_ call. */
struct str stream_input(const struct stream *stream);
void stream_consume(struct stream *stream, size_t len);
/* False when a stream_fill() could not store a byte. */
bool stream_has_room(const struct stream *stream);
/* After a stream_fill(): it left no room, and was not all that one peer should have of a turn. */
bool stream_may_read_on(const struct stream *stream);
/* Forgets what was read and not consumed, a head that is not complete included. */
void stream_drop_input(struct stream *stream);
/* Gives an empty input buffer back. */
void stream_release_input(struct stream *stream);

enum stream_head {
    STREAM_HEAD_MORE,
    STREAM_HEAD_READY,
    STREAM_HEAD_BAD,      /* stream->scan.reason says why */
    STREAM_HEAD_TOO_LONG, /* more than max_bytes */
};
/* Takes a whole head off the input, as a copy in the arena. */
enum stream_head stream_take_head(struct stream *stream, size_t max_bytes, struct arena *arena,
                                  struct str *ret_head);
/* The head so far, when it is too long to complete: for telling a long target apart. */
struct str stream_partial_head(const struct stream *stream);

/* Queues bytes, all of them (heads and small pages). Nothing is sent before stream_flush(). */
void stream_put(struct stream *stream, struct str bytes);
/* Queues a buffer of the pool, which the stream takes over. */
void stream_put_buf(struct stream *stream, struct buf *buf);
/* Queues or sends body bytes, framed as one or more chunks when is_chunked. Returns how many of
 * data were taken; fewer than all: call again after the next flush that succeeds. */
size_t stream_put_body(struct stream *stream, struct str data, bool is_chunked);
/* The transport said that it can be written to. */
static inline void stream_writable(struct stream *stream)
{
    stream->is_blocked = false;
}
/* OK: everything is sent. AGAIN: want the transport writable. ERROR: the stream is broken. */
enum transport_result stream_flush(struct stream *stream);
static inline bool stream_has_output(const struct stream *stream)
{
    return stream->out != NULL || transport_held(&stream->transport) > 0;
}
/* Grows by what the sockets gave and took, a little too slowly while the transport holds bytes. */
static inline uint64_t stream_progress(const struct stream *stream)
{
    return stream->bytes_read + stream->bytes_written - transport_held(&stream->transport);
}

#endif
