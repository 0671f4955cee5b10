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
#include "base/text.h"
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
#include "upstreams/upstream_http2.h"
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
    case UPSTREAM_SHARED: /* upstream_http2.c sees to it */
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

bool upstream_server_take(struct upstream_server *server)
{
    server->active_count++;
    if (server->health.is_down)
        upstream_health_try(server);
    return server->health.is_down;
}

void upstream_server_drop(struct upstream_server *server, bool is_trial)
{
    server->active_count--;
    if (is_trial)
        upstream_health_tried(server);
    upstream_group_wake(server->group);
}

static void take_exchange(struct upstream_conn *conn, struct exchange *x)
{
    conn->exchange = x;
    conn->is_trial = upstream_server_take(conn->server);
}

static void drop_exchange(struct upstream_conn *conn)
{
    if (conn->exchange == NULL)
        return;
    conn->exchange = NULL;
    upstream_server_drop(conn->server, conn->is_trial);
    conn->is_trial = false;
}

static void leave_shared(struct upstream_conn *conn)
{
    if (conn->is_shared)
        DL_DELETE(conn->server->shared, conn);
    conn->is_shared = false;
}

/* Those that wait for the connection do not any more. */
static struct upstream_http2 *take_http2(struct upstream_conn *conn)
{
    struct upstream_http2 *http2 = conn->http2;
    leave_shared(conn);
    conn->http2 = NULL;
    if (http2 != NULL)
        upstream_http2_attach(http2, NULL);
    return http2;
}

void upstream_conn_close(struct upstream_conn *conn)
{
    if (conn->state == UPSTREAM_CLOSED)
        return;
    if (is_pooled(conn))
        leave_pool(conn);
    leave_shared(conn);
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
    upstream_http2_free(conn->http2);
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

/* ---- establishing ------------------------------------------------------------------------- */

/* What a connection is made for: one exchange, or those that will share it. */
struct purpose {
    struct exchange *x; /* NULL: http2 */
    struct upstream_http2 *http2;
    bool is_late; /* clients learn by their turn how it ended */
};

static void connect_failed(struct upstream_server *server, const struct purpose *purpose,
                           enum upstream_failure failure, const char *reason)
{
    upstream_health_failed(server, clock_monotonic_ms(), reason);
    upstream_pause_note_failure(server->group);
    if (purpose->http2 != NULL)
        upstream_http2_fail(purpose->http2, failure, reason, purpose->is_late);
    else
        upstream_attempt_failed(purpose->x, server, failure, OUTCOME_UPSTREAM_CONNECT, reason);
}

static bool open_next(struct upstream_server *server, const struct purpose *purpose,
                      size_t addrs_left);

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
    struct upstream_server *server = conn->server;
    enum upstream_failure failure = failure_of(conn);
    struct purpose purpose = {conn->exchange, take_http2(conn), true};
    /* The reason may belong to the connection. */
    char *told = xstrdup(reason);
    upstream_avoid_addr(server, &conn->addr);
    upstream_conn_close(conn);
    bool is_opening = addrs_left > 0 && open_next(server, &purpose, addrs_left);
    if (addrs_left == 0)
        connect_failed(server, &purpose, failure, told);
    free(told);
    if (!is_opening)
        upstream_http2_free(purpose.http2);
    if (purpose.x != NULL)
        purpose.x->client_ops->run(purpose.x);
}

static void begin_http1(struct upstream_conn *conn)
{
    struct exchange *x = conn->exchange;
    upstream_conn_set_state(conn, UPSTREAM_BUSY);
    upstream_http1_begin(conn);
    /* The client's turn sends the head, together with what there is of the body. */
    x->client_ops->run(x);
}

static bool speaks_http2(const struct upstream_conn *conn)
{
    const struct transport *transport = &conn->stream.transport;
    return transport->tls == NULL || tls_transport_is_http2(transport);
}

