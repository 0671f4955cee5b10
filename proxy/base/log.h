/* log.h - the operational log: one line an event, `time level event key=value ...`.
 *
 * Event names are `area.event`. Values that come from outside are put in quotes with
 * text_add_quoted() or log_quote(). Under journald (JOURNAL_STREAM set and stderr the target) the
 * time is left out and the line starts with the priority. As JSON a line is an object: time, level,
 * event, and the pairs as log_json_add() makes them; under journald behind the priority.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_LOG_H
#define PROXY_BASE_LOG_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* Lines go to fd (borrowed, default 2) from the given level up (default notice). */
void log_configure(int fd, enum log_level level, bool is_journal, bool is_json);
bool log_wants(enum log_level level);
/* One whole line, one write; never blocks for a second try. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);

#define log_error(...)  log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)   log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_event(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)   log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)  log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
