/* SPDX-License-Identifier: MIT */
#include "unit/http2/peer.h"

#include <string.h>

#include <check.h>

const struct http2_server_limits PEER_LIMITS = {
    .target_bytes = 128,
    .header_bytes = 1024,
    .header_count = 16,
    .streams = 8,
    .stream_window = 65535,
    .connection_window = 65535,
    .websocket = true,
};
const struct str PEER_PREFACE = STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/* ---- the owner ---------------------------------------------------------------------------- */

static size_t slot_of(const struct http2_stream *stream)
{
    size_t slot = (size_t)http2_stream_id(stream) / 2;
    ck_assert_uint_lt(slot, PEER_STREAMS);
    return slot;
}

static void keep(struct peer *peer, struct http2_stream *stream, struct arena *arena,
                 const struct http_request *request)
{
    size_t slot = slot_of(stream);
    ck_assert_ptr_null(peer->streams[slot]);
    peer->streams[slot] = stream;
    peer->last = stream;
    peer->arenas[slot] = *arena;
    peer->has_arena[slot] = true;
    peer->request = *request;
    http2_stream_set_user(stream, peer);
}

static void on_request(void *owner, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request)
{
    struct peer *peer = owner;
    keep(peer, stream, arena, request);
    text_addf(&peer->told, "request %d %.*s %.*s\n", http2_stream_id(stream),
              STR_ARG(request->method), STR_ARG(request->target));
    if (peer->answers) {
        struct http_response response = peer_response(200, HTTP_BODY_NONE);
        http2_stream_respond(stream, &response);
    }
}

static void on_refused(void *owner, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request, enum outcome outcome, const char *detail)
{
    struct peer *peer = owner;
    keep(peer, stream, arena, request);
    text_addf(&peer->told, "refused %d %u %s\n", http2_stream_id(stream),
              outcome_info(outcome)->status, detail);
}

static size_t on_body(void *owner, struct http2_stream *stream, struct str data)
{
    struct peer *peer = owner;
    size_t taken = data.len < peer->takes ? data.len : peer->takes;
    ck_assert_ptr_eq(http2_stream_user(stream), peer);
    if (taken <= 64)
        text_addf(&peer->told, "body %d %.*s\n", http2_stream_id(stream), (int)taken, data.ptr);
    else
        text_addf(&peer->told, "body %d (%zu)\n", http2_stream_id(stream), taken);
    return taken;
}

static void on_end(void *owner, struct http2_stream *stream, const struct http_fields *trailers)
{
    struct peer *peer = owner;
    text_addf(&peer->told, "end %d", http2_stream_id(stream));
    for (size_t i = 0; i < trailers->count; i++)
        text_addf(&peer->told, " %.*s=%.*s", STR_ARG(trailers->items[i].name),
                  STR_ARG(trailers->items[i].value));
    text_add_char(&peer->told, '\n');
}

static void on_failed(void *owner, struct http2_stream *stream, enum outcome outcome,
                      const char *detail)
{
    struct peer *peer = owner;
    text_addf(&peer->told, "failed %d %u %s\n", http2_stream_id(stream),
              outcome_info(outcome)->status, detail);
}

static void on_closed(void *owner, struct http2_stream *stream, uint32_t error, const char *detail)
{
    struct peer *peer = owner;
    size_t slot = slot_of(stream);
    ck_assert_ptr_eq(peer->streams[slot], stream);
    peer->streams[slot] = NULL;
    text_addf(&peer->told, "closed %d %s%s%s\n", http2_stream_id(stream), http2_error_name(error),
              detail == NULL ? "" : ": ", detail == NULL ? "" : detail);
}

static void on_writable(void *owner, struct http2_stream *stream)
{
    struct peer *peer = owner;
    text_addf(&peer->told, "writable %d\n", http2_stream_id(stream));
}

static void on_answered(void *owner, struct http2_stream *stream)
{
    struct peer *peer = owner;
    text_addf(&peer->told, "answered %d\n", http2_stream_id(stream));
}

static void on_malformed(void *owner, int32_t stream_id, const char *detail)
{
    struct peer *peer = owner;
    text_addf(&peer->told, "malformed %d %s\n", stream_id, detail);
}

