/* SPDX-License-Identifier: MIT */
#include "auth/store_load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/cert_bundle.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"

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

/* ": it is a private key", when that is known. */
static void add_file_error(struct error_list *errors, struct mark mark, const char *path,
                           const char *problem, const struct store_reader *reader, const char *what)
{
    errors_add(errors, mark, "\"%s\" %s %s%s%s", path, problem, reader->what,
               what == NULL ? "" : ": it is ", what == NULL ? "" : what);
}

/* The number of objects in the file; 0 with an error as well. */
static int load_file(const char *path, bool is_listed, struct mark mark,
                     const struct store_reader *reader, struct error_list *errors)
{
    size_t len = 0;
    const char *problem = NULL;
    char *bytes = read_file(path, &len, &problem);
    if (bytes == NULL) {
        errors_add(errors, mark, "cannot read \"%s\": %s", path, problem);
        return 0;
    }
    int found = reader->take_file(reader->context, path, bytes, len);
    const char *what = found > 0 ? NULL : cert_bundle_describe(bytes, len);
    const char *why = found < 0 && reader->why != NULL ? reader->why(reader->context) : NULL;
    free(bytes);
    /* What a copy or a download leaves behind that failed: not the wish to have nothing. */
    if (len == 0)
        errors_add(errors, mark, "\"%s\" is empty: it holds no %s", path, reader->what);
    else if (why != NULL)
        errors_add(errors, mark, "\"%s\" cannot be read: %s", path, why);
    else if (found < 0)
        add_file_error(errors, mark, path, "cannot be decoded as a", reader, what);
    else if (found == 0 && is_listed)
        add_file_error(errors, mark, path, "holds no", reader, what);
    return found < 0 ? 0 : found;
}

static bool has_ending(const char *name, const char *const *endings)
{
    for (; *endings != NULL; endings++) {
        if (str_ends_with_icase(str_of(name), str_of(*endings)))
            return true;
    }
    return false;
}

bool store_takes_name(const char *name, const char *const *endings)
{
    return name[0] != '.' && has_ending(name, endings);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* octets: the same order in every locale */
}

static char *path_in(const char *folder, const char *name)
{
    size_t len = strlen(folder);
    return xasprintf("%s%s%s", folder, len > 0 && folder[len - 1] == '/' ? "" : "/", name);
}

/* Calls back for each file of a folder that counts, in order, and for the others, if `pass` is not
 * NULL; false: the folder cannot be read. */
typedef void (*visit_fn)(void *context, const char *path);

static void visit_file(const char *folder, const char *name, visit_fn visit, void *context)
{
    char *file = path_in(folder, name);
    struct stat info;
    if (stat(file, &info) != 0 || !S_ISDIR(info.st_mode))
        visit(context, file);
    free(file);
}

static bool visit_folder(const char *folder, const char *const *endings, visit_fn visit,
                         visit_fn pass, void *context)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, compare_names);
    if (count < 0)
        return false;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (store_takes_name(name, endings))
            visit_file(folder, name, visit, context);
        else if (pass != NULL && name[0] != '.' && !cert_bundle_is_hash_link(name))
            visit_file(folder, name, pass, context);
        free(entries[i]);
    }
    free(entries);
    return true;
}

#define NAMED_MAX 5 /* of the files that are passed over */

struct loading {
    const struct store_reader *reader;
    struct error_list *errors;
    struct mark mark;
    struct text passed_over;
    size_t passed_over_count;
};

static void pass_over(void *context, const char *path)
{
    struct loading *loading = context;
    const char *slash = strrchr(path, '/');
    if (loading->passed_over_count < NAMED_MAX)
        text_addf(&loading->passed_over, "%s%s", loading->passed_over_count == 0 ? "" : ", ",
                  slash == NULL ? path : slash + 1);
    loading->passed_over_count++;
}

static void load_folder_file(void *context, const char *path)
{
    struct loading *loading = context;
    size_t errors_before = loading->errors->errors;
    if (load_file(path, false, loading->mark, loading->reader, loading->errors) == 0 &&
        loading->errors->errors == errors_before)
        pass_over(context, path);
}

static bool load_folder(const char *path, struct loading *loading)
{
    const struct store_reader *reader = loading->reader;
    if (!visit_folder(path, reader->endings, load_folder_file, pass_over, loading))
        return false;
    size_t count = loading->passed_over_count;
    if (count > 0 && reader->names_passed_over) {
        if (count > NAMED_MAX)
            text_addf(&loading->passed_over, " and %zu more", count - NAMED_MAX);
        errors_warn(loading->errors, loading->mark,
                    "passed over in the folder \"%s\", for they are no %ss: %s", path, reader->what,
                    loading->passed_over.ptr);
    }
    text_clear(&loading->passed_over);
    return true;
}

