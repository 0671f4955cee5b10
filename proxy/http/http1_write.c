/* SPDX-License-Identifier: MIT */
#include "http/http1_write.h"

#include <assert.h>
#include <string.h>

#include "http/http1_chars.h"

static char *put(char *at, struct str s)
{
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

/* RFC 9110 section 5.5: CR, LF and NUL would let a value become something else. A head has its own
 * line ends and no other. */
static bool has_its_line_ends_only(struct str head, const struct http_fields *fields)
{
    return http1_count_ends(head) == 2 * (fields->count + 2);
}

static size_t fields_size(const struct http_fields *fields)
{
    size_t size = 2;
    for (size_t i = 0; i < fields->count; i++)
        size += fields->items[i].name.len + fields->items[i].value.len + 4;
    return size;
}

/* The field lines and the empty line. */
static char *put_fields(char *at, const struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        assert(http1_is_all(field->name, HTTP1_CHAR_TOKEN));
        at = put(at, field->name);
        at = put(at, STR(": "));
        at = put(at, field->value);
        at = put(at, STR("\r\n"));
    }
    return put(at, STR("\r\n"));
}

struct str http1_write_request_head(struct arena *arena, struct str method, struct str target,
                                    const struct http_fields *fields)
{
    assert(http1_is_all(method, HTTP1_CHAR_TOKEN));
    assert(target.len > 0 && str_find(target, ' ') == target.len);
    static const struct str version = {" HTTP/1.1\r\n", 11};
    size_t size = method.len + 1 + target.len + version.len + fields_size(fields);
    char *head = arena_alloc(arena, size);
    char *at = put(head, method);
    at = put(at, STR(" "));
    at = put(at, target);
    at = put(at, version);
    at = put_fields(at, fields);
    assert(at == head + size && has_its_line_ends_only(str_make(head, size), fields));
    return str_make(head, size);
}

struct str http1_write_response_head(struct arena *arena, unsigned status, struct str reason,
                                     const struct http_fields *fields)
{
    assert(status >= 100 && status <= 599);
    if (reason.len == 0)
        reason = str_of(http_status_text(status));
    char code[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                   (char)('0' + status % 10), ' '};
    size_t size = sizeof "HTTP/1.1 " - 1 + sizeof code + reason.len + 2 + fields_size(fields);
    char *head = arena_alloc(arena, size);
    char *at = put(head, STR("HTTP/1.1 "));
    at = put(at, str_make(code, sizeof code));
    at = put(at, reason);
    at = put(at, STR("\r\n"));
    at = put_fields(at, fields);
    assert(at == head + size && has_its_line_ends_only(str_make(head, size), fields));
    return str_make(head, size);
}

struct str http1_write_last_chunk(struct arena *arena, const struct http_fields *trailers)
{
    if (trailers->count == 0)
        return HTTP1_LAST_CHUNK;
    size_t size = 3 + fields_size(trailers);
    char *bytes = arena_alloc(arena, size);
    char *at = put_fields(put(bytes, STR("0\r\n")), trailers);
    assert(at == bytes + size && has_its_line_ends_only(str_make(bytes, size), trailers));
    (void)at;
    return str_make(bytes, size);
}

size_t http1_write_chunk_size(uint64_t size, char ret_line[HTTP1_CHUNK_OVERHEAD])
{
    /* A chunk of no bytes would be the last one (RFC 9112 section 7.1). */
    assert(size > 0);
    size_t digits = 1;
    while (digits < 16 && size >> (digits * 4) != 0)
        digits++;
    for (size_t i = 0; i < digits; i++)
        ret_line[i] = "0123456789abcdef"[size >> ((digits - 1 - i) * 4) & 15];
    ret_line[digits] = '\r';
    ret_line[digits + 1] = '\n';
    return digits + 2;
}
