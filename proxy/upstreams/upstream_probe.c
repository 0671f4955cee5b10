/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/deadline.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "core/stream.h"
#include "http/http1_parse.h"
#include "http/http1_write.h"
#include "tls/tls_transport.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_health.h"
#include "upstreams/upstream_probe_http2.h"
#include "upstreams/upstream_resolve.h"

/* However long the interval, the first probe comes within this. */
#define FIRST_MAX_MS 5000

enum probe_state {
    PROBE_WAITING, /* for its time */
    PROBE_CONNECTING,
    PROBE_TLS,
    PROBE_ASKING, /* the request is on its way, or the answer */
};

struct upstream_probe {
    struct upstream_server *server;
    enum probe_state state;
    struct deadline next;      /* while waiting */
    struct deadline deadline;  /* else */
    struct stream stream;      /* else */
    struct arena arena;        /* else */
    struct probe_http2 *http2; /* owned; NULL: HTTP/1.1, or it does not ask */
    struct addr addr;
};

static const struct config_upstream *settings(const struct upstream_probe *probe)
{
    return probe->server->group->config->config;
}

static const struct config *config_of(const struct upstream_probe *probe)
{
    return probe->server->group->engine->snapshot->config;
}

static uint64_t random_below(uint64_t limit)
{
    uint64_t random = 0;
    (void)RAND_bytes((unsigned char *)&random, sizeof random);
    return limit == 0 ? 0 : random % limit;
}

static void stop(struct upstream_probe *probe)
{
    if (probe->state == PROBE_WAITING)
        return;
    probe->state = PROBE_WAITING;
    deadline_stop(&probe->deadline);
    probe_http2_free(probe->http2);
    probe->http2 = NULL;
    if (probe->stream.transport.tls != NULL)
        transport_shutdown(&probe->stream.transport);
    stream_clear(&probe->stream);
    arena_clear(&probe->arena);
}

/* Between 90 and 110 percent: workers that started in step do not stay so. */
static void wait_for_next(struct upstream_probe *probe)
{
    uint64_t interval_ms = settings(probe)->health_interval_ms;
    deadline_set(&probe->next, interval_ms - interval_ms / 10 + random_below(interval_ms / 5 + 1));
}

/* reason: NULL when all is well; may lie in what is closed here. */
static void done(struct upstream_probe *probe, const char *reason)
{
    char *kept = reason == NULL ? NULL : xstrdup(reason);
    stop(probe);
    if (kept != NULL)
        upstream_avoid_addr(probe->server, &probe->addr);
    upstream_health_probed(probe->server, clock_monotonic_ms(), kept);
    free(kept);
    wait_for_next(probe);
}

/* ---- asking ------------------------------------------------------------------------------- */

static void add(struct upstream_probe *probe, struct http_fields *fields, struct str name,
                const char *value)
{
    http_fields_add(fields, &probe->arena, name, str_of(value));
}

static void send_on(struct upstream_probe *probe)
{
    struct buf *buf;
    while (probe->http2 != NULL && (buf = probe_http2_pull(probe->http2)) != NULL)
        stream_put_buf(&probe->stream, buf);
    if (stream_flush(&probe->stream) == TRANSPORT_ERROR) {
        done(probe, "closed while the probe was sent");
        return;
    }
    transport_want(&probe->stream.transport, true, stream_has_output(&probe->stream));
}

static void ask(struct upstream_probe *probe)
{
    struct http_fields fields = {0};
    probe->state = PROBE_ASKING;
    deadline_set(&probe->deadline, config_of(probe)->timeouts.response);
    if (settings(probe)->protocol == PROTOCOL_HTTP2) {
        probe->http2 = probe_http2_new(probe->server, str_of(settings(probe)->health_path.text),
                                       &probe->arena);
        send_on(probe);
        return;
    }
    add(probe, &fields, STR("Host"), probe->server->config->host);
    add(probe, &fields, STR("User-Agent"), "mtls-proxy");
    add(probe, &fields, STR("Connection"), "close");
    stream_put(&probe->stream,
               http1_write_request_head(&probe->arena, STR("GET"),
                                        str_of(settings(probe)->health_path.text), &fields));
    send_on(probe);
}

static void judge(struct upstream_probe *probe, unsigned status)
{
    if (status < 400)
        done(probe, NULL);
    else
        done(probe, arena_printf(&probe->arena, "the probe got status %u", status).ptr);
}

/* True when another head may follow (after an interim response). */
static bool take_head(struct upstream_probe *probe)
{
    const struct config_limits *limits = &config_of(probe)->limits;
    struct http1_limits head_limits = {.field_count = limits->header_count};
    struct http_response response;
    struct str head;
    switch (stream_take_head(&probe->stream, limits->header_bytes, &probe->arena, &head)) {
    case STREAM_HEAD_MORE:
        return false;
    case STREAM_HEAD_READY:
        break;
    case STREAM_HEAD_BAD:
    case STREAM_HEAD_TOO_LONG:
        done(probe, "the probe's answer is not HTTP");
        return false;
    }
    enum http1_reason reason =
        http1_parse_response(head, &head_limits, HTTP_GET, &probe->arena, &response);
    if (reason != HTTP1_VALID) {
        done(probe, http1_reason_text(reason));
        return false;
    }
    if (response.status < 200)
        return true;
    judge(probe, response.status);
    return false;
}

