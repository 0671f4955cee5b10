/* SPDX-License-Identifier: MIT */
#include "process/backoff.h"

uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ms)
{
    if (backoff->delay_ms == 0 || lived_ms >= BACKOFF_STABLE_MS)
        backoff->delay_ms = BACKOFF_FIRST_MS;
    else if (backoff->delay_ms >= BACKOFF_MAX_MS / 2)
        backoff->delay_ms = BACKOFF_MAX_MS;
    else
        backoff->delay_ms *= 2;
    return backoff->delay_ms;
}
