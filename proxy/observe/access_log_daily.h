/* access_log_daily.h - the file of a day.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_OBSERVE_ACCESS_LOG_DAILY_H
#define PROXY_OBSERVE_ACCESS_LOG_DAILY_H

#include <stdint.h>

#include "base/text.h"

/* Days since 1970-01-01, UTC. */
int64_t access_log_day(int64_t wall_s);
/* Milliseconds to the next midnight UTC; 1 to 86400000. */
uint64_t access_log_ms_to_midnight(int64_t wall_ms);
/* "logs/u_ex.log" becomes "logs/u_ex260101.log": YYMMDD goes before the last dot of the file's
 * name, or behind a name without one. */
void access_log_daily_path(const char *path, int64_t day, struct text *out);

#endif
