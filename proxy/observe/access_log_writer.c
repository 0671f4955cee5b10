/* The worker's side of the access log: buffering, and what happens when nobody reads.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "observe/access_log_private.h"

#define BUFFER_SIZE ((size_t)65536)
#define CUT_TEXT    ((size_t)200) /* sixteen texts of this length fit PIPE_BUF with the rest */
#define CUT_LEAST   ((size_t)10)  /* ... and of this one with every byte escaped */

struct access_log {
    int fd; /* borrowed; -1: none */
    uint64_t fields;
    bool crlf;
    enum config_access_format format;
    bool is_shared_stream; /* a pipe, terminal or socket: pieces of PIPE_BUF at most */
    bool has_remainder;    /* the buffer starts with the end of a line that is partly written */
    struct text buffer;
    uint64_t dropped;
};

static void set_fd(struct access_log *log, int fd)
{
    struct stat status;
    log->fd = fd;
    log->is_shared_stream = fd >= 0 && fstat(fd, &status) == 0 && !S_ISREG(status.st_mode);
}

struct access_log *access_log_new(int fd, uint64_t fields, bool crlf)
{
    struct access_log *log = xcalloc(1, sizeof *log);
    log->fields = fields;
    log->crlf = crlf;
    set_fd(log, fd);
    return log;
}

void access_log_set_format(struct access_log *log, enum config_access_format format)
{
    log->format = format;
}

void access_log_free(struct access_log *log)
{
    if (log == NULL)
        return;
    access_log_flush(log);
    text_clear(&log->buffer);
    free(log);
}

/* How much goes out in one write: everything to a file, whole lines up to PIPE_BUF to a pipe. */
static size_t piece_len(const struct access_log *log, struct str rest)
{
    if (!log->is_shared_stream || rest.len <= PIPE_BUF)
        return rest.len;
    const char *end = memrchr(rest.ptr, '\n', PIPE_BUF);
    return end == NULL ? PIPE_BUF : (size_t)(end - rest.ptr) + 1;
}

/* A descriptor inherited from a shell may block. POLLOUT of a pipe promises room for PIPE_BUF. */
static bool would_block(const struct access_log *log)
{
    struct pollfd target = {.fd = log->fd, .events = POLLOUT};
    return log->is_shared_stream && poll(&target, 1, 0) == 0;
}

/* How much of the buffer was written; less than all of it when nothing more can be just now. */
static size_t write_pieces(const struct access_log *log)
{
    size_t done = 0;
    while (done < log->buffer.len) {
        struct str rest = str_skip(text_str(&log->buffer), done);
        if (would_block(log))
            break;
        ssize_t sent = write(log->fd, rest.ptr, piece_len(log, rest));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            break;
        done += (size_t)sent;
    }
    return done;
}

static uint64_t count_lines(struct str text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

void access_log_flush(struct access_log *log)
{
    if (log->fd < 0 || log->buffer.len == 0)
        return;
    size_t done = write_pieces(log);
    if (done > 0)
        log->has_remainder = log->buffer.ptr[done - 1] != '\n';
    struct str rest = str_skip(text_str(&log->buffer), done);
    /* What begins in the middle of a line must still follow, or the next line would be glued on. */
    struct str kept = str_make(rest.ptr, 0);
    if (log->has_remainder)
        kept.len = str_find(rest, '\n') + 1;
    log->dropped += count_lines(str_skip(rest, kept.len));
    if (kept.len > 0)
        memmove(log->buffer.ptr, kept.ptr, kept.len);
    log->buffer.len = kept.len;
}

static void add_line(struct access_log *log, const struct access_record *record, size_t max)
{
    switch (log->format) {
    case ACCESS_FORMAT_W3C:
        access_log_line_cut(log->fields, log->crlf, record, max, &log->buffer);
        break;
    case ACCESS_FORMAT_JSON:
        access_log_line_json(log->fields, log->crlf, record, max, &log->buffer);
        break;
    case ACCESS_FORMAT_COMBINED:
        access_log_line_combined(log->crlf, record, max, &log->buffer);
        break;
    }
}

uint64_t access_log_columns(const struct access_log *log)
{
    return log->fields;
}

bool access_log_is_on(const struct access_log *log)
{
    return log->fd >= 0;
}

void access_log_write(struct access_log *log, const struct access_record *record)
{
    if (log->fd < 0)
        return;
    size_t start = log->buffer.len;
    add_line(log, record, SIZE_MAX);
    /* Escapes make some texts longer than others, so once may not be enough. */
    for (size_t max = CUT_TEXT;
         log->is_shared_stream && log->buffer.len - start > PIPE_BUF && max >= CUT_LEAST;
         max /= 3) {
        log->buffer.len = start;
        add_line(log, record, max);
    }
    if (log->buffer.len >= BUFFER_SIZE)
        access_log_flush(log);
}

void access_log_set_fd(struct access_log *log, int fd)
{
    access_log_flush(log);
    /* The end of a line that another file has the start of is of no use in this one. */
    log->dropped += log->has_remainder;
    log->has_remainder = false;
    text_reset(&log->buffer);
    set_fd(log, fd);
}

uint64_t access_log_dropped(const struct access_log *log)
{
    return log->dropped;
}
