/* Request targets and authorities. The first byte chooses the method and whether encoded slashes
 * are kept. What is accepted is canonical: it reads to itself and hides nothing.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/uri.h"

static void check_path(struct str path, bool keep_encoded_slash)
{
    FUZZ_CHECK(path.len > 0 && path.ptr[0] == '/');
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        FUZZ_CHECK(c != '\\' && c != '?' && c != '#' && (unsigned char)c > ' ' && c != 0x7f);
        if (c != '%')
            continue;
        FUZZ_CHECK(i + 2 < path.len);
        int value = ascii_hex_value(path.ptr[i + 1]) * 16 + ascii_hex_value(path.ptr[i + 2]);
        FUZZ_CHECK(value > 0 && value != '\\' && (keep_encoded_slash || value != '/'));
        FUZZ_CHECK(!ascii_is_alpha((char)value) && !ascii_is_digit((char)value));
        FUZZ_CHECK(strchr("-._~", value) == NULL);
    }
    struct str rest = path;
    struct str segment;
    while (str_split(&rest, '/', &segment)) {
        segment.len = str_find(segment, ';');
        FUZZ_CHECK(!str_equal(segment, STR(".")) && !str_equal(segment, STR("..")));
        FUZZ_CHECK(!str_starts_with_icase(segment, STR("..%2f")));
    }
}

static void check_canonical(const struct uri *uri, enum http_method method, bool keep,
                            struct arena *arena)
{
    if (uri->form == URI_AUTHORITY)
        return;
    if (str_equal(uri->path, STR("*"))) {
        FUZZ_CHECK(method == HTTP_OPTIONS && uri->query.len == 0);
        return;
    }
    check_path(uri->path, keep);
    FUZZ_CHECK(uri->query.len == 0 || uri->query.ptr[0] == '?');
    struct str target = arena_printf(arena, "%.*s%.*s", STR_ARG(uri->path), STR_ARG(uri->query));
    struct uri again;
    FUZZ_CHECK(uri_parse_target(target, method, keep, arena, &again) == URI_VALID);
    FUZZ_CHECK(again.form == URI_ORIGIN);
    FUZZ_CHECK(str_equal(again.path, uri->path) && str_equal(again.query, uri->query));
}

static void check_authority(struct str authority, struct arena *arena)
{
    struct str host;
    unsigned port = 0;
    bool is_valid = uri_parse_authority(authority, arena, &host, &port);
    FUZZ_CHECK(is_valid == uri_is_authority(authority));
    if (!is_valid)
        return;
    FUZZ_CHECK(host.len > 0 && port <= 65535);
    for (size_t i = 0; i < host.len; i++)
        FUZZ_CHECK(host.ptr[i] == ascii_lower(host.ptr[i]) &&
                   strchr("@/?#[]% ", host.ptr[i]) == NULL);
    bool is_ipv6 = str_find(host, ':') < host.len;
    struct str text = arena_printf(arena, is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(host), port);
    struct str again;
    unsigned again_port;
    FUZZ_CHECK(uri_parse_authority(text, arena, &again, &again_port) && again_port == port);
    FUZZ_CHECK(str_equal(again, host));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    bool keep = (bytes[0] & 0x80) != 0;
    enum http_method method = (enum http_method)((bytes[0] & 0x7f) % (HTTP_METHOD_OTHER + 1));
    struct str target = str_make((const char *)bytes + 1, size - 1);
    struct buf_pool pool;
    struct arena arena;
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
    struct uri uri;
    if (uri_parse_target(target, method, keep, &arena, &uri) == URI_VALID) {
        FUZZ_CHECK((method == HTTP_CONNECT) == (uri.form == URI_AUTHORITY));
        FUZZ_CHECK(uri.authority.len == 0 || uri_is_authority(uri.authority));
        check_canonical(&uri, method, keep, &arena);
    }
    check_authority(target, &arena);
    arena_clear(&arena);
    buf_pool_clear(&pool);
    return 0;
}
