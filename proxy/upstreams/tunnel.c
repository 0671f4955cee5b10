/* SPDX-License-Identifier: MIT */
#include "upstreams/tunnel.h"

#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "explain/refusal_log.h"
#include "forward/headers.h"
#include "http/http1_write.h"
#include "http/tunnel_upgrade.h"
#include "upstreams/upstream.h"

/* Reads of one side in a turn of the loop before others get theirs. */
#define READS_PER_TURN 4

struct tunnel_side {
    struct stream *stream;
    bool can_read;
    bool has_ended; /* it sends no more */
    bool is_told;   /* ... and will be sent no more, which it was told */
};

struct tunnel { /* in the exchange's arena */
    struct tunnel_side client;
    struct tunnel_side upstream;
    uint64_t moved; /* bytes, when the deadline was last moved */
    bool was_half;  /* one direction had ended then */
};

/* ---- the exchange's upstream side --------------------------------------------------------- */

static void op_cancel(struct exchange *x)
{
    upstream_conn_close(x->upstream);
}

static const struct upstream_ops TUNNEL_OPS = {
    .send_body = upstream_takes_none,
    .end_body = upstream_does_nothing,
    .flush = upstream_does_nothing,
    .resume = upstream_does_nothing,
    .cancel = op_cancel,
};

/* ---- copying ------------------------------------------------------------------------------ */

/* False when the connection is broken. */
static bool read_some(struct tunnel_side *from)
{
    switch (stream_fill(from->stream)) {
    case TRANSPORT_OK:
        from->can_read = stream_may_read_on(from->stream);
        return true;
    case TRANSPORT_AGAIN:
        from->can_read = false;
        return true;
    case TRANSPORT_EOF:
        from->has_ended = true;
        return true;
    case TRANSPORT_ERROR:
        return false;
    }
    return false;
}

/* False when what was read could not all be handed on. */
static bool hand_on(struct tunnel_side *from, struct tunnel_side *to)
{
    struct str input = stream_input(from->stream);
    size_t taken = stream_put_body(to->stream, input, false);
    stream_consume(from->stream, taken);
    return taken == input.len;
}

/* One direction; false when it is `from` that is broken. What `to` cannot take stays where it is,
 * and nothing more is read before it is gone. */
static bool pump(struct tunnel_side *from, struct tunnel_side *to)
{
    bool is_whole = true;
    int reads = 0;
    while (hand_on(from, to) && from->can_read && !from->has_ended &&
           stream_flush(to->stream) == TRANSPORT_OK && reads++ < READS_PER_TURN && is_whole)
        is_whole = read_some(from);
    (void)stream_flush(to->stream);
    stream_release_input(from->stream);
    return is_whole;
}

static bool is_waiting(const struct tunnel_side *from, const struct tunnel_side *to)
{
    return stream_input(from->stream).len > 0 || stream_has_output(to->stream);
}

/* The end of one direction is passed on behind its last byte. */
static void pass_end(const struct tunnel_side *from, struct tunnel_side *to)
{
    if (!from->has_ended || to->is_told || is_waiting(from, to))
        return;
    to->is_told = true;
    (void)transport_shutdown(&to->stream->transport);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void upstream_broke(struct exchange *x)
{
    /* A server that has said goodbye need not listen any longer. */
    if (!x->tunnel->upstream.has_ended) {
        x->outcome = OUTCOME_UPSTREAM_CLOSED;
        refusal_log_upstream(x->engine->refusals, x, x->outcome, "the tunnel broke");
    }
    x->client_ops->end_tunnel(x, TUNNEL_CUT_OFF);
}

static void move_deadline(struct exchange *x, struct tunnel *tunnel)
{
    const struct config_timeouts *timeouts = &x->engine->snapshot->config->timeouts;
    uint64_t moved =
        stream_progress(tunnel->client.stream) + stream_progress(tunnel->upstream.stream);
    bool is_half = tunnel->client.is_told || tunnel->upstream.is_told;
    if (moved == tunnel->moved && is_half == tunnel->was_half)
        return;
    tunnel->moved = moved;
    tunnel->was_half = is_half;
    uint64_t limit = timeouts->tunnel;
    /* A peer that has closed altogether looks the same as one that only sends no more. */
    if (is_half && timeouts->idle < limit)
        limit = timeouts->idle;
    x->client_ops->extend_tunnel(x, limit);
}

static void want(const struct tunnel_side *side, const struct tunnel_side *other)
{
    bool wants_read = !side->has_ended && !is_waiting(side, other);
    transport_want(&side->stream->transport, wants_read, is_waiting(other, side));
}

static void run(struct exchange *x, bool client_can_read, bool upstream_can_read)
{
    struct tunnel *tunnel = x->tunnel;
    struct tunnel_side *ours = &tunnel->client;
    struct tunnel_side *theirs = &tunnel->upstream;
    ours->can_read = client_can_read;
    theirs->can_read = upstream_can_read;
    /* What the server still had to say goes out before its failure counts, and the reverse. */
    bool server_is_whole = pump(theirs, ours) && !theirs->stream->is_broken;
    bool client_is_whole = pump(ours, theirs) && !ours->stream->is_broken;
    if (!client_is_whole) {
        x->client_ops->end_tunnel(x, TUNNEL_BROKEN);
        return;
    }
    if (!server_is_whole || theirs->stream->is_broken) {
        upstream_broke(x);
        return;
    }
    pass_end(ours, theirs);
    pass_end(theirs, ours);
    if (ours->is_told && theirs->is_told) {
        x->client_ops->end_tunnel(x, TUNNEL_BOTH_ENDED);
        return;
    }
    move_deadline(x, tunnel);
    want(ours, theirs);
    want(theirs, ours);
}

static void client_ready(struct exchange *x, bool can_read)
{
    run(x, can_read, false);
}

void tunnel_upstream_ready(struct exchange *x, bool can_read)
{
    run(x, false, can_read);
}

/* ---- the beginning ------------------------------------------------------------------------ */

void tunnel_begin(struct upstream_conn *conn, const struct http_response *response)
{
    struct exchange *x = conn->exchange;
    struct tunnel *tunnel = arena_calloc(&x->arena, 1, sizeof *tunnel);
    tunnel->upstream = (struct tunnel_side){.stream = &conn->stream};
    x->tunnel = tunnel;
    x->upstream_ops = &TUNNEL_OPS;
    x->response_started = true;
    headers_for_client(x, response);
    /* RFC 9110 section 7.8: both fields belong to this hop, so they are ours. */
    http_fields_add(&x->response.fields, &x->arena, STR("Connection"), STR("Upgrade"));
    http_fields_add(&x->response.fields, &x->arena, STR("Upgrade"), TUNNEL_PROTOCOL);
    upstream_conn_set_state(conn, UPSTREAM_TUNNEL);
    struct str head = http1_write_response_head(&x->arena, response->status, response->reason,
                                                &x->response.fields);
    tunnel->client.stream =
        x->client_ops->start_tunnel(x, head, client_ready, &tunnel->client.has_ended);
}
