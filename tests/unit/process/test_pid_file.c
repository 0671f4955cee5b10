/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "process/pid_file.h"
#include "unit/unit.h"

static char directory[] = "/tmp/pid-test-XXXXXX";
static char *path;

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    path = xasprintf("%s/pid", directory);
}

static void tear_down(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing was left beside it */
    free(path);
}

static void put(const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    (void)fclose(file);
}

START_TEST(holds_the_number_and_goes_at_the_end)
{
    char text[32] = {0};
    char expected[32];
    put("stale\n");
    ck_assert_int_eq(pid_file_write(path), 0);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    (void)fclose(file);
    (void)snprintf(expected, sizeof expected, "%d\n", (int)getpid());
    ck_assert_str_eq(text, expected);
    pid_file_remove(path);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(leaves_the_file_of_a_successor_alone)
{
    static const char *const OTHERS[] = {"1\n", "", "\n", "12", "-1\n", "garbage\n"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        put(OTHERS[i]);
        pid_file_remove(path);
        ck_assert_int_eq(access(path, F_OK), 0);
    }
}
END_TEST

START_TEST(reports_a_folder_that_is_not_there)
{
    ck_assert_int_eq(pid_file_write("/nonexistent/folder/pid"), -ENOENT);
    pid_file_remove("/nonexistent/folder/pid");
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("pid_file");
    TCase *tcase = tcase_create("pid_file");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, holds_the_number_and_goes_at_the_end);
    tcase_add_test(tcase, leaves_the_file_of_a_successor_alone);
    tcase_add_test(tcase, reports_a_folder_that_is_not_there);
    suite_add_tcase(suite, tcase);
    return suite;
}
