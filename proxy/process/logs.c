/* SPDX-License-Identifier: MIT */
#include "process/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "observe/access_log.h"
#include "observe/access_log_daily.h"
#include "process/path_problem.h"

/* stdout and stderr are shared with whoever started us, so their flags are not ours to change. A
 * pipe or terminal is opened a second time, without blocking; a file is not, because two
 * descriptions would overwrite each other unless both append. */
static int open_standard(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
        char path[32];
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int own = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (own >= 0)
            return own;
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static int open_log(const char *path)
{
    int fd;
    if (strcmp(path, "stdout") == 0)
        fd = open_standard(STDOUT_FILENO);
    else if (strcmp(path, "stderr") == 0)
        fd = open_standard(STDERR_FILENO);
    else
        /* O_NONBLOCK: a FIFO without a reader is an error now, not a hang. */
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    return fd < 0 ? -errno : fd;
}

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream that goes to the journal. */
static bool stderr_is_journal(void)
{
    struct str rest = str_of(getenv("JOURNAL_STREAM"));
    struct str device;
    uint64_t dev;
    uint64_t ino;
    struct stat status;
    return rest.len > 0 && str_split(&rest, ':', &device) &&
           str_parse_u64(device, UINT64_MAX, &dev) && str_parse_u64(rest, UINT64_MAX, &ino) &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == dev && status.st_ino == ino;
}

static int open_path(const char *path, struct mark mark, struct error_list *errors)
{
    int fd = open_log(path);
    if (fd < 0) {
        struct text text = {0};
        path_problem_add(&text, path, fd);
        errors_add(errors, mark, "cannot open the log \"%s\": %s", path, text.ptr);
        text_clear(&text);
    }
    return fd;
}

static int open_with_error(const struct config_value *path, struct error_list *errors)
{
    return open_path(path->text, path->mark, errors);
}

/* The access log; *ret_day is the day of the file, also when it cannot be opened. */
static int open_access(const struct config_log *config, int64_t *ret_day, struct error_list *errors)
{
    *ret_day = access_log_day(clock_wall_s());
    if (!config->access_daily)
        return open_with_error(&config->access_path, errors);
    struct text path = {0};
    access_log_daily_path(config->access_path.text, *ret_day, &path);
    int fd = open_path(path.ptr, config->access_path.mark, errors);
    text_clear(&path);
    return fd;
}

bool logs_open(const struct config *config, uint64_t access_fields, struct logs *ret_logs,
               struct error_list *errors)
{
    struct logs logs = LOGS_INIT;
    logs.config = config;
    logs.access_fields = access_fields;
    logs.error_fd = open_with_error(&config->log.error_path, errors);
    if (config->log.access_path.text != NULL)
        logs.access_fd = open_access(&config->log, &logs.access_day, errors);
    if (logs.error_fd < 0 || (config->log.access_path.text != NULL && logs.access_fd < 0)) {
        logs_close(&logs);
        return false;
    }
    logs.is_journal = strcmp(config->log.error_path.text, "stderr") == 0 && stderr_is_journal();
    *ret_logs = logs;
    return true;
}

void logs_close(struct logs *logs)
{
    if (logs->error_fd >= 0)
        (void)close(logs->error_fd);
    if (logs->access_fd >= 0)
        (void)close(logs->access_fd);
    logs->error_fd = -1;
    logs->access_fd = -1;
}

void logs_use(const struct logs *logs)
{
    log_configure(logs->error_fd, (enum log_level)logs->config->log.error_level, logs->is_journal,
                  logs->config->log.error_json);
}

static void write_header(const struct logs *logs, int fd)
{
    struct text header = {0};
    if (logs->config->log.access_format != ACCESS_FORMAT_W3C)
        return;
    access_log_header(logs->access_fields, logs->config->log.access_crlf, clock_wall_s(), &header);
    /* A full pipe loses the header as it would lose a line. */
    ssize_t written = write(fd, header.ptr, header.len);
    (void)written;
    text_clear(&header);
}

void logs_write_header(const struct logs *logs)
{
    if (logs->access_fd >= 0)
        write_header(logs, logs->access_fd);
}

bool logs_differ(const struct logs *before, const struct logs *after)
{
    const struct config_log *old = &before->config->log;
    const struct config_log *new = &after->config->log;
    if (before->access_fd < 0 || after->access_fd < 0)
        return after->access_fd >= 0;
    return before->access_fields != after->access_fields || old->access_crlf != new->access_crlf ||
           old->access_format != new->access_format || old->access_daily != new->access_daily ||
           strcmp(old->access_path.text, new->access_path.text) != 0;
}

/* A file that is new gets its header. */
static bool reopen_access(struct logs *logs, struct error_list *errors)
{
    int64_t day = 0;
    int fd = open_access(&logs->config->log, &day, errors);
    struct stat status;
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0)
        write_header(logs, fd);
    (void)close(logs->access_fd);
    logs->access_fd = fd;
    logs->access_day = day;
    return true;
}

void logs_reopen(struct logs *logs, struct error_list *errors)
{
    int fd = open_with_error(&logs->config->log.error_path, errors);
    if (fd >= 0) {
        (void)close(logs->error_fd);
        logs->error_fd = fd;
    }
    if (logs->access_fd >= 0)
        (void)reopen_access(logs, errors);
}

bool logs_rotate(struct logs *logs, struct error_list *errors)
{
    if (logs->access_fd < 0 || !logs->config->log.access_daily ||
        logs->access_day == access_log_day(clock_wall_s()))
        return false;
    return reopen_access(logs, errors);
}
