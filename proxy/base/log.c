/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/unicode.h"

static int log_fd = STDERR_FILENO;
static enum log_level log_threshold = LOG_LEVEL_NOTICE;
static bool log_is_journal;

static const struct {
    const char *name;
    int priority; /* syslog's, as journald reads them */
} LEVELS[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},   [LOG_LEVEL_WARN] = {"warn", 4},
    [LOG_LEVEL_NOTICE] = {"notice", 5}, [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_configure(int fd, enum log_level level, bool is_journal)
{
    log_fd = fd;
    log_threshold = level;
    log_is_journal = is_journal;
}

bool log_wants(enum log_level level)
{
    return level <= log_threshold;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_wants(level))
        return;
    struct text line = {0};
    char now[CLOCK_TEXT_SIZE];
    if (log_is_journal)
        text_addf(&line, "<%d>", LEVELS[level].priority);
    else
        text_addf(&line, "%.*s ", STR_ARG(clock_format_rfc3339_ms(clock_wall_ms(), now)));
    text_addf(&line, "%s %s", LEVELS[level].name, event);
    va_list args;
    va_start(args, fmt);
    char *rest = NULL;
    if (vasprintf(&rest, fmt, args) > 0) {
        text_add_char(&line, ' ');
        unicode_add_shown(&line, str_of(rest));
    }
    va_end(args);
    free(rest);
    text_add_char(&line, '\n');
    /* A full pipe or disk must not stop the proxy: the line is dropped. */
    ssize_t written = write(log_fd, line.ptr, line.len);
    (void)written;
    text_clear(&line);
}
