/* SPDX-License-Identifier: MIT */
#include "http2/http2_budget.h"

#include <stddef.h>

#define ONE UINT64_C(1000)

/* What browsers and gRPC libraries do at their worst, and a multiple of it. */
static const struct {
    const char *flood;
    unsigned burst;
    unsigned per_second;
} TOLERATED[HTTP2_NUISANCES] = {
    [HTTP2_RESETS] = {"rapid reset", 500, 50},
    [HTTP2_FAULTS] = {"stream error flood", 100, 10},
    [HTTP2_PINGS] = {"ping flood", 100, 10},
    [HTTP2_SETTINGS] = {"settings flood", 50, 5},
    [HTTP2_EMPTY_FRAMES] = {"empty frame flood", 100, 10},
    [HTTP2_WINDOW_UPDATES] = {"window update flood", 1000, 100},
    [HTTP2_PRIORITIES] = {"priority flood", 500, 50},
    [HTTP2_CONTINUATIONS] = {"continuation flood", 100, 10},
    [HTTP2_UNKNOWN_FRAMES] = {"unknown frame flood", 100, 10},
};

const char *http2_budget_spend(struct http2_budget *budget, enum http2_nuisance nuisance,
                               uint64_t now_ms)
{
    uint64_t *level = &budget->buckets[nuisance].level;
    uint64_t *at_ms = &budget->buckets[nuisance].at_ms;
    if (now_ms > *at_ms) {
        uint64_t passed = now_ms - *at_ms;
        /* All of it has leaked long before this could overflow. */
        uint64_t leaked =
            passed > UINT32_MAX ? UINT64_MAX : passed * TOLERATED[nuisance].per_second;
        *level = leaked < *level ? *level - leaked : 0;
        *at_ms = now_ms;
    }
    *level += ONE;
    return *level > TOLERATED[nuisance].burst * ONE ? TOLERATED[nuisance].flood : NULL;
}

static void earn(struct http2_budget *budget, enum http2_nuisance nuisance, unsigned count)
{
    uint64_t *level = &budget->buckets[nuisance].level;
    *level = count * ONE < *level ? *level - count * ONE : 0;
}

void http2_budget_sent_data(struct http2_budget *budget)
{
    /* One for the stream, one for the connection; gRPC measures the path with a PING now and then.
     */
    earn(budget, HTTP2_WINDOW_UPDATES, 2);
    earn(budget, HTTP2_PINGS, 1);
}

void http2_budget_began_request(struct http2_budget *budget)
{
    /* Browsers open the window and state the priority of each stream. */
    earn(budget, HTTP2_WINDOW_UPDATES, 2);
    earn(budget, HTTP2_PRIORITIES, 2);
    earn(budget, HTTP2_CONTINUATIONS, 2);
}

void http2_budget_answered(struct http2_budget *budget)
{
    earn(budget, HTTP2_RESETS, 1);
}

unsigned http2_budget_burst(enum http2_nuisance nuisance)
{
    return TOLERATED[nuisance].burst;
}
