/* SPDX-License-Identifier: MIT */
#include "process/heartbeat.h"

#include <stdio.h>
#include <string.h>

#define LEAST_LIMIT_MS 100
#define TICKS          10   /* in the limit, so that one that comes late costs little */
#define MOST_PERIOD_MS 1000 /* also what it takes to call a process slow, at most twice of it */

void heartbeat_clock_init(struct heartbeat_clock *clock, uint64_t limit_ms, uint64_t now_ms)
{
    if (limit_ms > 0 && limit_ms < LEAST_LIMIT_MS)
        limit_ms = LEAST_LIMIT_MS;
    uint64_t period_ms = limit_ms / TICKS;
    *clock = (struct heartbeat_clock){
        .limit_ms = limit_ms,
        .period_ms = period_ms > MOST_PERIOD_MS ? MOST_PERIOD_MS : period_ms,
        .last_ms = now_ms,
    };
}

uint64_t heartbeat_clock_tick(struct heartbeat_clock *clock, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - clock->last_ms;
    clock->last_ms = now_ms;
    return passed_ms > 2 * clock->period_ms ? 0 : passed_ms;
}

enum heartbeat_state heartbeat_tick(struct heartbeat *heartbeat,
                                    const struct heartbeat_clock *clock, uint64_t passed_ms)
{
    if (!heartbeat->is_asked) {
        *heartbeat = (struct heartbeat){.is_asked = true};
        return HEARTBEAT_ASK;
    }
    heartbeat->owed_ms += passed_ms;
    if (heartbeat->owed_ms >= clock->limit_ms)
        return HEARTBEAT_HUNG;
    return heartbeat_is_slow(heartbeat, clock) ? HEARTBEAT_SLOW : HEARTBEAT_FINE;
}

bool heartbeat_answered(struct heartbeat *heartbeat)
{
    bool was_asked = heartbeat->is_asked;
    *heartbeat = (struct heartbeat){0};
    return was_asked;
}

bool heartbeat_is_slow(const struct heartbeat *heartbeat, const struct heartbeat_clock *clock)
{
    return heartbeat->owed_ms > clock->period_ms;
}

bool heartbeat_is_traced(pid_t pid)
{
    char path[64];
    char line[256];
    bool is_traced = false;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "re");
    if (status == NULL)
        return false;
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "TracerPid:", 10) != 0)
            continue;
        is_traced = line[strspn(line + 10, " \t") + 10] != '0';
        break;
    }
    (void)fclose(status);
    return is_traced;
}
