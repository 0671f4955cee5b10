/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t frozen_wall_ms = -1;

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_monotonic_ms(void)
{
    return (uint64_t)(frozen_wall_ms >= 0 ? frozen_wall_ms : read_ms(CLOCK_MONOTONIC));
}

uint64_t clock_monotonic_us(void)
{
    struct timespec now;
    if (frozen_wall_ms >= 0)
        return (uint64_t)frozen_wall_ms * 1000;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_ticks_ms(void)
{
    return (uint64_t)(frozen_wall_ms >= 0 ? frozen_wall_ms : read_ms(CLOCK_MONOTONIC_COARSE));
}

int64_t clock_wall_ms(void)
{
    return frozen_wall_ms >= 0 ? frozen_wall_ms : read_ms(CLOCK_REALTIME);
}

/* Of the last tick of the kernel, as time(2) is: no clock hardware is read. */
int64_t clock_wall_s(void)
{
    return (frozen_wall_ms >= 0 ? frozen_wall_ms : read_ms(CLOCK_REALTIME_COARSE)) / 1000;
}

void clock_freeze(int64_t wall_ms)
{
    frozen_wall_ms = wall_ms;
}

/* English names whatever the locale, hence not the locale's. */
static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char MONTHS[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static struct tm broken_down(int64_t wall_s)
{
    struct tm tm = {0};
    time_t seconds = (time_t)wall_s;
    (void)gmtime_r(&seconds, &tm);
    return tm;
}

static struct str finish(char *text, int len)
{
    return str_make(text, len < 0 ? 0 : len >= CLOCK_TEXT_SIZE ? CLOCK_TEXT_SIZE - 1 : (size_t)len);
}

struct str clock_format_rfc3339_ms(int64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE])
{
    struct tm tm = broken_down(wall_ms / 1000);
    return finish(ret_text,
                  snprintf(ret_text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                           tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                           tm.tm_sec, (int)(wall_ms % 1000)));
}

struct str clock_format_rfc3339(int64_t wall_s, char ret_text[CLOCK_TEXT_SIZE])
{
    struct tm tm = broken_down(wall_s);
    return finish(ret_text, snprintf(ret_text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ",
                                     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                                     tm.tm_min, tm.tm_sec));
}

struct str clock_format_w3c(int64_t wall_s, char ret_text[CLOCK_TEXT_SIZE])
{
    struct tm tm = broken_down(wall_s);
    return finish(ret_text, snprintf(ret_text, CLOCK_TEXT_SIZE, "%04d-%02d-%02d %02d:%02d:%02d",
                                     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                                     tm.tm_min, tm.tm_sec));
}

struct str clock_format_http(int64_t wall_s, char ret_text[CLOCK_TEXT_SIZE])
{
    struct tm tm = broken_down(wall_s);
    return finish(ret_text,
                  snprintf(ret_text, CLOCK_TEXT_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                           DAYS[tm.tm_wday % 7], tm.tm_mday, MONTHS[tm.tm_mon % 12],
                           tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec));
}

/* Takes `digits` digits off the front. */
static bool take_number(struct str *s, size_t digits, int *ret_value)
{
    uint64_t value;
    if (s->len < digits || !str_parse_u64(str_make(s->ptr, digits), 9999, &value))
        return false;
    *s = str_skip(*s, digits);
    *ret_value = (int)value;
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || ascii_lower(s->ptr[0]) != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool take_offset(struct str *s, int64_t *ret_seconds)
{
    if (take_char(s, 'z')) {
        *ret_seconds = 0;
        return true;
    }
    int hours;
    int minutes;
    int sign = take_char(s, '-') ? -1 : 1;
    if (sign > 0 && !take_char(s, '+'))
        return false;
    if (!take_number(s, 2, &hours) || !take_char(s, ':') || !take_number(s, 2, &minutes))
        return false;
    *ret_seconds = (int64_t)sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

bool clock_parse(struct str text, int64_t *ret_wall_s)
{
    if (take_char(&text, '@')) {
        uint64_t seconds;
        if (!str_parse_u64(text, INT64_MAX / 1000, &seconds))
            return false;
        *ret_wall_s = (int64_t)seconds;
        return true;
    }
    struct tm tm = {0};
    int64_t offset;
    if (!take_number(&text, 4, &tm.tm_year) || !take_char(&text, '-') ||
        !take_number(&text, 2, &tm.tm_mon) || !take_char(&text, '-') ||
        !take_number(&text, 2, &tm.tm_mday) || !(take_char(&text, 't') || take_char(&text, ' ')))
        return false;
    if (!take_number(&text, 2, &tm.tm_hour) || !take_char(&text, ':') ||
        !take_number(&text, 2, &tm.tm_min) || !take_char(&text, ':') ||
        !take_number(&text, 2, &tm.tm_sec))
        return false;
    if (take_char(&text, '.')) {
        if (text.len == 0 || !ascii_is_digit(text.ptr[0]))
            return false;
        while (text.len > 0 && ascii_is_digit(text.ptr[0]))
            text = str_skip(text, 1);
    }
    if (!take_offset(&text, &offset) || text.len != 0)
        return false;
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    struct tm wanted = tm;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t seconds = (int64_t)timegm(&tm);
    /* timegm() turns 31 February into 3 March: a date that does not exist is no date. */
    if (tm.tm_mday != wanted.tm_mday)
        return false;
    *ret_wall_s = seconds - offset;
    return true;
}
