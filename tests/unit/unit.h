/* unit.h - what every unit test file provides.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <stdint.h>
#include <time.h>

#include <check.h>

Suite *unit_suite(void);

/* Processor time of this process: what bounds on speed are about. The time on the wall is also that
 * of whatever else the machine does. */
static inline uint64_t unit_cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
