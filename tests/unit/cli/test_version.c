/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "unit/unit.h"

static char said[4096]; /* stdout of the last command */

static int run_version(char *argument)
{
    char command[] = "version";
    char *arguments[] = {command, argument, NULL};
    (void)fflush(stdout);
    int out = dup(1);
    int err = dup(2);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    FILE *captured = tmpfile();
    (void)dup2(fileno(captured), 1);
    (void)dup2(null, 2);
    int status = cli_version(argument == NULL ? 1 : 2, arguments);
    (void)fflush(stdout);
    (void)dup2(out, 1);
    (void)dup2(err, 2);
    rewind(captured);
    said[fread(said, 1, sizeof said - 1, captured)] = '\0';
    (void)fclose(captured);
    (void)close(null);
    (void)close(out);
    (void)close(err);
    return status;
}

/* interface.md 1: version, libraries, build options. */
START_TEST(tells_the_version_the_libraries_and_the_build)
{
    static const char *const lines[] = {"\nopenssl ", "\nlibevent ", "\nlibyaml ",
                                        "\njansson ", "\ncompiler ", "\nbuild "};
    ck_assert_int_eq(run_version(NULL), CLI_OK);
    ck_assert(strncmp(said, "mtls-proxy " MTLS_PROXY_VERSION "\n", 12) == 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        ck_assert_ptr_nonnull(strstr(said, lines[i]));
}
END_TEST

START_TEST(takes_no_arguments)
{
    char help[] = "--help";
    char unknown[] = "--frob";
    char extra[] = "extra";
    ck_assert_int_eq(run_version(help), CLI_OK);
    ck_assert(strncmp(said, "usage: mtls-proxy version", 25) == 0);
    ck_assert_int_eq(run_version(unknown), CLI_USAGE);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(run_version(extra), CLI_USAGE);
    ck_assert_str_eq(said, "");
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("version");
    TCase *tcase = tcase_create("version");
    tcase_add_test(tcase, tells_the_version_the_libraries_and_the_build);
    tcase_add_test(tcase, takes_no_arguments);
    suite_add_tcase(suite, tcase);
    return suite;
}
