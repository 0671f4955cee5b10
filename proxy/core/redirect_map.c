/* SPDX-License-Identifier: MIT */
#include "core/redirect_map.h"

#include "core/exchange.h"
#include "core/rewrite.h"
#include "core/snapshot.h"
#include "core/upstream.h"

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

/* An address that the server's name stands for now. */
static bool is_its_address(const struct upstream_server *server, struct str host)
{
    char text[ADDR_TEXT_SIZE];
    for (size_t i = 0; i < server->addr_count; i++) {
        if (str_equal_icase(host, str_of(addr_format_host(&server->addrs[i].addr, text))))
            return true;
    }
    return false;
}

static bool is_a_server(const struct upstream_group *group, bool is_https, struct str host,
                        unsigned port)
{
    for (size_t i = 0; i < group->server_count; i++) {
        const struct upstream_server *server = &group->servers[i];
        const struct config_server *config = server->config->config;
        if (!config->is_unix && config->is_https == is_https && config->port == port &&
            (str_equal_icase(host, str_of(config->host)) || is_its_address(server, host)))
            return true;
    }
    return false;
}

/* nginx's default maps what begins with the URL of the server; a group is one backend here. */
static bool is_upstreams(struct exchange *x, struct url_origin origin)
{
    struct str host;
    unsigned port = 0;
    if (x->group == NULL || origin.authority.len == 0 ||
        !uri_parse_authority(origin.authority, &x->arena, &host, &port))
        return false;
    if (port == 0)
        port = origin.is_https ? 443 : 80;
    return is_a_server(x->group, origin.is_https, host, port);
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
