/* SPDX-License-Identifier: MIT */
#include "http2/http2_server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http2/http2_server_private.h"

/* Answers to what the peer did (RST_STREAM, acknowledgements) that wait because it does not read. A
 * client that reads has a few for each stream. */
#define OUTBOUND_MAX 1000
/* Ours count with the work that was done; these are for what ours might not see. */
#define BACKSTOP_RESETS            10000
#define BACKSTOP_RESETS_PER_SECOND 1000

/* ---- beginning and end -------------------------------------------------------------------- */

static nghttp2_option *make_option(void)
{
    nghttp2_option *option;
    int problem = nghttp2_option_new(&option);
    assert(problem == 0);
    (void)problem;
    nghttp2_option_set_no_auto_window_update(option, 1);
    /* http2_head.c judges, with the rules and the reasons of HTTP/1.1. */
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, BACKSTOP_RESETS, BACKSTOP_RESETS_PER_SECOND);
    nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
    return option;
}

static nghttp2_session *make_session(struct http2_server *server)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    int problem = nghttp2_session_callbacks_new(&callbacks);
    assert(problem == 0);
    http2_server_set_input(callbacks);
    http2_server_set_output(callbacks);
    nghttp2_option *option = make_option();
    problem = nghttp2_session_server_new2(&session, callbacks, server, option);
    assert(problem == 0);
    (void)problem;
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

static void submit_settings(struct http2_server *server)
{
    const struct http2_server_limits *limits = &server->limits;
    /* RFC 9113 section 6.5.2 counts 32 bytes more a field than HTTP/1.1 needs to write it. */
    size_t list_bytes = limits->header_bytes + limits->header_count * 32;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)list_bytes},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    (void)nghttp2_submit_settings(server->session, NGHTTP2_FLAG_NONE, settings,
                                  sizeof settings / sizeof settings[0]);
    (void)nghttp2_session_set_local_window_size(server->session, NGHTTP2_FLAG_NONE, 0,
                                                (int32_t)limits->connection_window);
}

struct http2_server *http2_server_new(const struct http2_server_ops *ops, void *owner,
                                      const struct http2_server_limits *limits,
                                      struct buf_pool *pool)
{
    struct http2_server *server = xcalloc(1, sizeof *server);
    server->ops = ops;
    server->owner = owner;
    server->limits = *limits;
    server->head_limits = (struct http2_head_limits){
        .target_bytes = limits->target_bytes,
        .header_bytes = limits->header_bytes,
        .header_count = limits->header_count,
    };
    server->pool = pool;
    server->scan.skip = HTTP2_PREFACE_SIZE;
    server->now_ms = clock_monotonic_ms();
    server->session = make_session(server);
    submit_settings(server);
    return server;
}

static void close_streams(struct http2_server *server, const char *detail)
{
    for (struct http2_stream *stream = server->streams; stream != NULL; stream = stream->next)
        http2_stream_close(stream, server->error, detail);
}

void http2_server_free(struct http2_server *server)
{
    if (server == NULL)
        return;
    server->is_ended = true;
    close_streams(server, "the connection ended");
    nghttp2_session_del(server->session);
    struct http2_stream *lists[] = {server->streams, server->free_streams};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (struct http2_stream *next; lists[i] != NULL; lists[i] = next) {
            next = lists[i]->next;
            free(lists[i]);
        }
    }
    free(server->nva);
    free(server);
}

/* ---- streams ------------------------------------------------------------------------------ */

struct http2_stream *http2_stream_new(struct http2_server *server, int32_t id)
{
    struct http2_stream *stream = server->free_streams;
    if (stream != NULL)
        server->free_streams = stream->next;
    else
        stream = xmalloc(sizeof *stream);
    *stream = (struct http2_stream){.server = server, .id = id, .takes_body = true};
    stream->next = server->streams;
    if (stream->next != NULL)
        stream->next->prev = stream;
    server->streams = stream;
    arena_init(&stream->arena, server->pool);
    return stream;
}

static void unlist_writable(struct http2_stream *stream)
{
    struct http2_stream **at = &stream->server->writable;
    if (!stream->is_writable_listed)
        return;
    while (*at != stream)
        at = &(*at)->next_writable;
    *at = stream->next_writable;
    stream->is_writable_listed = false;
}

void http2_stream_let_go(struct http2_stream *stream)
{
    struct http2_server *server = stream->server;
    if (server->block == stream) {
        server->block = NULL;
        server->block_since = 0;
    }
    /* What nobody will take any more must not shut the window for the others. */
    if (stream->kept.len > 0 && !server->is_ended)
        (void)nghttp2_session_consume_connection(server->session, stream->kept.len);
    http2_queue_clear(&stream->kept, server->pool);
    http2_queue_clear(&stream->out, server->pool);
    arena_clear(&stream->arena);
    stream->head = NULL;
    free(stream->trailers_out);
    stream->trailers_out = NULL;
    stream->blocked_since = 0;
    unlist_writable(stream);
    if (stream->is_handed_over)
        server->handed_over--;
    stream->is_handed_over = false;
}

void http2_stream_close(struct http2_stream *stream, uint32_t error, const char *detail)
{
    struct http2_server *server = stream->server;
    bool is_handed_over = stream->is_handed_over;
    http2_stream_let_go(stream);
    if (is_handed_over)
        server->ops->closed(server->owner, stream, error, detail);
}

