/* heartbeat.h - whether a process still answers.
 *
 * The master asks every process it started, and counts how long an answer is owed. Only time in
 * which the master itself was on time counts: a machine that slept, a master that was stopped or
 * got no processor says nothing about the others.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_HEARTBEAT_H
#define PROXY_PROCESS_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The master's part, one a generation. */
struct heartbeat_clock {
    uint64_t limit_ms;  /* owing an answer for so long is hanging; 0: nobody is asked */
    uint64_t period_ms; /* of the ticks */
    uint64_t last_ms;   /* clock_monotonic_ms() of the last tick */
};

/* Of one process; zeroed at its start. */
struct heartbeat {
    bool is_asked;
    uint64_t owed_ms; /* on time */
};

enum heartbeat_state {
    HEARTBEAT_FINE,
    HEARTBEAT_ASK,  /* no answer is owed: ask */
    HEARTBEAT_SLOW, /* others had better get its work */
    HEARTBEAT_HUNG,
};

/* limit_ms below 100 and above 0 counts as 100. */
void heartbeat_clock_init(struct heartbeat_clock *clock, uint64_t limit_ms, uint64_t now_ms);
/* At each tick, before the processes are looked at: the time that counts, 0 when the tick is late
 * by more than another period. */
uint64_t heartbeat_clock_tick(struct heartbeat_clock *clock, uint64_t now_ms);
/* At each tick, after all that has arrived from the process was read. HEARTBEAT_ASK: from now on an
 * answer is owed. */
enum heartbeat_state heartbeat_tick(struct heartbeat *heartbeat,
                                    const struct heartbeat_clock *clock, uint64_t passed_ms);
/* An answer came; false when none was owed. */
bool heartbeat_answered(struct heartbeat *heartbeat);
bool heartbeat_is_slow(const struct heartbeat *heartbeat, const struct heartbeat_clock *clock);
/* Somebody holds the process with a debugger (proc(5), TracerPid): it hangs on purpose. */
bool heartbeat_is_traced(pid_t pid);

#endif
