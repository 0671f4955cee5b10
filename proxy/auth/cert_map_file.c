/* The streaming reader of one_to_one_file: one fixed buffer, whatever the size of the file.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auth/cert_map_exact.h"
#include "base/str.h"

#define READ_SIZE     65536
#define ERRORS_SHOWN  20 /* a file of the wrong kind must not fill the terminal */
#define DIGEST_DIGITS ((size_t)CERT_MAP_DIGEST_SIZE * 2)

struct reader {
    struct cert_map_exact *exact;
    struct cert_map_logons *logons;
    const char *path;
    struct error_list *errors;
    unsigned line;
    size_t problems;
    bool is_empty;    /* not a single byte */
    uint64_t refused; /* lines whose user cannot log on for want of an account or a password */
    unsigned first_refused;
};

static struct mark mark_at(const struct reader *reader, size_t offset)
{
    return (struct mark){reader->path, reader->line, (unsigned)offset + 1};
}

static bool is_shown(struct reader *reader)
{
    return reader->problems++ < ERRORS_SHOWN;
}

static void take_entry(struct reader *reader, const unsigned char *sha256, struct str user,
                       size_t offset)
{
    uint32_t first = cert_map_exact_find(reader->exact, sha256);
    if (first != CERT_MAP_INDEX_NONE) {
        uint32_t logon = reader->exact->entries[first].logon;
        if (is_shown(reader))
            errors_add(reader->errors, mark_at(reader, 0),
                       "the same certificate is mapped twice, first to '%s'",
                       cert_map_logons_get(reader->logons, logon)->user);
        return;
    }
    if (reader->exact->count == CERT_MAP_INDEX_NONE - 1) {
        if (is_shown(reader))
            errors_add(reader->errors, mark_at(reader, offset), "too many certificates");
        return;
    }
    uint32_t logon = cert_map_logons_intern(reader->logons, user);
    if (cert_map_logons_get(reader->logons, logon)->outcome == OUTCOME_LOGON_FAILED &&
        reader->refused++ == 0)
        reader->first_refused = reader->line;
    bool is_new = cert_map_exact_add(reader->exact, sha256, logon);
    (void)is_new; /* looked up above */
}

static void take_line(struct reader *reader, struct str line)
{
    reader->line++;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    /* Editors on Windows put a byte order mark before the first line. */
    size_t offset = reader->line == 1 && str_starts_with(line, STR("\xef\xbb\xbf")) ? 3 : 0;
    struct str trimmed = str_trim(str_skip(line, offset));
    if (trimmed.len == 0 || trimmed.ptr[0] == '#')
        return;
    offset = (size_t)(trimmed.ptr - line.ptr);
    size_t digits = 0;
    while (digits < trimmed.len && ascii_hex_value(trimmed.ptr[digits]) >= 0)
        digits++;
    unsigned char sha256[CERT_MAP_DIGEST_SIZE];
    struct str rest = str_skip(trimmed, digits);
    bool has_blank = rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t');
    if ((rest.len > 0 && !has_blank) ||
        !cert_map_parse_digest(str_make(trimmed.ptr, digits), sha256)) {
        if (is_shown(reader))
            errors_add(reader->errors, mark_at(reader, offset),
                       "expected 64 hexadecimal digits (the SHA-256 of a certificate), a blank and "
                       "the user");
        return;
    }
    struct str user = str_trim(rest);
    offset += DIGEST_DIGITS;
    if (cert_map_user_is_valid(user))
        take_entry(reader, sha256, user, offset);
    else if (is_shown(reader))
        errors_add(reader->errors, mark_at(reader, offset), "%s",
                   user.len == 0 ? "the user is missing"
                                 : "a user must be UTF-8 without control characters");
}

/* Takes the whole lines out of the buffer; returns how many bytes of it were used. */
static size_t take_lines(struct reader *reader, const char *bytes, size_t len)
{
    size_t at = 0;
    for (;;) {
        const char *end = at == len ? NULL : memchr(bytes + at, '\n', len - at);
        if (end == NULL)
            return at;
        take_line(reader, str_make(bytes + at, (size_t)(end - bytes) - at));
        at = (size_t)(end - bytes) + 1;
    }
}

/* 0 or a negative errno; -EFBIG for a line that does not fit the buffer. */
static int read_lines(struct reader *reader, int fd)
{
    char bytes[READ_SIZE];
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + len, sizeof bytes - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        reader->is_empty = false;
        len += (size_t)got;
        size_t used = take_lines(reader, bytes, len);
        if (used == 0 && len == sizeof bytes)
            return -EFBIG;
        len -= used;
        memmove(bytes, bytes + used, len);
    }
    if (len > 0) /* a last line without a newline */
        take_line(reader, str_make(bytes, len));
    return 0;
}

void cert_map_exact_load_file(struct cert_map_exact *exact, struct cert_map_logons *logons,
                              const struct config_value *path, struct error_list *errors)
{
    struct reader reader = {
        .exact = exact, .logons = logons, .path = path->text, .errors = errors, .is_empty = true};
    int fd = open(path->text, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? -errno : read_lines(&reader, fd);
    if (fd >= 0)
        (void)close(fd);
    if (error == -EFBIG)
        errors_add(errors, (struct mark){path->text, reader.line + 1, 1}, "the line is too long");
    else if (error != 0)
        errors_add(errors, path->mark, "cannot read %s: %s", path->text, strerror(-error));
    else if (reader.is_empty) /* what a failed copy leaves behind: not the wish to map nobody */
        errors_add(errors, path->mark, "%s is empty: a comment (#) says that it is meant to be",
                   path->text);
    if (reader.problems > ERRORS_SHOWN)
        errors_add(errors, path->mark, "%s has %zu further errors", path->text,
                   reader.problems - ERRORS_SHOWN);
    if (reader.refused > 0)
        errors_warn(errors, (struct mark){path->text, reader.first_refused, 1},
                    "%llu lines name a user that accounts do not list or that needs a password, "
                    "this line first: every such logon fails with 401.1",
                    (unsigned long long)reader.refused);
}
