/* SPDX-License-Identifier: MIT */
#include "clients/accept.h"

#include <stdlib.h>

#include "base/mem.h"
#include "clients/client.h"
#include "clients/crowd.h"
#include "core/engine_state.h"
#include "core/snapshot.h"

void accept_set(struct engine *engine, bool is_accepting)
{
    if (engine->is_accepting == is_accepting)
        return;
    engine->is_accepting = is_accepting;
    for (size_t i = 0; i < engine->listener_count; i++)
        listener_set_accepting(engine->listeners[i].listener, is_accepting);
}

static void accepted(int fd, const struct addr *peer, void *arg)
{
    struct engine_listener *listener = arg;
    struct engine *engine = listener->engine;
    client_new(listener, fd, peer);
    trim_note(&engine->trim,
              trim_estimate(engine->handshakes, engine->client_count, engine->buffers.bytes));
    if (engine->client_count >= engine->client_limit)
        crowd_report(engine);
}

/* Asked before each connection: it waits in the queue of the socket while all are busy. Out of
 * descriptors, the limit is reached as well, whatever its number. */
static bool may_accept(bool is_exhausted, void *arg)
{
    const struct engine_listener *listener = arg;
    struct engine *engine = listener->engine;
    if (is_exhausted)
        return crowd_make_room(engine);
    if (crowd_has_room(engine))
        return true;
    accept_set(engine, false);
    return false;
}

void accept_has_room(struct engine *engine)
{
    if (!engine->is_draining)
        accept_set(engine, true);
}

void accept_client_closed(struct engine *engine)
{
    engine->client_count--;
    if (engine->is_draining)
        event_active(&engine->drain_event, EV_TIMEOUT, 0);
    else
        accept_has_room(engine);
}

void accept_init(struct engine *engine, const int *fds, const struct addr *addrs)
{
    const struct snapshot *snapshot = engine->snapshot;
    engine->listener_count = snapshot->binding_count;
    engine->listeners = xcalloc(snapshot->binding_count, sizeof *engine->listeners);
    for (size_t i = 0; i < snapshot->binding_count; i++) {
        struct engine_listener *listener = &engine->listeners[i];
        listener->engine = engine;
        listener->binding = &snapshot->bindings[i];
        listener->addr = addrs[i];
        listener->listener = listener_new(engine->base, fds[i], accepted, listener);
        listener_set_room(listener->listener, may_accept);
    }
}

void accept_clear(struct engine *engine)
{
    for (size_t i = 0; i < engine->listener_count; i++)
        listener_free(engine->listeners[i].listener);
    free(engine->listeners);
}