void http2_stream_fail(struct http2_stream *stream, enum http2_error error, const char *detail)
{
    (void)nghttp2_submit_rst_stream(stream->server->session, NGHTTP2_FLAG_NONE, stream->id, error);
    http2_stream_close(stream, error, detail);
}

void http2_stream_free(struct http2_stream *stream)
{
    struct http2_server *server = stream->server;
    http2_server_note_closed(server, stream);
    if (stream->prev != NULL)
        stream->prev->next = stream->next;
    else
        server->streams = stream->next;
    if (stream->next != NULL)
        stream->next->prev = stream->prev;
    stream->next = server->free_streams;
    server->free_streams = stream;
}

/* ---- ending a connection ------------------------------------------------------------------ */

static void put_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (24 - 8 * i) & 0xff);
}

/* nghttp2 refuses to go on after some errors, and would go on reading after others. */
static void write_goaway(struct http2_server *server, enum http2_error error)
{
    static const char HEAD[9] = {0, 0, GOAWAY_SIZE - 9, NGHTTP2_GOAWAY};
    memcpy(server->goaway, HEAD, sizeof HEAD);
    put_u32(server->goaway + 9, (uint32_t)nghttp2_session_get_last_proc_stream_id(server->session));
    put_u32(server->goaway + 13, error);
    server->goaway_left = GOAWAY_SIZE;
}

void http2_server_end(struct http2_server *server, enum http2_error error, const char *detail)
{
    if (server->is_ended)
        return;
    server->is_ended = true;
    server->must_close_streams = true;
    server->error = error;
    server->problem = detail;
    write_goaway(server, error);
}

bool http2_server_is_flooded(struct http2_server *server, enum http2_nuisance nuisance)
{
    const char *flood = http2_budget_spend(&server->budget, nuisance, server->now_ms);
    if (flood == NULL)
        return false;
    http2_server_end(server, HTTP2_ENHANCE_YOUR_CALM, flood);
    return true;
}

static void end_for(struct http2_server *server, int error)
{
    switch (error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        http2_server_end(server, HTTP2_PROTOCOL_ERROR, "no preface of HTTP/2");
        return;
    case NGHTTP2_ERR_FLOODED:
        http2_server_end(server, HTTP2_ENHANCE_YOUR_CALM, "answers pile up");
        return;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        http2_server_end(server, HTTP2_ENHANCE_YOUR_CALM, "continuation flood");
        return;
    default:
        http2_server_end(server, HTTP2_INTERNAL_ERROR, nghttp2_strerror(error));
        return;
    }
}

static void after_turn(struct http2_server *server)
{
    if (!server->must_close_streams)
        return;
    server->must_close_streams = false;
    close_streams(server, server->problem);
}

/* ---- bytes -------------------------------------------------------------------------------- */

void http2_server_feed(struct http2_server *server, struct str bytes)
{
    if (server->is_ended || bytes.len == 0)
        return;
    server->now_ms = clock_monotonic_ms();
    int problem = http2_server_take(server, bytes);
    if (problem < 0)
        end_for(server, problem);
    else if (nghttp2_session_get_outbound_queue_size(server->session) > OUTBOUND_MAX)
        http2_server_end(server, HTTP2_ENHANCE_YOUR_CALM, "answers pile up");
    after_turn(server);
}

static void tell_writable(struct http2_server *server)
{
    while (server->writable != NULL) {
        struct http2_stream *stream = server->writable;
        unlist_writable(stream);
        server->ops->writable(server->owner, stream);
    }
}

struct buf *http2_server_pull(struct http2_server *server)
{
    server->now_ms = clock_monotonic_ms();
    after_turn(server);
    if (!http2_server_has_output(server))
        return NULL;
    server->out = buf_acquire(server->pool);
    int problem = http2_server_fill(server);
    struct buf *out = server->out;
    server->out = NULL;
    if (problem < 0)
        end_for(server, problem);
    after_turn(server);
    tell_writable(server);
    if (buf_len(out) > 0)
        return out;
    buf_release(server->pool, out);
    return NULL;
}

bool http2_server_has_output(const struct http2_server *server)
{
    return server->frame_rest.len > 0 || server->goaway_left > 0 ||
           (!server->is_ended && nghttp2_session_want_write(server->session));
}

/* ---- the connection ----------------------------------------------------------------------- */

void http2_server_drain(struct http2_server *server)
{
    if (server->is_draining || server->is_ended)
        return;
    server->is_draining = true;
    (void)nghttp2_submit_shutdown_notice(server->session);
}

void http2_server_drain_now(struct http2_server *server)
{
    if (server->is_last_goaway_sent || server->is_ended)
        return;
    server->is_draining = true;
    server->is_last_goaway_sent = true;
    (void)nghttp2_submit_goaway(server->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(server->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

bool http2_server_is_over(const struct http2_server *server)
{
    if (http2_server_has_output(server))
        return false;
    return server->is_ended || !nghttp2_session_want_read(server->session);
}

const char *http2_server_problem(const struct http2_server *server)
{
    return server->problem;
}

enum http2_error http2_server_error(const struct http2_server *server)
{
    return server->error;
}

uint32_t http2_server_peer_error(const struct http2_server *server)
{
    return server->peer_error;
}

size_t http2_server_streams(const struct http2_server *server)
{
    return server->handed_over;
}

uint64_t http2_server_head_since(const struct http2_server *server)
{
    return server->block_since;
}
