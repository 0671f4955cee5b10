/* An HTTP/2 connection, the bytes after TLS: whatever comes, each stream is told of once and closed
 * once, memory stays within its bounds and comes back, and a request that is handed over is clean
 * by a second, naive reading and means the same when it is written as HTTP/1.1.
 *
 * The first byte chooses how the owner behaves and how large the pieces are that come.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/http1_parse.h"
#include "http/http1_write.h"
#include "http2/http2_server.h"

#define STREAMS 8
#define WINDOW  65535
/* Arenas, kept bodies, responses and trailers of all streams, and the output. */
#define BUFFERS_MAX ((size_t)(STREAMS)*3 + WINDOW / BUF_SIZE + 1 + STREAMS + 1)

static const struct http2_server_limits LIMITS = {
    .target_bytes = 256,
    .header_bytes = 2048,
    .header_count = 32,
    .body_bytes = 100000,
    .streams = STREAMS,
    .stream_window = WINDOW,
    .connection_window = WINDOW,
    .websocket = true,
};

struct stream_state;

struct owner {
    struct buf_pool pool;
    struct arena checks;
    struct http2_server *server;
    unsigned mode;
    size_t open;
    struct stream_state *answered; /* before its request was complete; NULL: none, or not known */
};

struct stream_state {
    struct owner *owner;
    struct arena arena;
    struct http2_stream *stream;
    bool is_answered;
    bool is_over;
};

static void check_text(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        FUZZ_CHECK((c >= ' ' && c != 0x7f) || c == '\t');
    }
}

static void check_name(struct str name)
{
    FUZZ_CHECK(name.len > 0);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        FUZZ_CHECK(c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL);
        FUZZ_CHECK(c < 'A' || c > 'Z');
    }
    FUZZ_CHECK(!str_equal(name, STR("connection")) && !str_equal(name, STR("upgrade")));
    FUZZ_CHECK(!str_equal(name, STR("transfer-encoding")) && !str_equal(name, STR("keep-alive")));
}

static size_t count_fields(const struct http_fields *fields, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < fields->count; i++)
        count += str_equal(fields->items[i].name, name);
    return count;
}

/* As a backend of HTTP/1.1 would get it. */
static void check_downgrade(struct owner *owner, const struct http_request *request)
{
    struct http_fields fields = {0};
    for (size_t i = 0; i < request->fields.count; i++)
        http_fields_add(&fields, &owner->checks, request->fields.items[i].name,
                        request->fields.items[i].value);
    if (request->body.kind == HTTP_BODY_CHUNKED)
        http_fields_add(&fields, &owner->checks, STR("transfer-encoding"), STR("chunked"));
    struct str head =
        http1_write_request_head(&owner->checks, request->method, request->target, &fields);
    struct http1_scan scan = {0};
    size_t len;
    FUZZ_CHECK(http1_scan_head(&scan, head.ptr, head.len, &len) == HTTP1_SCAN_END);
    FUZZ_CHECK(len == head.len);
    struct http1_limits limits = {.target_bytes = LIMITS.target_bytes,
                                  .field_count = LIMITS.header_count + 1};
    struct http_request again;
    FUZZ_CHECK(http1_parse_request(head, &limits, &owner->checks, &again) == HTTP1_VALID);
    FUZZ_CHECK(str_equal(request->method, again.method));
    FUZZ_CHECK(request->method_id == again.method_id);
    FUZZ_CHECK(str_equal(request->target, again.target) && str_equal(request->host, again.host));
    FUZZ_CHECK(request->body.kind == again.body.kind && request->body.length == again.body.length);
    FUZZ_CHECK(fields.count == again.fields.count);
}

static void check_request(struct owner *owner, const struct http_request *request)
{
    FUZZ_CHECK(request->is_http2 && request->minor == 1 && request->host.len > 0);
    FUZZ_CHECK(request->target.len > 0 && request->target.len <= LIMITS.target_bytes);
    FUZZ_CHECK(request->fields.count <= LIMITS.header_count);
    for (size_t i = 0; i < request->fields.count; i++) {
        check_name(request->fields.items[i].name);
        check_text(request->fields.items[i].value);
    }
    FUZZ_CHECK(count_fields(&request->fields, STR("host")) == 1);
    FUZZ_CHECK(count_fields(&request->fields, STR("cookie")) <= 1);
    check_downgrade(owner, request);
}

static void answer(struct stream_state *state)
{
    struct http_field field = {STR("Server"), STR("x")};
    struct http_response response = {.status = 200, .fields = {&field, 1, 1}};
    response.body.kind = (state->owner->mode & 1) != 0 ? HTTP_BODY_NONE : HTTP_BODY_CHUNKED;
    if (state->is_answered)
        return;
    state->is_answered = true;
    http2_stream_respond(state->stream, &response);
}

static void send_more(struct stream_state *state)
{
    static const char body[2 * BUF_SIZE];
    struct http_field field = {STR("X-Sum"), STR("1")};
    struct http_fields trailers = {&field, 1, 1};
    size_t taken = http2_stream_send_body(state->stream, str_make(body, sizeof body));
    FUZZ_CHECK(taken <= sizeof body);
    if ((state->owner->mode & 2) != 0)
        http2_stream_end(state->stream, (state->owner->mode & 4) != 0 ? &trailers : NULL);
}

