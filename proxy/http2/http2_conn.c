/* SPDX-License-Identifier: MIT */
#include "http2/http2_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* Answers to what the peer did (RST_STREAM, acknowledgements) that wait because it does not read. A
 * peer that reads has a few for each stream. */
#define OUTBOUND_MAX 1000
/* The longest head that limits.header_bytes lets in, and what is added to it. */
#define SEND_HEAD_MAX ((size_t)2 * 1024 * 1024)
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
    nghttp2_option_set_max_send_header_block_length(option, SEND_HEAD_MAX);
    nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
    return option;
}

static nghttp2_session *make_session(struct http2_conn *conn)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    int problem = nghttp2_session_callbacks_new(&callbacks);
    assert(problem == 0);
    http2_conn_set_input(callbacks);
    http2_conn_set_output(callbacks);
    nghttp2_option *option = make_option();
    if (conn->role.is_server)
        problem = nghttp2_session_server_new2(&session, callbacks, conn, option);
    else
        problem = nghttp2_session_client_new2(&session, callbacks, conn, option);
    assert(problem == 0);
    (void)problem;
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

void http2_conn_init(struct http2_conn *conn, const nghttp2_settings_entry *settings, size_t count,
                     uint32_t connection_window)
{
    conn->scan.skip = conn->role.is_server ? HTTP2_PREFACE_SIZE : 0;
    conn->now_ms = clock_monotonic_ms();
    conn->session = make_session(conn);
    (void)nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, count);
    (void)nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0,
                                                (int32_t)connection_window);
}

static void close_streams(struct http2_conn *conn, const char *detail)
{
    for (struct http2_stream *stream = conn->streams; stream != NULL; stream = stream->next)
        http2_stream_close(stream, conn->error, detail);
}

void http2_conn_clear(struct http2_conn *conn)
{
    conn->is_ended = true;
    close_streams(conn, "the connection ended");
    nghttp2_session_del(conn->session);
    struct http2_stream *lists[] = {conn->streams, conn->free_streams};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (struct http2_stream *next; lists[i] != NULL; lists[i] = next) {
            next = lists[i]->next;
            free(lists[i]);
        }
    }
    free(conn->nva);
}

/* ---- streams ------------------------------------------------------------------------------ */

struct http2_stream *http2_stream_new(struct http2_conn *conn)
{
    struct http2_stream *stream = conn->free_streams;
    if (stream != NULL)
        conn->free_streams = stream->next;
    else
        stream = xmalloc(sizeof *stream);
    *stream = (struct http2_stream){
        .conn = conn,
        .takes_body = true,
        .window = conn->stream_window,
    };
    stream->next = conn->streams;
    if (stream->next != NULL)
        stream->next->prev = stream;
    conn->streams = stream;
    conn->open++;
    arena_init(&stream->own, conn->pool);
    return stream;
}

void http2_stream_own(struct http2_stream *stream)
{
    stream->is_owned = true;
    stream->conn->owned++;
}

static void unlist_writable(struct http2_stream *stream)
{
    struct http2_stream **at = &stream->conn->writable;
    if (!stream->is_writable_listed)
        return;
    while (*at != stream)
        at = &(*at)->next_writable;
    *at = stream->next_writable;
    stream->is_writable_listed = false;
}

void http2_stream_let_go(struct http2_stream *stream)
{
    struct http2_conn *conn = stream->conn;
    if (conn->block == stream) {
        conn->block = NULL;
        conn->block_since = 0;
    }
    /* What nobody will take any more must not shut the window for the others. */
    if (stream->kept.len > 0 && !conn->is_ended)
        (void)nghttp2_session_consume_connection(conn->session, stream->kept.len);
    http2_queue_clear(&stream->kept, conn->pool);
    http2_queue_clear(&stream->out, conn->pool);
    arena_clear(&stream->own);
    stream->arena = NULL;
    stream->head = NULL;
    free(stream->trailers_out);
    stream->trailers_out = NULL;
    stream->blocked_since = 0;
    unlist_writable(stream);
    if (stream->is_owned)
        conn->owned--;
    stream->is_owned = false;
}

void http2_stream_close(struct http2_stream *stream, uint32_t error, const char *detail)
{
    const struct http2_conn *conn = stream->conn;
    bool is_owned = stream->is_owned;
    http2_stream_let_go(stream);
    /* What broke off has a code that says so, whatever the peer gave as its reason. */
    if (detail == NULL)
        error = HTTP2_NO_ERROR;
    else if (error == HTTP2_NO_ERROR)
        error = HTTP2_CANCEL;
    if (is_owned)
        conn->role.closed(conn->owner, stream, error, detail);
}

void http2_stream_fail(struct http2_stream *stream, enum http2_error error, const char *detail)
{
    if (!stream->conn->is_ended)
        (void)nghttp2_submit_rst_stream(stream->conn->session, NGHTTP2_FLAG_NONE, stream->id,
                                        error);
    http2_stream_close(stream, error, detail);
}