void store_load(const struct config_list *list, const struct store_reader *reader,
                struct error_list *errors)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *path = list->items[i].text;
        struct loading loading = {.reader = reader, .errors = errors, .mark = list->items[i].mark};
        struct stat info;
        if (stat(path, &info) != 0)
            errors_add(errors, loading.mark, "cannot open \"%s\": %s", path,
                       strerrordesc_np(errno));
        else if (!S_ISDIR(info.st_mode))
            (void)load_file(path, true, loading.mark, reader, errors);
        else if (!load_folder(path, &loading))
            errors_add(errors, loading.mark, "cannot read the folder \"%s\": %s", path,
                       strerrordesc_np(errno));
    }
}

/* ---- seen from outside ---- */

static void stamp_file(void *context, const char *path)
{
    EVP_MD_CTX *hash = context;
    struct stat info = {0};
    int error = stat(path, &info) == 0 ? 0 : errno;
    const int64_t seen[] = {
        error,
        (int64_t)info.st_dev,
        (int64_t)info.st_ino,
        info.st_size,
        info.st_mtim.tv_sec,
        info.st_mtim.tv_nsec,
        info.st_ctim.tv_sec,
        info.st_ctim.tv_nsec,
    };
    EVP_DigestUpdate(hash, path, strlen(path) + 1);
    EVP_DigestUpdate(hash, seen, sizeof seen);
}

void store_stamp(const struct config_list *list, const char *const *endings,
                 unsigned char ret_stamp[32])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    for (size_t i = 0; i < list->count; i++) {
        const char *path = list->items[i].text;
        struct stat info;
        /* A folder's own times change with files that do not count. */
        if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode) ||
            !visit_folder(path, endings, stamp_file, NULL, hash))
            stamp_file(hash, path);
    }
    EVP_DigestFinal_ex(hash, ret_stamp, NULL);
    EVP_MD_CTX_free(hash);
}

/* ---- paths and text ---- */

/* Takes the next part of a path off; empty parts and "." are no parts. False at the end. */
static bool next_part(struct str *path, struct str *ret_part)
{
    for (;;) {
        size_t start = 0;
        while (start < path->len && path->ptr[start] == '/')
            start++;
        struct str rest = str_skip(*path, start);
        size_t len = 0;
        while (len < rest.len && rest.ptr[len] != '/')
            len++;
        *path = str_skip(rest, len);
        *ret_part = str_make(rest.ptr, len);
        if (len == 0)
            return false;
        if (len != 1 || rest.ptr[0] != '.')
            return true;
    }
}

static bool is_same_path(struct str a, struct str b)
{
    if ((a.len > 0 && a.ptr[0] == '/') != (b.len > 0 && b.ptr[0] == '/'))
        return false;
    struct str part_a;
    struct str part_b;
    for (;;) {
        bool has_a = next_part(&a, &part_a);
        bool has_b = next_part(&b, &part_b);
        if (!has_a || !has_b)
            return has_a == has_b;
        if (!str_equal(part_a, part_b))
            return false;
    }
}

/* Two names of what exists: links, "..". */
static bool is_same_file(const char *a, const char *b)
{
    struct stat info_a;
    struct stat info_b;
    return stat(a, &info_a) == 0 && stat(b, &info_b) == 0 && info_a.st_dev == info_b.st_dev &&
           info_a.st_ino == info_b.st_ino;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return xstrdup(".");
    return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

bool store_names(const struct config_list *list, const char *path)
{
    bool is_named = false;
    char *folder = folder_of(path);
    for (size_t i = 0; i < list->count && !is_named; i++) {
        const char *item = list->items[i].text;
        is_named = is_same_path(str_of(item), str_of(path)) ||
                   is_same_path(str_of(item), str_of(folder)) || is_same_file(item, path) ||
                   is_same_file(item, folder);
    }
    free(folder);
    return is_named;
}

size_t store_count_blocks(const char *bytes, size_t len)
{
    static const char begin[] = "-----BEGIN ";
    size_t count = 0;
    const char *at = bytes;
    const char *end = bytes + len;
    while (at < end && (at = memmem(at, (size_t)(end - at), begin, sizeof begin - 1)) != NULL) {
        count += at == bytes || at[-1] == '\n';
        at += sizeof begin - 1;
    }
    return count;
}
