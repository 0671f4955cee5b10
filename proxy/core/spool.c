/* SPDX-License-Identifier: MIT */
#include "core/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

/* Where the file system has no O_TMPFILE the name exists for a moment. */
static int open_and_unlink(const char *directory)
{
    char name[4096];
    int len = snprintf(name, sizeof name, "%s/mtls-proxy-XXXXXX", directory);
    if (len < 0 || (size_t)len >= sizeof name)
        return -ENAMETOOLONG;
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)unlink(name);
    return fd;
}

int spool_open(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd >= 0)
        return fd;
    /* open(2): a kernel or a file system that does not know O_TMPFILE */
    return errno == EOPNOTSUPP || errno == EISDIR ? open_and_unlink(directory) : -errno;
}

void spool_init(struct spool *spool, int fd)
{
    *spool = (struct spool){.fd = fd};
}

void spool_clear(struct spool *spool)
{
    free(spool->free);
    *spool = (struct spool){.fd = -1};
}

static off_t place_of(const struct spool_piece *piece, uint64_t offset)
{
    return (off_t)(piece->blocks[offset / SPOOL_BLOCK] * SPOOL_BLOCK + offset % SPOOL_BLOCK);
}

static uint32_t take_block(struct spool *spool)
{
    if (spool->free_count > 0)
        return spool->free[--spool->free_count];
    if (spool->blocks == spool->capacity) {
        spool->capacity = spool->capacity == 0 ? 64 : spool->capacity * 2;
        spool->free = xreallocarray(spool->free, spool->capacity, sizeof *spool->free);
    }
    return spool->blocks++;
}

static int write_all(int fd, const char *bytes, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, bytes, len, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        bytes += written;
        len -= (size_t)written;
        at += written;
    }
    return 0;
}

int spool_append(struct spool *spool, struct spool_piece *piece, const char *bytes, size_t len)
{
    if (spool->fd < 0)
        return -ENOSPC;
    while (len > 0) {
        if (piece->len == piece->count * SPOOL_BLOCK) {
            piece->blocks = xreallocarray(piece->blocks, piece->count + 1, sizeof *piece->blocks);
            piece->blocks[piece->count++] = take_block(spool);
        }
        uint64_t room = SPOOL_BLOCK - piece->len % SPOOL_BLOCK;
        size_t some = len < room ? len : (size_t)room;
        int failed = write_all(spool->fd, bytes, some, place_of(piece, piece->len));
        if (failed < 0)
            return failed;
        piece->len += some;
        bytes += some;
        len -= some;
    }
    return 0;
}

long spool_read(const struct spool *spool, const struct spool_piece *piece, uint64_t offset,
                char *bytes, size_t size)
{
    if (offset >= piece->len)
        return 0;
    uint64_t rest = piece->len - offset;
    uint64_t in_block = SPOOL_BLOCK - offset % SPOOL_BLOCK;
    if (rest > in_block)
        rest = in_block;
    ssize_t len;
    do {
        len = pread(spool->fd, bytes, size < rest ? size : (size_t)rest, place_of(piece, offset));
    } while (len < 0 && errno == EINTR);
    if (len == 0)
        return -EIO; /* somebody has cut the file */
    return len < 0 ? -errno : (long)len;
}

void spool_release(struct spool *spool, struct spool_piece *piece)
{
    for (size_t i = 0; i < piece->count; i++) {
        spool->free[spool->free_count++] = piece->blocks[i];
        (void)fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        (off_t)(piece->blocks[i] * SPOOL_BLOCK), (off_t)SPOOL_BLOCK);
    }
    /* Also where the file system knows no holes, an idle worker keeps nothing. */
    if (spool->blocks > 0 && spool->free_count == spool->blocks && ftruncate(spool->fd, 0) == 0) {
        spool->free_count = 0;
        spool->blocks = 0;
    }
    free(piece->blocks);
    *piece = (struct spool_piece){0};
}
