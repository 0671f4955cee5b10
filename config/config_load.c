/* SPDX-License-Identifier: MIT */
#include "config/config_load.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/config_check.h"
#include "config/config_decode.h"
#include "config/config_env.h"
#include "config/config_place.h"
#include "config/config_private.h"
#include "config/config_site.h"
#include "config/config_unique.h"
#include "config/config_yaml.h"

struct storage { /* everything a configuration points to */
    struct buf_pool pool;
    struct arena arena;
    yaml_document_t document; /* texts point into it */
    bool has_document;
};

static struct config *config_new(const char *file)
{
    struct config *config = xcalloc(1, sizeof *config);
    struct storage *storage = xcalloc(1, sizeof *storage);
    buf_pool_init(&storage->pool, 0);
    arena_init(&storage->arena, &storage->pool);
    config->storage = storage;
    config->file = xstrdup(file);
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    struct storage *storage = config->storage;
    if (storage->has_document)
        yaml_document_delete(&storage->document);
    arena_clear(&storage->arena);
    buf_pool_clear(&storage->pool);
    free(storage);
    free(config->file);
    free(config);
}

yaml_document_t *config_document(const struct config *config)
{
    struct storage *storage = config->storage;
    return storage != NULL && storage->has_document ? &storage->document : NULL;
}

static uint64_t hash_source(const char *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static struct str folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash == NULL ? STR("") : str_make(file, (size_t)(slash - file) + 1);
}

struct placed_entry { /* qsort is not stable */
    struct error_entry entry;
    size_t index;
};

static int compare_entries(const void *left, const void *right)
{
    const struct placed_entry *a = left;
    const struct placed_entry *b = right;
    if (a->entry.line != b->entry.line)
        return a->entry.line < b->entry.line ? -1 : 1;
    if (a->entry.column != b->entry.column)
        return a->entry.column < b->entry.column ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* In the order of the file, whatever the order they were found in. */
static void sort_errors(struct error_list *errors, size_t first)
{
    size_t count = errors->count - first;
    if (count < 2)
        return;
    struct placed_entry *placed = xcalloc(count, sizeof *placed);
    for (size_t i = 0; i < count; i++)
        placed[i] = (struct placed_entry){errors->entries[first + i], i};
    qsort(placed, count, sizeof *placed, compare_entries);
    for (size_t i = 0; i < count; i++)
        errors->entries[first + i] = placed[i].entry;
    free(placed);
}

static void decode(struct config *config, struct error_list *errors)
{
    struct storage *storage = config->storage;
    size_t nodes = (size_t)(storage->document.nodes.top - storage->document.nodes.start);
    struct config_reader reader = {
        .config = config,
        .document = &storage->document,
        .arena = &storage->arena,
        .errors = errors,
        .folder = folder_of(config->file),
        .visits_max = nodes + 5 * (size_t)CONFIG_ALIASES_MAX,
    };
    config_decode(&reader);
    if (reader.visits > reader.visits_max)
        return;
    config_check(config, errors);
    size_t first = errors->count;
    config_unique_check(config, errors);
    config_place_errors(config, errors, first);
}

struct config *config_parse(const char *file, const char *bytes, size_t len,
                            struct error_list *errors)
{
    size_t errors_before = errors->errors;
    size_t count_before = errors->count;
    struct config *config = config_new(file);
    struct storage *storage = config->storage;
    config->source_hash = hash_source(bytes, len);
    storage->has_document =
        config_yaml_load(config->file, str_make(bytes, len), errors, &storage->document);
    if (storage->has_document) {
        config_env_expand(&storage->document, config->file, errors);
        decode(config, errors);
    }
    sort_errors(errors, count_before);
    if (errors->errors == errors_before)
        return config;
    config_free(config);
    return NULL;
}

/* Reads all of it, or one byte more than allowed, which config_yaml_load refuses. */
static int read_all(int fd, struct text *out)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    while (out->len <= CONFIG_FILE_MAX) {
        char piece[16384];
        ssize_t got = read(fd, piece, sizeof piece);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0)
            text_add(out, str_make(piece, (size_t)got));
    }
    return 0;
}

struct config *config_load(const char *file, struct error_list *errors)
{
    struct text bytes = {0};
    bool is_stdin = strcmp(file, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (is_stdin) {
        file = "stdin";
        (void)lseek(fd, 0,
                    SEEK_SET); /* of a file it is read again; of a pipe there is no second time */
    }
    int result = fd < 0 ? -errno : read_all(fd, &bytes);
    if (fd >= 0 && !is_stdin)
        (void)close(fd);
    struct config *config = NULL;
    if (result == 0)
        config = config_parse(file, bytes.ptr, bytes.len, errors);
    else
        errors_add(errors, (struct mark){file, 0, 0}, "cannot be read: %s", strerror(-result));
    text_clear(&bytes);
    return config;
}
