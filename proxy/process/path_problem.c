/* SPDX-License-Identifier: MIT */
#include "process/path_problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return xstrdup(".");
    return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

void path_problem_add(struct text *out, const char *path, int error)
{
    char *folder = folder_of(path);
    struct stat status;
    bool is_folder_there = stat(folder, &status) == 0;
    text_add_cstr(out, strerrordesc_np(-error));
    if (error == -ENOENT && !is_folder_there)
        text_addf(out, "; make the folder \"%s\"", folder);
    else if (error == -ENOTDIR)
        text_addf(out, "; \"%s\" is no folder", folder);
    else if (error == -EACCES || error == -EPERM)
        text_addf(out, "; let the user with the uid %u write to %s \"%s\"", (unsigned)geteuid(),
                  access(path, F_OK) == 0 ? "it and to the folder" : "the folder", folder);
    else if (error == -EISDIR)
        text_add_cstr(out, "; name a file");
    else if (error == -ENXIO)
        text_add_cstr(out, "; start what reads from it first");
    else if (error == -EROFS)
        text_add_cstr(out, "; name a file elsewhere");
    free(folder);
}

/* Whether files can be made in it. */
static int check_folder(const char *path)
{
    char *folder = folder_of(path);
    struct stat status;
    int error = stat(folder, &status) < 0 ? -errno : 0;
    if (error == 0 && !S_ISDIR(status.st_mode))
        error = -ENOTDIR;
    if (error == 0 && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0)
        error = -errno;
    free(folder);
    return error;
}

int path_problem_append(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return error == -ENOENT ? check_folder(path) : error;
}

int path_problem_replace(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return -EISDIR;
    return check_folder(path);
}