static const struct http2_server_ops OPS = {
    .request = on_request,
    .refused = on_refused,
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .closed = on_closed,
    .writable = on_writable,
    .answered = on_answered,
    .malformed = on_malformed,
};

void peer_begin_raw(struct peer *peer, const struct http2_server_limits *limits)
{
    memset(peer, 0, sizeof *peer);
    buf_pool_init(&peer->pool, 8);
    peer->takes = SIZE_MAX;
    peer->limits = *limits;
    ck_assert_int_eq(nghttp2_hd_inflate_new(&peer->inflater), 0);
    peer->server = http2_server_new(&OPS, peer, &peer->limits, &peer->pool);
}

void peer_begin(struct peer *peer)
{
    peer_begin_raw(peer, &PEER_LIMITS);
    http2_server_feed(peer->server, PEER_PREFACE);
    peer_frame(peer, SETTINGS, 0, 0, (struct str){NULL, 0});
    peer_frame(peer, SETTINGS, ACK, 0, (struct str){NULL, 0});
    peer_pull(peer);
    text_reset(&peer->frames);
    text_reset(&peer->told);
}

void peer_end(struct peer *peer)
{
    http2_server_free(peer->server);
    http2_client_free(peer->client);
    for (size_t i = 0; i < PEER_STREAMS; i++) {
        if (peer->has_arena[i])
            arena_clear(&peer->arenas[i]);
    }
    nghttp2_hd_inflate_del(peer->inflater);
    text_clear(&peer->told);
    text_clear(&peer->output);
    text_clear(&peer->frames);
    text_clear(&peer->block);
    text_clear(&peer->body);
    buf_pool_clear(&peer->pool); /* asserts that every buffer came back */
}

/* ---- the owner of a client ---- */

static void on_interim(void *owner, struct http2_stream *stream,
                       const struct http_response *response)
{
    struct peer *peer = owner;
    text_addf(&peer->told, "interim %d %u\n", http2_stream_id(stream), response->status);
}

static void on_response(void *owner, struct http2_stream *stream,
                        const struct http_response *response)
{
    static const char *const KINDS[] = {"none", "length", "chunked", "until close"};
    struct peer *peer = owner;
    text_addf(&peer->told, "response %d %u %s", http2_stream_id(stream), response->status,
              KINDS[response->body.kind]);
    for (size_t i = 0; i < response->fields.count; i++)
        text_addf(&peer->told, " %.*s=%.*s", STR_ARG(response->fields.items[i].name),
                  STR_ARG(response->fields.items[i].value));
    text_add_char(&peer->told, '\n');
}

static void on_room(void *owner)
{
    struct peer *peer = owner;
    text_addf(&peer->told, "room %zu\n", http2_client_room(peer->client));
}

static const struct http2_client_ops CLIENT_OPS = {
    .interim = on_interim,
    .response = on_response,
    .body = on_body,
    .end = on_end,
    .closed = on_closed,
    .writable = on_writable,
    .room = on_room,
};

void peer_begin_client(struct peer *peer)
{
    static const struct http2_client_limits LIMITS = {
        .header_bytes = 1024,
        .header_count = 16,
        .streams = 100,
        .stream_window = 65535,
        .connection_window = 65535,
    };
    memset(peer, 0, sizeof *peer);
    buf_pool_init(&peer->pool, 8);
    peer->takes = SIZE_MAX;
    ck_assert_int_eq(nghttp2_hd_inflate_new(&peer->inflater), 0);
    peer->client = http2_client_new(&CLIENT_OPS, peer, &LIMITS, &peer->pool);
    peer_frame(peer, SETTINGS, 0, 0, STR("\0\3\0\0\0\10"));
    peer_frame(peer, SETTINGS, ACK, 0, (struct str){NULL, 0});
    peer_pull(peer);
    text_reset(&peer->frames);
    text_reset(&peer->told);
}

