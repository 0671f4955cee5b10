/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_pause.h"

#include <assert.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "upstreams/upstream.h"

struct upstream_pause { /* in the exchange's arena */
    struct upstream_pause *prev, *next;
    struct exchange *x;
    uint64_t due_ms;
};

static uint64_t patience(const struct upstream_group *group)
{
    return group->engine->snapshot->config->timeouts.queue;
}

static void leave(struct upstream_pause *pause)
{
    struct upstream_group *group = pause->x->group;
    DL_DELETE(group->paused, pause);
    group->paused_len--;
}

static void op_cancel(struct exchange *x)
{
    leave(x->upstream);
}

static const struct upstream_ops PAUSE_OPS = {
    .send_body = upstream_takes_none,
    .end_body = upstream_does_nothing,
    .flush = upstream_does_nothing,
    .resume = upstream_does_nothing,
    .cancel = op_cancel,
};

/* All wait equally long, so the first is the next. */
static void arm(struct upstream_group *group, uint64_t now_ms)
{
    if (group->paused == NULL)
        deadline_stop(&group->pause_deadline);
    else
        deadline_set(&group->pause_deadline,
                     group->paused->due_ms > now_ms ? group->paused->due_ms - now_ms : 0);
}

/* As a new request would, but that it makes a connection of its own. */
static void start_anew(struct exchange *x)
{
    leave(x->upstream);
    exchange_detach_upstream(x);
    if (x->upstream_tried != NULL)
        memset(x->upstream_tried, 0, x->group->server_count * sizeof *x->upstream_tried);
    x->upstream_retries = 0;
    upstream_go_on(x);
    x->client_ops->run(x);
}

static void deadline_passed(void *arg)
{
    struct upstream_group *group = arg;
    uint64_t now_ms = clock_monotonic_ms();
    /* Who comes back is due later. */
    while (group->paused != NULL && group->paused->due_ms <= now_ms)
        start_anew(group->paused->x);
    arm(group, now_ms);
}

void upstream_pause_init(struct upstream_group *group)
{
    deadline_init(&group->pause_deadline, group->engine->base, deadline_passed, group);
}

void upstream_pause_clear(struct upstream_group *group)
{
    assert(group->paused == NULL);
    deadline_clear(&group->pause_deadline);
}

/* Without a failure for as long as anybody would have waited, whatever was before is over. */
void upstream_pause_note_failure(struct upstream_group *group)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (!group->is_away || now_ms - group->last_away_ms > patience(group))
        group->away_since_ms = now_ms;
    group->is_away = true;
    group->last_away_ms = now_ms;
}

void upstream_pause_note_success(struct upstream_group *group)
{
    group->is_away = false;
}

/* A server that is left out for longer will not be asked before. */
static bool may_be_asked_by(const struct upstream_group *group, uint64_t until_ms)
{
    for (size_t i = 0; i < group->server_count; i++) {
        const struct upstream_health *health = &group->servers[i].health;
        if (!health->is_down || health->retry_at_ms <= until_ms)
            return true;
    }
    return false;
}

bool upstream_pause_add(struct exchange *x)
{
    struct upstream_group *group = x->group;
    const struct config_upstream *config = group->config->config;
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t until_ms = group->away_since_ms + patience(group);
    if (config->retry_wait_ms == 0 || !group->is_away || group->paused_len >= config->queue ||
        now_ms + config->retry_wait_ms > until_ms || !may_be_asked_by(group, until_ms))
        return false;
    if (x->pause == NULL) {
        x->pause = arena_calloc(&x->arena, 1, sizeof *x->pause);
        log_info("upstream.wait", "id=%s upstream=\"%s\"", x->id, group->config->name);
    }
    x->pause->x = x;
    x->pause->due_ms = now_ms + config->retry_wait_ms;
    DL_APPEND(group->paused, x->pause);
    group->paused_len++;
    x->upstream = x->pause;
    x->upstream_ops = &PAUSE_OPS;
    if (group->paused_len == 1)
        arm(group, now_ms);
    return true;
}
