/* SPDX-License-Identifier: MIT */
#include "core/trim.h"

/* As measured, see "After a burst" in docs/architecture.md. */
#define HANDSHAKE_BYTES (UINT64_C(42) * 1024)
#define CLIENT_BYTES    (UINT64_C(5) * 1024)
#define LEAST_BYTES     (UINT64_C(4) * 1024 * 1024) /* worth the while */
#define SETTLE_MS       1000
#define APART_MS        10000

uint64_t trim_estimate(size_t handshakes, size_t clients, uint64_t buffer_bytes)
{
    return handshakes * HANDSHAKE_BYTES + clients * CLIENT_BYTES + buffer_bytes;
}

void trim_note(struct trim *trim, uint64_t bytes)
{
    if (bytes > trim->most)
        trim->most = bytes;
}

bool trim_is_due(struct trim *trim, uint64_t bytes, uint64_t now_ms)
{
    if (trim->most < LEAST_BYTES || bytes > trim->most / 2) {
        trim->settled_ms = 0;
        return false;
    }
    if (trim->settled_ms == 0)
        trim->settled_ms = now_ms;
    if (now_ms - trim->settled_ms < SETTLE_MS ||
        (trim->done_ms != 0 && now_ms - trim->done_ms < APART_MS))
        return false;
    *trim = (struct trim){.most = bytes, .done_ms = now_ms};
    return true;
}
