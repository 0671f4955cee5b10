/* A connection to a server: opening, pooling, closing.
 *
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "net/transport.h"
#include "tls/tls_transport.h"
#include "upstreams/tunnel.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_health.h"
#include "upstreams/upstream_http1.h"
#include "upstreams/upstream_pause.h"

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
    case UPSTREAM_TLS:
        break;
    case UPSTREAM_BUSY:
        deadline_set(&conn->deadline, timeouts->response);
        break;
    case UPSTREAM_TUNNEL:
        deadline_stop(&conn->deadline);
        break;
    case UPSTREAM_IDLE:
        deadline_set(&conn->deadline, conn->server->group->config->config->keepalive_idle_ms);
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

static void take_exchange(struct upstream_conn *conn, struct exchange *x)
{
    conn->exchange = x;
    conn->server->active_count++;
    conn->is_trial = conn->server->health.is_down;
    if (conn->is_trial)
        upstream_health_try(conn->server);
}

static void drop_exchange(struct upstream_conn *conn)
{
    if (conn->exchange == NULL)
        return;
    conn->exchange = NULL;
    conn->server->active_count--;
    if (conn->is_trial)
        upstream_health_tried(conn->server);
    conn->is_trial = false;
    upstream_group_wake(conn->server->group);
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
    drop_exchange(conn);
    /* RFC 8446 section 6.1: close_notify before closing. A plain connection needs no word. */
    if (conn->stream.transport.tls != NULL)
        transport_shutdown(&conn->stream.transport);
    upstream_conn_set_state(conn, UPSTREAM_CLOSED);
    stream_clear(&conn->stream);
    conn->server->open_count--;
    upstream_group_wake(conn->server->group);
    conn->next = conn->engine->closing_upstreams;
    conn->engine->closing_upstreams = conn;
    engine_schedule_closing(conn->engine);
}

void upstream_conn_free(struct upstream_conn *conn)
{
    assert(conn->state == UPSTREAM_CLOSED);
    free(conn);
}

void upstream_conn_bind(struct upstream_conn *conn, struct connection *client)
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
    const struct config_upstream *config = conn->server->group->config->config;
    drop_exchange(conn);
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

static void connect_failed(struct upstream_server *server, struct exchange *x,
                           enum upstream_failure failure, const char *reason)
{
    upstream_health_failed(server, clock_monotonic_ms(), reason);
    upstream_pause_note_failure(server->group);
    upstream_attempt_failed(x, server, failure, OUTCOME_UPSTREAM_CONNECT, reason);
}

static void open_next(struct upstream_server *server, struct exchange *x, size_t addrs_left);

/* A server that is there and cannot agree, or says nothing, is no better in a moment; one whose
 * connections break off may be. */
static enum upstream_failure failure_of(const struct upstream_conn *conn)
{
    const struct transport *transport = &conn->stream.transport;
    return conn->state == UPSTREAM_TLS && transport->error_number == 0 &&
                   !tls_transport_was_truncated(transport)
               ? UPSTREAM_UNFIT
               : UPSTREAM_NOT_SENT;
}

static void fail(struct upstream_conn *conn, const char *reason, size_t addrs_left)
{
    struct exchange *x = conn->exchange;
    struct upstream_server *server = conn->server;
    enum upstream_failure failure = failure_of(conn);
    /* The reason may belong to the connection. */
    reason = arena_copy(&x->arena, str_of(reason)).ptr;
    upstream_avoid_addr(server, &conn->addr);
    upstream_conn_close(conn);
    if (addrs_left > 0)
        open_next(server, x, addrs_left);
    else
        connect_failed(server, x, failure, reason);
    x->client_ops->run(x);
}

static void begun(struct upstream_conn *conn)
{
    struct exchange *x = conn->exchange;
    upstream_pause_note_success(conn->server->group);
    upstream_conn_set_state(conn, UPSTREAM_BUSY);
    upstream_http1_begin(conn);
    /* The client's turn sends the head, together with what there is of the body. */
    x->client_ops->run(x);
}

const char *upstream_tls_name(const struct upstream_server *server)
{
    const char *name = server->group->config->config->tls.server_name.text;
    return name != NULL ? name : server->config->config->host;
}

static void handshake(struct upstream_conn *conn)
{
    enum transport_result result = transport_handshake(&conn->stream.transport);
    if (result == TRANSPORT_AGAIN) {
        transport_want(&conn->stream.transport, true, false);
    } else if (result == TRANSPORT_OK) {
        begun(conn);
    } else {
        struct str reason =
            arena_printf(&conn->exchange->arena, "TLS with %s: %s", upstream_tls_name(conn->server),
                         transport_error(&conn->stream.transport));
        fail(conn, reason.ptr, conn->addrs_left);
    }
}

static void connected(struct upstream_conn *conn)
{
    int error = net_socket_error(conn->stream.transport.fd);
    if (error == EINPROGRESS)
        return;
    if (error != 0) {
        fail(conn, strerrordesc_np(error), conn->addrs_left);
        return;
    }
    if (!conn->server->config->config->is_https) {
        begun(conn);
        return;
    }
    upstream_conn_set_state(conn, UPSTREAM_TLS);
    handshake(conn);
}

