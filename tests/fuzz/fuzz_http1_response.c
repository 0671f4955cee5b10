/* Response heads. The first byte chooses the request's method; what is accepted, written anew,
 * parses to the same response.
 *
 * SPDX-License-Identifier: MIT */
#include "fuzz/fuzz.h"
#include "http/http1_parse.h"
#include "http/http1_write.h"

static const struct http1_limits LIMITS = {.target_bytes = 0, .field_count = 64};

static void check_body(const struct http_response *response, enum http_method method)
{
    bool is_empty = method == HTTP_HEAD || response->status < 200 || response->status == 204 ||
                    response->status == 304 || (method == HTTP_CONNECT && response->status < 300);
    FUZZ_CHECK(is_empty == (response->body.kind == HTTP_BODY_NONE));
    FUZZ_CHECK(response->body.kind != HTTP_BODY_UNTIL_CLOSE || !response->keep_alive);
    bool has_length = http_fields_find(&response->fields, STR("content-length")) != NULL;
    bool has_encoding = http_fields_find(&response->fields, STR("transfer-encoding")) != NULL;
    FUZZ_CHECK(!has_length || !has_encoding);
    FUZZ_CHECK(has_length || response->body.kind != HTTP_BODY_LENGTH);
    FUZZ_CHECK(has_encoding || response->body.kind != HTTP_BODY_CHUNKED);
}

static void check_round_trip(const struct http_response *a, enum http_method method,
                             struct arena *arena)
{
    struct str head = http1_write_response_head(arena, a->status, a->reason, &a->fields);
    struct http1_scan scan = {0};
    size_t len;
    FUZZ_CHECK(http1_scan_head(&scan, head.ptr, head.len, &len) == HTTP1_SCAN_END);
    FUZZ_CHECK(len == head.len);
    struct http_response b;
    FUZZ_CHECK(http1_parse_response(head, &LIMITS, method, arena, &b) == HTTP1_VALID);
    FUZZ_CHECK(a->status == b.status && b.minor == 1);
    FUZZ_CHECK(a->reason.len == 0 || str_equal(a->reason, b.reason));
    FUZZ_CHECK(a->body.kind == b.body.kind && a->body.length == b.body.length);
    FUZZ_CHECK(a->fields.count == b.fields.count);
    for (size_t i = 0; i < a->fields.count; i++) {
        FUZZ_CHECK(str_equal(a->fields.items[i].name, b.fields.items[i].name));
        FUZZ_CHECK(str_equal(a->fields.items[i].value, b.fields.items[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    enum http_method method = (enum http_method)(bytes[0] % (HTTP_METHOD_OTHER + 1));
    struct str head = str_make((const char *)bytes + 1, size - 1);
    struct http1_scan scan = {0};
    size_t len;
    enum http1_scan_result result = http1_scan_head(&scan, head.ptr, head.len, &len);
    if (result == HTTP1_SCAN_END)
        head.len = len;

    struct buf_pool pool;
    struct arena arena;
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
    struct http_response response;
    enum http1_reason reason = http1_parse_response(head, &LIMITS, method, &arena, &response);
    FUZZ_CHECK(reason < HTTP1_REASON_COUNT);
    FUZZ_CHECK(reason != HTTP1_VALID || result == HTTP1_SCAN_END);
    if (reason == HTTP1_VALID) {
        FUZZ_CHECK(response.status >= 100 && response.status <= 599);
        check_body(&response, method);
        check_round_trip(&response, method, &arena);
    }
    arena_clear(&arena);
    buf_pool_clear(&pool);
    return 0;
}
