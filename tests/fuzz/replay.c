/* replay.c - runs files through a fuzz target without libFuzzer: replay FILE...
 *
 * Exit status 1 when a file cannot be read; a failed check aborts.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"

/* The whole file, in memory of exactly its size, so that sanitizers see every step beyond it. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    uint8_t *bytes = xmalloc(1);
    uint8_t piece[4096];
    size_t size = 0;
    size_t len;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0) {
        bytes = xreallocarray(bytes, size + len, 1);
        memcpy(bytes + size, piece, len);
        size += len;
    }
    (void)fclose(file);
    *ret_size = size;
    return bytes;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t size;
        uint8_t *bytes = read_file(argv[i], &size);
        if (bytes == NULL) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        (void)LLVMFuzzerTestOneInput(bytes, size);
        free(bytes);
    }
    return EXIT_SUCCESS;
}