struct http2_stream *peer_request(struct peer *peer, const char *method, bool has_body)
{
    static const struct http_fields NO_FIELDS = {0};
    struct http2_request request = {
        .method = str_of(method),
        .method_id = strcmp(method, "HEAD") == 0 ? HTTP_HEAD : HTTP_GET,
        .scheme = STR("https"),
        .authority = STR("b.example"),
        .path = STR("/"),
        .fields = &NO_FIELDS,
        .has_body = has_body,
        .arena = &peer->arenas[peer->begun],
    };
    arena_init(&peer->arenas[peer->begun], &peer->pool);
    peer->has_arena[peer->begun++] = true;
    struct http2_stream *stream = http2_client_request(peer->client, &request, peer);
    ck_assert_ptr_nonnull(stream);
    peer->streams[slot_of(stream)] = stream;
    return stream;
}

/* ---- the client --------------------------------------------------------------------------- */

static void add_u24(struct text *text, size_t value)
{
    text_add_char(text, (char)(value >> 16 & 0xff));
    text_add_char(text, (char)(value >> 8 & 0xff));
    text_add_char(text, (char)(value & 0xff));
}

void peer_frame(struct peer *peer, unsigned type, unsigned flags, uint32_t id, struct str payload)
{
    struct text frame = {0};
    add_u24(&frame, payload.len);
    text_add_char(&frame, (char)type);
    text_add_char(&frame, (char)flags);
    text_add_char(&frame, (char)(id >> 24));
    add_u24(&frame, id & 0xffffff);
    text_add(&frame, payload);
    if (peer->client != NULL)
        http2_client_feed(peer->client, text_str(&frame));
    else
        http2_server_feed(peer->server, text_str(&frame));
    text_clear(&frame);
}

void peer_data(struct peer *peer, uint32_t id, const char *text, unsigned flags)
{
    peer_frame(peer, DATA, flags, id, str_of(text));
}

void peer_u32(struct peer *peer, unsigned type, uint32_t id, uint32_t value)
{
    char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    peer_frame(peer, type, 0, id, str_make(bytes, sizeof bytes));
}

static void add_string(struct text *block, struct str s)
{
    if (s.len < 127) {
        text_add_char(block, (char)s.len);
    } else { /* RFC 7541 section 5.1: seven bits, the rest seven bits each */
        text_add_char(block, 127);
        size_t rest = s.len - 127;
        for (; rest >= 128; rest /= 128)
            text_add_char(block, (char)(128 + rest % 128));
        text_add_char(block, (char)rest);
    }
    text_add(block, s);
}

void peer_literal(struct text *block, struct str name, struct str value)
{
    text_add_char(block, 0); /* RFC 7541 section 6.2.2 */
    add_string(block, name);
    add_string(block, value);
}

void peer_block(struct text *block, const char *lines)
{
    struct str rest = str_of(lines);
    struct str line;
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        size_t len = str_find(line, '|');
        ck_assert_uint_lt(len, line.len);
        peer_literal(block, str_make(line.ptr, len), str_skip(line, len + 1));
    }
}

void peer_headers(struct peer *peer, uint32_t id, const char *lines, unsigned flags)
{
    struct text block = {0};
    peer_block(&block, lines);
    peer_frame(peer, HEADERS, END_HEADERS | flags, id, text_str(&block));
    text_clear(&block);
}

void peer_get(struct peer *peer, uint32_t id)
{
    peer_headers(peer, id, PEER_GET, END_STREAM);
}

/* ---- what the server sends ---------------------------------------------------------------- */

static uint32_t read_u32(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void show_fields(struct peer *peer, struct str block)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(peer->inflater, &nv, &flags,
                                              (const uint8_t *)block.ptr, block.len, 1);
        ck_assert_int_ge(used, 0);
        block = str_skip(block, (size_t)used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
            text_addf(&peer->frames, " %.*s=%.*s", (int)nv.namelen, (const char *)nv.name,
                      (int)nv.valuelen, (const char *)nv.value);
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
            break;
    }
    nghttp2_hd_inflate_end_headers(peer->inflater);
}

