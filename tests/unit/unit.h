/* unit.h - what every unit test file provides.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>

Suite *unit_suite(void);

#endif