void http2_stream_free(struct http2_stream *stream)
{
    struct http2_conn *conn = stream->conn;
    http2_conn_note_closed(conn, stream);
    conn->open -= !stream->is_gone;
    conn->spare_window += stream->window - conn->stream_window;
    if (stream->prev != NULL)
        stream->prev->next = stream->next;
    else
        conn->streams = stream->next;
    if (stream->next != NULL)
        stream->next->prev = stream->prev;
    stream->next = conn->free_streams;
    conn->free_streams = stream;
}

/* ---- ending a connection ------------------------------------------------------------------ */

static void put_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (24 - 8 * i) & 0xff);
}

/* nghttp2 refuses to go on after some errors, and would go on reading after others. */
static void write_goaway(struct http2_conn *conn, enum http2_error error)
{
    static const char HEAD[FRAME_HEAD] = {0, 0, GOAWAY_SIZE - FRAME_HEAD, NGHTTP2_GOAWAY};
    memcpy(conn->goaway, HEAD, sizeof HEAD);
    put_u32(conn->goaway + FRAME_HEAD,
            (uint32_t)nghttp2_session_get_last_proc_stream_id(conn->session));
    put_u32(conn->goaway + FRAME_HEAD + 4, error);
    conn->goaway_left = GOAWAY_SIZE;
}

void http2_conn_end(struct http2_conn *conn, enum http2_error error, const char *detail)
{
    if (conn->is_ended)
        return;
    conn->is_ended = true;
    conn->must_close_streams = true;
    conn->error = error;
    conn->problem = detail;
    write_goaway(conn, error);
}

bool http2_conn_is_flooded(struct http2_conn *conn, enum http2_nuisance nuisance)
{
    const char *flood = http2_budget_spend(&conn->budget, nuisance, conn->now_ms);
    if (flood == NULL)
        return false;
    http2_conn_end(conn, HTTP2_ENHANCE_YOUR_CALM, flood);
    return true;
}

static void end_for(struct http2_conn *conn, int error)
{
    switch (error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        http2_conn_end(conn, HTTP2_PROTOCOL_ERROR, "no preface of HTTP/2");
        return;
    case NGHTTP2_ERR_FLOODED:
        http2_conn_end(conn, HTTP2_ENHANCE_YOUR_CALM, "answers pile up");
        return;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        http2_conn_end(conn, HTTP2_ENHANCE_YOUR_CALM, "continuation flood");
        return;
    default:
        http2_conn_end(conn, HTTP2_INTERNAL_ERROR, nghttp2_strerror(error));
        return;
    }
}

/* ---- turns -------------------------------------------------------------------------------- */

/* Not where the owner lets go of them, which may be in a call-back for that very stream. */
static void sweep(struct http2_conn *conn)
{
    struct http2_stream *next;
    conn->has_gone = false;
    for (struct http2_stream *stream = conn->streams; stream != NULL; stream = next) {
        next = stream->next;
        if (stream->is_gone && !stream->is_owned)
            http2_stream_free(stream);
    }
}

static void after_turn(struct http2_conn *conn)
{
    if (conn->has_gone)
        sweep(conn);
    if (conn->must_close_streams) {
        conn->must_close_streams = false;
        close_streams(conn, conn->problem);
    }
    if (conn->has_room && conn->role.room != NULL)
        conn->role.room(conn);
    conn->has_room = false;
}

void http2_conn_feed(struct http2_conn *conn, struct str bytes)
{
    if (conn->is_ended || bytes.len == 0)
        return;
    conn->now_ms = clock_monotonic_ms();
    int problem = http2_conn_take(conn, bytes);
    if (problem < 0)
        end_for(conn, problem);
    else if (nghttp2_session_get_outbound_queue_size(conn->session) > OUTBOUND_MAX)
        http2_conn_end(conn, HTTP2_ENHANCE_YOUR_CALM, "answers pile up");
    after_turn(conn);
}

static void tell_writable(struct http2_conn *conn)
{
    while (conn->writable != NULL) {
        struct http2_stream *stream = conn->writable;
        unlist_writable(stream);
        conn->role.writable(conn->owner, stream);
    }
}

struct buf *http2_conn_pull(struct http2_conn *conn)
{
    conn->now_ms = clock_monotonic_ms();
    after_turn(conn);
    if (!http2_conn_has_output(conn))
        return NULL;
    conn->out = buf_acquire(conn->pool);
    int problem = http2_conn_fill(conn);
    struct buf *out = conn->out;
    conn->out = NULL;
    if (problem < 0)
        end_for(conn, problem);
    after_turn(conn);
    tell_writable(conn);
    if (buf_len(out) > 0)
        return out;
    buf_release(conn->pool, out);
    return NULL;
}

bool http2_conn_has_output(const struct http2_conn *conn)
{
    return conn->frame_rest.len > 0 || conn->goaway_left > 0 ||
           (!conn->is_ended && nghttp2_session_want_write(conn->session));
}

bool http2_conn_is_over(const struct http2_conn *conn)
{
    if (http2_conn_has_output(conn))
        return false;
    return conn->is_ended || !nghttp2_session_want_read(conn->session);
}
