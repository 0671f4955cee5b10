/* SPDX-License-Identifier: MIT */
#include "observe/access_log_daily.h"

#include "base/clock.h"

#define DAY_S  INT64_C(86400)
#define DAY_MS (DAY_S * 1000)

int64_t access_log_day(int64_t wall_s)
{
    return wall_s >= 0 ? wall_s / DAY_S : (wall_s - (DAY_S - 1)) / DAY_S;
}

uint64_t access_log_ms_to_midnight(int64_t wall_ms)
{
    int64_t past = wall_ms % DAY_MS;
    return (uint64_t)(past < 0 ? -past : DAY_MS - past);
}

void access_log_daily_path(const char *path, int64_t day, struct text *out)
{
    char date[CLOCK_TEXT_SIZE];
    const char *text = clock_format_w3c(day * DAY_S, date).ptr; /* 2026-01-01 00:00:00 */
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(name, '.');
    size_t before = dot == NULL || dot == name ? strlen(path) : (size_t)(dot - path);
    text_add(out, str_make(path, before));
    text_addf(out, "%.2s%.2s%.2s", text + 2, text + 5, text + 8);
    text_add_cstr(out, path + before);
}
