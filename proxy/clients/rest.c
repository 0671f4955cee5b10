/* SPDX-License-Identifier: MIT */
#include "clients/rest.h"

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "clients/client.h"
#include "tls/tls_hooks.h"
#include "tls/tls_transport.h"

/* Longer than a client needs that goes on at once, or says goodbye after one request. */
#define REST_AFTER_MS 100

static void wake_in(struct engine *engine, uint64_t ms)
{
    const struct timeval in = {.tv_usec = (suseconds_t)ms * 1000};
    (void)event_add(&engine->rest_event, &in);
}

static void rest_due(evutil_socket_t fd, short what, void *arg)
{
    struct engine *engine = arg;
    uint64_t now_ms = clock_monotonic_ms();
    (void)fd;
    (void)what;
    while (engine->resting != NULL) {
        struct client *client = engine->resting;
        uint64_t due_ms = client->idle_since_ms + REST_AFTER_MS;
        if (due_ms > now_ms) {
            wake_in(engine, due_ms - now_ms);
            return;
        }
        rest_end(client);
        tls_transport_rest(&client->stream.transport);
    }
}

void rest_init(struct engine *engine)
{
    (void)event_assign(&engine->rest_event, engine->base, -1, 0, rest_due, engine);
    if (engine->snapshot->config->performance.handover && !tls_hooks_test().derive)
        log_notice("tls.handover", "effective=no reason=\"" TLS_HOOKS_BOUND_ELSEWHERE "\"");
}

void rest_begin(struct client *client)
{
    struct engine *engine = client->engine;
    if (!connection_is_tls(&client->connection))
        return;
    client->idle_since_ms = clock_monotonic_ms();
    client->is_resting = true;
    DL_APPEND2(engine->resting, client, rest_prev, rest_next);
    if (!event_pending(&engine->rest_event, EV_TIMEOUT, NULL))
        wake_in(engine, REST_AFTER_MS);
}

void rest_end(struct client *client)
{
    if (!client->is_resting)
        return;
    client->is_resting = false;
    DL_DELETE2(client->engine->resting, client, rest_prev, rest_next);
}
