/* Which server an exchange goes to, and where it goes when that fails.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "echo/echo.h"
#include "exchange/exchange.h"
#include "forward/headers.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_choice.h"
#include "upstreams/upstream_http1.h"
#include "upstreams/upstream_pause.h"
#include "upstreams/upstream_probe.h"
#include "upstreams/upstream_queue.h"
#include "upstreams/upstream_resolve.h"

static void server_init(struct upstream_server *server, struct upstream_group *group,
                        const struct snapshot_server *config)
{
    *server = (struct upstream_server){.config = config, .group = group};
    server->addr_count = config->addr_count;
    server->addrs = xcalloc(config->addr_count, sizeof *server->addrs);
    for (size_t i = 0; i < config->addr_count; i++)
        server->addrs[i].addr = config->addrs[i];
}

void upstream_group_init(struct upstream_group *group, struct engine *engine,
                         const struct snapshot_upstream *config)
{
    *group = (struct upstream_group){.engine = engine, .config = config};
    group->server_count = config->server_count;
    group->servers = xcalloc(group->server_count, sizeof *group->servers);
    for (size_t i = 0; i < group->server_count; i++)
        server_init(&group->servers[i], group, &config->servers[i]);
    for (size_t i = 0; i < group->server_count; i++)
        group->servers[i].probe = upstream_probe_new(&group->servers[i]);
    upstream_queue_init(group);
    upstream_pause_init(group);
}

void upstream_group_clear(struct upstream_group *group)
{
    for (size_t i = 0; i < group->server_count; i++) {
        struct upstream_server *server = &group->servers[i];
        while (server->idle != NULL)
            upstream_conn_close(server->idle);
        while (server->shared != NULL)
            upstream_conn_close(server->shared);
        upstream_probe_free(server->probe);
        tls_client_session_clear(&server->session);
        free(server->addrs);
        server->addrs = NULL;
    }
    upstream_queue_clear(group);
    upstream_pause_clear(group);
    free(group->servers);
    group->servers = NULL;
    group->server_count = 0;
}

void upstream_group_wake(struct upstream_group *group)
{
    const struct timeval now = {0};
    if (group->queue != NULL)
        (void)event_add(&group->queue_event, &now);
}

/* ---- beginning ---------------------------------------------------------------------------- */

static void assign(struct exchange *x, struct upstream_server *server)
{
    x->attempts++;
    (void)upstream_resolve_refresh(server);
    if (x->headers_for != server->config)
        headers_for_upstream(x, str_of(server->config->host));
    x->headers_for = server->config;
    if (upstream_conn_share(server, x))
        return;
    /* Where a kept connection failed, others kept as long are likely to fail as well. */
    if (x->attempts > 1 || !upstream_conn_reuse(server, x))
        upstream_conn_open(server, x);
}

static enum upstream_choice choose(const struct exchange *x, struct upstream_server **ret_server)
{
    return upstream_choose(x->group, x->upstream_tried, x->needs_http1, clock_monotonic_ms(),
                           ret_server);
}

void upstream_go_on(struct exchange *x)
{
    struct upstream_server *server = NULL;
    switch (choose(x, &server)) {
    case UPSTREAM_CHOSEN:
        assign(x, server);
        return;
    case UPSTREAM_ALL_BUSY:
        if (!upstream_queue_add(x))
            exchange_upstream_failed(x, OUTCOME_UNAVAILABLE, "every connection is taken");
        return;
    case UPSTREAM_NONE_UP:
        if (!upstream_pause_add(x))
            exchange_upstream_failed(x, OUTCOME_UNAVAILABLE, "no server is up");
        return;
    }
}

