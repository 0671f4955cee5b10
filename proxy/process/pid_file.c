/* SPDX-License-Identifier: MIT */
#include "process/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

int pid_file_write(const char *path)
{
    char *beside = xasprintf("%s.%d", path, (int)getpid());
    int error = 0;
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        error = -errno;
        free(beside);
        return error;
    }
    if (dprintf(fd, "%d\n", (int)getpid()) < 0)
        error = -errno;
    if (close(fd) < 0 && error == 0)
        error = -errno;
    if (error == 0 && rename(beside, path) < 0)
        error = -errno;
    if (error < 0)
        (void)unlink(beside);
    free(beside);
    return error;
}

void pid_file_remove(const char *path)
{
    char text[32];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t len = read(fd, text, sizeof text);
    (void)close(fd);
    uint64_t pid;
    if (len > 1 && text[len - 1] == '\n' &&
        str_parse_u64(str_make(text, (size_t)len - 1), INT32_MAX, &pid) && (pid_t)pid == getpid())
        (void)unlink(path);
}
