/* SPDX-License-Identifier: MIT */
#include "auth/store_load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define FILE_SIZE_MAX ((off_t)1 << 30)

/* The whole file, or NULL with *ret_problem set. Not blocking: a FIFO must not stop the start. */
static char *read_file(const char *path, size_t *ret_len, const char **ret_problem)
{
    char *bytes = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        *ret_problem = strerrordesc_np(errno);
        goto out;
    }
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_SIZE_MAX) {
        *ret_problem = S_ISREG(info.st_mode) ? "larger than 1 GiB" : "not a regular file";
        goto out;
    }
    size_t size = (size_t)info.st_size;
    size_t len = 0;
    bytes = xmalloc(size + 1);
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *ret_problem = strerrordesc_np(errno);
            free(bytes);
            bytes = NULL;
            goto out;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
out:
    if (fd >= 0)
        (void)close(fd);
    return bytes;
}

static void load_file(const char *path, bool is_listed, struct mark mark,
                      const struct store_reader *reader, struct error_list *errors)
{
    size_t len = 0;
    const char *problem = NULL;
    char *bytes = read_file(path, &len, &problem);
    if (bytes == NULL) {
        errors_add(errors, mark, "cannot read \"%s\": %s", path, problem);
        return;
    }
    int found = reader->take_file(reader->context, bytes, len);
    free(bytes);
    if (found < 0)
        errors_add(errors, mark, "\"%s\" cannot be decoded as a %s", path, reader->what);
    else if (found == 0 && is_listed)
        errors_add(errors, mark, "\"%s\" holds no %s", path, reader->what);
}

static bool has_ending(const char *name, const char *const *endings)
{
    for (; *endings != NULL; endings++) {
        if (str_ends_with_icase(str_of(name), str_of(*endings)))
            return true;
    }
    return false;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* octets: the same order in every locale */
}

static void load_folder(const char *path, struct mark mark, const struct store_reader *reader,
                        struct error_list *errors)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, compare_names);
    if (count < 0) {
        errors_add(errors, mark, "cannot read the folder \"%s\": %s", path, strerrordesc_np(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (name[0] != '.' && has_ending(name, reader->endings)) {
            size_t len = strlen(path);
            char *file =
                xasprintf("%s%s%s", path, len > 0 && path[len - 1] == '/' ? "" : "/", name);
            struct stat info;
            if (stat(file, &info) != 0 || !S_ISDIR(info.st_mode))
                load_file(file, false, mark, reader, errors);
            free(file);
        }
        free(entries[i]);
    }
    free(entries);
}

void store_load(const struct config_list *list, const struct store_reader *reader,
                struct error_list *errors)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *path = list->items[i].text;
        struct mark mark = list->items[i].mark;
        struct stat info;
        if (stat(path, &info) != 0)
            errors_add(errors, mark, "cannot open \"%s\": %s", path, strerrordesc_np(errno));
        else if (S_ISDIR(info.st_mode))
            load_folder(path, mark, reader, errors);
        else
            load_file(path, true, mark, reader, errors);
    }
}
