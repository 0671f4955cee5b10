/* main.c - runs the Check suite of one test file.
 *
 * Every tests/unit/<layer>/test_<module>.c defines `Suite *unit_suite(void)`. CK_FORK=no for gdb.
 * Check ends a test after four seconds of wall time, which a sanitizer build on a busy machine may
 * need: the timeouts are there for what hangs, so they are made ten times as long.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <check.h>

#include "unit/unit.h"

int main(void)
{
    (void)setenv("CK_TIMEOUT_MULTIPLIER", "10", 0);
    SRunner *runner = srunner_create(unit_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
