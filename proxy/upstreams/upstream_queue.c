/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_queue.h"

#include <assert.h>

#include <utlist.h>

#include "base/clock.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_choice.h"

struct upstream_wait { /* in the exchange's arena */
    struct upstream_wait *prev, *next;
    struct exchange *x;
    uint64_t until_ms;
};

static void leave(struct upstream_wait *wait)
{
    struct upstream_group *group = wait->x->group;
    DL_DELETE(group->queue, wait);
    group->queue_len--;
}

/* ---- the exchange's side ------------------------------------------------------------------ */

static void op_cancel(struct exchange *x)
{
    leave(x->upstream);
}

static const struct upstream_ops QUEUE_OPS = {
    .send_body = upstream_takes_none,
    .end_body = upstream_does_nothing,
    .flush = upstream_does_nothing,
    .resume = upstream_does_nothing,
    .cancel = op_cancel,
};

/* ---- time --------------------------------------------------------------------------------- */

static void arm(struct upstream_group *group, uint64_t now_ms)
{
    if (group->queue == NULL)
        deadline_stop(&group->queue_deadline);
    else
        deadline_set(&group->queue_deadline,
                     group->queue->until_ms > now_ms ? group->queue->until_ms - now_ms : 0);
}

static void give_up_oldest(struct upstream_group *group)
{
    struct exchange *x = group->queue->x;
    leave(group->queue);
    exchange_upstream_failed(x, OUTCOME_UNAVAILABLE, "waited too long for a connection");
    x->client_ops->run(x);
}

static void deadline_passed(void *arg)
{
    struct upstream_group *group = arg;
    uint64_t now_ms = clock_monotonic_ms();
    while (group->queue != NULL && group->queue->until_ms <= now_ms)
        give_up_oldest(group);
    arm(group, now_ms);
}

/* ---- turns -------------------------------------------------------------------------------- */

static void start_oldest(struct upstream_group *group)
{
    struct exchange *x = group->queue->x;
    leave(group->queue);
    exchange_detach_upstream(x);
    upstream_go_on(x);
    x->client_ops->run(x);
}

/* Each start takes a place or ends its exchange; what comes back to the queue comes to its end, so
 * one turn looks at each that waits once. */
static void woken(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct upstream_group *group = arg;
    uint64_t now_ms = clock_monotonic_ms();
    size_t waiting = group->queue_len;
    while (waiting-- > 0 && group->queue != NULL) {
        const struct exchange *x = group->queue->x;
        if (upstream_all_busy(group, x->upstream_tried, x->needs_http1, now_ms))
            break;
        start_oldest(group);
    }
    arm(group, now_ms);
}

void upstream_queue_init(struct upstream_group *group)
{
    deadline_init(&group->queue_deadline, group->engine->base, deadline_passed, group);
    (void)event_assign(&group->queue_event, group->engine->base, -1, 0, woken, group);
}

void upstream_queue_clear(struct upstream_group *group)
{
    assert(group->queue == NULL);
    deadline_clear(&group->queue_deadline);
    (void)event_del(&group->queue_event);
}

bool upstream_queue_add(struct exchange *x)
{
    struct upstream_group *group = x->group;
    uint64_t time_ms = group->engine->snapshot->config->timeouts.queue;
    if (group->queue_len >= group->config->config->queue || time_ms == 0)
        return false;
    struct upstream_wait *wait = arena_calloc(&x->arena, 1, sizeof *wait);
    wait->x = x;
    wait->until_ms = clock_monotonic_ms() + time_ms;
    DL_APPEND(group->queue, wait);
    group->queue_len++;
    x->upstream = wait;
    x->upstream_ops = &QUEUE_OPS;
    if (group->queue_len == 1)
        deadline_set(&group->queue_deadline, time_ms);
    return true;
}
