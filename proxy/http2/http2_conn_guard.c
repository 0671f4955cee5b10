/* nghttp2 ignores what RFC 9113 lets a receiver ignore. What only a broken or hostile peer sends,
 * and what is cheap to send and not to answer, is found here.
 *
 * SPDX-License-Identifier: MIT */
#include "http2/http2_conn.h"

/* ---- streams that are closed -------------------------------------------------------------- */

void http2_conn_note_closed(struct http2_conn *conn, const struct http2_stream *stream)
{
    size_t at = conn->closed_count++ % CLOSED_STREAMS;
    if (conn->closed[at].id > conn->forgotten_id)
        conn->forgotten_id = conn->closed[at].id;
    conn->closed[at].id = (uint32_t)stream->id;
    conn->closed[at].is_complete = stream->is_ended || stream->is_reset_by_peer;
}

enum past { PAST_UNKNOWN, PAST_NONE, PAST_COMPLETE, PAST_CUT_OFF };

/* What became of a stream that is not open and not new. */
static enum past past_of(const struct http2_conn *conn, uint32_t id)
{
    for (size_t i = 0; i < CLOSED_STREAMS; i++) {
        if (conn->closed[i].id == id)
            return conn->closed[i].is_complete ? PAST_COMPLETE : PAST_CUT_OFF;
    }
    return id > conn->forgotten_id ? PAST_NONE : PAST_UNKNOWN;
}

/* RFC 9113 sections 5.1 and 5.1.1. What comes for a stream that was cut off from here may have been
 * on its way; nghttp2 drops it. */
static void check_stream(struct http2_conn *conn, const struct http2_frame_head *head)
{
    if (head->id == 0 || head->id > conn->last_id || head->id % 2 == 0 ||
        nghttp2_session_get_stream_user_data(conn->session, (int32_t)head->id) != NULL)
        return;
    enum past past = past_of(conn, head->id);
    if (past == PAST_COMPLETE || (past == PAST_NONE && head->type == NGHTTP2_DATA))
        http2_conn_end(conn, HTTP2_STREAM_CLOSED, "a frame for a closed stream");
    else if (past == PAST_NONE)
        http2_conn_end(conn, HTTP2_PROTOCOL_ERROR, "a stream with a number that was passed");
}

/* ---- frames ------------------------------------------------------------------------------- */

static enum http2_nuisance nuisance_of(const struct http2_frame_head *head, bool is_server)
{
    switch (head->type) {
    case NGHTTP2_DATA:
        return head->length == 0 && (head->flags & NGHTTP2_FLAG_END_STREAM) == 0
                   ? HTTP2_EMPTY_FRAMES
                   : HTTP2_NUISANCES;
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE:
        return HTTP2_PRIORITIES;
    case NGHTTP2_RST_STREAM:
        return is_server ? HTTP2_RESETS : HTTP2_NUISANCES; /* of our requests: for their owners */
    case NGHTTP2_SETTINGS:
        return HTTP2_SETTINGS;
    case NGHTTP2_PING:
        return HTTP2_PINGS;
    case NGHTTP2_WINDOW_UPDATE:
        return HTTP2_WINDOW_UPDATES;
    case NGHTTP2_CONTINUATION:
        return HTTP2_CONTINUATIONS;
    case NGHTTP2_HEADERS:
    case NGHTTP2_PUSH_PROMISE:
    case NGHTTP2_GOAWAY:
        return HTTP2_NUISANCES;
    default:
        return HTTP2_UNKNOWN_FRAMES;
    }
}

/* It depends on what was before whether such a frame may come. */
static bool needs_stream(const struct http2_conn *conn, const struct http2_frame_head *head)
{
    return conn->role.is_server && (head->type == NGHTTP2_DATA ||
                                    (head->type == NGHTTP2_HEADERS && head->id <= conn->last_id));
}

static void check_frame(struct http2_conn *conn, const struct http2_frame_head *head)
{
    enum http2_nuisance nuisance = nuisance_of(head, conn->role.is_server);
    if (nuisance != HTTP2_NUISANCES && http2_conn_is_flooded(conn, nuisance))
        return;
    if (!conn->role.is_server)
        return;
    if (needs_stream(conn, head))
        check_stream(conn, head);
    else if (head->type == NGHTTP2_HEADERS && head->id % 2 == 1)
        conn->last_id = head->id;
    /* RFC 7540 sections 5.3.1 and 6.3; nghttp2 does not look at what RFC 9113 made obsolete. */
    if (head->type == NGHTTP2_PRIORITY && (head->id == 0 || head->id == head->depends_on))
        http2_conn_end(conn, HTTP2_PROTOCOL_ERROR, "a priority that means nothing");
}

static int give(struct http2_conn *conn, struct str bytes, size_t *from, size_t to)
{
    size_t start = *from;
    *from = to;
    if (start == to)
        return 0;
    ssize_t taken =
        nghttp2_session_mem_recv(conn->session, (const uint8_t *)bytes.ptr + start, to - start);
    return taken < 0 ? (int)taken : 0;
}

int http2_conn_take(struct http2_conn *conn, struct str bytes)
{
    struct http2_frame_head head;
    size_t given = 0;
    size_t at = 0;
    int problem = 0;
    while (problem == 0 && !conn->is_ended && http2_scan_next(&conn->scan, bytes, &at, &head)) {
        /* All but the last byte of this head, which does not begin the frame yet. */
        if (needs_stream(conn, &head))
            problem = give(conn, bytes, &given, at - 1);
        if (problem == 0 && !conn->is_ended)
            check_frame(conn, &head);
    }
    return problem < 0 || conn->is_ended ? problem : give(conn, bytes, &given, bytes.len);
}
