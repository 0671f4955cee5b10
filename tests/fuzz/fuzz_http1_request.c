/* Request heads: however the bytes arrive the scan says the same; what is accepted is clean by a
 * second, naive reading; written anew it parses to the same request.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/http1_parse.h"
#include "http/http1_write.h"

static const struct http1_limits LIMITS = {.target_bytes = 4096, .field_count = 64};

static void check_scan_bytewise(const char *bytes, size_t size, enum http1_scan_result whole,
                                size_t whole_len, enum http1_reason reason)
{
    struct http1_scan scan = {0};
    enum http1_scan_result result = HTTP1_SCAN_MORE;
    size_t len = 0;
    for (size_t i = 1; i <= size && result == HTTP1_SCAN_MORE; i++)
        result = http1_scan_head(&scan, bytes, i, &len);
    FUZZ_CHECK(result == whole);
    FUZZ_CHECK(result != HTTP1_SCAN_END || len == whole_len);
    FUZZ_CHECK(result != HTTP1_SCAN_BAD || scan.reason == reason);
}

static bool is_inside(struct str part, struct str whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void check_field(const struct http_field *field, struct str head)
{
    FUZZ_CHECK(is_inside(field->name, head) && is_inside(field->value, head));
    FUZZ_CHECK(field->name.len > 0);
    for (size_t i = 0; i < field->name.len; i++) {
        char c = field->name.ptr[i];
        FUZZ_CHECK(c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL);
    }
    for (size_t i = 0; i < field->value.len; i++) {
        unsigned char c = (unsigned char)field->value.ptr[i];
        FUZZ_CHECK((c >= ' ' && c != 0x7f) || c == '\t');
    }
    struct str trimmed = str_trim(field->value);
    FUZZ_CHECK(trimmed.len == field->value.len);
}

static size_t count_fields(const struct http_request *request, struct str name)
{
    struct http_fields fields = request->fields;
    size_t count = 0;
    for (size_t i = 0; i < fields.count; i++)
        count += str_equal_icase(fields.items[i].name, name);
    return count;
}

static void check_clean(const struct http_request *request, struct str head)
{
    FUZZ_CHECK(request->minor <= 1 && is_inside(request->method, head));
    FUZZ_CHECK(is_inside(request->target, head) && request->target.len > 0);
    FUZZ_CHECK(request->target.len <= LIMITS.target_bytes);
    FUZZ_CHECK(request->fields.count <= LIMITS.field_count);
    for (size_t i = 0; i < request->fields.count; i++)
        check_field(&request->fields.items[i], head);
    size_t lengths = count_fields(request, STR("content-length"));
    size_t encodings = count_fields(request, STR("transfer-encoding"));
    FUZZ_CHECK(lengths + encodings <= 1);
    FUZZ_CHECK((request->body.kind == HTTP_BODY_LENGTH) == (lengths == 1));
    FUZZ_CHECK((request->body.kind == HTTP_BODY_CHUNKED) == (encodings == 1));
    size_t hosts = count_fields(request, STR("host"));
    FUZZ_CHECK(hosts == 1 || (hosts == 0 && request->minor == 0));
}

static void check_same(const struct http_request *a, const struct http_request *b)
{
    FUZZ_CHECK(str_equal(a->method, b->method) && a->method_id == b->method_id);
    FUZZ_CHECK(str_equal(a->target, b->target) && str_equal(a->host, b->host));
    FUZZ_CHECK(a->body.kind == b->body.kind && a->body.length == b->body.length);
    FUZZ_CHECK(a->fields.count == b->fields.count);
    for (size_t i = 0; i < a->fields.count; i++) {
        FUZZ_CHECK(str_equal(a->fields.items[i].name, b->fields.items[i].name));
        FUZZ_CHECK(str_equal(a->fields.items[i].value, b->fields.items[i].value));
    }
}

static void check_round_trip(const struct http_request *request, struct arena *arena)
{
    struct str head =
        http1_write_request_head(arena, request->method, request->target, &request->fields);
    struct http1_scan scan = {0};
    size_t len;
    FUZZ_CHECK(http1_scan_head(&scan, head.ptr, head.len, &len) == HTTP1_SCAN_END);
    FUZZ_CHECK(len == head.len);
    struct http_request again;
    enum http1_reason reason = http1_parse_request(head, &LIMITS, arena, &again);
    if (request->host.len == 0) {
        FUZZ_CHECK(reason == HTTP1_HOST_MISSING);
        return;
    }
    FUZZ_CHECK(reason == HTTP1_VALID && again.minor == 1);
    check_same(request, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str head = str_make((const char *)bytes, size);
    head = str_skip(head, http1_skip_blank(head.ptr, head.len));
    struct http1_scan scan = {0};
    size_t len = 0;
    enum http1_scan_result result = http1_scan_head(&scan, head.ptr, head.len, &len);
    check_scan_bytewise(head.ptr, head.len, result, len, scan.reason);
    if (result == HTTP1_SCAN_END)
        head.len = len;

    struct buf_pool pool;
    struct arena arena;
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
    struct http_request request;
    /* The parser stands on its own: what the scan refuses it refuses too. */
    enum http1_reason reason = http1_parse_request(head, &LIMITS, &arena, &request);
    FUZZ_CHECK(reason < HTTP1_REASON_COUNT && http1_reason_text(reason) != NULL);
    FUZZ_CHECK(reason != HTTP1_VALID || result == HTTP1_SCAN_END);
    if (reason == HTTP1_VALID) {
        check_clean(&request, head);
        check_round_trip(&request, &arena);
    }
    arena_clear(&arena);
    buf_pool_clear(&pool);
    return 0;
}
