/* clock.h - the time, which tests may set.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_CLOCK_H
#define PROXY_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

/* Milliseconds of CLOCK_MONOTONIC, for durations. */
uint64_t clock_monotonic_ms(void);
/* Microseconds of the same clock. */
uint64_t clock_monotonic_us(void);
/* The same clock at the last tick of the kernel, some milliseconds ago; several times cheaper. Not
 * to be mixed with the exact one. */
uint64_t clock_ticks_ms(void);
/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);
/* Seconds since 1970-01-01 UTC; a new one is seen up to a tick late, as by time(2). */
int64_t clock_wall_s(void);
/* From now on both clocks stand at this wall time (tests, explain --at); negative: run again. */
void clock_freeze(int64_t wall_ms);

#define CLOCK_TEXT_SIZE 32
/* "2026-01-01T00:00:00.000Z" (RFC 3339). */
struct str clock_format_rfc3339_ms(int64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE]);
/* "2026-01-01T00:00:00Z" */
struct str clock_format_rfc3339(int64_t wall_s, char ret_text[CLOCK_TEXT_SIZE]);
/* "2026-01-01 00:00:00": the W3C date and time columns. */
struct str clock_format_w3c(int64_t wall_s, char ret_text[CLOCK_TEXT_SIZE]);
/* "Thu, 01 Jan 2026 00:00:00 GMT" (RFC 9110 section 5.6.7, IMF-fixdate). */
struct str clock_format_http(int64_t wall_s, char ret_text[CLOCK_TEXT_SIZE]);
/* RFC 3339 with any offset and fraction, or "@" and seconds since 1970. */
MUST_USE bool clock_parse(struct str text, int64_t *ret_wall_s);

#endif
