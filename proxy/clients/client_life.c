/* A connection from accept to close, and what the socket and the clock do to it.
 *
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "access/trusted_proxy.h"
#include "base/clock.h"
#include "base/mem.h"
#include "clients/accept.h"
#include "clients/clear_text.h"
#include "clients/client.h"
#include "clients/client_http1.h"
#include "clients/client_http2.h"
#include "clients/client_tunnel.h"
#include "clients/crowd.h"
#include "clients/late_certificate.h"
#include "clients/linger.h"
#include "clients/rest.h"
#include "core/snapshot.h"
#include "explain/refusal_log.h"
#include "forward/identity_headers.h"
#include "tls/tls_transport.h"
#include "upstreams/upstream.h"

static const struct config_timeouts *timeouts(const struct client *client)
{
    return &client->engine->snapshot->config->timeouts;
}

static void count_handshake(struct client *client)
{
    bool is_shaking = client->state == CLIENT_HANDSHAKE;
    if (is_shaking == client->is_shaking_hands)
        return;
    client->is_shaking_hands = is_shaking;
    client->engine->handshakes += is_shaking ? 1 : (size_t)-1;
}

static enum crowd_class class_of(struct client *client)
{
    switch (client->state) {
    case CLIENT_HANDSHAKE:
    case CLIENT_IDLE:
    case CLIENT_READ_HEAD: /* half a head holds no place */
        return client->crowd.has_asked ? CROWD_IDLE : CROWD_FRESH;
    case CLIENT_EXCHANGE:
        client->crowd.has_asked = true;
        return CROWD_BUSY;
    case CLIENT_LINGER:
        return CROWD_LINGER;
    case CLIENT_ASK_CERT:
    case CLIENT_TUNNEL:
    case CLIENT_CLOSED:
        return CROWD_BUSY;
    }
    return CROWD_BUSY;
}

void client_set_state(struct client *client, enum client_state state)
{
    assert(client->state != CLIENT_CLOSED);
    client->state = state;
    count_handshake(client);
    rest_end(client);
    if (crowd_move(client, class_of(client)) && !client->engine->is_accepting)
        accept_has_room(client->engine);
    switch (state) {
    case CLIENT_HANDSHAKE:
        deadline_set(&client->deadline, timeouts(client)->handshake);
        break;
    case CLIENT_IDLE:
        deadline_set(&client->deadline, timeouts(client)->idle);
        rest_begin(client);
        break;
    case CLIENT_READ_HEAD:
        deadline_set(&client->deadline, timeouts(client)->header);
        break;
    case CLIENT_EXCHANGE:
        client->is_due = false;
        deadline_stop(&client->deadline);
        break;
    case CLIENT_ASK_CERT:
        deadline_set(&client->deadline, timeouts(client)->body);
        break;
    case CLIENT_TUNNEL:
        deadline_set(&client->deadline, timeouts(client)->tunnel);
        break;
    case CLIENT_LINGER:
        deadline_stop(&client->deadline);
        break;
    case CLIENT_CLOSED:
        deadline_clear(&client->deadline);
        break;
    }
}

bool client_peer_is_gone(const struct client *client)
{
    struct pollfd peer = {.fd = client->stream.transport.fd};
    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLERR | POLLHUP)) != 0;
}

static void end_exchange(struct client *client)
{
    if (client->state == CLIENT_ASK_CERT)
        late_certificate_lost(client);
    if (client->http2 != NULL)
        client_http2_end(client);
    if (client->exchange != NULL)
        exchange_finish(client->exchange, true);
    if (client->connection.bound != NULL) {
        upstream_conn_close(client->connection.bound);
        client->connection.bound = NULL;
    }
}

void client_close(struct client *client)
{
    if (client->state == CLIENT_CLOSED)
        return;
    end_exchange(client);
    client_set_state(client, CLIENT_CLOSED);
    stream_clear(&client->stream);
    DL_DELETE(client->engine->clients, client);
    crowd_leave(client);
    client->next = client->engine->closing;
    client->engine->closing = client;
    engine_schedule_closing(client->engine);
    accept_client_closed(client->engine);
}

void client_break(struct client *client)
{
    /* A socket that failed takes nothing any more. */
    if (client->state == CLIENT_CLOSED || client->stream.transport.error_number != 0) {
        client_close(client);
        return;
    }
    end_exchange(client);
    linger_begin(client);
}