static struct stream_state *begin(struct owner *owner, struct http2_stream *stream,
                                  struct arena *arena)
{
    struct stream_state *state = arena_calloc(arena, 1, sizeof *state);
    *state = (struct stream_state){.owner = owner, .arena = *arena, .stream = stream};
    FUZZ_CHECK(http2_stream_user(stream) == NULL);
    http2_stream_set_user(stream, state);
    owner->open++;
    FUZZ_CHECK(owner->open <= STREAMS + 1);
    return state;
}

static void finish(struct stream_state *state)
{
    FUZZ_CHECK(!state->is_over);
    state->is_over = true;
    if (state->owner->answered == state)
        state->owner->answered = NULL;
    state->owner->open--;
    struct arena arena = state->arena;
    arena_clear(&arena);
}

static void on_request(void *arg, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request)
{
    struct owner *owner = arg;
    struct stream_state *state = begin(owner, stream, arena);
    check_request(owner, request);
    if ((owner->mode & 8) != 0)
        answer(state);
    if ((owner->mode & 24) == 24 && http2_stream_id(stream) % 4 == 1) {
        http2_stream_reset(stream, HTTP2_CANCEL);
        finish(state);
    }
}

static void on_refused(void *arg, struct http2_stream *stream, struct arena *arena,
                       const struct http_request *request, enum outcome outcome, const char *detail)
{
    (void)request;
    FUZZ_CHECK(outcome != OUTCOME_OK && detail != NULL);
    answer(begin(arg, stream, arena));
}

static size_t on_body(void *arg, struct http2_stream *stream, struct str data)
{
    struct owner *owner = arg;
    FUZZ_CHECK(((struct stream_state *)http2_stream_user(stream))->owner == owner);
    FUZZ_CHECK(data.len > 0);
    return (owner->mode & 32) != 0 ? data.len : data.len / 2;
}

static void on_end(void *arg, struct http2_stream *stream, const struct http_fields *trailers)
{
    (void)arg;
    for (size_t i = 0; i < trailers->count; i++) {
        check_name(trailers->items[i].name);
        check_text(trailers->items[i].value);
    }
    FUZZ_CHECK(!http2_stream_has_pending_body(stream));
    answer(http2_stream_user(stream));
    send_more(http2_stream_user(stream));
}

static void on_failed(void *arg, struct http2_stream *stream, enum outcome outcome,
                      const char *detail)
{
    (void)arg;
    FUZZ_CHECK(outcome == OUTCOME_CONTENT_TOO_LARGE && detail != NULL);
    answer(http2_stream_user(stream));
}

static void on_closed(void *arg, struct http2_stream *stream, uint32_t error, const char *detail)
{
    (void)arg;
    (void)error;
    (void)detail;
    finish(http2_stream_user(stream));
}

static void on_writable(void *arg, struct http2_stream *stream)
{
    (void)arg;
    send_more(http2_stream_user(stream));
}

static void on_answered(void *arg, struct http2_stream *stream)
{
    struct owner *owner = arg;
    owner->answered = http2_stream_user(stream);
}

static void on_malformed(void *arg, int32_t stream_id, const char *detail)
{
    (void)arg;
    FUZZ_CHECK(stream_id > 0 && detail != NULL);
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

static void pull(struct owner *owner)
{
    struct buf *buf;
    for (int i = 0; i < 64 && (buf = http2_server_pull(owner->server)) != NULL; i++) {
        FUZZ_CHECK(buf_len(buf) > 0);
        buf_release(&owner->pool, buf);
    }
    struct stream_state *state = owner->answered;
    if (state == NULL || (owner->mode & 16) == 0)
        return;
    http2_stream_reset(state->stream, HTTP2_NO_ERROR);
    finish(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct str PREFACE = STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                               "\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0");
    struct owner owner = {.mode = size > 0 ? bytes[0] : 0};
    struct str input = str_make((const char *)bytes + (size > 0), size - (size > 0));
    size_t step = (owner.mode & 64) != 0 ? 7 : 4096;
    buf_pool_init(&owner.pool, 64);
    arena_init(&owner.checks, &owner.pool);
    owner.server = http2_server_new(&OPS, &owner, &LIMITS, &owner.pool);
    http2_server_feed(owner.server, PREFACE);
    while (input.len > 0 && !http2_server_is_over(owner.server)) {
        size_t len = input.len < step ? input.len : step;
        http2_server_feed(owner.server, str_make(input.ptr, len));
        input = str_skip(input, len);
        if ((owner.mode & 128) == 0)
            pull(&owner);
        arena_clear(&owner.checks);
        FUZZ_CHECK(owner.pool.lent <= BUFFERS_MAX);
        FUZZ_CHECK(http2_server_streams(owner.server) == owner.open);
    }
    if (input.len % 2 == 0)
        http2_server_drain(owner.server);
    pull(&owner);
    http2_server_free(owner.server);
    FUZZ_CHECK(owner.open == 0);
    buf_pool_clear(&owner.pool);
    return 0;
}
