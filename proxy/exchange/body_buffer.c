/* SPDX-License-Identifier: MIT */
#include "exchange/body_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"

/* The first piece of the memory; it doubles, so that it costs what was sent, not what was said. */
#define FIRST_BYTES 4096

struct body_buffer { /* in the exchange's arena */
    char *bytes;     /* owned; what comes first */
    size_t len;
    size_t capacity;
    struct spool_piece rest;
    bool is_first_read;
    uint64_t rest_read;
    struct buf *reading; /* of the rest; NULL: nothing */
};

/* ---- loading ------------------------------------------------------------------------------ */

static bool buffers_anywhere(const struct config *config)
{
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        if (site->access.forward.request_body_buffer)
            return true;
        for (size_t j = 0; j < site->location_count; j++) {
            if (site->locations[j].access.forward.request_body_buffer)
                return true;
        }
    }
    return false;
}

bool body_buffer_check(const struct config *config, struct error_list *errors)
{
    const struct config_value *directory = &config->temporary_directory;
    struct mark mark =
        directory->mark.line > 0 ? directory->mark : (struct mark){config->file, 0, 0};
    struct stat status;
    if (!buffers_anywhere(config))
        return false;
    int failed = stat(directory->text, &status) == 0 ? 0 : errno;
    if (failed == 0 && !S_ISDIR(status.st_mode))
        failed = ENOTDIR;
    if (failed == 0 && faccessat(AT_FDCWD, directory->text, W_OK | X_OK, AT_EACCESS) < 0)
        failed = errno;
    if (failed != 0)
        errors_add(
            errors, mark,
            "temporary_directory: %s: %s; bodies that are buffered need a directory that can "
            "be written to",
            directory->text, strerrordesc_np(failed));
    return true;
}

/* ---- collecting --------------------------------------------------------------------------- */

static size_t keep(struct body_buffer *buffer, struct str data, size_t most)
{
    size_t room = most - buffer->len;
    size_t len = data.len < room ? data.len : room;
    size_t capacity = buffer->capacity == 0 ? FIRST_BYTES : buffer->capacity;
    while (capacity - buffer->len < len)
        capacity *= 2;
    if (len > 0 && capacity != buffer->capacity) {
        buffer->bytes = xreallocarray(buffer->bytes, capacity, 1);
        buffer->capacity = capacity;
    }
    if (len > 0)
        memcpy(buffer->bytes + buffer->len, data.ptr, len);
    buffer->len += len;
    return len;
}

static void failed(struct exchange *x, int error)
{
    log_error("body.spool", "id=%s error=\"%s\"", x->id, strerrordesc_np(-error));
    exchange_request_failed(x, OUTCOME_UNAVAILABLE, "the body cannot be buffered");
}

static size_t op_send_body(struct exchange *x, struct str data)
{
    struct body_buffer *buffer = x->upstream;
    struct str rest =
        str_skip(data, keep(buffer, data, x->engine->snapshot->config->limits.buffered_body_bytes));
    int error =
        rest.len == 0 ? 0 : spool_append(&x->engine->spool, &buffer->rest, rest.ptr, rest.len);
    if (error < 0)
        failed(x, error);
    return data.len;
}

/* What was collected is drawn by the client side's turn, as if it came from the client. */
static void op_end_body(struct exchange *x)
{
    struct body_buffer *buffer = x->upstream;
    x->request.body = (struct http_body_framing){.kind = HTTP_BODY_LENGTH,
                                                 .length = buffer->len + buffer->rest.len};
    x->request_is_read = true;
    x->request_ended = false;
    x->request_body_sent = 0;
    exchange_detach_upstream(x);
    x->engine->upstreams->start(x);
}

static void op_cancel(struct exchange *x)
{
    body_buffer_clear(x);
}

static const struct upstream_ops BUFFER_OPS = {
    .send_body = op_send_body,
    .end_body = op_end_body,
    .flush = upstream_does_nothing,
    .resume = upstream_does_nothing,
    .cancel = op_cancel,
};

bool body_buffer_begin(struct exchange *x)
{
    if (!x->place->config->forward.request_body_buffer || !x->request_has_body)
        return false;
    x->buffered = arena_calloc(&x->arena, 1, sizeof *x->buffered);
    x->upstream = x->buffered;
    x->upstream_ops = &BUFFER_OPS;
    exchange_upstream_ready(x);
    return true;
}

/* ---- handing on --------------------------------------------------------------------------- */

bool body_buffer_next(struct exchange *x, struct str *ret_data)
{
    struct body_buffer *buffer = x->buffered;
    if (buffer == NULL)
        return false;
    if (!buffer->is_first_read && buffer->len > 0) {
        buffer->is_first_read = true;
        *ret_data = str_make(buffer->bytes, buffer->len);
        return true;
    }
    if (buffer->rest_read == buffer->rest.len) {
        body_buffer_clear(x);
        return false;
    }
    if (buffer->reading == NULL)
        buffer->reading = buf_acquire_bulk(&x->engine->buffers);
    if (buffer->reading == NULL)
        buffer->reading = buf_acquire(&x->engine->buffers);
    long len = spool_read(&x->engine->spool, &buffer->rest, buffer->rest_read,
                          buffer->reading->bytes, buffer->reading->size);
    if (len <= 0) {
        failed(x, (int)len);
        return false;
    }
    buffer->rest_read += (uint64_t)len;
    *ret_data = str_make(buffer->reading->bytes, (size_t)len);
    return true;
}

void body_buffer_clear(struct exchange *x)
{
    struct body_buffer *buffer = x->buffered;
    if (buffer == NULL)
        return;
    x->buffered = NULL;
    free(buffer->bytes);
    spool_release(&x->engine->spool, &buffer->rest);
    buf_release(&x->engine->buffers, buffer->reading);
}
