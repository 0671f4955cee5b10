/* Whether a file could be written, without writing it.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/path_problem.h"
#include "unit/unit.h"

static char folder[] = "/tmp/path_problem.XXXXXX";

static void set_up(void)
{
    memcpy(strrchr(folder, '.'), ".XXXXXX", 8);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void tear_down(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(nothing_is_made_and_every_obstacle_has_its_errno)
{
    ck_assert_int_eq(path_problem_append("new.log"), 0);
    ck_assert_int_eq(path_problem_replace("new.pid"), 0);
    ck_assert_int_eq(path_problem_append("none/new.log"), -ENOENT);
    ck_assert_int_eq(path_problem_replace("none/new.pid"), -ENOENT);
    ck_assert_int_eq(path_problem_append("."), -EISDIR);
    ck_assert_int_eq(path_problem_replace("."), -EISDIR);
    ck_assert_int_eq(path_problem_append("/etc/passwd/x"), -ENOTDIR);
    ck_assert_int_eq(path_problem_replace("/etc/passwd/x"), -ENOTDIR);
    ck_assert_int_eq(mkfifo("pipe", 0600), 0);
    ck_assert_int_eq(path_problem_append("pipe"), -ENXIO);
    ck_assert_int_eq(unlink("pipe"), 0);
}
END_TEST

START_TEST(every_errno_has_a_remedy)
{
    static const struct {
        const char *path;
        int error;
        const char *part;
    } cases[] = {
        {"none/x", -ENOENT, "make the folder \"none\""},
        {"/none/x", -ENOENT, "\"/none\""},
        {"/x", -EACCES, "the folder \"/\""},
        {"x", -EACCES, "the folder \".\""},
        {"x/y", -ENOTDIR, "\"x\" is no folder"},
        {"x", -EISDIR, "name a file"},
        {"x", -EROFS, "elsewhere"},
        {"x", -EIO, "error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text text = {0};
        path_problem_add(&text, cases[i].path, cases[i].error);
        ck_assert_msg(strstr(text.ptr, cases[i].part) != NULL, "%s", text.ptr);
        text_clear(&text);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("path_problem");
    TCase *tests = tcase_create("path_problem");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, nothing_is_made_and_every_obstacle_has_its_errno);
    tcase_add_test(tests, every_errno_has_a_remedy);
    suite_add_tcase(suite, tests);
    return suite;
}