static void start(struct exchange *x)
{
    x->group = &x->engine->groups[x->place->upstream];
    struct upstream_group *group = x->group;
    if (group->config->is_echo) {
        x->attempts++;
        headers_for_upstream(x, STR("localhost"));
        echo_start(x);
        return;
    }
    x->needs_http1 = group->config->config->protocol != PROTOCOL_HTTP1 &&
                     (x->upgrade_key.len > 0 || upstream_http1_is_login(x));
    struct upstream_conn *bound = x->connection->bound;
    if (bound != NULL && bound->server->group == group && bound->state == UPSTREAM_IDLE) {
        if (upstream_conn_is_quiet(bound)) {
            x->attempts++;
            headers_for_upstream(x, str_of(bound->server->config->host));
            upstream_conn_begin(bound, x);
            return;
        }
        upstream_conn_close(bound);
    }
    /* Nobody overtakes those that wait. */
    if (group->queue == NULL)
        upstream_go_on(x);
    else if (!upstream_queue_add(x))
        exchange_upstream_failed(x, OUTCOME_UNAVAILABLE, "every connection is taken");
}

/* ---- retries ------------------------------------------------------------------------------ */

static void mark_tried(struct exchange *x, const struct upstream_server *server)
{
    if (x->upstream_tried == NULL)
        x->upstream_tried =
            arena_calloc(&x->arena, x->group->server_count, sizeof *x->upstream_tried);
    x->upstream_tried[server - x->group->servers] = true;
}

/* What retries did not reach may well be there. */
static bool all_were_tried(const struct exchange *x)
{
    for (size_t i = 0; i < x->group->server_count; i++) {
        if (!x->upstream_tried[i] && !x->group->servers[i].health.is_down)
            return false;
    }
    return true;
}

static void log_retry(const struct exchange *x, const char *detail)
{
    log_info("upstream.retry", "id=%s upstream=\"%s\" error=\"%s\"", x->id, x->group->config->name,
             detail);
}

static bool goes_elsewhere(struct exchange *x, const char *detail)
{
    struct upstream_server *other = NULL;
    switch (choose(x, &other)) {
    case UPSTREAM_CHOSEN:
        log_retry(x, detail);
        assign(x, other);
        return true;
    case UPSTREAM_ALL_BUSY:
        return upstream_queue_add(x);
    case UPSTREAM_NONE_UP:
        break;
    }
    return false;
}

static bool is_tried_again(struct exchange *x, struct upstream_server *server,
                           enum upstream_failure failure, const char *detail)
{
    if (failure == UPSTREAM_FINAL)
        return false;
    if (failure == UPSTREAM_HTTP1) { /* it is there, and may be asked again */
        exchange_detach_upstream(x);
        log_retry(x, detail);
        upstream_go_on(x);
        return true;
    }
    if (failure != UPSTREAM_STALE && x->upstream_retries >= x->group->config->config->retries)
        return false;
    exchange_detach_upstream(x);
    mark_tried(x, server);
    if (failure != UPSTREAM_STALE)
        x->upstream_retries++;
    if (goes_elsewhere(x, detail))
        return true;
    if (failure != UPSTREAM_STALE)
        return false;
    /* Happens once: the next attempt makes a connection of its own. */
    log_retry(x, detail);
    assign(x, server);
    return true;
}

void upstream_attempt_failed(struct exchange *x, struct upstream_server *server,
                             enum upstream_failure failure, enum outcome outcome,
                             const char *detail)
{
    /* The reason may lie in what is being closed. */
    struct str told = arena_printf(&x->arena, "%s: %s", server->config->config->url.text, detail);
    if (is_tried_again(x, server, failure, told.ptr))
        return;
    mark_tried(x, server);
    if (failure != UPSTREAM_NOT_SENT || !all_were_tried(x) || !upstream_pause_add(x))
        exchange_upstream_failed(x, outcome, told.ptr);
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

static bool has_origin(const struct exchange *x, bool is_https, struct str host, unsigned port)
{
    const struct upstream_group *group = x->group;
    if (group == NULL)
        return false;
    for (size_t i = 0; i < group->server_count; i++) {
        const struct upstream_server *server = &group->servers[i];
        const struct config_server *config = server->config->config;
        if (!config->is_unix && config->is_https == is_https && config->port == port &&
            (str_equal_icase(host, str_of(config->host)) || is_its_address(server, host)))
            return true;
    }
    return false;
}

const struct upstreams_ops UPSTREAMS = {start, has_origin};
