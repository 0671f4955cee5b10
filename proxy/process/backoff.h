/* backoff.h - how long to wait before a dead worker is replaced.
 *
 * Workers share their memory layout (fork without exec), so a crash that can be repeated at once is
 * a guess for an attacker: the wait doubles from 100 ms to 10 s, and starts anew for a worker that
 * had lived for 10 s.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_BACKOFF_H
#define PROXY_PROCESS_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS  UINT64_C(100)
#define BACKOFF_MAX_MS    UINT64_C(10000)
#define BACKOFF_STABLE_MS UINT64_C(10000)

struct backoff { /* start from {0} */
    uint64_t delay_ms;
};

/* The wait before the next start, given how long the last process lived. */
uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ms);

#endif
