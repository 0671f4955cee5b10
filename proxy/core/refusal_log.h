/* refusal_log.h - the one line for each refused client (interface.md 7), rate-limited.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_REFUSAL_LOG_H
#define PROXY_CORE_REFUSAL_LOG_H

#include <stddef.h>

#include "http/outcome.h"

struct exchange;
struct refusal_log;

/* Counters for this many sites. */
struct refusal_log *refusal_log_new(size_t site_count);
void refusal_log_free(struct refusal_log *log);
/* Writes the line at notice level, at most 10 a second for each site and reason; the next line that
 * is written tells how many were left out. */
void refusal_log_write(struct refusal_log *log, struct exchange *x, enum outcome outcome);

#endif
