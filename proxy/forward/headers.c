/* SPDX-License-Identifier: MIT */
#include "forward/headers.h"

#include "core/connection.h"
#include "core/exchange_state.h"
#include "core/snapshot.h"
#include "forward/header_edit.h"
#include "forward/identity_headers.h"
#include "forward/redirect_map.h"
#include "http/http1_write.h"
#include "http/tunnel_upgrade.h"
#include "tls/tls_transport.h"

/* RFC 9110 section 7.6.1, and what describes this hop although it does not say so. */
static const struct str HOP_BY_HOP[] = {
    STR_INIT("Connection"),         STR_INIT("Keep-Alive"),
    STR_INIT("Proxy-Connection"),   STR_INIT("TE"),
    STR_INIT("Transfer-Encoding"),  STR_INIT("Upgrade"),
    STR_INIT("Proxy-Authenticate"), STR_INIT("Proxy-Authorization"),
};

/* The lengths of those names: others need no comparison. */
#define LENGTH(n) (UINT64_C(1) << (n))
#define HOP_BY_HOP_LENGTHS \
    (LENGTH(2) | LENGTH(7) | LENGTH(10) | LENGTH(16) | LENGTH(17) | LENGTH(18) | LENGTH(19))
#define REPLACED_LENGTHS (LENGTH(4) | LENGTH(5) | LENGTH(6) | LENGTH(14))

static bool may_be_one_of(struct str name, uint64_t lengths)
{
    return name.len < 64 && (lengths & LENGTH(name.len)) != 0;
}

bool headers_is_hop_by_hop(struct str name)
{
    if (!may_be_one_of(name, HOP_BY_HOP_LENGTHS))
        return false;
    for (size_t i = 0; i < sizeof HOP_BY_HOP / sizeof HOP_BY_HOP[0]; i++) {
        if (str_equal_icase(name, HOP_BY_HOP[i]))
            return true;
    }
    return false;
}

/* Set by us, whatever the client sent. "Proxy" becomes HTTP_PROXY in a CGI backend. */
static const struct str REPLACED[] = {
    STR_INIT("Host"),
    STR_INIT("Content-Length"),
    STR_INIT("Expect"),
    STR_INIT("Proxy"),
};

static bool is_replaced(struct str name)
{
    if (!may_be_one_of(name, REPLACED_LENGTHS))
        return false;
    for (size_t i = 0; i < sizeof REPLACED / sizeof REPLACED[0]; i++) {
        if (str_equal_icase(name, REPLACED[i]))
            return true;
    }
    return false;
}

/* A Connection field may name further fields of this hop. It removes what the client itself sent,
 * never what we add. */
static bool is_listed(const struct http_fields *fields, struct str name, bool has_connection)
{
    return has_connection && http_fields_list_contains(fields, STR("Connection"), name);
}

static void copy_fields(struct exchange *x, const struct http_fields *from, struct http_fields *to,
                        const struct identity_names *names)
{
    bool has_connection = http_fields_find(from, STR("Connection")) != NULL;
    for (size_t i = 0; i < from->count; i++) {
        const struct http_field *field = &from->items[i];
        if (headers_is_hop_by_hop(field->name) || is_listed(from, field->name, has_connection))
            continue;
        if (names != NULL &&
            (is_replaced(field->name) || identity_names_contain(names, field->name)))
            continue;
        http_fields_add(to, &x->arena, field->name, field->value);
    }
}

static void add_framing(struct exchange *x, struct http_fields *fields)
{
    if (x->request.body.kind == HTTP_BODY_CHUNKED)
        http_fields_add(fields, &x->arena, STR("Transfer-Encoding"), STR("chunked"));
    else if (x->request.body.kind == HTTP_BODY_LENGTH)
        http_fields_add(fields, &x->arena, STR("Content-Length"),
                        arena_decimal(&x->arena, x->request.body.length));
}

/* RFC 9110 section 7.8: what the client offered was for us; of that, WebSocket alone goes on. */
static void add_upgrade(struct exchange *x, struct http_fields *fields)
{
    if (x->upgrade_key.len == 0)
        return;
    http_fields_add(fields, &x->arena, STR("Connection"), STR("Upgrade"));
    http_fields_add(fields, &x->arena, STR("Upgrade"), TUNNEL_PROTOCOL);
}

/* RFC 9110 section 10.1.4. Trailers are passed on both ways; who waits for them says so. */
static void add_te(struct exchange *x, struct http_fields *fields)
{
    if (!http_fields_list_contains(&x->request.fields, STR("TE"), STR("trailers")))
        return;
    http_fields_add(fields, &x->arena, STR("TE"), STR("trailers"));
    http_fields_add(fields, &x->arena, STR("Connection"), STR("TE"));
}

