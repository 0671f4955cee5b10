/* Numbers, names and how many are kept.
 *
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "trace/trace_folder.h"
#include "unit/unit.h"

static char *base;
static char *path;
static struct trace_folder folder;

static void setup(void)
{
    base = xstrdup("/tmp/trace-folder-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    path = xasprintf("%s/traces", base);
    folder = TRACE_FOLDER_INIT(path, 3);
    ck_assert_int_eq(trace_folder_open(&folder, (uid_t)-1, (gid_t)-1), 0);
}

static bool exists(const char *name)
{
    char *file = xasprintf("%s/%s", path, name);
    bool found = access(file, F_OK) == 0;
    free(file);
    return found;
}

static void make(const char *name)
{
    char *file = xasprintf("%s/%s", path, name);
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    free(file);
}

static size_t count(void)
{
    size_t found = 0;
    DIR *entries = opendir(path);
    for (const struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;)
        found += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (entries != NULL)
        (void)closedir(entries);
    return found;
}

static void teardown(void)
{
    DIR *entries = opendir(path);
    for (const struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;)
        (void)unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries != NULL)
        (void)closedir(entries);
    trace_folder_close(&folder);
    (void)rmdir(path);
    (void)rmdir(base);
    free(path);
    free(base);
}

START_TEST(both_files_have_one_number_and_the_oldest_go)
{
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(trace_folder_write(&folder, STR("<a/>"), STR("<p>")), 0);
    ck_assert(!exists("fr000002.xml") && !exists("fr000002.html"));
    ck_assert(exists("fr000003.xml") && exists("fr000003.html"));
    ck_assert(exists("fr000005.xml") && exists("fr000005.html"));
    ck_assert_uint_eq(count(), 6);
}
END_TEST

START_TEST(numbers_go_on_after_what_is_there)
{
    make("fr000041.xml");
    make("fr000040.html");
    make("fr000009.xml");      /* too old by now */
    make("fr1234567.txt");     /* not ours */
    make("fr99.xml");          /* nor this */
    make("freb.xsl");          /* nor this */
    make(".fr-999999999.xml"); /* of a process that was killed */
    trace_folder_close(&folder);
    ck_assert_int_eq(trace_folder_open(&folder, (uid_t)-1, (gid_t)-1), 0);
    ck_assert(!exists("fr000009.xml") && !exists(".fr-999999999.xml"));
    ck_assert_int_eq(trace_folder_write(&folder, STR("<a/>"), (struct str){NULL, 0}), 0);
    ck_assert(exists("fr000042.xml") && !exists("fr000042.html"));
    ck_assert(exists("fr1234567.txt") && exists("fr99.xml") && exists("freb.xsl"));
}
END_TEST

START_TEST(a_number_that_another_process_took_is_passed_over)
{
    make("fr000001.xml");
    make("fr000002.html");
    ck_assert_int_eq(trace_folder_write(&folder, STR("<a/>"), STR("<p>")), 0);
    ck_assert(exists("fr000003.xml") && exists("fr000003.html"));
    ck_assert(!exists("fr000001.html") && !exists("fr000002.xml"));
}
END_TEST

START_TEST(numbers_have_more_than_six_digits_in_the_end)
{
    make("fr999999.xml");
    trace_folder_close(&folder);
    ck_assert_int_eq(trace_folder_write(&folder, STR("<a/>"), STR("")), 0);
    ck_assert(exists("fr1000000.xml"));
}
END_TEST

START_TEST(a_folder_that_is_gone_is_made_again)
{
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(trace_folder_write(&folder, STR("<a/>"), STR("<p>")), 0);
    ck_assert(exists("fr000001.xml"));
}
END_TEST

START_TEST(a_file_in_the_way_is_an_error_until_it_is_gone)
{
    trace_folder_close(&folder);
    ck_assert_int_eq(rmdir(path), 0);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(trace_folder_write(&folder, STR("<a/>"), STR("<p>")), -ENOTDIR);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(trace_folder_write(&folder, STR("<a/>"), STR("<p>")), 0);
    ck_assert(exists("fr000001.xml"));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trace_folder");
    TCase *tcase = tcase_create("folder");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, both_files_have_one_number_and_the_oldest_go);
    tcase_add_test(tcase, numbers_go_on_after_what_is_there);
    tcase_add_test(tcase, a_number_that_another_process_took_is_passed_over);
    tcase_add_test(tcase, numbers_have_more_than_six_digits_in_the_end);
    tcase_add_test(tcase, a_folder_that_is_gone_is_made_again);
    tcase_add_test(tcase, a_file_in_the_way_is_an_error_until_it_is_gone);
    suite_add_tcase(suite, tcase);
    return suite;
}
