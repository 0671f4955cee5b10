/* SPDX-License-Identifier: MIT */
#include "core/deadline.h"

#include "base/clock.h"

static void sleep_until(struct deadline *deadline, uint64_t at_ms, uint64_t now_ms)
{
    uint64_t in_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    struct timeval delay = {.tv_sec = (time_t)(in_ms / 1000),
                            .tv_usec = (suseconds_t)(in_ms % 1000) * 1000};
    deadline->timer_ms = at_ms;
    (void)event_add(&deadline->timer, &delay);
}

static void timer_woke(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct deadline *deadline = arg;
    uint64_t now_ms = clock_ticks_ms();
    deadline->timer_ms = UINT64_MAX;
    if (deadline->at_ms == UINT64_MAX)
        return;
    if (deadline->at_ms > now_ms) {
        sleep_until(deadline, deadline->at_ms, now_ms);
        return;
    }
    deadline->at_ms = UINT64_MAX;
    deadline->callback(deadline->arg);
}

void deadline_init(struct deadline *deadline, struct event_base *base, deadline_cb callback,
                   void *arg)
{
    *deadline = (struct deadline){
        .at_ms = UINT64_MAX, .timer_ms = UINT64_MAX, .callback = callback, .arg = arg};
    (void)event_assign(&deadline->timer, base, -1, 0, timer_woke, deadline);
}

void deadline_set(struct deadline *deadline, uint64_t in_ms)
{
    uint64_t now_ms = clock_ticks_ms();
    deadline->at_ms = now_ms + in_ms;
    if (deadline->at_ms < deadline->timer_ms)
        sleep_until(deadline, deadline->at_ms, now_ms);
}

void deadline_stop(struct deadline *deadline)
{
    deadline->at_ms = UINT64_MAX;
}

void deadline_clear(struct deadline *deadline)
{
    deadline->at_ms = UINT64_MAX;
    deadline->timer_ms = UINT64_MAX;
    (void)event_del(&deadline->timer);
}