static void show(struct peer *peer, unsigned type, unsigned flags, uint32_t id, struct str payload)
{
    static const char *const NAMES[] = {"DATA",          "HEADERS",     "PRIORITY", "RST_STREAM",
                                        "SETTINGS",      "PUSH",        "PING",     "GOAWAY",
                                        "WINDOW_UPDATE", "CONTINUATION"};
    ck_assert_uint_lt(type, sizeof NAMES / sizeof NAMES[0]);
    text_addf(&peer->frames, "%s %u", NAMES[type], id);
    bool has_end = (type == DATA || type == HEADERS) && (flags & END_STREAM) != 0;
    bool has_ack = (type == SETTINGS || type == PING) && (flags & ACK) != 0;
    text_add_cstr(&peer->frames, has_end ? " end" : has_ack ? " ack" : "");
    if (type == DATA) {
        text_addf(&peer->frames, " %zu", payload.len);
        text_add(&peer->body, payload);
    } else if (type == HEADERS || type == CONTINUATION) {
        text_add(&peer->block, payload);
        if ((flags & END_HEADERS) != 0) {
            show_fields(peer, text_str(&peer->block));
            text_reset(&peer->block);
        }
    } else if (type == RST_STREAM) {
        text_addf(&peer->frames, " %s", http2_error_name(read_u32(payload.ptr)));
    } else if (type == GOAWAY) {
        text_addf(&peer->frames, " %u %s", read_u32(payload.ptr),
                  http2_error_name(read_u32(payload.ptr + 4)));
    } else if (type == WINDOW_UPDATE) {
        text_addf(&peer->frames, " %u", read_u32(payload.ptr));
    }
    text_add_char(&peer->frames, '\n');
}

static struct buf *pull(struct peer *peer)
{
    return peer->client != NULL ? http2_client_pull(peer->client) : http2_server_pull(peer->server);
}

void peer_pull(struct peer *peer)
{
    struct buf *buf;
    while ((buf = pull(peer)) != NULL) {
        ck_assert_uint_gt(buf_len(buf), 0);
        text_add(&peer->output, str_make(buf->bytes + buf->start, buf_len(buf)));
        buf_release(&peer->pool, buf);
    }
    struct str rest = text_str(&peer->output);
    if (str_starts_with(rest, PEER_PREFACE))
        rest = str_skip(rest, PEER_PREFACE.len);
    while (rest.len >= 9) {
        size_t len = read_u32(rest.ptr) >> 8;
        ck_assert_uint_le(len, 16384);
        if (rest.len < 9 + len)
            break;
        show(peer, (unsigned char)rest.ptr[3], (unsigned char)rest.ptr[4], read_u32(rest.ptr + 5),
             str_make(rest.ptr + 9, len));
        rest = str_skip(rest, 9 + len);
    }
    struct text left = {0};
    text_add(&left, rest);
    text_clear(&peer->output);
    peer->output = left;
}

static void expect(struct text *text, const char *expected)
{
    ck_assert_str_eq(text->len == 0 ? "" : text->ptr, expected);
    text_reset(text);
}

void peer_expect_frames(struct peer *peer, const char *expected)
{
    peer_pull(peer);
    expect(&peer->frames, expected);
}

void peer_expect_told(struct peer *peer, const char *expected)
{
    expect(&peer->told, expected);
}

void peer_expect_end(struct peer *peer, enum http2_error error, const char *problem)
{
    peer_pull(peer);
    bool is_client = peer->client != NULL;
    ck_assert(is_client ? http2_client_is_over(peer->client) : http2_server_is_over(peer->server));
    const char *found =
        is_client ? http2_client_problem(peer->client) : http2_server_problem(peer->server);
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(found, problem);
    ck_assert_str_eq(http2_error_name(is_client ? http2_client_error(peer->client)
                                                : http2_server_error(peer->server)),
                     http2_error_name(error));
    ck_assert_ptr_nonnull(strstr(peer->frames.ptr == NULL ? "" : peer->frames.ptr, "GOAWAY 0 "));
    ck_assert_ptr_nonnull(strstr(peer->frames.ptr, http2_error_name(error)));
}

struct http_response peer_response(unsigned status, enum http_body_kind body)
{
    return (struct http_response){.status = status, .minor = 1, .body = {.kind = body}};
}
