/* deadline.h - one deadline a connection, cheap to move.
 *
 * Moving a deadline later only stores a number; the timer wakes at the old time, sees that it is
 * early and sleeps again. So a keep-alive request costs no timer operation.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_DEADLINE_H
#define PROXY_CORE_DEADLINE_H

#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

typedef void (*deadline_cb)(void *arg);

struct deadline {
    struct event timer;
    uint64_t at_ms;    /* monotonic; UINT64_MAX: none */
    uint64_t timer_ms; /* when the timer wakes; UINT64_MAX: not running */
    deadline_cb callback;
    void *arg;
};

void deadline_init(struct deadline *deadline, struct event_base *base, deadline_cb callback,
                   void *arg);
/* The callback runs once, in_ms from now, unless moved; up to a tick of the kernel early. */
void deadline_set(struct deadline *deadline, uint64_t in_ms);
/* No deadline until the next deadline_set(). */
void deadline_stop(struct deadline *deadline);
/* The callback does not run again. */
void deadline_clear(struct deadline *deadline);

#endif
