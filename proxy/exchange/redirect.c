/* SPDX-License-Identifier: MIT */
#include "exchange/redirect.h"

#include "base/clock.h"
#include "config/config_pages.h"
#include "core/connection.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "explain/html_text.h"
#include "http/http1_write.h"

#define HTTPS_PORT 443

/* ---- at load ------------------------------------------------------------------------------ */

static bool has_https(const struct config_site *site)
{
    for (size_t i = 0; i < site->binding_count; i++) {
        if (site->bindings[i].is_https)
            return true;
    }
    return false;
}

static void check_place(const struct config_site *site, const struct config_redirect *redirect,
                        struct error_list *errors)
{
    unsigned port = 0;
    if (redirect->to.text == NULL || has_https(site) ||
        !config_redirect_is_https(str_of(redirect->to.text), &port) || port != 0)
        return;
    errors_add(errors, redirect->to.mark,
               "the site \"%s\" has no https binding; name the port, such as https:443",
               site->name);
}

void redirect_check(const struct snapshot *snapshot, struct error_list *errors)
{
    for (size_t i = 0; i < snapshot->config->site_count; i++) {
        const struct config_site *site = &snapshot->config->sites[i];
        size_t before = errors->errors;
        check_place(site, &site->access.redirect, errors);
        for (size_t j = 0; j < site->location_count && errors->errors == before; j++)
            check_place(site, &site->locations[j].access.redirect, errors);
    }
}

/* ---- where to ----------------------------------------------------------------------------- */

/* Appends text as it may stand in a URI: RFC 3986 has no other bytes than these. */
static void add_uri(struct text *out, struct str part)
{
    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.ptr[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL)
            text_addf(out, "%%%02X", c);
        else
            text_add_char(out, (char)c);
    }
}

static void add_target(struct text *out, const struct exchange *x)
{
    if (x->uri.form == URI_ASTERISK || x->uri.path.len == 0 || x->uri.path.ptr[0] != '/')
        text_add_char(out, '/');
    else
        add_uri(out, x->uri.path);
    add_uri(out, x->uri.query);
}

static bool serves(const struct snapshot_binding *binding, const struct snapshot_site *site)
{
    for (size_t i = 0; i < binding->site_count; i++) {
        if (binding->sites[i] == site)
            return true;
    }
    return false;
}

/* The port of the site's https binding, on the address of this connection when there is one. */
static unsigned https_port(const struct exchange *x)
{
    const struct engine_listener *found = NULL;
    for (size_t i = 0; i < x->engine->listener_count; i++) {
        const struct engine_listener *listener = &x->engine->listeners[i];
        if (!listener->binding->is_https || !serves(listener->binding, x->site))
            continue;
        if (found == NULL || addr_equal_host(&listener->addr, &x->connection->listener->addr))
            found = listener;
    }
    return found == NULL ? HTTPS_PORT : addr_port(&found->addr);
}

/* The host that was asked for; of HTTP/1.0 without one, the site's first that is a name. */
static struct str host_of(const struct exchange *x)
{
    const struct config_list *hosts = &x->site->config->hosts;
    if (x->host.len > 0)
        return x->host;
    for (size_t i = 0; i < hosts->count; i++) {
        if (hosts->items[i].text[0] != '*')
            return str_of(hosts->items[i].text);
    }
    return (struct str){NULL, 0};
}

/* ---- the answer --------------------------------------------------------------------------- */

static void answer(struct exchange *x, unsigned status, struct text *location)
{
    struct str target = arena_copy(&x->arena, text_str(location));
    struct text page = {0};
    text_clear(location);
    text_add_cstr(&page, "<!DOCTYPE html>\n<title>Moved</title>\n<p>This page is at <a href=\"");
    html_text_add(&page, target);
    text_add_cstr(&page, "\">another address</a>.</p>\n");
    struct str body = arena_copy(&x->arena, text_str(&page));
    text_clear(&page);
    bool has_body = x->request.method_id != HTTP_HEAD;
    x->response = (struct http_response){
        .status = status,
        .minor = 1,
        .body = {.kind = has_body ? HTTP_BODY_LENGTH : HTTP_BODY_NONE, .length = body.len},
        .keep_alive = true,
    };
    struct http_fields *fields = &x->response.fields;
    char date[CLOCK_TEXT_SIZE];
    http_fields_add(fields, &x->arena, STR("Date"),
                    arena_copy(&x->arena, clock_format_http(clock_wall_s(), date)));
    http_fields_add(fields, &x->arena, STR("Location"), target);
    http_fields_add(fields, &x->arena, STR("Content-Type"), STR("text/html; charset=utf-8"));
    if (!has_body)
        http_fields_add(fields, &x->arena, STR("Content-Length"),
                        arena_decimal(&x->arena, body.len));
    exchange_answer(x, body);
}

static unsigned status_of(const struct config_redirect *redirect, unsigned fallback)
{
    return redirect->status == 0 ? fallback : redirect->status;
}

bool redirect_to_https(struct exchange *x)
{
    const struct config_redirect *redirect = &x->place->config->redirect;
    struct str host = host_of(x);
    unsigned port = 0;
    if (redirect->to.text == NULL || connection_is_tls(x->connection) || host.len == 0 ||
        !config_redirect_is_https(str_of(redirect->to.text), &port))
        return false;
    bool is_ipv6 = str_find(host, ':') < host.len;
    struct text location = {0};
    if (port == 0)
        port = https_port(x);
    text_addf(&location, is_ipv6 ? "https://[%.*s]" : "https://%.*s", STR_ARG(host));
    /* RFC 9110 section 4.2.2: the default port is left out. */
    if (port != HTTPS_PORT)
        text_addf(&location, ":%u", port);
    add_target(&location, x);
    answer(x, status_of(redirect, 308), &location);
    return true;
}

bool redirect_elsewhere(struct exchange *x)
{
    const struct config_redirect *redirect = &x->place->config->redirect;
    struct str to = str_of(redirect->to.text);
    struct str mark = STR(CONFIG_REDIRECT_TARGET);
    struct text location = {0};
    unsigned port = 0;
    if (to.len == 0 || config_redirect_is_https(to, &port))
        return false;
    bool has_target = to.len > mark.len && str_equal(str_skip(to, to.len - mark.len), mark);
    text_add(&location, has_target ? str_make(to.ptr, to.len - mark.len) : to);
    if (has_target)
        add_target(&location, x);
    answer(x, status_of(redirect, 302), &location);
    return true;
}
