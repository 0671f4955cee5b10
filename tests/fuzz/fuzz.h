/* fuzz.h - what every fuzz target provides and may use.
 *
 * A target is one file tests/fuzz/fuzz_<name>.c with seeds in tests/fuzz/corpus/<name>/. It states
 * what must hold for every input with FUZZ_CHECK.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_CHECK(condition) fuzz_check((condition), __FILE__, __LINE__, #condition)

static inline void fuzz_check(bool holds, const char *file, int line, const char *condition)
{
    if (holds)
        return;
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

#endif
