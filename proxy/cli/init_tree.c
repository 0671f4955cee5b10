/* SPDX-License-Identifier: MIT */
#include "cli/init_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* 0, -ENOTEMPTY or a negative errno. */
static int check_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (folder == NULL) {
        int error = -errno;
        if (copy >= 0)
            (void)close(copy);
        return error;
    }
    const struct dirent *entry;
    int result = 0;
    errno = 0;
    while (result == 0 && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = -ENOTEMPTY;
    }
    if (result == 0 && errno != 0)
        result = -errno;
    (void)closedir(folder);
    return result;
}

int init_tree_open(struct init_tree *tree, const char *path)
{
    tree->path = path;
    if (mkdir(path, 0777) == 0)
        tree->is_new = true;
    else if (errno != EEXIST)
        return -errno;
    tree->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree->fd < 0 ? -errno : check_empty(tree->fd);
}

static void remember(struct init_tree *tree, const char *name, bool is_folder)
{
    tree->made = xreallocarray(tree->made, tree->count + 1, sizeof *tree->made);
    tree->is_folder = xreallocarray(tree->is_folder, tree->count + 1, sizeof *tree->is_folder);
    tree->made[tree->count] = xstrdup(name);
    tree->is_folder[tree->count++] = is_folder;
}

static int add_folder(struct init_tree *tree, const char *name, mode_t mode)
{
    if (mkdirat(tree->fd, name, mode) != 0)
        return -errno;
    remember(tree, name, true);
    return 0;
}

int init_tree_add_folder(struct init_tree *tree, const char *name)
{
    return add_folder(tree, name, 0777);
}

int init_tree_add_private_folder(struct init_tree *tree, const char *name)
{
    return add_folder(tree, name, 0700);
}

static int write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = write(fd, bytes.ptr, bytes.len);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        bytes = str_skip(bytes, (size_t)sent);
    }
    return 0;
}

int init_tree_add_file(struct init_tree *tree, const char *name, struct str bytes, mode_t mode)
{
    int fd = openat(tree->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    remember(tree, name, false);
    int error = write_all(fd, bytes);
    if (close(fd) != 0 && error == 0)
        error = -errno;
    return error;
}

int init_tree_put_file(struct init_tree *tree, const char *name, struct str bytes, mode_t mode)
{
    char *fresh = xasprintf("%s.new", name);
    (void)unlinkat(tree->fd, fresh, 0); /* of an attempt that was killed */
    bool is_there = faccessat(tree->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    int result = init_tree_add_file(tree, fresh, bytes, mode);
    if (result == 0 && renameat(tree->fd, fresh, tree->fd, name) != 0)
        result = -errno;
    if (result == 0) { /* what was replaced cannot be brought back */
        free(tree->made[--tree->count]);
        if (!is_there)
            remember(tree, name, false);
    }
    free(fresh);
    return result;
}

int init_tree_reopen(struct init_tree *tree, const char *path)
{
    tree->path = path;
    tree->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree->fd < 0 ? -errno : 0;
}

void init_tree_undo(struct init_tree *tree)
{
    while (tree->count > 0) {
        tree->count--;
        (void)unlinkat(tree->fd, tree->made[tree->count],
                       tree->is_folder[tree->count] ? AT_REMOVEDIR : 0);
        free(tree->made[tree->count]);
    }
    if (tree->is_new)
        (void)rmdir(tree->path);
    tree->is_new = false;
}

void init_tree_clear(struct init_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->made[i]);
    free(tree->made);
    free(tree->is_folder);
    if (tree->fd >= 0)
        (void)close(tree->fd);
    *tree = (struct init_tree){.fd = -1};
}
