/* SPDX-License-Identifier: MIT */
#include "core/upstream.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/client.h"
#include "core/echo.h"
#include "core/engine_internal.h"
#include "core/exchange.h"
#include "core/headers.h"
#include "core/snapshot.h"
#include "core/tunnel.h"
#include "core/upstream_http1.h"
#include "net/transport.h"

/* ---- groups ------------------------------------------------------------------------------- */

void upstream_group_init(struct upstream_group *group, struct engine *engine,
                         const struct snapshot_upstream *config)
{
    *group = (struct upstream_group){.engine = engine, .config = config};
    group->server_count = config->server_count;
    group->servers = xcalloc(group->server_count, sizeof *group->servers);
    for (size_t i = 0; i < group->server_count; i++) {
        group->servers[i].config = &config->servers[i];
        group->servers[i].group = group;
    }
}

void upstream_group_clear(struct upstream_group *group)
{
    for (size_t i = 0; i < group->server_count; i++) {
        while (group->servers[i].idle != NULL)
            upstream_conn_close(group->servers[i].idle);
    }
    free(group->servers);
    group->servers = NULL;
    group->server_count = 0;
}

/* ---- connections -------------------------------------------------------------------------- */

void upstream_conn_set_state(struct upstream_conn *conn, enum upstream_state state)
{
    const struct config_timeouts *timeouts = &conn->engine->snapshot->config->timeouts;
    assert(conn->state != UPSTREAM_CLOSED);
    conn->state = state;
    switch (state) {
    case UPSTREAM_CONNECTING:
        deadline_set(&conn->deadline, timeouts->connect);
        break;
    case UPSTREAM_BUSY:
        deadline_set(&conn->deadline, timeouts->response);
        break;
    case UPSTREAM_TUNNEL:
        deadline_stop(&conn->deadline);
        break;
    case UPSTREAM_IDLE:
        deadline_set(&conn->deadline, conn->server->group->config->keepalive_idle_ms);
        break;
    case UPSTREAM_CLOSED:
        deadline_clear(&conn->deadline);
        break;
    }
}

static bool is_pooled(const struct upstream_conn *conn)
{
    return conn->state == UPSTREAM_IDLE && conn->bound_to == NULL;
}

static void leave_pool(struct upstream_conn *conn)
{
    DL_DELETE(conn->server->idle, conn);
    conn->server->idle_count--;
}

void upstream_conn_close(struct upstream_conn *conn)
{
    if (conn->state == UPSTREAM_CLOSED)
        return;
    if (is_pooled(conn))
        leave_pool(conn);
    if (conn->bound_to != NULL) {
        conn->bound_to->bound = NULL;
        conn->bound_to = NULL;
    }
    conn->exchange = NULL;
    upstream_conn_set_state(conn, UPSTREAM_CLOSED);
    stream_clear(&conn->stream);
    conn->next = conn->engine->closing_upstreams;
    conn->engine->closing_upstreams = conn;
    engine_schedule_closing(conn->engine);
}

void upstream_conn_free(struct upstream_conn *conn)
{
    assert(conn->state == UPSTREAM_CLOSED);
    free(conn);
}

void upstream_conn_bind(struct upstream_conn *conn, struct client *client)
{
    if (conn->bound_to == client)
        return;
    /* A client has one such connection: the newer one carries its login. */
    if (client->bound != NULL)
        upstream_conn_close(client->bound);
    conn->bound_to = client;
    client->bound = conn;
}

void upstream_conn_release(struct upstream_conn *conn)
{
    const struct snapshot_upstream *config = conn->server->group->config;
    conn->exchange = NULL;
    bool is_reusable = !conn->must_close && conn->request_done && conn->response_done &&
                       stream_input(&conn->stream).len == 0 && !conn->stream.is_broken &&
                       !stream_has_output(&conn->stream) && !conn->engine->is_draining &&
                       conn->requests < config->keepalive_requests;
    if (!is_reusable ||
        (conn->bound_to == NULL && conn->server->idle_count >= config->keepalive_connections)) {
        upstream_conn_close(conn);
        return;
    }
    stream_release_input(&conn->stream);
    upstream_conn_set_state(conn, UPSTREAM_IDLE);
    if (conn->bound_to == NULL) {
        DL_PREPEND(conn->server->idle, conn);
        conn->server->idle_count++;
    }
    /* An idle connection is watched for the server's close. */
    transport_want(&conn->stream.transport, true, false);
}

static void fail(struct upstream_conn *conn, enum outcome outcome, const char *detail)
{
    struct exchange *x = conn->exchange;
    upstream_conn_close(conn);
    if (x == NULL)
        return;
    exchange_upstream_failed(x, outcome, detail);
    x->client_ops->run(x);
}

static void connected(struct upstream_conn *conn)
{
    int error = net_socket_error(conn->stream.transport.fd);
    if (error == EINPROGRESS)
        return;
    if (error != 0) {
        fail(conn, OUTCOME_UPSTREAM_CONNECT, strerror(error));
        return;
    }
    struct exchange *x = conn->exchange;
    upstream_conn_set_state(conn, UPSTREAM_BUSY);
    upstream_http1_begin(conn);
    /* The client's turn sends the head, together with what there is of the body. */
    x->client_ops->run(x);
}