static struct str join(struct exchange *x, struct str first, struct str between, struct str last)
{
    const struct str parts[] = {first, between, last};
    return arena_join(&x->arena, parts, sizeof parts / sizeof parts[0]);
}

static struct str via_value(struct exchange *x)
{
    const struct http_field *before = http_fields_find(&x->upstream_fields, STR("Via"));
    struct str ours = x->request.is_http2     ? STR("2.0 mtls-proxy")
                      : x->request.minor == 0 ? STR("1.0 mtls-proxy")
                                              : STR("1.1 mtls-proxy");
    if (before == NULL)
        return ours;
    struct str joined = join(x, before->value, STR(", "), ours);
    (void)http_fields_remove(&x->upstream_fields, STR("Via"));
    return joined;
}

static struct identity_facts identity_of(struct exchange *x, const char *client_ip)
{
    bool is_tls = connection_is_tls(x->connection);
    const struct transport *transport = x->connection->transport;
    return (struct identity_facts){
        .forward = &x->place->config->forward,
        .leaf = x->shows_certificate ? exchange_identity(x)->presented[0] : NULL,
        .server = is_tls ? x->site->server : NULL,
        .user = x->user,
        .password = x->password,
        .verdict = identity_verdict_word(x->shows_certificate, x->failed),
        .reason = outcome_info(x->failed)->reason,
        .tls_version = is_tls ? tls_transport_version(transport) : NULL,
        .cipher = is_tls ? tls_transport_cipher(transport) : NULL,
        .cipher_bits = is_tls ? tls_transport_cipher_bits(transport) : 0,
        .client_ip = client_ip,
        .request_id = x->id,
        .arr_quote_single = x->engine->snapshot->config->compat.arr_quote_single,
    };
}

/* The verdict whose path a preset shows; NULL: none does. */
static const struct verdict *shown_path(struct exchange *x)
{
    bool is_shown =
        x->place->shows_chain || (x->place->config->forward.identity & IDENTITY_WITH_CHAIN) != 0;
    if (!x->shows_certificate || !is_shown)
        return NULL;
    return x->is_forwarded ? x->forwarded.verdict : connection_path(x->connection);
}

static void add_identity(struct exchange *x, struct identity_facts facts,
                         struct http_fields *fields)
{
    struct identity_cache *told = &x->connection->told;
    struct identity_renderings *all = x->engine->renderings;
    const struct verdict *verdict = shown_path(x);
    const struct http_fields *known =
        x->is_forwarded ? NULL : identity_cache_find(told, all, &facts, verdict);
    struct http_fields made = {0};
    if (known == NULL) {
        identity_chain(verdict, &x->arena, &facts.chain, &facts.chain_count);
        identity_headers_add_lasting(&facts, &x->arena, &made);
        known = &made;
        /* The connection of a proxy carries many clients: nothing there lasts. */
        if (!x->is_forwarded && x->engine->snapshot->config->performance.identity_cache)
            identity_cache_add(told, all, &facts, verdict, &made);
    }
    for (size_t i = 0; i < known->count; i++)
        http_fields_add(fields, &x->arena, known->items[i].name, known->items[i].value);
    identity_headers_add_fresh(&facts, &x->arena, fields);
}

/* ARR: the address with its port, IPv6 in brackets. */
static struct str forwarded_for(struct exchange *x, const char *client_ip)
{
    char text[ADDR_TEXT_SIZE];
    if ((x->place->config->forward.identity & IDENTITY_IIS_ARR) == 0)
        return str_of(client_ip);
    return arena_copy(&x->arena, str_of(addr_format(&x->connection->peer, text)));
}

static bool believes_forwarded(const struct exchange *x)
{
    return x->connection->is_behind_proxy && x->engine->snapshot->config->trusted_proxies.forwarded;
}

/* What a trusted proxy says, when it says it once. */
static struct str told_by_proxy(const struct exchange *x, struct str name)
{
    struct str value = {NULL, 0};
    for (size_t i = 0; believes_forwarded(x) && i < x->request.fields.count; i++) {
        const struct http_field *field = &x->request.fields.items[i];
        if (!str_equal_icase(field->name, name))
            continue;
        if (value.len > 0)
            return (struct str){NULL, 0};
        value = field->value;
    }
    return value;
}

/* The client, behind whoever trusted proxies say was before. */
static struct str forwarded_list(struct exchange *x, const char *client_ip)
{
    struct str list = {NULL, 0};
    for (size_t i = 0; believes_forwarded(x) && i < x->request.fields.count; i++) {
        const struct http_field *field = &x->request.fields.items[i];
        if (str_equal_icase(field->name, STR("X-Forwarded-For")) && field->value.len > 0)
            list = list.len == 0 ? field->value : join(x, list, STR(", "), field->value);
    }
    struct str last = forwarded_for(x, client_ip);
    if (list.len == 0)
        return last;
    return join(x, list, STR(", "), last);
}

