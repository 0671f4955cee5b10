/* An HTTP/2 connection to a server behind the proxy, the bytes after TLS: whatever a backend sends,
 * each request is closed once, memory stays within its bounds and comes back, and a response that
 * is told is clean by a second, naive reading.
 *
 * The first byte chooses how the owner behaves and how large the pieces are that come.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http2/http2_client.h"

#define REQUESTS    12
#define STREAMS     6
#define WINDOW      65535
#define BUFFERS_MAX ((size_t)REQUESTS + (size_t)STREAMS * 3 + WINDOW / BUF_SIZE + 1 + REQUESTS)

static const struct http2_client_limits LIMITS = {
    .header_bytes = 2048,
    .header_count = 32,
    .streams = STREAMS,
    .stream_window = WINDOW,
    .connection_window = WINDOW,
};

struct one {
    struct http2_stream *stream;
    struct arena arena;
    bool is_begun;
    bool has_response;
    bool is_ended;
    bool is_over;
};

struct owner {
    struct buf_pool pool;
    struct http2_client *client;
    unsigned mode;
    size_t begun;
    size_t open;
    struct one all[REQUESTS];
};

static void check_fields(const struct http_fields *fields)
{
    FUZZ_CHECK(fields->count <= LIMITS.header_count);
    for (size_t i = 0; i < fields->count; i++) {
        struct str name = fields->items[i].name;
        struct str value = fields->items[i].value;
        FUZZ_CHECK(name.len > 0 && !str_equal(name, STR("transfer-encoding")));
        for (size_t k = 0; k < name.len; k++) {
            char c = name.ptr[k];
            FUZZ_CHECK(c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL);
            FUZZ_CHECK(c < 'A' || c > 'Z');
        }
        for (size_t k = 0; k < value.len; k++) {
            unsigned char c = (unsigned char)value.ptr[k];
            FUZZ_CHECK((c >= ' ' && c != 0x7f) || c == '\t');
        }
    }
}

static struct one *one_of(const struct http2_stream *stream)
{
    struct one *one = http2_stream_user(stream);
    FUZZ_CHECK(one->stream == stream && !one->is_over);
    return one;
}

static void finish(struct owner *owner, struct one *one)
{
    one->is_over = true;
    owner->open--;
}

static void send_more(struct http2_stream *stream)
{
    static const char body[2 * BUF_SIZE];
    FUZZ_CHECK(http2_stream_send_body(stream, str_make(body, sizeof body)) <= sizeof body);
}

static void begin_requests(struct owner *owner)
{
    static const struct http_fields NO_FIELDS = {0};
    while (owner->begun < REQUESTS && http2_client_room(owner->client) > 0) {
        struct one *one = &owner->all[owner->begun++];
        struct http2_request request = {
            .method = owner->begun % 3 == 0 ? STR("HEAD") : STR("GET"),
            .method_id = owner->begun % 3 == 0 ? HTTP_HEAD : HTTP_GET,
            .scheme = STR("https"),
            .authority = STR("b"),
            .path = STR("/"),
            .fields = &NO_FIELDS,
            .has_body = owner->begun % 2 == 0,
            .arena = &one->arena,
        };
        arena_init(&one->arena, &owner->pool);
        one->is_begun = true;
        one->stream = http2_client_request(owner->client, &request, one);
        FUZZ_CHECK(one->stream != NULL);
        owner->open++;
        if (request.has_body)
            send_more(one->stream);
        if (request.has_body && (owner->mode & 2) != 0)
            http2_stream_end(one->stream, NULL);
    }
}

static void on_interim(void *arg, struct http2_stream *stream, const struct http_response *response)
{
    (void)arg;
    FUZZ_CHECK(!one_of(stream)->has_response);
    FUZZ_CHECK(response->status >= 100 && response->status < 200 && response->status != 101);
    check_fields(&response->fields);
}

static void on_response(void *arg, struct http2_stream *stream,
                        const struct http_response *response)
{
    struct owner *owner = arg;
    struct one *one = one_of(stream);
    FUZZ_CHECK(!one->has_response && response->status >= 200 && response->status < 600);
    one->has_response = true;
    check_fields(&response->fields);
    if ((owner->mode & 4) != 0 && http2_stream_id(stream) % 4 == 1) {
        http2_stream_reset(stream, HTTP2_CANCEL);
        finish(owner, one);
    }
}

static size_t on_body(void *arg, struct http2_stream *stream, struct str data)
{
    struct owner *owner = arg;
    FUZZ_CHECK(one_of(stream)->has_response && data.len > 0);
    return (owner->mode & 32) != 0 ? data.len : data.len / 2;
}

static void on_end(void *arg, struct http2_stream *stream, const struct http_fields *trailers)
{
    struct owner *owner = arg;
    struct one *one = one_of(stream);
    FUZZ_CHECK(one->has_response && !one->is_ended);
    one->is_ended = true;
    check_fields(trailers);
    if ((owner->mode & 8) != 0) {
        http2_stream_forget(stream);
        finish(owner, one);
    }
}

static void on_closed(void *arg, struct http2_stream *stream, uint32_t error, const char *detail)
{
    (void)error;
    struct one *one = one_of(stream);
    FUZZ_CHECK((detail == NULL) == one->is_ended || one->is_ended);
    finish(arg, one);
}

static void on_writable(void *arg, struct http2_stream *stream)
{
    (void)arg;
    (void)one_of(stream);
    send_more(stream);
}

static void on_room(void *arg)
{
    begin_requests(arg);
}

static const struct http2_client_ops OPS = {
    .interim = on_interim,
    .response = on_response,
    .body = on_body,
    .end = on_end,
    .closed = on_closed,
    .writable = on_writable,
    .room = on_room,
};

static void pull(struct owner *owner)
{
    struct buf *buf;
    for (int i = 0; i < 64 && (buf = http2_client_pull(owner->client)) != NULL; i++) {
        FUZZ_CHECK(buf_len(buf) > 0);
        buf_release(&owner->pool, buf);
    }
}

static void accept_some(struct owner *owner)
{
    for (size_t i = 0; i < owner->begun; i++) {
        if (!owner->all[i].is_over)
            http2_stream_accept_body(owner->all[i].stream);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct str SETTINGS = STR_INIT("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0");
    static struct owner owner;
    memset(&owner, 0, sizeof owner);
    owner.mode = size > 0 ? bytes[0] : 0;
    struct str input = str_make((const char *)bytes + (size > 0), size - (size > 0));
    size_t step = (owner.mode & 64) != 0 ? 7 : 4096;
    buf_pool_init(&owner.pool, 64);
    owner.client = http2_client_new(&OPS, &owner, &LIMITS, &owner.pool);
    begin_requests(&owner);
    pull(&owner);
    http2_client_feed(owner.client, SETTINGS);
    while (input.len > 0 && !http2_client_is_over(owner.client)) {
        size_t len = input.len < step ? input.len : step;
        http2_client_feed(owner.client, str_make(input.ptr, len));
        input = str_skip(input, len);
        if ((owner.mode & 128) == 0)
            pull(&owner);
        accept_some(&owner);
        FUZZ_CHECK(owner.pool.lent <= BUFFERS_MAX);
        FUZZ_CHECK(http2_client_streams(owner.client) == owner.open);
    }
    pull(&owner);
    http2_client_free(owner.client);
    FUZZ_CHECK(owner.open == 0);
    for (size_t i = 0; i < owner.begun; i++)
        arena_clear(&owner.all[i].arena);
    buf_pool_clear(&owner.pool);
    return 0;
}
