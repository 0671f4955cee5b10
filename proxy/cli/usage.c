/* SPDX-License-Identifier: MIT */
#include "cli/usage.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int usage_refuse(const char *command, const char *problem, const char *what)
{
    (void)fprintf(stderr, "mtls-proxy %s: %s%s%s (mtls-proxy %s --help tells more)\n", command,
                  problem, what == NULL ? "" : " ", what == NULL ? "" : what, command);
    return CLI_USAGE;
}

int usage_refuse_option(const char *command, int result, char *const *argv)
{
    const char *word = argv[optind - 1];
    char letter[] = {'-', (char)optopt, '\0'};
    /* Of several letters in one word only the value tells which; a long one is the word itself. */
    bool is_long = strncmp(word, "--", 2) == 0;
    return usage_refuse(command, result == ':' ? "a value is missing for" : "cannot use the option",
                        is_long ? word : letter);
}
