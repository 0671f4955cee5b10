/* SPDX-License-Identifier: MIT */
#include "forward/redirect_map.h"

#include "core/engine_state.h"
#include "core/exchange_state.h"
#include "core/snapshot.h"
#include "forward/rewrite.h"

struct url_origin {
    bool is_https;
    struct str authority; /* as it was written; empty: not a http URL */
};

static struct url_origin origin_of(struct str url)
{
    struct url_origin origin = {.is_https = str_starts_with_icase(url, STR("https://"))};
    if (!origin.is_https && !str_starts_with_icase(url, STR("http://")))
        return origin;
    struct str rest = str_skip(url, origin.is_https ? sizeof "https://" - 1 : sizeof "http://" - 1);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    origin.authority = str_make(rest.ptr, end);
    return origin;
}

/* nginx's default maps what begins with the URL of the server; a group is one backend here. */
static bool is_upstreams(struct exchange *x, struct url_origin origin)
{
    struct str host;
    unsigned port = 0;
    if (x->backend == NULL || origin.authority.len == 0 ||
        !uri_parse_authority(origin.authority, &x->arena, &host, &port))
        return false;
    if (port == 0)
        port = origin.is_https ? 443 : 80;
    return x->engine->upstreams->has_origin(x, origin.is_https, host, port);
}

static struct str map(struct exchange *x, struct str url)
{
    const struct http_field *sent = http_fields_find(&x->upstream_fields, STR("Host"));
    struct url_origin origin = origin_of(url);
    struct rewrite_hosts hosts = {
        .client = x->uri.form == URI_ABSOLUTE ? x->uri.authority : x->request.host,
        .upstream = sent == NULL ? (struct str){NULL, 0} : sent->value,
    };
    if (!str_equal_icase(origin.authority, hosts.client) && is_upstreams(x, origin))
        hosts.upstream = origin.authority;
    return rewrite_location(&x->place->config->rewrite, x->is_stripped, &hosts, url, &x->arena);
}

/* "5; url=/x", also with quotes: where browsers find the URL, or the end of the value. */
static size_t refresh_url(struct str value, size_t *ret_end)
{
    size_t at = str_find(value, ';');
    *ret_end = value.len;
    while (at < value.len && (value.ptr[at] == ';' || value.ptr[at] == ' '))
        at++;
    if (!str_starts_with_icase(str_skip(value, at), STR("url=")))
        return value.len;
    at += sizeof "url=" - 1;
    if (at < value.len && (value.ptr[at] == '"' || value.ptr[at] == '\'')) {
        at++;
        *ret_end = at + str_find(str_skip(value, at), value.ptr[at - 1]);
    }
    return at;
}

static struct str map_refresh(struct exchange *x, struct str value)
{
    size_t end;
    size_t start = refresh_url(value, &end);
    if (start >= end)
        return value;
    struct str parts[] = {str_make(value.ptr, start),
                          map(x, str_make(value.ptr + start, end - start)), str_skip(value, end)};
    return arena_join(&x->arena, parts, sizeof parts / sizeof parts[0]);
}

void redirect_map(struct exchange *x)
{
    struct http_fields *fields = &x->response.fields;
    if (x->place->config->rewrite.redirects_keep)
        return;
    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        if (str_equal_icase(field->name, STR("Location")) ||
            str_equal_icase(field->name, STR("Content-Location")))
            field->value = map(x, field->value);
        else if (str_equal_icase(field->name, STR("Refresh")))
            field->value = map_refresh(x, field->value);
    }
}
