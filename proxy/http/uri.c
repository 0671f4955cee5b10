/* SPDX-License-Identifier: MIT */
#include "http/uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "http/http1_chars.h"
#include "http/uri_path.h"

#define MAX_PORT      65535
#define MAX_PORT_TEXT 5

/* "::ffff:255.255.255.255" and the like; no zone (RFC 6874 section 4 keeps it off the wire). */
static bool is_ipv6(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    if (s.len >= sizeof text || (s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL))
        return false;
    for (size_t i = 0; i < s.len; i++)
        text[i] = s.ptr[i];
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, &addr) == 1;
}

/* RFC 3986 section 3.2.3: *DIGIT, and no more of it than a port can have. */
static bool read_port(struct str text, unsigned *ret_port)
{
    uint64_t port = 0;
    if (text.len > MAX_PORT_TEXT || (text.len > 0 && !str_parse_u64(text, MAX_PORT, &port)))
        return false;
    *ret_port = (unsigned)port;
    return true;
}

/* uri-host [":" port] (RFC 9110 section 4.1) with the host as written, brackets removed. */
static bool split_authority(struct str authority, struct str *ret_host, unsigned *ret_port)
{
    struct str host;
    struct str rest;
    if (authority.len > 0 && authority.ptr[0] == '[') {
        host = str_skip(authority, 1);
        host.len = str_find(host, ']');
        if (host.len + 1 == authority.len || !is_ipv6(host))
            return false;
        rest = str_skip(authority, host.len + 2);
        if (rest.len > 0 && rest.ptr[0] != ':')
            return false;
    } else {
        /* An escape in a reg-name is a second spelling of a host, which a backend may decode after
         * we have chosen the site by the first one: refused. */
        host = str_make(authority.ptr, http1_span(authority, HTTP1_CHAR_HOST));
        rest = str_skip(authority, host.len);
        /* Without its root dot a name must still be one. */
        if (host.len == 0 || str_equal(host, STR(".")) || str_ends_with_icase(host, STR("..")))
            return false;
        if (rest.len > 0 && rest.ptr[0] != ':')
            return false;
    }
    *ret_port = 0;
    *ret_host = host;
    return rest.len == 0 || read_port(str_skip(rest, 1), ret_port);
}

bool uri_is_authority(struct str authority)
{
    struct str host;
    unsigned port;
    return split_authority(authority, &host, &port);
}

bool uri_parse_authority(struct str authority, struct arena *arena, struct str *ret_host,
                         unsigned *ret_port)
{
    struct str host;
    unsigned port;
    if (!split_authority(authority, &host, &port))
        return false;
    if (host.ptr[host.len - 1] == '.')
        host.len--;
    char *lower = arena_alloc(arena, host.len);
    for (size_t i = 0; i < host.len; i++)
        lower[i] = ascii_lower(host.ptr[i]);
    *ret_host = str_make(lower, host.len);
    *ret_port = port;
    return true;
}

/* The query is opaque but for its bytes: it is neither matched nor changed. */
static bool is_query(struct str query)
{
    for (size_t i = 0; i < query.len; i++) {
        if (!http1_char_is(query.ptr[i], HTTP1_CHAR_TARGET) || query.ptr[i] == '#')
            return false;
    }
    return true;
}

/* rest: path and query. */
static enum uri_result read_path(struct str rest, enum http_method method, bool keep_encoded_slash,
                                 struct arena *arena, struct uri *uri)
{
    struct str path = str_make(rest.ptr, str_find(rest, '?'));
    uri->query = str_skip(rest, path.len);
    if (!is_query(uri->query))
        return URI_INVALID;
    if (path.len == 0) {
        /* RFC 9112 section 3.2.4: OPTIONS for a URI without path and query is about the server */
        uri->path = method == HTTP_OPTIONS && uri->query.len == 0 ? STR("*") : STR("/");
        return URI_VALID;
    }
    return uri_canonical_path(path, keep_encoded_slash, arena, &uri->path) ? URI_VALID
                                                                           : URI_INVALID;
}

static bool take_scheme(struct str *rest, bool *ret_is_https)
{
    /* RFC 3986 section 3.1: schemes are case-insensitive */
    *ret_is_https = str_starts_with_icase(*rest, STR("https://"));
    if (!*ret_is_https && !str_starts_with_icase(*rest, STR("http://")))
        return false;
    *rest = str_skip(*rest, *ret_is_https ? 8 : 7);
    return true;
}

static enum uri_result read_authority_form(struct str target, enum http_method method,
                                           struct uri *uri)
{
    if (!uri_is_authority(target))
        return URI_INVALID;
    if (method != HTTP_CONNECT)
        return URI_METHOD_MISMATCH;
    /* RFC 9112 section 3.2.3: host and port, the port not left out */
    if (!ascii_is_digit(target.ptr[target.len - 1]) || str_find(target, ':') == target.len)
        return URI_INVALID;
    uri->form = URI_AUTHORITY;
    uri->authority = target;
    return URI_VALID;
}

static enum uri_result read_absolute_form(struct str rest, enum http_method method,
                                          bool keep_encoded_slash, struct arena *arena,
                                          struct uri *uri)
{
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?' && rest.ptr[len] != '#')
        len++;
    uri->form = URI_ABSOLUTE;
    uri->authority = str_make(rest.ptr, len);
    /* RFC 9110 sections 4.2.1 and 4.2.4: a host there must be, userinfo there must not */
    if (!uri_is_authority(uri->authority))
        return URI_INVALID;
    return read_path(str_skip(rest, len), method, keep_encoded_slash, arena, uri);
}

enum uri_result uri_parse_target(struct str target, enum http_method method,
                                 bool keep_encoded_slash, struct arena *arena, struct uri *ret_uri)
{
    struct uri uri = {0};
    struct str rest = target;
    enum uri_result result;
    if (target.len > 0 && target.ptr[0] == '/') {
        uri.form = URI_ORIGIN;
        result = read_path(target, method, keep_encoded_slash, arena, &uri);
    } else if (str_equal(target, STR("*"))) {
        uri.form = URI_ASTERISK;
        uri.path = target;
        result = method == HTTP_OPTIONS ? URI_VALID : URI_METHOD_MISMATCH;
    } else if (take_scheme(&rest, &uri.is_https)) {
        result = read_absolute_form(rest, method, keep_encoded_slash, arena, &uri);
    } else {
        result = read_authority_form(target, method, &uri);
    }
    /* RFC 9112 section 3.2.3: CONNECT has the authority form and no other has it */
    if (result == URI_VALID && method == HTTP_CONNECT && uri.form != URI_AUTHORITY)
        result = URI_METHOD_MISMATCH;
    if (result == URI_VALID)
        *ret_uri = uri;
    return result;
}
