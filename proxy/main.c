/* mtls-proxy: picks the sub-command.
 *
 * SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "config/config_scalar.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
    const char *option; /* a spelling without a command; NULL: none */
} commands[] = {
    {"run", cli_run, "serve in the foreground", NULL},
    {"check", cli_check, "load everything and report every problem", "-t"},
    {"explain", cli_explain, "judge a certificate and say why", NULL},
    {"echo", cli_echo, "answer every request with what was received", NULL},
    {"init", cli_init, "make a throwaway PKI and a starter configuration", NULL},
    {"pki", cli_pki, "add certificates and revocation lists to what init made", NULL},
    {"schema", cli_schema, "print every key of the configuration, for editors", NULL},
    {"version", cli_version, "print the version, libraries and build options", "-V"},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_usage(FILE *stream)
{
    (void)fputs("usage: mtls-proxy COMMAND [ARGUMENT]...\n"
                "\n"
                "A reverse proxy that judges client certificates as IIS does, and says why.\n"
                "\n",
                stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(stream, "  %-8s %s", commands[i].name, commands[i].summary);
        (void)fprintf(stream, commands[i].option == NULL ? "\n" : " (also %s)\n",
                      commands[i].option);
    }
    (void)fputs("\nmtls-proxy COMMAND --help tells more.\n", stream);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *option = commands[i].option;
        if (strcmp(name, commands[i].name) == 0 || (option != NULL && strcmp(name, option) == 0))
            return &commands[i];
    }
    return NULL;
}

static int refuse(const char *name)
{
    struct config_near near = {0};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        config_near_offer(&near, str_of(name), commands[i].name);
    (void)fprintf(stderr, "mtls-proxy: unknown command '%s'", name);
    if (near.text != NULL)
        (void)fprintf(stderr, ", did you mean '%s'?", near.text);
    (void)fputs(" (mtls-proxy --help tells more)\n", stderr);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return CLI_OK;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "-V" : argv[1];
    const struct command *command = find_command(name);
    return command == NULL ? refuse(argv[1]) : command->run(argc - 1, argv + 1);
}
