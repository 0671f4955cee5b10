/* SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/upstream.h"

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
    char port[16];
    (void)snprintf(port, sizeof port, "%u", config->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(config->host, port, &hints, &found);
    if (error != 0) {
        errors_warn(errors, config->url.mark,
                    "`%s` does not resolve (%s): its requests get 502 until a reload finds it",
                    config->host, gai_strerror(error));
        return;
    }
    for (const struct addrinfo *one = found; one != NULL; one = one->ai_next) {
        addr = (struct addr){.len = one->ai_addrlen};
        memcpy(&addr.storage, one->ai_addr, one->ai_addrlen);
        add_addr(server, &addr);
    }
    freeaddrinfo(found);
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
    add_tls(upstream, errors);
}

void snapshot_upstream_clear(struct snapshot_upstream *upstream)
{
    for (size_t i = 0; i < upstream->server_count; i++) {
        free(upstream->servers[i].addrs);
        free(upstream->servers[i].host);
    }
    free(upstream->servers);
    tls_client_free(upstream->tls);
    *upstream = (struct snapshot_upstream){0};
}
