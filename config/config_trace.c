/* `tracing`: its rows, and the statuses of a rule.
 *
 * SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "base/str.h"
#include "config/config_rows.h"

enum { STATUSES_MAX = 100, RULES_MAX = 100 };

/* Three digits, 100 to 999. */
static bool parse_code(struct str text, unsigned *ret_code)
{
    uint64_t code = 0;
    if (text.len != 3 || !str_parse_u64(text, 999, &code) || code < 100)
        return false;
    *ret_code = (unsigned)code;
    return true;
}

/* "403", "403.7" or "400-499": a range has no substatus (iis-semantics.md 7.1). */
static bool parse_status(struct str text, struct config_trace_status *ret_status)
{
    struct config_trace_status status = {0};
    uint64_t substatus = 0;
    size_t dot = str_find(text, '.');
    size_t dash = str_find(text, '-');
    size_t first_len = dot < dash ? dot : dash;
    if (!parse_code(str_make(text.ptr, first_len), &status.first))
        return false;
    status.last = status.first;
    if (dot < text.len) {
        if (!str_parse_u64(str_skip(text, dot + 1), 999, &substatus) || substatus == 0)
            return false;
        status.substatus = (unsigned)substatus;
    } else if (dash < text.len) {
        if (!parse_code(str_skip(text, dash + 1), &status.last) || status.last < status.first)
            return false;
    }
    *ret_status = status;
    return true;
}

static void decode_statuses(const struct config_cursor *at, struct config_trace_rule *rule)
{
    struct str rest = str_of(rule->status.text);
    struct str part = {0};
    rule->statuses =
        arena_calloc(at->reader->arena, STATUSES_MAX, sizeof(struct config_trace_status));
    while (str_split(&rest, ',', &part)) {
        if (rule->status_count == STATUSES_MAX) {
            config_decode_error_at(at, rule->status.mark, "more than %d statuses", STATUSES_MAX);
            return;
        }
        if (!parse_status(str_trim(part), &rule->statuses[rule->status_count++])) {
            config_decode_error_at(at, rule->status.mark,
                                   "\"%.*s\" is no status; expected some such as 403, 403.7 or "
                                   "400-499, with commas between them",
                                   part.len > 40 ? 40 : (int)part.len, part.ptr);
            return;
        }
    }
}

static void finish_rule(const struct config_cursor *at, void *rule)
{
    struct config_trace_rule *self = rule;
    if (self->status.text != NULL)
        decode_statuses(at, self);
    else if (self->time_taken_ms == 0)
        config_decode_error(at, "needs `status`, `time_taken` or both");
}

static void check_path(const struct config_cursor *at, void *path)
{
    const struct config_value *self = path;
    if (self->text != NULL && self->text[0] != '/' && self->text[0] != '*')
        config_decode_error(at, "expected a path such as /api/* or *.aspx");
}

/* A row is a paragraph; the formatter would make it one line or ten. */
/* clang-format off */

static const struct config_key rule_rows[] = {
    {.name = "status", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_trace_rule, status), .fallback = "null",
     .doc = "`statusCodes`: such as \"403.7,401.3,500-599\"; a status without substatus is any"},
    {.name = "time_taken", .type = CONFIG_DURATION, ROW(config_trace_rule, time_taken_ms),
     .min = 0, .max = DAY, .fallback = "0s",
     .doc = "`timeTaken`: requests that took at least this long; 0s: not by time"},
    {.name = "path", .type = CONFIG_TEXT, ROW(config_trace_rule, path), .fallback = "/*",
     .after = check_path, .doc = "`path`: of the request; `*` stands for any text"},
};
static const struct config_table rule_table = {TABLE(config_trace_rule, rule_rows),
                                               .finish = finish_rule};

#define RULES_ROW(owner, member, count)                                                            \
    {.name = "rules", .type = CONFIG_ITEMS, ROW(owner, member), COUNT(owner, count),               \
     .max = RULES_MAX, .table = &rule_table, .fallback = "[]",                                     \
     .doc = "which requests; the first rule that holds"}

static const struct config_key rules_rows[] = {
    RULES_ROW(config_trace_rules, items, count),
};
const struct config_table config_trace_rules_table = {TABLE(config_trace_rules, rules_rows)};

static const struct config_key tracing_rows[] = {
    {.name = "directory", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_tracing, directory), .fallback = "null",
     .doc = "`directory`: where fr000001.xml and fr000001.html go; made when it is missing"},
    {.name = "max_files", .type = CONFIG_NUMBER, ROW(config_tracing, max_files), .min = 1,
     .max = 10000, .fallback = "50",
     .doc = "`maxLogFiles`: traces that are kept; the oldest are deleted"},
    RULES_ROW(config_tracing, rules.items, rules.count),
};
const struct config_table config_tracing_table = {TABLE(config_tracing, tracing_rows)};
