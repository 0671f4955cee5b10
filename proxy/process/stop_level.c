/* SPDX-License-Identifier: MIT */
#include "process/stop_level.h"

bool stop_level_raise(enum stop_level *level, uint64_t *at_ms, uint64_t now_ms)
{
    if (*level != STOP_NONE && now_ms - *at_ms < STOP_APART_MS)
        return false;
    if (*level < STOP_KILL)
        (*level)++;
    *at_ms = now_ms;
    return true;
}
