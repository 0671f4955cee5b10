/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "observe/access_log.h"
#include "process/logs.h"
#include "unit/unit.h"

static char directory[] = "/tmp/logs-test-XXXXXX";

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", directory, name);
}

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)umask(0022);
}

static void remove_directory(void)
{
    static const char *const NAMES[] = {"error", "access", "access.1", "fifo"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char *path = path_of(NAMES[i]);
        (void)unlink(path);
        free(path);
    }
    (void)rmdir(directory);
}

static struct config make_config(char *error_path, char *access_path)
{
    return (struct config){.log = {.error_path = {.text = error_path, .mark = {"c.yaml", 4, 2}},
                                   .access_path = {.text = access_path, .mark = {"c.yaml", 5, 3}},
                                   .error_level = LOG_LEVEL_NOTICE}};
}

static size_t count_of(const char *path, const char *word)
{
    char bytes[4096] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(read(fd, bytes, sizeof bytes - 1), 0);
    (void)close(fd);
    size_t count = 0;
    for (const char *at = bytes; (at = strstr(at, word)) != NULL; at++)
        count++;
    return count;
}

START_TEST(opens_files_for_appending_and_for_the_owner)
{
    struct logs logs;
    struct error_list errors = {0};
    char *error_path = path_of("error");
    char *access_path = path_of("access");
    struct config config = make_config(error_path, access_path);
    ck_assert(
        logs_open(&config, ACCESS_BIT(ACCESS_DATE) | ACCESS_BIT(ACCESS_STATUS), &logs, &errors));
    struct stat status;
    ck_assert_int_eq(fstat(logs.access_fd, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777U, 0640);
    ck_assert_int_ne(fcntl(logs.access_fd, F_GETFL) & O_APPEND, 0);
    ck_assert_int_eq(fcntl(logs.error_fd, F_GETFD), FD_CLOEXEC);
    ck_assert(!logs.is_journal);
    logs_close(&logs);
    ck_assert_int_eq(logs.access_fd, -1);
    free(error_path);
    free(access_path);
}
END_TEST

START_TEST(reports_what_cannot_be_opened_with_its_place)
{
    struct logs logs = {.access_fields = 4711};
    struct error_list errors = {0};
    char *error_path = path_of("missing/error");
    char *access_path = path_of("missing/access");
    struct config config = make_config(error_path, access_path);
    ck_assert(!logs_open(&config, 1, &logs, &errors));
    ck_assert_uint_eq(errors.errors, 2);
    ck_assert_uint_eq(errors.entries[0].line, 4);
    ck_assert_uint_eq(errors.entries[1].line, 5);
    ck_assert_uint_eq(logs.access_fields, 4711);
    errors_clear(&errors);
    free(error_path);
    free(access_path);
}
END_TEST

START_TEST(a_fifo_without_a_reader_is_an_error_and_not_a_hang)
{
    struct logs logs;
    struct error_list errors = {0};
    char stderr_name[] = "stderr";
    char *fifo = path_of("fifo");
    struct config config = make_config(stderr_name, fifo);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    ck_assert(!logs_open(&config, 1, &logs, &errors));
    ck_assert_uint_eq(errors.errors, 1);
    errors_clear(&errors);
    free(fifo);
}
END_TEST

START_TEST(a_new_file_after_a_rotation_begins_with_the_header)
{
    struct logs logs;
    struct error_list errors = {0};
    char stderr_name[] = "stderr";
    char *access_path = path_of("access");
    char *rotated = path_of("access.1");
    struct config config = make_config(stderr_name, access_path);
    ck_assert(
        logs_open(&config, ACCESS_BIT(ACCESS_DATE) | ACCESS_BIT(ACCESS_STATUS), &logs, &errors));
    logs_write_header(&logs);
    logs_reopen(&logs, &errors); /* the same file: it has a header */
    ck_assert_uint_eq(count_of(access_path, "#Fields"), 1);
    ck_assert_int_eq(rename(access_path, rotated), 0);
    logs_reopen(&logs, &errors);
    ck_assert_uint_eq(count_of(access_path, "#Fields"), 1);
    ck_assert_uint_eq(count_of(rotated, "#Fields"), 1);
    ck_assert_uint_eq(errors.count, 0);
    logs_close(&logs);
    free(access_path);
    free(rotated);
}
END_TEST

START_TEST(what_cannot_be_reopened_stays_open)
{
    struct logs logs;
    struct error_list errors = {0};
    char stderr_name[] = "stderr";
    char *access_path = path_of("access");
    struct config config = make_config(stderr_name, access_path);
    ck_assert(logs_open(&config, 1, &logs, &errors));
    int before = logs.access_fd;
    config.log.access_path.text = directory; /* a folder */
    logs_reopen(&logs, &errors);
    ck_assert_uint_eq(errors.errors, 1);
    ck_assert_int_eq(logs.access_fd, before);
    ck_assert_int_ne(fcntl(before, F_GETFD), -1);
    errors_clear(&errors);
    logs_close(&logs);
    free(access_path);
}
END_TEST

/* A reader of the access log that is slow must not hold a worker up. */
START_TEST(a_pipe_on_stdout_never_blocks_and_keeps_its_own_flags)
{
    struct logs logs;
    struct error_list errors = {0};
    char stdout_name[] = "stdout";
    char stderr_name[] = "stderr";
    struct config config = make_config(stderr_name, stdout_name);
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    int saved = dup(STDOUT_FILENO);
    ck_assert_int_eq(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
    bool is_open = logs_open(&config, 1, &logs, &errors);
    int own_flags = fcntl(logs.access_fd, F_GETFL);
    int shared_flags = fcntl(STDOUT_FILENO, F_GETFL);
    (void)dup2(saved, STDOUT_FILENO);
    ck_assert(is_open);
    ck_assert_int_ne(own_flags & O_NONBLOCK, 0);
    ck_assert_int_eq(shared_flags & O_NONBLOCK, 0);
    logs_close(&logs);
}
END_TEST

/* systemd.exec(5): the variable may be inherited by a program whose stderr goes elsewhere. */
START_TEST(knows_the_journal_by_device_and_inode)
{
    struct stat status;
    ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
    char *right = xasprintf("%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    char *wrong = xasprintf("%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino + 1);
    const struct {
        const char *value;
        bool is_journal;
    } cases[] = {{right, true}, {wrong, false}, {"", false}, {"1", false}, {":", false}};
    char stderr_name[] = "stderr";
    struct config config = make_config(stderr_name, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct logs logs;
        struct error_list errors = {0};
        (void)setenv("JOURNAL_STREAM", cases[i].value, 1);
        ck_assert(logs_open(&config, 1, &logs, &errors));
        ck_assert_int_eq(logs.access_fd, -1);
        ck_assert_int_eq(logs.is_journal, cases[i].is_journal);
        logs_close(&logs);
    }
    free(right);
    free(wrong);
}
END_TEST

#define NEW_YEAR_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

START_TEST(a_daily_log_goes_on_in_a_new_file_at_midnight_utc)
{
    struct logs logs;
    struct error_list errors = {0};
    char *error_path = path_of("error");
    char *access_path = path_of("u_ex.log");
    char *before = path_of("u_ex251231.log");
    char *after = path_of("u_ex260101.log");
    struct config config = make_config(error_path, access_path);
    config.log.access_daily = true;
    clock_freeze(NEW_YEAR_MS - 1);
    ck_assert(logs_open(&config, ACCESS_BIT(ACCESS_STATUS), &logs, &errors));
    ck_assert(!logs_rotate(&logs, &errors));
    ck_assert_int_eq(access(before, F_OK), 0);
    clock_freeze(NEW_YEAR_MS);
    ck_assert(logs_rotate(&logs, &errors));
    ck_assert_uint_eq(count_of(after, "#Date: 2026-01-01 00:00:00"), 1);
    struct stat status;
    ck_assert_int_eq(fstat(logs.access_fd, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777U, 0640);
    ck_assert(!logs_rotate(&logs, &errors));
    logs_reopen(&logs, &errors);
    ck_assert_uint_eq(count_of(after, "#Date"), 1);
    ck_assert_uint_eq(errors.count, 0);
    logs_close(&logs);
    clock_freeze(-1);
    (void)unlink(before);
    (void)unlink(after);
    free(error_path);
    free(access_path);
    free(before);
    free(after);
}
END_TEST

START_TEST(what_is_not_daily_is_not_rotated)
{
    struct logs logs;
    struct error_list errors = {0};
    char *error_path = path_of("error");
    char *access_path = path_of("access");
    struct config config = make_config(error_path, access_path);
    clock_freeze(NEW_YEAR_MS - 1);
    ck_assert(logs_open(&config, ACCESS_BIT(ACCESS_STATUS), &logs, &errors));
    clock_freeze(NEW_YEAR_MS);
    ck_assert(!logs_rotate(&logs, &errors));
    logs_close(&logs);
    clock_freeze(-1);
    free(error_path);
    free(access_path);
}
END_TEST

START_TEST(only_the_format_of_iis_has_a_header)
{
    struct logs logs;
    struct error_list errors = {0};
    char *error_path = path_of("error");
    char *access_path = path_of("access");
    struct config config = make_config(error_path, access_path);
    config.log.access_format = ACCESS_FORMAT_JSON;
    ck_assert(logs_open(&config, ACCESS_BIT(ACCESS_STATUS), &logs, &errors));
    logs_write_header(&logs);
    ck_assert_uint_eq(count_of(access_path, "#"), 0);
    logs_close(&logs);
    free(error_path);
    free(access_path);
}
END_TEST

START_TEST(a_reload_needs_a_header_when_the_columns_change)
{
    char one[] = "/a";
    char two[] = "/b";
    struct config config = make_config(one, one);
    struct config elsewhere = make_config(one, two);
    struct config crlf = make_config(one, one);
    crlf.log.access_crlf = true;
    struct logs base = {.access_fd = 3, .config = &config, .access_fields = 5};
    struct logs fields = {.access_fd = 3, .config = &config, .access_fields = 7};
    struct logs path = {.access_fd = 3, .config = &elsewhere, .access_fields = 5};
    struct logs newline = {.access_fd = 3, .config = &crlf, .access_fields = 5};
    struct logs none = {.access_fd = -1, .config = &config, .access_fields = 5};
    ck_assert(!logs_differ(&base, &base));
    ck_assert(logs_differ(&base, &fields));
    ck_assert(logs_differ(&base, &path));
    ck_assert(logs_differ(&base, &newline));
    ck_assert(logs_differ(&none, &base));
    ck_assert(!logs_differ(&base, &none));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("logs");
    TCase *tcase = tcase_create("logs");
    tcase_add_checked_fixture(tcase, make_directory, remove_directory);
    tcase_add_test(tcase, opens_files_for_appending_and_for_the_owner);
    tcase_add_test(tcase, reports_what_cannot_be_opened_with_its_place);
    tcase_add_test(tcase, a_fifo_without_a_reader_is_an_error_and_not_a_hang);
    tcase_add_test(tcase, a_new_file_after_a_rotation_begins_with_the_header);
    tcase_add_test(tcase, what_cannot_be_reopened_stays_open);
    tcase_add_test(tcase, a_pipe_on_stdout_never_blocks_and_keeps_its_own_flags);
    tcase_add_test(tcase, knows_the_journal_by_device_and_inode);
    tcase_add_test(tcase, a_daily_log_goes_on_in_a_new_file_at_midnight_utc);
    tcase_add_test(tcase, what_is_not_daily_is_not_rotated);
    tcase_add_test(tcase, only_the_format_of_iis_has_a_header);
    tcase_add_test(tcase, a_reload_needs_a_header_when_the_columns_change);
    suite_add_tcase(suite, tcase);
    return suite;
}
