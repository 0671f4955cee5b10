/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_health.h"

#include "base/log.h"
#include "base/text.h"
#include "core/engine_state.h"
#include "upstreams/upstream.h"

/* The back-off doubles from health.interval up to this many times of it. */
#define BACKOFF_MAX_FACTOR 8

static const struct config_upstream *settings(const struct upstream_server *server)
{
    return server->group->config->config;
}

static bool is_probed(const struct upstream_server *server)
{
    return settings(server)->health_path.text != NULL;
}

bool upstream_health_allows(const struct upstream_server *server, uint64_t now_ms,
                            bool is_last_resort)
{
    const struct upstream_health *health = &server->health;
    if (!health->is_down)
        return true;
    if (health->is_trying || now_ms < health->retry_at_ms)
        return false;
    /* Where there are probes, requests need not find out. */
    return is_last_resort || !is_probed(server);
}

static void log_transition(const struct upstream_server *server, const char *event,
                           const char *reason)
{
    struct text quoted = {0};
    text_add_quoted(&quoted, str_of(reason));
    log_notice(event, "upstream=\"%s\" server=\"%s\" slot=%u reason=%s",
               server->group->config->name, server->config->config->url.text,
               server->group->engine->slot, quoted.ptr);
    text_clear(&quoted);
}

static void go_down(struct upstream_server *server, uint64_t now_ms, const char *reason)
{
    struct upstream_health *health = &server->health;
    health->is_down = true;
    health->failures = 0;
    health->probes = 0;
    health->backoff_ms = settings(server)->health_interval_ms;
    health->retry_at_ms = now_ms + health->backoff_ms;
    log_transition(server, "upstream.down", reason);
    /* What is kept leads to where nobody answers. */
    while (server->idle != NULL)
        upstream_conn_close(server->idle);
    struct upstream_conn *next;
    for (struct upstream_conn *conn = server->shared; conn != NULL; conn = next) {
        next = conn->next;
        upstream_conn_retire(conn);
    }
}

static void go_up(struct upstream_server *server, const char *reason)
{
    struct upstream_health *health = &server->health;
    health->is_down = false;
    health->failures = 0;
    health->probes = 0;
    log_transition(server, "upstream.up", reason);
    upstream_group_wake(server->group);
}

void upstream_health_failed(struct upstream_server *server, uint64_t now_ms, const char *reason)
{
    struct upstream_health *health = &server->health;
    if (health->is_down) {
        /* Requests that were under way when it went down say nothing new. */
        if (now_ms < health->retry_at_ms)
            return;
        if (health->backoff_ms < settings(server)->health_interval_ms * BACKOFF_MAX_FACTOR)
            health->backoff_ms *= 2;
        health->retry_at_ms = now_ms + health->backoff_ms;
        return;
    }
    /* Leaving out the only server helps nobody: its own error says more than "none is up". */
    if (server->group->server_count == 1)
        return;
    if (++health->failures >= settings(server)->health_fall)
        go_down(server, now_ms, reason);
}

void upstream_health_succeeded(struct upstream_server *server)
{
    server->health.failures = 0;
    /* A server may answer requests and still ask, by its probe, to be left alone. */
    if (server->health.is_down && !is_probed(server))
        go_up(server, "answered a request");
}

void upstream_health_try(struct upstream_server *server)
{
    server->health.is_trying = true;
}

void upstream_health_tried(struct upstream_server *server)
{
    server->health.is_trying = false;
}

void upstream_health_probed(struct upstream_server *server, uint64_t now_ms, const char *reason)
{
    struct upstream_health *health = &server->health;
    bool is_good = reason == NULL;
    if (is_good != health->is_down) {
        health->probes = 0;
        return;
    }
    health->probes++;
    if (is_good && health->probes >= settings(server)->health_rise)
        go_up(server, "answered its probes");
    else if (!is_good && health->probes >= settings(server)->health_fall)
        go_down(server, now_ms, reason);
}
