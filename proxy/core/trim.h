/* trim.h - when memory of a burst is given back.
 *
 * A connection takes ten times as much in its handshake as a moment later. When many were in their
 * handshakes at once, or had long bodies under way, what they needed stays with the C library, in
 * pieces between what is still in use, unless it is asked to give the pages back. That costs
 * milliseconds, so it is done only when much can be had, when the burst is over, and seldom.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_TRIM_H
#define PROXY_CORE_TRIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trim {            /* start from {0} */
    uint64_t most;       /* bytes in use at once since the last time memory was given back */
    uint64_t settled_ms; /* since when there is much to give back; 0: there is not */
    uint64_t done_ms;    /* when it was done last; 0: never */
};

/* About what these take; only differences of many of them count. */
uint64_t trim_estimate(size_t handshakes, size_t clients, uint64_t buffer_bytes);
/* So much is in use now. */
void trim_note(struct trim *trim, uint64_t bytes);
/* Asked about once a second: true when it is time to give memory back, which counts as done then.
 * now_ms: clock_monotonic_ms(). */
bool trim_is_due(struct trim *trim, uint64_t bytes, uint64_t now_ms);

#endif