static void add_forwarded(struct exchange *x, const char *client_ip, struct http_fields *fields)
{
    struct str scheme = connection_is_tls(x->connection) ? STR("https") : STR("http");
    struct str told = told_by_proxy(x, STR("X-Forwarded-Proto"));
    if (str_equal_icase(told, STR("http")) || str_equal_icase(told, STR("https")))
        scheme = told;
    struct str host = x->uri.form == URI_ABSOLUTE ? x->uri.authority : x->request.host;
    told = told_by_proxy(x, STR("X-Forwarded-Host"));
    if (told.len > 0 && uri_is_authority(told))
        host = told;
    http_fields_add(fields, &x->arena, STR("X-Forwarded-For"), forwarded_list(x, client_ip));
    http_fields_add(fields, &x->arena, STR("X-Forwarded-Proto"), scheme);
    if (host.len > 0)
        http_fields_add(fields, &x->arena, STR("X-Forwarded-Host"), host);
}

/* What was taken off the path: for links of the backend. */
static void add_prefix(struct exchange *x, struct http_fields *fields)
{
    const struct config_value *prefix = &x->place->config->rewrite.strip_prefix;
    if (prefix->text == NULL)
        return;
    (void)http_fields_remove(fields, STR("X-Forwarded-Prefix"));
    if (x->is_stripped)
        http_fields_add(fields, &x->arena, STR("X-Forwarded-Prefix"), str_of(prefix->text));
}

static struct str target_of(struct exchange *x)
{
    if (x->uri.query.len == 0)
        return x->upstream_path;
    return join(x, x->upstream_path, (struct str){NULL, 0}, x->uri.query);
}

void headers_for_upstream(struct exchange *x, struct str upstream_host)
{
    struct http_fields *fields = &x->upstream_fields;
    *fields = (struct http_fields){0};
    x->upstream_target = target_of(x);
    if (x->engine->snapshot->is_backend) { /* shows what came */
        x->upstream_fields = x->request.fields;
        x->upstream_target = x->request.target;
        return;
    }
    /* RFC 9112 section 3.2.2: of an absolute target, the authority counts. */
    struct str host = x->uri.form == URI_ABSOLUTE ? x->uri.authority : x->request.host;
    if (host.len == 0 || x->place->config->forward.host_upstream)
        host = upstream_host;
    http_fields_add(fields, &x->arena, STR("Host"), host);
    copy_fields(x, &x->request.fields, fields, x->engine->snapshot->identity_names);
    add_framing(x, fields);
    add_upgrade(x, fields);
    add_te(x, fields);
    char text[ADDR_TEXT_SIZE];
    struct str client_ip =
        arena_copy(&x->arena, str_of(addr_format_host(&x->connection->peer, text)));
    add_forwarded(x, client_ip.ptr, fields);
    if (x->place->config->forward.via)
        http_fields_add(fields, &x->arena, STR("Via"), via_value(x));
    struct identity_facts facts = identity_of(x, client_ip.ptr);
    if (x->place->shows_chain) {
        identity_chain(shown_path(x), &x->arena, &facts.chain, &facts.chain_count);
        facts.anchor = identity_anchor(shown_path(x));
    }
    add_identity(x, facts, fields);
    add_prefix(x, fields);
    header_edit_request(&x->place->config->request_headers, &facts, &x->arena, fields);
}

void headers_for_interim(struct exchange *x, const struct http_response *response,
                         struct http_fields *ret_fields)
{
    copy_fields(x, &response->fields, ret_fields, NULL);
    /* RFC 9110 section 8.6, RFC 9112 section 6.1: they have no body that could be framed. */
    (void)http_fields_remove(ret_fields, STR("Content-Length"));
}

void headers_for_client(struct exchange *x, const struct http_response *response)
{
    x->response = *response;
    x->response.fields = (struct http_fields){0};
    copy_fields(x, &response->fields, &x->response.fields, NULL);
    /* The length of a body that is not sent (HEAD, 304) is information, else it is framing. */
    bool keeps_length =
        response->body.kind == HTTP_BODY_NONE && response->status >= 200 && response->status != 204;
    if (!keeps_length)
        (void)http_fields_remove(&x->response.fields, STR("Content-Length"));
    redirect_map(x);
    header_edit_response(&x->place->config->response_headers, false,
                         connection_is_tls(x->connection), &x->arena, &x->response.fields);
    /* RFC 9110 section 6.6.1: a message without a date gets the time it was received. */
    if (http_fields_find(&x->response.fields, STR("Date")) == NULL)
        http_fields_add(&x->response.fields, &x->arena, STR("Date"),
                        arena_copy(&x->arena, engine_date(x->engine)));
}