static void begun(struct upstream_conn *conn)
{
    struct upstream_server *server = conn->server;
    upstream_pause_note_success(server->group);
    if (conn->http2 == NULL) {
        begin_http1(conn);
    } else if (speaks_http2(conn)) {
        server->chose_http1 = false;
        upstream_conn_set_state(conn, UPSTREAM_SHARED);
        upstream_http2_begin(conn->http2);
    } else if (server->group->config->config->protocol == PROTOCOL_HTTP2) {
        fail(conn, "the server does not agree to HTTP/2 (ALPN): `protocol: auto`",
             conn->addrs_left);
    } else {
        /* Who waited longest has the connection, the others begin anew. */
        struct upstream_http2 *waiting = take_http2(conn);
        server->chose_http1 = true;
        take_exchange(conn, upstream_http2_take(waiting));
        begin_http1(conn);
        upstream_http2_start_anew(waiting);
        upstream_http2_free(waiting);
    }
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
        struct text reason = {0};
        text_addf(&reason, "TLS with %s: %s", upstream_tls_name(conn->server),
                  transport_error(&conn->stream.transport));
        fail(conn, reason.ptr, conn->addrs_left);
        text_clear(&reason);
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
    case UPSTREAM_SHARED:
        upstream_http2_run(conn->http2, can_read);
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
    case UPSTREAM_SHARED:
        upstream_http2_timeout(conn->http2);
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

static void conn_new(struct upstream_server *server, const struct purpose *purpose, int fd,
                     const struct addr *addr, size_t addrs_left)
{
    struct engine *engine = server->group->engine;
    struct upstream_conn *conn = xcalloc(1, sizeof *conn);
    conn->engine = engine;
    conn->server = server;
    conn->addr = *addr;
    conn->addrs_left = addrs_left;
    server->open_count++;
    stream_init(&conn->stream, &engine->buffers);
    deadline_init(&conn->deadline, engine->base, deadline_passed, conn);
    upstream_transport_init(server, &conn->stream.transport, fd, stream_ready, conn);
    if (purpose->x != NULL) {
        take_exchange(conn, purpose->x);
        upstream_http1_attach(conn);
    } else {
        conn->http2 = purpose->http2;
        conn->is_shared = true;
        upstream_http2_attach(conn->http2, conn);
        DL_APPEND(server->shared, conn);
        tls_client_offer(&conn->stream.transport,
                         server->group->config->config->protocol == PROTOCOL_HTTP2
                             ? TLS_CLIENT_OFFERS_HTTP2
                             : TLS_CLIENT_OFFERS_BOTH);
    }
    upstream_conn_set_state(conn, UPSTREAM_CONNECTING);
    transport_want(&conn->stream.transport, false, true);
}

/* False when no address is left to try: that it failed is told. */
static bool open_next(struct upstream_server *server, const struct purpose *purpose,
                      size_t addrs_left)
{
    int error = 0;
    struct addr addr;
    for (; addrs_left > 0 && upstream_pick_addr(server, &addr); addrs_left--) {
        int fd = -1;
        error = transport_connect(&addr, &fd);
        if (error == 0) {
            conn_new(server, purpose, fd, &addr, addrs_left - 1);
            return true;
        }
        upstream_avoid_addr(server, &addr);
    }
    connect_failed(server, purpose, UPSTREAM_NOT_SENT, strerrordesc_np(-error));
    return false;
}

size_t upstream_unused_count(const struct upstream_server *server)
{
    size_t count = server->idle_count;
    for (const struct upstream_conn *conn = server->shared; conn != NULL; conn = conn->next)
        count += upstream_http2_is_unused(conn->http2);
    return count;
}

/* At the limit, a kept connection makes room for a new one. */
static void make_room(struct upstream_server *server)
{
    size_t most = server->config->config->max_connections;
    if (most == 0 || server->open_count < most)
        return;
    if (server->idle != NULL) {
        upstream_conn_close(server->idle->prev); /* the oldest: the tail of the list */
        return;
    }
    struct upstream_conn *conn = server->shared;
    while (conn != NULL && !upstream_http2_is_unused(conn->http2))
        conn = conn->next;
    if (conn != NULL)
        upstream_conn_close(conn);
}

/* Connections to it may turn out to be HTTP/2. */
static bool may_be_http2(const struct upstream_server *server, const struct exchange *x)
{
    enum config_protocol protocol = server->group->config->config->protocol;
    return !x->needs_http1 && (protocol == PROTOCOL_HTTP2 ||
                               (protocol == PROTOCOL_AUTO && server->config->config->is_https));
}

void upstream_conn_open(struct upstream_server *server, struct exchange *x)
{
    bool is_http2 = may_be_http2(server, x);
    struct purpose purpose = {.x = is_http2 ? NULL : x};
    if (x->needs_http1 && server->group->config->config->protocol == PROTOCOL_HTTP2) {
        upstream_attempt_failed(x, server, UPSTREAM_FINAL, OUTCOME_UPSTREAM_INVALID,
                                "WebSocket, NTLM and Negotiate need HTTP/1.1: `protocol: auto`");
        return;
    }
    make_room(server);
    if (is_http2) {
        purpose.http2 = upstream_http2_new(server);
        upstream_http2_join(purpose.http2, x);
    }
    bool is_opening = false;
    if (server->addr_count == 0)
        connect_failed(server, &purpose, UPSTREAM_NOT_SENT, "the name did not resolve");
    else
        is_opening = open_next(server, &purpose, server->addr_count);
    if (!is_opening)
        upstream_http2_free(purpose.http2);
}

static struct upstream_conn *find_shared(const struct upstream_server *server)
{
    for (struct upstream_conn *conn = server->shared; conn != NULL; conn = conn->next) {
        bool is_open = conn->state == UPSTREAM_SHARED;
        /* A server that chose HTTP/1.1 last time will do so again: each has its own then. */
        if ((is_open || !server->chose_http1) && upstream_http2_has_room(conn->http2))
            return conn;
    }
    return NULL;
}

bool upstream_may_share(const struct upstream_server *server)
{
    return find_shared(server) != NULL;
}

bool upstream_conn_share(struct upstream_server *server, struct exchange *x)
{
    struct upstream_conn *conn = x->needs_http1 ? NULL : find_shared(server);
    if (conn != NULL)
        upstream_http2_join(conn->http2, x);
    return conn != NULL;
}

void upstream_conn_retire(struct upstream_conn *conn)
{
    upstream_http2_retire(conn->http2);
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