static void take_http2(struct upstream_probe *probe)
{
    struct str input = stream_input(&probe->stream);
    probe_http2_feed(probe->http2, input);
    stream_consume(&probe->stream, input.len);
    if (probe_http2_status(probe->http2) != 0)
        judge(probe, probe_http2_status(probe->http2));
    else if (probe_http2_problem(probe->http2) != NULL)
        done(probe, probe_http2_problem(probe->http2));
    else
        send_on(probe);
}

static void read_on(struct upstream_probe *probe)
{
    switch (stream_fill(&probe->stream)) {
    case TRANSPORT_OK:
        if (probe->http2 != NULL)
            take_http2(probe);
        else
            while (take_head(probe))
                continue;
        break;
    case TRANSPORT_AGAIN:
        break;
    case TRANSPORT_EOF:
        done(probe, "closed without an answer to the probe");
        break;
    case TRANSPORT_ERROR:
        done(probe, transport_error(&probe->stream.transport));
        break;
    }
}

/* ---- connecting --------------------------------------------------------------------------- */

static void ask_if_agreed(struct upstream_probe *probe)
{
    if (settings(probe)->protocol == PROTOCOL_HTTP2 &&
        !tls_transport_is_http2(&probe->stream.transport))
        done(probe, "the server does not agree to HTTP/2 (ALPN): `protocol: auto`");
    else
        ask(probe);
}

static void shake(struct upstream_probe *probe)
{
    enum transport_result result = transport_handshake(&probe->stream.transport);
    if (result == TRANSPORT_AGAIN)
        transport_want(&probe->stream.transport, true, false);
    else if (result == TRANSPORT_OK)
        ask_if_agreed(probe);
    else
        done(probe,
             arena_printf(&probe->arena, "TLS: %s", transport_error(&probe->stream.transport)).ptr);
}

static void connected(struct upstream_probe *probe)
{
    int error = net_socket_error(probe->stream.transport.fd);
    if (error == EINPROGRESS)
        return;
    if (error != 0) {
        done(probe, strerrordesc_np(error));
    } else if (probe->server->config->config->is_https) {
        probe->state = PROBE_TLS;
        shake(probe);
    } else {
        ask(probe);
    }
}

static void stream_ready(struct transport *transport, bool can_read, bool can_write, void *arg)
{
    (void)transport;
    struct upstream_probe *probe = arg;
    switch (probe->state) {
    case PROBE_WAITING:
        break;
    case PROBE_CONNECTING:
        connected(probe);
        break;
    case PROBE_TLS:
        shake(probe);
        break;
    case PROBE_ASKING:
        if (can_write) {
            stream_writable(&probe->stream);
            send_on(probe);
        }
        if (can_read && probe->state == PROBE_ASKING)
            read_on(probe);
        break;
    }
}

static void deadline_passed(void *arg)
{
    struct upstream_probe *probe = arg;
    done(probe, probe->state == PROBE_ASKING ? "no answer to the probe in time"
                                             : "timed out while connecting");
}

static void begin(void *arg)
{
    struct upstream_probe *probe = arg;
    struct upstream_server *server = probe->server;
    struct engine *engine = server->group->engine;
    int fd = -1;
    if (engine->is_draining)
        return;
    (void)upstream_resolve_refresh(server);
    if (!upstream_pick_addr(server, &probe->addr)) {
        done(probe, "the name did not resolve");
        return;
    }
    int error = transport_connect(&probe->addr, &fd);
    if (error != 0) {
        done(probe, strerrordesc_np(-error));
        return;
    }
    probe->state = PROBE_CONNECTING;
    arena_init(&probe->arena, &engine->buffers);
    stream_init(&probe->stream, &engine->buffers);
    upstream_transport_init(server, &probe->stream.transport, fd, stream_ready, probe);
    if (settings(probe)->protocol == PROTOCOL_HTTP2)
        tls_client_offer(&probe->stream.transport, TLS_CLIENT_OFFERS_HTTP2);
    deadline_set(&probe->deadline, config_of(probe)->timeouts.connect);
    transport_want(&probe->stream.transport, false, true);
}

struct upstream_probe *upstream_probe_new(struct upstream_server *server)
{
    const struct config_upstream *config = server->group->config->config;
    struct engine *engine = server->group->engine;
    if (config->health_path.text == NULL)
        return NULL;
    struct upstream_probe *probe = xcalloc(1, sizeof *probe);
    probe->server = server;
    probe->state = PROBE_WAITING;
    deadline_init(&probe->next, engine->base, begin, probe);
    deadline_init(&probe->deadline, engine->base, deadline_passed, probe);
    uint64_t first_ms = config->health_interval_ms;
    deadline_set(&probe->next, random_below(first_ms < FIRST_MAX_MS ? first_ms : FIRST_MAX_MS));
    return probe;
}

void upstream_probe_free(struct upstream_probe *probe)
{
    if (probe == NULL)
        return;
    stop(probe);
    deadline_clear(&probe->next);
    deadline_clear(&probe->deadline);
    free(probe);
}
