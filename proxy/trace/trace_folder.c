/* SPDX-License-Identifier: MIT */
#include "trace/trace_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 40 };
static const char XML[] = "xml";
static const char HTML[] = "html";

static void name_of(uint64_t number, const char *ending, char ret_name[NAME_SIZE])
{
    (void)snprintf(ret_name, NAME_SIZE, "fr%06" PRIu64 ".%s", number, ending);
}

/* While it is written. */
static void draft_of(pid_t pid, const char *ending, char ret_name[NAME_SIZE])
{
    (void)snprintf(ret_name, NAME_SIZE, ".fr-%d.%s", (int)pid, ending);
}

static bool is_ending(struct str text)
{
    return str_equal(text, STR("xml")) || str_equal(text, STR("html"));
}

/* "fr000123.xml": 123; 0 for anything else. */
static uint64_t number_of(struct str name)
{
    uint64_t number = 0;
    size_t dot = str_find(name, '.');
    if (!str_starts_with(name, STR("fr")) || dot < 8 || dot == name.len ||
        !is_ending(str_skip(name, dot + 1)) ||
        !str_parse_u64(str_make(name.ptr + 2, dot - 2), UINT64_MAX / 2, &number))
        return 0;
    return number;
}

/* ".fr-123.xml" whose process is gone. */
static bool is_left_over(struct str name)
{
    uint64_t pid = 0;
    size_t ending = 4;
    if (!str_starts_with(name, STR(".fr-")))
        return false;
    while (ending < name.len && name.ptr[ending] != '.')
        ending++;
    return ending < name.len && is_ending(str_skip(name, ending + 1)) &&
           str_parse_u64(str_make(name.ptr + 4, ending - 4), INT32_MAX, &pid) && pid > 0 &&
           kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

typedef void (*visit_fn)(struct trace_folder *folder, const char *name);

static int visit(struct trace_folder *folder, visit_fn fn)
{
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *entries = fdopendir(fd);
    if (entries == NULL) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        fn(folder, entry->d_name);
    (void)closedir(entries);
    return 0;
}

static void find_last(struct trace_folder *folder, const char *name)
{
    uint64_t number = number_of(str_of(name));
    if (number >= folder->next)
        folder->next = number + 1;
    if (is_left_over(str_of(name)))
        (void)unlinkat(folder->fd, name, 0);
}

static void delete_old(struct trace_folder *folder, const char *name)
{
    uint64_t number = number_of(str_of(name));
    if (number > 0 && number + folder->max_files < folder->next)
        (void)unlinkat(folder->fd, name, 0);
}

int trace_folder_open(struct trace_folder *folder, uid_t uid, gid_t gid)
{
    bool is_new = mkdir(folder->path, 0750) == 0;
    /* What was made just now and is given away must not have become a link meanwhile: the folder
     * above may be the user's. */
    int follow = is_new ? O_NOFOLLOW : 0;
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow);
    if (folder->fd < 0)
        return -errno;
    int error = 0;
    if (is_new && uid != (uid_t)-1 && fchown(folder->fd, uid, gid) < 0)
        error = -errno;
    folder->next = 1;
    if (error == 0)
        error = visit(folder, find_last);
    if (error == 0)
        error = visit(folder, delete_old);
    if (error < 0)
        trace_folder_close(folder);
    return error;
}

void trace_folder_close(struct trace_folder *folder)
{
    if (folder->fd >= 0)
        (void)close(folder->fd);
    folder->fd = -1;
}

static int write_bytes(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);
        if (written < 0)
            return -errno;
        if (written == 0)
            return -ENOSPC;
        bytes = str_skip(bytes, (size_t)written);
    }
    return 0;
}

static int write_draft(int folder, const char *draft, struct str bytes)
{
    (void)unlinkat(folder, draft, 0);
    int fd = openat(folder, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    int error = write_bytes(fd, bytes);
    /* Some file systems tell only now that there is no room. */
    if (close(fd) < 0 && error == 0)
        error = -errno;
    return error;
}

/* Gives the draft its name, which nobody may have. */
static int publish(int folder, const char *draft, const char *name)
{
    return linkat(folder, draft, folder, name, 0) < 0 ? -errno : 0;
}

/* The page comes first: who waits for the XML finds it beside. */
static int publish_both(struct trace_folder *folder, const char *draft_xml, const char *draft_html)
{
    char xml[NAME_SIZE];
    char html[NAME_SIZE];
    int error;
    do {
        name_of(folder->next, XML, xml);
        name_of(folder->next, HTML, html);
        folder->next++;
        error = draft_html == NULL ? 0 : publish(folder->fd, draft_html, html);
        if (error < 0)
            continue;
        error = publish(folder->fd, draft_xml, xml);
        if (error < 0 && draft_html != NULL)
            (void)unlinkat(folder->fd, html, 0);
    } while (error == -EEXIST);
    return error;
}

static void delete_number(const struct trace_folder *folder, uint64_t number)
{
    char name[NAME_SIZE];
    name_of(number, XML, name);
    (void)unlinkat(folder->fd, name, 0);
    name_of(number, HTML, name);
    (void)unlinkat(folder->fd, name, 0);
}

static int write_trace(struct trace_folder *folder, struct str xml, struct str html)
{
    char draft_xml[NAME_SIZE];
    char draft_html[NAME_SIZE];
    draft_of(getpid(), XML, draft_xml);
    draft_of(getpid(), HTML, draft_html);
    int error = write_draft(folder->fd, draft_xml, xml);
    if (error == 0 && html.len > 0)
        error = write_draft(folder->fd, draft_html, html);
    if (error == 0)
        error = publish_both(folder, draft_xml, html.len > 0 ? draft_html : NULL);
    (void)unlinkat(folder->fd, draft_xml, 0);
    (void)unlinkat(folder->fd, draft_html, 0);
    if (error == 0 && folder->next - 1 > folder->max_files)
        delete_number(folder, folder->next - 1 - folder->max_files);
    return error;
}

int trace_folder_write(struct trace_folder *folder, struct str xml, struct str html)
{
    int error = 0;
    bool was_open = folder->fd >= 0;
    if (!was_open)
        error = trace_folder_open(folder, (uid_t)-1, (gid_t)-1);
    if (error == 0)
        error = write_trace(folder, xml, html);
    if (error == 0)
        return 0;
    trace_folder_close(folder);
    /* Somebody removed the folder and may have made it anew. */
    if (was_open && error == -ENOENT)
        return trace_folder_write(folder, xml, html);
    return error;
}