bool upstream_conn_is_quiet(struct upstream_conn *conn)
{
    char byte;
    size_t len = 0;
    return transport_read(&conn->stream.transport, &byte, 1, &len) == TRANSPORT_AGAIN;
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
    case UPSTREAM_TLS:
        handshake(conn);
        break;
    case UPSTREAM_BUSY:
        upstream_http1_run(conn, can_read);
        break;
    case UPSTREAM_TUNNEL:
        tunnel_upstream_ready(conn->exchange, can_read);
        break;
    case UPSTREAM_IDLE:
        /* Closed by the server, or bytes nobody asked for: useless either way. TLS alone also has
         * messages of its own. */
        if (!upstream_conn_is_quiet(conn))
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
        fail(conn, "timed out while connecting", 0);
        break;
    case UPSTREAM_TLS:
        fail(conn, "timed out in the TLS handshake", 0);
        break;
    case UPSTREAM_BUSY:
        upstream_http1_timeout(conn);
        break;
    case UPSTREAM_TUNNEL:
        break;
    case UPSTREAM_IDLE:
        upstream_conn_close(conn);
        break;
    case UPSTREAM_CLOSED:
        break;
    }
}

/* ---- opening ------------------------------------------------------------------------------ */

void upstream_avoid_addr(struct upstream_server *server, const struct addr *addr)
{
    for (size_t i = 0; i < server->addr_count; i++) {
        if (addr_equal(&server->addrs[i].addr, addr))
            server->addrs[i].avoid_until_ms =
                clock_monotonic_ms() + server->group->config->config->health_interval_ms;
    }
}

bool upstream_pick_addr(struct upstream_server *server, struct addr *ret_addr)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (server->addr_count == 0)
        return false;
    size_t first = server->next_addr++ % server->addr_count;
    *ret_addr = server->addrs[first].addr;
    for (size_t i = 0; i < server->addr_count; i++) {
        size_t index = (first + i) % server->addr_count;
        if (server->addrs[index].avoid_until_ms <= now_ms) {
            server->next_addr = index + 1;
            *ret_addr = server->addrs[index].addr;
            break;
        }
    }
    return true;
}

void upstream_transport_init(struct upstream_server *server, struct transport *transport, int fd,
                             transport_cb callback, void *arg)
{
    struct event_base *base = server->group->engine->base;
    if (server->config->config->is_https) {
        tls_client_init(transport, base, fd, server->group->config->tls, upstream_tls_name(server),
                        &server->session, callback, arg);
        tls_transport_use_pool(transport, &server->group->engine->buffers);
        return;
    }
    transport_init_plain(transport, base, fd, callback, arg);
}

static void conn_new(struct upstream_server *server, struct exchange *x, int fd,
                     const struct addr *addr, size_t addrs_left)
{
    struct upstream_conn *conn = xcalloc(1, sizeof *conn);
    conn->engine = x->engine;
    conn->server = server;
    conn->addr = *addr;
    conn->addrs_left = addrs_left;
    server->open_count++;
    take_exchange(conn, x);
    stream_init(&conn->stream, &x->engine->buffers);
    deadline_init(&conn->deadline, x->engine->base, deadline_passed, conn);
    upstream_transport_init(server, &conn->stream.transport, fd, stream_ready, conn);
    upstream_http1_attach(conn);
    upstream_conn_set_state(conn, UPSTREAM_CONNECTING);
    transport_want(&conn->stream.transport, false, true);
}

static void open_next(struct upstream_server *server, struct exchange *x, size_t addrs_left)
{
    int error = 0;
    struct addr addr;
    for (; addrs_left > 0 && upstream_pick_addr(server, &addr); addrs_left--) {
        int fd = -1;
        error = transport_connect(&addr, &fd);
        if (error == 0) {
            conn_new(server, x, fd, &addr, addrs_left - 1);
            return;
        }
        upstream_avoid_addr(server, &addr);
    }
    connect_failed(server, x, UPSTREAM_NOT_SENT, strerrordesc_np(-error));
}

/* At the limit, a kept connection makes room for a new one. */
static void make_room(struct upstream_server *server)
{
    size_t most = server->config->config->max_connections;
    if (most > 0 && server->open_count >= most && server->idle != NULL)
        upstream_conn_close(server->idle->prev); /* the oldest: the tail of the list */
}

void upstream_conn_open(struct upstream_server *server, struct exchange *x)
{
    make_room(server);
    if (server->addr_count == 0)
        connect_failed(server, x, UPSTREAM_NOT_SENT, "the name did not resolve");
    else
        open_next(server, x, server->addr_count);
}

void upstream_conn_begin(struct upstream_conn *conn, struct exchange *x)
{
    take_exchange(conn, x);
    conn->is_reused = true;
    upstream_conn_set_state(conn, UPSTREAM_BUSY);
    upstream_http1_begin(conn);
}

bool upstream_conn_reuse(struct upstream_server *server, struct exchange *x)
{
    while (server->idle != NULL) {
        struct upstream_conn *conn = server->idle;
        /* Bytes that a backend left behind must never become the next answer. */
        if (upstream_conn_is_quiet(conn)) {
            leave_pool(conn);
            upstream_conn_begin(conn, x);
            return true;
        }
        upstream_conn_close(conn);
    }
    return false;
}
