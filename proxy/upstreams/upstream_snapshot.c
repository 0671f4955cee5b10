/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_snapshot.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tls/tls_client.h"
#include "upstreams/upstream_resolve.h"

static void add_addr(struct snapshot_server *server, const struct addr *addr)
{
    server->addrs = xreallocarray(server->addrs, server->addr_count + 1, sizeof *addr);
    server->addrs[server->addr_count++] = *addr;
}

static void resolve(struct snapshot_server *server, struct error_list *errors)
{
    const struct config_server *config = server->config;
    struct addr addr;
    if (config->is_unix) {
        if (addr_from_unix(config->host, &addr))
            add_addr(server, &addr);
        else
            errors_add(errors, config->url.mark, "the socket path `%s` is too long", config->host);
        return;
    }
    if (addr_from_numeric(config->host, config->port, &addr)) {
        add_addr(server, &addr);
        return;
    }
    struct resolved resolved;
    int error = resolve_name(config->host, config->port, &resolved);
    if (error != 0) {
        errors_warn(errors, config->url.mark,
                    "`%s` does not resolve (%s): its requests get 502 until it does", config->host,
                    gai_strerror(error));
        return;
    }
    for (size_t i = 0; i < resolved.count; i++)
        add_addr(server, &resolved.addrs[i]);
}

static bool is_name(const struct config_server *config)
{
    struct addr addr;
    return !config->is_unix && !addr_from_numeric(config->host, config->port, &addr);
}

static void add_slots(struct snapshot_upstream *upstream, struct error_list *errors)
{
    const struct config_upstream *config = upstream->config;
    size_t names = 0;
    for (size_t i = 0; i < config->server_count; i++)
        names += is_name(&config->servers[i]);
    if (names == 0 || config->resolve_ms == 0)
        return;
    upstream->slots = resolve_slots_new(config->server_count);
    if (upstream->slots == NULL) {
        errors_add(errors, config->servers[0].url.mark, "no memory for the addresses of `%s`",
                   upstream->name);
        return;
    }
    for (size_t i = 0; i < config->server_count; i++) {
        if (is_name(&config->servers[i]))
            upstream->servers[i].resolved = resolve_slot_at(upstream->slots, i);
    }
}

/* What the Host field says under host: upstream (RFC 9110 section 7.2: no default port). */
static char *host_field(const struct config_server *config)
{
    if (config->is_unix)
        return xstrdup("localhost");
    bool is_ipv6 = strchr(config->host, ':') != NULL;
    unsigned default_port = config->is_https ? 443 : 80;
    if (config->port == default_port)
        return xasprintf(is_ipv6 ? "[%s]" : "%s", config->host);
    return xasprintf(is_ipv6 ? "[%s]:%u" : "%s:%u", config->host, config->port);
}

static void add_tls(struct snapshot_upstream *upstream, struct error_list *errors)
{
    const struct config_upstream *config = upstream->config;
    size_t i = 0;
    while (i < config->server_count && !config->servers[i].is_https)
        i++;
    if (i == config->server_count)
        return;
    upstream->tls = tls_client_new(&config->tls, errors);
    if (!config->tls.verify)
        errors_warn(errors, config->servers[i].url.mark,
                    "upstream `%s`: `verify: false` accepts any certificate: whoever can get "
                    "between reads and changes everything",
                    upstream->name);
}

void snapshot_upstream_init(struct snapshot_upstream *upstream,
                            const struct config_upstream *config, struct error_list *errors)
{
    *upstream = (struct snapshot_upstream){
        .name = config->name.text,
        .server_count = config->server_count,
        .config = config,
    };
    upstream->servers = xcalloc(config->server_count, sizeof *upstream->servers);
    for (size_t i = 0; i < config->server_count; i++) {
        struct snapshot_server *server = &upstream->servers[i];
        server->config = &config->servers[i];
        server->host = host_field(server->config);
        resolve(server, errors);
    }
    add_slots(upstream, errors);
    add_tls(upstream, errors);
}

void snapshot_upstream_clear(struct snapshot_upstream *upstream)
{
    for (size_t i = 0; i < upstream->server_count; i++) {
        free(upstream->servers[i].addrs);
        free(upstream->servers[i].host);
    }
    free(upstream->servers);
    resolve_slots_free(upstream->slots, upstream->server_count);
    tls_client_free(upstream->tls);
    *upstream = (struct snapshot_upstream){0};
}
