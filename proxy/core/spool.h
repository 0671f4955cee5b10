/* spool.h - a worker's file for what memory should not hold: pieces of bodies, in blocks.
 *
 * The file has no name and is opened before the worker drops its privileges, so nothing is left
 * behind by a crash and nobody else sees it. Blocks are of SPOOL_BLOCK bytes; those that are free
 * are given back to the disk. Calls may wait for the disk; as a rule they end in the page cache.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_SPOOL_H
#define PROXY_CORE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define SPOOL_BLOCK (UINT64_C(1024) * 1024)

struct spool {
    int fd;         /* borrowed; -1: none */
    uint32_t *free; /* blocks of the file that nobody has; owned */
    size_t free_count;
    size_t capacity; /* of free: one for each block there has ever been */
    uint32_t blocks; /* the file's length */
};

/* A nameless file in the directory: a descriptor (CLOEXEC), or a negative errno. */
MUST_USE int spool_open(const char *directory);
/* fd -1: everything fails with -ENOSPC. */
void spool_init(struct spool *spool, int fd);
void spool_clear(struct spool *spool);

/* What somebody keeps there; start from {0}. */
struct spool_piece {
    uint32_t *blocks; /* owned */
    size_t count;
    uint64_t len;
};
/* Appends all of it: 0 or a negative errno (-ENOSPC: the disk is full). */
MUST_USE int spool_append(struct spool *spool, struct spool_piece *piece, const char *bytes,
                          size_t len);
/* Reads 1..size bytes from offset on: how many, 0 at the end, or a negative errno. */
MUST_USE long spool_read(const struct spool *spool, const struct spool_piece *piece,
                         uint64_t offset, char *bytes, size_t size);
/* Gives the blocks back; the piece is empty again. */
void spool_release(struct spool *spool, struct spool_piece *piece);

#endif
