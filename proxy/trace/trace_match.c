/* SPDX-License-Identifier: MIT */
#include "trace/trace_match.h"

bool trace_path_matches(struct str pattern, struct str path)
{
    size_t p = 0;
    size_t at = 0;
    size_t star = SIZE_MAX; /* the last one */
    size_t taken = 0;       /* where what it stands for ends */
    while (at < path.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            taken = at;
        } else if (p < pattern.len && ascii_lower(pattern.ptr[p]) == ascii_lower(path.ptr[at])) {
            p++;
            at++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            at = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool is_about(const struct config_trace_rule *rule, struct str path)
{
    return trace_path_matches(str_of(rule->path.text), path);
}

bool trace_rules_may_hold(const struct config_trace_rules *rules, struct str path)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (is_about(&rules->items[i], path))
            return true;
    }
    return false;
}

static bool has_status(const struct config_trace_rule *rule, const struct trace_facts *facts)
{
    for (size_t i = 0; i < rule->status_count; i++) {
        const struct config_trace_status *status = &rule->statuses[i];
        if (facts->status >= status->first && facts->status <= status->last &&
            (status->substatus == 0 || status->substatus == facts->substatus))
            return true;
    }
    return false;
}

const struct config_trace_rule *trace_rules_find(const struct config_trace_rules *rules,
                                                 const struct trace_facts *facts,
                                                 bool *ret_is_by_time)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct config_trace_rule *rule = &rules->items[i];
        if (!is_about(rule, facts->path))
            continue;
        uint64_t limit_ms = rule->time_taken_ms;
        bool is_status = has_status(rule, facts);
        bool is_time = limit_ms > 0 && facts->took_ms >= limit_ms;
        if (!is_status && !is_time)
            continue;
        *ret_is_by_time = is_time && (!is_status || facts->answered_ms >= limit_ms);
        return rule;
    }
    return NULL;
}
