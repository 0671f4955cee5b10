/* stop_level.h - how urgently the master was asked to stop.
 *
 * Each TERM, QUIT or INT is one step, but not one that follows the last step within a second:
 * timeout(1) sends its signal to the process and to its group, a service manager may do the like,
 * and a terminal sends Ctrl-C to everybody. That is one wish, not impatience.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_STOP_LEVEL_H
#define PROXY_PROCESS_STOP_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#define STOP_APART_MS UINT64_C(1000)

enum stop_level {
    STOP_NONE,
    STOP_DRAIN, /* the first: timeouts.stop runs */
    STOP_NOW,   /* the second: half a second for the logs */
    STOP_KILL,  /* the third */
};

/* Takes the step that a signal at now_ms (clock_monotonic_ms) asks for. False: too early after the
 * last one, whose time is *at_ms, and nothing is changed. */
bool stop_level_raise(enum stop_level *level, uint64_t *at_ms, uint64_t now_ms);

#endif
