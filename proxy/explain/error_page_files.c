/* SPDX-License-Identifier: MIT */
#include "explain/error_page_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "base/mem.h"

struct entry {
    const char *path; /* borrowed from the configuration */
    char *bytes;      /* owned; NULL: could not be read, which was reported */
    struct error_page_file file;
    UT_hash_handle hh;
};

struct error_page_files {
    struct entry *entries;
};

static const char *media_type_of(struct str path)
{
    static const struct {
        const char *ending;
        const char *type;
    } TYPES[] = {
        {".txt", "text/plain; charset=utf-8"},
        {".json", "application/json"},
        {".xml", "application/xml"},
        {".xhtml", "application/xhtml+xml"},
    };
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (str_ends_with_icase(path, str_of(TYPES[i].ending)))
            return TYPES[i].type;
    }
    /* As IIS sends its files: the page itself says its character set. */
    return "text/html";
}

/* Up to max bytes of the file; the count, or a negative errno. */
static ssize_t read_some(const char *path, char *bytes, size_t max)
{
    /* O_NONBLOCK: a FIFO must not hang the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    size_t len = 0;
    ssize_t got = fd < 0 || fstat(fd, &status) < 0 ? -1 : 1;
    int error = errno;
    if (got > 0 && !S_ISREG(status.st_mode)) {
        error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        got = -1;
    }
    while (got > 0 && len < max) {
        got = read(fd, bytes + len, max - len);
        error = errno;
        len += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return got < 0 ? -error : (ssize_t)len;
}

static void load(struct entry *entry, const struct config_value *value, struct error_list *errors)
{
    char *bytes = xmalloc(ERROR_PAGE_FILE_MAX + 1);
    ssize_t len = read_some(entry->path, bytes, ERROR_PAGE_FILE_MAX + 1);
    if (len > 0 && (size_t)len <= ERROR_PAGE_FILE_MAX) {
        entry->bytes = xmemdup(bytes, (size_t)len);
        free(bytes);
        entry->file.bytes = str_make(entry->bytes, (size_t)len);
        entry->file.media_type = media_type_of(str_of(entry->path));
        return;
    }
    free(bytes);
    if (len < 0)
        errors_add(errors, value->mark, "cannot read the error page \"%s\": %s", entry->path,
                   strerrordesc_np((int)-len));
    else if (len == 0)
        errors_add(errors, value->mark, "the error page \"%s\" is empty", entry->path);
    else
        errors_add(errors, value->mark, "the error page \"%s\" is longer than %zu bytes",
                   entry->path, ERROR_PAGE_FILE_MAX);
}

static const struct entry *find(const struct error_page_files *files, const char *path)
{
    struct entry *found = NULL;
    HASH_FIND_STR(files->entries, path, found);
    return found;
}

static void load_all(struct error_page_files *files, const struct config_errors *config,
                     struct error_list *errors)
{
    for (size_t i = 0; i < config->page_count; i++) {
        const struct config_value *file = &config->pages[i].file;
        if (find(files, file->text) != NULL)
            continue;
        struct entry *entry = xcalloc(1, sizeof *entry);
        entry->path = file->text;
        load(entry, file, errors);
        HASH_ADD_KEYPTR(hh, files->entries, entry->path, strlen(entry->path), entry);
    }
}

struct error_page_files *error_page_files_new(const struct config *config,
                                              struct error_list *errors)
{
    struct error_page_files *files = xcalloc(1, sizeof *files);
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        load_all(files, &site->access.errors, errors);
        for (size_t j = 0; j < site->location_count; j++) {
            const struct config_errors *own = &site->locations[j].access.errors;
            if (own->pages != site->access.errors.pages)
                load_all(files, own, errors);
        }
    }
    return files;
}

void error_page_files_free(struct error_page_files *files)
{
    if (files == NULL)
        return;
    struct entry *entry = files->entries;
    HASH_CLEAR(hh, files->entries);
    while (entry != NULL) {
        struct entry *next = entry->hh.next;
        free(entry->bytes);
        free(entry);
        entry = next;
    }
    free(files);
}

const struct error_page_file *error_page_files_find(const struct error_page_files *files,
                                                    const struct config_errors *errors,
                                                    unsigned status, unsigned substatus)
{
    const struct config_error_page *best = NULL;
    for (size_t i = 0; i < errors->page_count; i++) {
        const struct config_error_page *page = &errors->pages[i];
        if (page->code != status)
            continue;
        if (page->substatus == (int)substatus) {
            best = page;
            break;
        }
        if (page->substatus < 0)
            best = page;
    }
    const struct entry *entry = best == NULL ? NULL : find(files, best->file.text);
    return entry == NULL || entry->bytes == NULL ? NULL : &entry->file;
}
