/* SPDX-License-Identifier: MIT */
#include "echo/echo_websocket.h"

#include "core/snapshot.h"
#include "core/stream.h"
#include "exchange/exchange.h"
#include "http/http1_write.h"
#include "http/tunnel_upgrade.h"

#define READS_PER_TURN 4
#define CONTROL        0x08 /* RFC 6455 section 5.5: opcodes from here on */
#define CLOSE          0x08
#define PING           0x09
#define PONG           0x0A
#define CONTROL_MOST   125

struct echo_websocket {    /* in the exchange's arena */
    struct stream *stream; /* the client's */
    unsigned char mask[4];
    uint64_t left; /* of the payload of the current frame */
    size_t mask_at;
    bool is_pong; /* an answer that nobody waits for: dropped */
    bool is_closing;
    bool has_said_close;
    uint64_t moved;
};

static void op_cancel(struct exchange *x)
{
    (void)x;
}

static const struct upstream_ops WEBSOCKET_OPS = {
    .send_body = upstream_takes_none,
    .end_body = upstream_does_nothing,
    .flush = upstream_does_nothing,
    .resume = upstream_does_nothing,
    .cancel = op_cancel,
};

/* Bytes of the head of a frame that starts with these two; RFC 6455 section 5.2. */
static size_t head_len(const unsigned char *bytes)
{
    size_t len = bytes[1] & 0x7F;
    return 2 + (len == 126 ? 2U : len == 127 ? 8U : 0U) + 4;
}

enum frame_result { FRAME_READ, FRAME_MORE, FRAME_BAD };

static enum frame_result take_head(struct echo_websocket *socket, struct stream *stream)
{
    struct str input = stream_input(stream);
    const unsigned char *bytes = (const unsigned char *)input.ptr;
    if (input.len < 2)
        return FRAME_MORE;
    unsigned opcode = bytes[0] & 0x0F;
    size_t size = head_len(bytes);
    /* Section 5.1: a client masks. Section 5.2: no extension was agreed on. */
    if ((bytes[1] & 0x80) == 0 || (bytes[0] & 0x70) != 0 || opcode > PONG ||
        (opcode > 2 && opcode < CONTROL))
        return FRAME_BAD;
    if (input.len < size)
        return FRAME_MORE;
    uint64_t length = bytes[1] & 0x7F;
    if (length >= 126) {
        length = 0;
        for (size_t i = 2; i < size - 4; i++)
            length = length << 8 | bytes[i];
    }
    if (opcode >= CONTROL && (length > CONTROL_MOST || (bytes[0] & 0x80) == 0))
        return FRAME_BAD;
    char head[10];
    size_t head_size = size - 4;
    for (size_t i = 0; i < head_size; i++)
        head[i] = (char)bytes[i];
    head[0] = (char)((bytes[0] & 0x80) | (opcode == PING ? PONG : opcode));
    head[1] = (char)(bytes[1] & 0x7F);
    for (size_t i = 0; i < 4; i++)
        socket->mask[i] = bytes[size - 4 + i];
    socket->mask_at = 0;
    socket->left = length;
    socket->is_pong = opcode == PONG;
    socket->is_closing = opcode == CLOSE;
    if (!socket->is_pong)
        stream_put(stream, str_make(head, head_size));
    stream_consume(stream, size);
    return FRAME_READ;
}

/* False when the client takes no more for now. */
static bool echo_payload(struct echo_websocket *socket, struct stream *stream)
{
    while (socket->left > 0) {
        struct str input = stream_input(stream);
        char piece[4096];
        size_t len = input.len < sizeof piece ? input.len : sizeof piece;
        if (len > socket->left)
            len = (size_t)socket->left;
        for (size_t i = 0; i < len; i++)
            piece[i] =
                (char)((unsigned char)input.ptr[i] ^ socket->mask[(socket->mask_at + i) % 4]);
        size_t taken = socket->is_pong ? len : stream_put_body(stream, str_make(piece, len), false);
        stream_consume(stream, taken);
        socket->left -= taken;
        socket->mask_at += taken;
        if (taken < len || len == 0)
            return false;
    }
    return true;
}

/* All the frames there are; false when the client broke the rules. */
static bool echo_frames(struct echo_websocket *socket, struct stream *stream)
{
    while (!socket->has_said_close && echo_payload(socket, stream)) {
        socket->has_said_close = socket->is_closing;
        if (socket->has_said_close || stream_has_output(stream))
            break;
        enum frame_result result = take_head(socket, stream);
        if (result != FRAME_READ)
            return result == FRAME_MORE;
    }
    return true;
}

/* What was read, as far as the client takes the echo; false at the end of the connection. */
static bool echo_input(struct echo_websocket *socket, struct stream *stream)
{
    size_t before;
    do {
        before = stream_input(stream).len;
        if (!echo_frames(socket, stream) || stream_flush(stream) == TRANSPORT_ERROR ||
            stream->is_broken)
            return false;
    } while (!stream_has_output(stream) && stream_input(stream).len < before);
    return true;
}

/* The same with what the socket brings; every way out leaves something to wait for. */
static bool run_turn(struct echo_websocket *socket, bool can_read)
{
    struct stream *stream = socket->stream;
    for (int reads = 0; echo_input(socket, stream); reads++) {
        if (socket->has_said_close || stream_has_output(stream) || !can_read ||
            reads == READS_PER_TURN)
            return true;
        enum transport_result result = stream_fill(stream);
        if (result == TRANSPORT_EOF || result == TRANSPORT_ERROR)
            return false;
        can_read = result == TRANSPORT_OK;
    }
    return false;
}

static void run(struct exchange *x, bool can_read)
{
    struct echo_websocket *socket = x->upstream;
    struct stream *stream = socket->stream;
    if (!run_turn(socket, can_read)) {
        x->client_ops->end_tunnel(x, TUNNEL_END);
        return;
    }
    bool has_output = stream_has_output(stream);
    if (socket->has_said_close && !has_output) {
        x->client_ops->end_tunnel(x, TUNNEL_END);
        return;
    }
    if (stream_progress(stream) != socket->moved)
        x->client_ops->extend_tunnel(x, x->engine->snapshot->config->timeouts.tunnel);
    socket->moved = stream_progress(stream);
    stream_release_input(stream);
    transport_want(&stream->transport, !has_output, has_output);
}

void echo_websocket_begin(struct exchange *x)
{
    char accept[TUNNEL_ACCEPT_SIZE];
    struct http_fields fields = {0};
    tunnel_upgrade_accept(x->upgrade_key, accept);
    http_fields_add(&fields, &x->arena, STR("Connection"), STR("Upgrade"));
    http_fields_add(&fields, &x->arena, STR("Upgrade"), TUNNEL_PROTOCOL);
    http_fields_add(&fields, &x->arena, STR("Sec-WebSocket-Accept"), str_of(accept));
    struct echo_websocket *socket = arena_calloc(&x->arena, 1, sizeof *socket);
    bool has_ended; /* seen again when it is read from */
    x->upstream = socket;
    x->upstream_ops = &WEBSOCKET_OPS;
    x->response.status = 101;
    x->response_started = true;
    socket->stream = x->client_ops->start_tunnel(
        x, http1_write_response_head(&x->arena, 101, STR("Switching Protocols"), &fields), run,
        &has_ended);
}