void client_cut_off(struct client *client)
{
    end_exchange(client);
    transport_become_plain(&client->stream.transport);
    linger_begin(client);
}

void client_free(struct client *client)
{
    assert(client->state == CLIENT_CLOSED);
    client_http2_free(client);
    if (client->exchange != NULL)
        exchange_free(client->exchange);
    identity_cache_clear(&client->connection.told);
    identity_clear(&client->connection.identity);
    free(client);
}

/* Of the request that a handshake was for; NULL: of none. */
static const char *id_of(const struct client *client)
{
    return client->exchange == NULL ? NULL : client->exchange->id;
}

static void handshake_failed(struct client *client)
{
    const struct transport *transport = &client->stream.transport;
    if (tls_transport_has_received(transport))
        refusal_log_handshake(client->engine->refusals, &client->connection, id_of(client),
                              tls_transport_failure(transport), transport_error(transport));
    client_break(client);
}

static void stream_ready(struct transport *transport, bool can_read, bool can_write, void *arg);

static void run(struct client *client, bool can_read)
{
    if (client->http2 != NULL)
        client_http2_run(client, can_read);
    else
        client_http1_run(client, can_read);
}

static void handshake(struct client *client)
{
    enum transport_result result = transport_handshake(&client->stream.transport);
    if (result == TRANSPORT_AGAIN) {
        transport_want(&client->stream.transport, true, false);
        return;
    }
    if (result != TRANSPORT_OK && clear_text_begin(client, stream_ready)) {
        client_http1_run(client, true);
        return;
    }
    if (result != TRANSPORT_OK) {
        handshake_failed(client);
        return;
    }
    client->connection.tls_site = connection_site_of_handshake(&client->connection);
    connection_identify(&client->connection);
    tls_transport_offer_session(&client->stream.transport);
    client_set_state(client, CLIENT_IDLE);
    if (tls_transport_is_http2(&client->stream.transport))
        client_http2_begin(client);
    run(client, true);
}

