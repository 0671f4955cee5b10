/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/unicode.h"

static int log_fd = STDERR_FILENO;
static enum log_level log_threshold = LOG_LEVEL_NOTICE;
static bool log_is_journal;
static bool log_is_json;

static const struct {
    const char *name;
    int priority; /* syslog's, as journald reads them */
} LEVELS[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},   [LOG_LEVEL_WARN] = {"warn", 4},
    [LOG_LEVEL_NOTICE] = {"notice", 5}, [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_configure(int fd, enum log_level level, bool is_journal, bool is_json)
{
    log_fd = fd;
    log_threshold = level;
    log_is_journal = is_journal;
    log_is_json = is_json;
}

bool log_wants(enum log_level level)
{
    return level <= log_threshold;
}

static void add_json(struct text *line, enum log_level level, const char *event, struct str rest)
{
    char now[CLOCK_TEXT_SIZE];
    text_addf(line, "{\"time\":\"%.*s\",\"level\":\"%s\",\"event\":\"%s\"",
              STR_ARG(clock_format_rfc3339_ms(clock_wall_ms(), now)), LEVELS[level].name, event);
    log_json_add(line, rest);
    text_add_char(line, '}');
}

static void add_text(struct text *line, enum log_level level, const char *event, struct str rest)
{
    char now[CLOCK_TEXT_SIZE];
    if (!log_is_journal)
        text_addf(line, "%.*s ", STR_ARG(clock_format_rfc3339_ms(clock_wall_ms(), now)));
    text_addf(line, "%s %s", LEVELS[level].name, event);
    if (rest.len > 0) {
        text_add_char(line, ' ');
        unicode_add_shown(line, rest);
    }
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_wants(level))
        return;
    struct text line = {0};
    va_list args;
    va_start(args, fmt);
    char *rest = NULL;
    int len = vasprintf(&rest, fmt, args);
    va_end(args);
    struct str pairs = len > 0 ? str_of(rest) : (struct str){NULL, 0};
    if (log_is_journal)
        text_addf(&line, "<%d>", LEVELS[level].priority);
    if (log_is_json)
        add_json(&line, level, event, pairs);
    else
        add_text(&line, level, event, pairs);
    if (len >= 0)
        free(rest);
    text_add_char(&line, '\n');
    /* A full pipe or disk must not stop the proxy: the line is dropped. */
    ssize_t written = write(log_fd, line.ptr, line.len);
    (void)written;
    text_clear(&line);
}