static void stream_ready(struct transport *transport, bool can_read, bool can_write, void *arg)
{
    (void)transport;
    struct upstream_conn *conn = arg;
    if (can_write)
        stream_writable(&conn->stream);
    switch (conn->state) {
    case UPSTREAM_CONNECTING:
        connected(conn);
        break;
    case UPSTREAM_BUSY:
        upstream_http1_run(conn, can_read);
        break;
    case UPSTREAM_TUNNEL:
        tunnel_run(conn->exchange->client, false, can_read);
        break;
    case UPSTREAM_IDLE:
        /* Closed by the server, or bytes nobody asked for: useless either way. */
        upstream_conn_close(conn);
        break;
    case UPSTREAM_CLOSED:
        break;
    }
}

static void deadline_passed(void *arg)
{
    struct upstream_conn *conn = arg;
    switch (conn->state) {
    case UPSTREAM_CONNECTING:
        fail(conn, OUTCOME_UPSTREAM_CONNECT, "timed out while connecting");
        break;
    case UPSTREAM_BUSY:
        upstream_http1_timeout(conn);
        break;
    case UPSTREAM_TUNNEL:
        break;
    case UPSTREAM_IDLE:
        transport_shutdown(&conn->stream.transport);
        upstream_conn_close(conn);
        break;
    case UPSTREAM_CLOSED:
        break;
    }
}

/* ---- choice ------------------------------------------------------------------------------- */

static struct upstream_conn *take_idle(struct upstream_server *server)
{
    struct upstream_conn *conn = server->idle;
    if (conn != NULL)
        leave_pool(conn);
    return conn;
}

static void begin_on(struct upstream_conn *conn, struct exchange *x)
{
    conn->exchange = x;
    conn->is_reused = true;
    upstream_conn_set_state(conn, UPSTREAM_BUSY);
    upstream_http1_begin(conn);
}

static void connect_to(struct upstream_server *server, struct exchange *x)
{
    const struct snapshot_server *config = server->config;
    if (config->addr_count == 0) {
        exchange_upstream_failed(x, OUTCOME_UPSTREAM_CONNECT, "the name did not resolve");
        return;
    }
    const struct addr *addr = &config->addrs[server->next_addr++ % config->addr_count];
    int fd = -1;
    int error = transport_connect(addr, &fd);
    if (error != 0) {
        exchange_upstream_failed(x, OUTCOME_UPSTREAM_CONNECT, strerror(-error));
        return;
    }
    struct upstream_conn *conn = xcalloc(1, sizeof *conn);
    conn->engine = x->engine;
    conn->server = server;
    conn->exchange = x;
    stream_init(&conn->stream, &x->engine->buffers);
    deadline_init(&conn->deadline, x->engine->base, deadline_passed, conn);
    transport_init_plain(&conn->stream.transport, x->engine->base, fd, stream_ready, conn);
    upstream_http1_attach(conn);
    upstream_conn_set_state(conn, UPSTREAM_CONNECTING);
    transport_want(&conn->stream.transport, false, true);
}

void upstream_start(struct exchange *x)
{
    struct upstream_group *group = x->group;
    x->attempts++;
    if (group->config->is_echo) {
        headers_for_upstream(x, STR("localhost"));
        echo_start(x);
        return;
    }
    struct upstream_conn *bound = x->client->bound;
    if (bound != NULL && bound->server->group == group && bound->state == UPSTREAM_IDLE) {
        headers_for_upstream(x, str_of(bound->server->config->host));
        begin_on(bound, x);
        return;
    }
    struct upstream_server *server = &group->servers[group->next_server++ % group->server_count];
    headers_for_upstream(x, str_of(server->config->host));
    struct upstream_conn *idle = x->attempts == 1 ? take_idle(server) : NULL;
    if (idle != NULL)
        begin_on(idle, x);
    else
        connect_to(server, x);
}

/* ---- addresses ---------------------------------------------------------------------------- */

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

void snapshot_upstream_init(struct snapshot_upstream *upstream,
                            const struct config_upstream *config, struct error_list *errors)
{
    *upstream = (struct snapshot_upstream){
        .name = config->name.text,
        .server_count = config->server_count,
        .keepalive_connections = config->keepalive_connections,
        .keepalive_idle_ms = config->keepalive_idle_ms,
        .keepalive_requests = config->keepalive_requests,
    };
    upstream->servers = xcalloc(config->server_count, sizeof *upstream->servers);
    for (size_t i = 0; i < config->server_count; i++) {
        struct snapshot_server *server = &upstream->servers[i];
        server->config = &config->servers[i];
        server->host = host_field(server->config);
        resolve(server, errors);
    }
}

void snapshot_upstream_clear(struct snapshot_upstream *upstream)
{
    for (size_t i = 0; i < upstream->server_count; i++) {
        free(upstream->servers[i].addrs);
        free(upstream->servers[i].host);
    }
    free(upstream->servers);
    *upstream = (struct snapshot_upstream){0};
}
