/* http2_budget.h - how much of what costs the peer nothing it may do.
 *
 * Each kind of nuisance has a bucket that leaks with time and with work that was done for the peer:
 * a client that downloads may send WINDOW_UPDATE and PING all day, one that does nothing else may
 * not. Pure but for the time it is given.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_BUDGET_H
#define PROXY_HTTP2_HTTP2_BUDGET_H

#include <stdint.h>

#include "base/attr.h"

enum http2_nuisance {
    HTTP2_RESETS,         /* requests given up by the client: rapid reset, CVE-2023-44487 */
    HTTP2_FAULTS,         /* stream errors that we have to answer, malformed requests */
    HTTP2_PINGS,          /* each wants an answer */
    HTTP2_SETTINGS,       /* each wants an answer */
    HTTP2_EMPTY_FRAMES,   /* DATA without a byte that ends nothing */
    HTTP2_WINDOW_UPDATES, /* more of them than DATA could be the reason for */
    HTTP2_PRIORITIES,     /* PRIORITY, PRIORITY_UPDATE */
    HTTP2_CONTINUATIONS,  /* header blocks in small pieces, CVE-2024-28182 */
    HTTP2_UNKNOWN_FRAMES, /* of a type that nobody knows */
    HTTP2_NUISANCES
};

struct http2_budget { /* start from {0} */
    struct {
        uint64_t level; /* in thousandths */
        uint64_t at_ms; /* when it was last looked at */
    } buckets[HTTP2_NUISANCES];
};

/* One more. NULL while it is tolerable, else what it is called: "ping flood"; static. */
MUST_USE const char *http2_budget_spend(struct http2_budget *budget, enum http2_nuisance nuisance,
                                        uint64_t now_ms);
/* A frame of body went out. */
void http2_budget_sent_data(struct http2_budget *budget);
/* A request came that can be one. */
void http2_budget_began_request(struct http2_budget *budget);
/* A request was answered to its end. */
void http2_budget_answered(struct http2_budget *budget);
/* How many of that kind are tolerated at once. */
unsigned http2_budget_burst(enum http2_nuisance nuisance);

#endif
