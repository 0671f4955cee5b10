/* trace_match.h - which rule of `tracing` holds for a request.
 *
 * Sources: iis-semantics.md 7.1 (failure definitions).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_MATCH_H
#define PROXY_TRACE_TRACE_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "config/config.h"

struct trace_facts {
    struct str path; /* as compared with locations */
    unsigned status;
    unsigned substatus;
    uint64_t answered_ms; /* when the status was known */
    uint64_t took_ms;     /* at the end */
};

/* Whether a rule is about this path. */
bool trace_rules_may_hold(const struct config_trace_rules *rules, struct str path);
/* The first rule that holds, or NULL. *ret_is_by_time: its time had passed before its status was
 * known, or it has no status. */
const struct config_trace_rule *trace_rules_find(const struct config_trace_rules *rules,
                                                 const struct trace_facts *facts,
                                                 bool *ret_is_by_time);
/* `*` stands for any text, without regard to the case of ASCII letters. */
bool trace_path_matches(struct str pattern, struct str path);

#endif