/* Before TLS: nothing is lost with what was received, and a reset keeps no state in the kernel. */
static void reset_at_close(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* The address that a trusted proxy named is the one that counts. */
static bool become(struct client *client, const struct addr *source)
{
    if (!crowd_admit_source(client->engine, source)) {
        reset_at_close(client->stream.transport.fd);
        client_close(client);
        return false;
    }
    client->connection.peer = *source;
    crowd_count(client, source);
    return true;
}

/* What comes before TLS or HTTP; true once it is out of the way. */
static bool take_proxy_header(struct client *client)
{
    struct proxy_protocol_header header;
    const char *reason = NULL;
    bool is_required =
        client->engine->snapshot->config->trusted_proxies.proxy_protocol == PROXY_PROTOCOL_REQUIRE;
    enum proxy_protocol_result result =
        proxy_protocol_take(&client->proxy_header, client->stream.transport.fd, &header, &reason);
    if (result == PROXY_PROTOCOL_MORE)
        return false;
    if (result == PROXY_PROTOCOL_BAD || (result == PROXY_PROTOCOL_NONE && is_required)) {
        if (result == PROXY_PROTOCOL_NONE)
            reason = "there is no PROXY header";
        if (reason != NULL)
            refusal_log_proxy_protocol(client->engine->refusals, &client->connection, reason);
        client_close(client);
        return false;
    }
    client->awaits_proxy_header = false;
    if (result == PROXY_PROTOCOL_DONE && header.has_source && !become(client, &header.source))
        return false;
    if (!connection_is_tls(&client->connection))
        client_set_state(client, CLIENT_IDLE);
    return true;
}

static void stream_ready(struct transport *transport, bool can_read, bool can_write, void *arg)
{
    (void)transport;
    struct client *client = arg;
    if (client->state == CLIENT_CLOSED)
        return;
    if (can_write)
        stream_writable(&client->stream);
    if (client->awaits_proxy_header && !take_proxy_header(client))
        return;
    if (client->state == CLIENT_HANDSHAKE)
        handshake(client);
    else if (client->state == CLIENT_TUNNEL)
        client->tunnel_run(client->exchange, can_read);
    else if (client->state == CLIENT_LINGER)
        linger_run(client);
    else
        run(client, can_read);
}

static bool session_facts(struct transport *transport, void *arg,
                          struct tls_session_facts *ret_facts)
{
    (void)transport;
    struct client *client = arg;
    return connection_session_facts(&client->connection, ret_facts);
}

/* Who has not sent a byte has not begun one: a port check, or a connection kept ready. */
static void handshake_timed_out(struct client *client)
{
    if (connection_is_tls(&client->connection) &&
        tls_transport_has_received(&client->stream.transport))
        refusal_log_handshake(client->engine->refusals, &client->connection, id_of(client),
                              TLS_FAILURE_TIMEOUT, "timed out");
}

static void deadline_passed(void *arg)
{
    struct client *client = arg;
    switch (client->state) {
    case CLIENT_HANDSHAKE:
        handshake_timed_out(client);
        client_close(client);
        break;
    case CLIENT_IDLE:
        if (client->http2 != NULL) {
            client_http2_timeout(client);
            break;
        }
        transport_shutdown(&client->stream.transport);
        client_close(client);
        break;
    case CLIENT_READ_HEAD:
    case CLIENT_ASK_CERT:
    case CLIENT_EXCHANGE:
        if (client->http2 != NULL)
            client_http2_timeout(client);
        else
            client_http1_timeout(client);
        break;
    case CLIENT_TUNNEL:
        client_tunnel_timeout(client);
        break;
    case CLIENT_LINGER:
        client_close(client);
        break;
    case CLIENT_CLOSED:
        break;
    }
}

/* A listener of 0.0.0.0 does not say which of the machine's addresses was meant. */
static void find_local(struct client *client, int fd)
{
    struct connection *connection = &client->connection;
    struct sockaddr *address = (struct sockaddr *)&connection->local.storage;
    connection->local.len = sizeof connection->local.storage;
    if (getsockname(fd, address, &connection->local.len) < 0)
        connection->local = connection->listener->addr;
}

void client_new(struct engine_listener *listener, int fd, const struct addr *peer)
{
    struct engine *engine = listener->engine;
    bool is_behind_proxy = trusted_proxies_have(engine->snapshot->proxies, peer);
    if (!crowd_admit(engine, is_behind_proxy ? NULL : peer)) {
        reset_at_close(fd);
        (void)close(fd);
        return;
    }
    struct client *client = xcalloc(1, sizeof *client);
    client->crowd.where = CROWD_BUSY;
    client->engine = engine;
    client->connection.listener = listener;
    client->connection.transport = &client->stream.transport;
    client->connection.peer = *peer;
    find_local(client, fd);
    client->connection.is_behind_proxy = is_behind_proxy;
    if (!is_behind_proxy)
        crowd_count(client, peer);
    client->awaits_proxy_header =
        client->connection.is_behind_proxy &&
        engine->snapshot->config->trusted_proxies.proxy_protocol != PROXY_PROTOCOL_OFF;
    stream_init(&client->stream, &engine->buffers);
    deadline_init(&client->deadline, engine->base, deadline_passed, client);
    DL_APPEND(engine->clients, client);
    engine->client_count++;
    if (listener->binding->is_https) {
        tls_transport_init_server(&client->stream.transport, engine->base, fd,
                                  listener->binding->tls, stream_ready, session_facts, client);
        tls_transport_use_pool(&client->stream.transport, &engine->buffers);
        client_set_state(client, CLIENT_HANDSHAKE);
    } else {
        transport_init_plain(&client->stream.transport, engine->base, fd, stream_ready, client);
        client_set_state(client, client->awaits_proxy_header ? CLIENT_HANDSHAKE : CLIENT_IDLE);
    }
    transport_want(&client->stream.transport, true, false);
}

/* While the engine drains: who has just come has sent its first request, or is about to, and would
 * not expect the end of a connection that it has never used. */
#define FIRST_REQUEST_MS 1000

void client_drain(struct client *client, uint64_t grace_ms)
{
    client->close_after = true;
    if (grace_ms == 0 && !client->crowd.has_asked && !client->engine->is_stale)
        grace_ms = FIRST_REQUEST_MS;
    if (client->state == CLIENT_LINGER)
        linger_hurry(client);
    bool is_idle = client->state == CLIENT_IDLE;
    if (grace_ms > 0 && (is_idle || client->state == CLIENT_HANDSHAKE))
        deadline_set(&client->deadline, grace_ms);
    if (client->http2 != NULL && client->state != CLIENT_CLOSED) {
        client_http2_drain(client, !is_idle || grace_ms > 0);
    } else if (is_idle && grace_ms == 0) {
        transport_shutdown(&client->stream.transport);
        client_close(client);
    }
}
