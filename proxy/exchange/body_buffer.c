/* SPDX-License-Identifier: MIT */
#include "exchange/body_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/body_store.h"
#include "exchange/exchange.h"

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

static void failed(struct exchange *x, int error)
{
    log_error("body.spool", "id=%s error=\"%s\"", x->id, strerrordesc_np(-error));
    exchange_request_failed(x, OUTCOME_UNAVAILABLE, "the body cannot be buffered");
}

static size_t op_send_body(struct exchange *x, struct str data)
{
    int error =
        body_store_add(x->upstream, data, x->engine->snapshot->config->limits.buffered_body_bytes);
    if (error < 0)
        failed(x, error);
    return data.len;
}

/* What was collected is drawn by the client side's turn, as if it came from the client. */
static void op_end_body(struct exchange *x)
{
    x->request.body =
        (struct http_body_framing){.kind = HTTP_BODY_LENGTH, .length = body_store_len(x->upstream)};
    x->request_is_read = true;
    x->request_ended = false;
    x->request_body_sent = 0;
    exchange_detach_upstream(x);
    exchange_start_upstream(x);
}

static void op_cancel(struct exchange *x)
{
    body_store_clear(x->buffered, &x->engine->buffers);
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
    x->buffered = body_store_new(&x->arena, &x->engine->spool);
    x->upstream = x->buffered;
    x->upstream_ops = &BUFFER_OPS;
    exchange_upstream_ready(x);
    return true;
}

/* ---- handing on --------------------------------------------------------------------------- */

bool body_buffer_next(struct exchange *x, struct str *ret_data)
{
    if (x->buffered == NULL)
        return false;
    int error = 0;
    if (body_store_next(x->buffered, &x->engine->buffers, ret_data, &error))
        return true;
    if (error < 0)
        failed(x, error);
    return false;
}
