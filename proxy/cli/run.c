/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/usage.h"
#include "process/master.h"

static const char USAGE[] =
    "usage: mtls-proxy run [-c FILE] [--keylog FILE]\n"
    "\n"
    "Serves in the foreground until SIGTERM, SIGQUIT or SIGINT; a second one stops at once.\n"
    "SIGHUP loads the configuration again, SIGUSR1 reopens the log files, SIGUSR2 starts the\n"
    "program file as it is now, which takes over without a connection lost.\n"
    "\n"
    "  -c, --config FILE  the configuration (default: ./proxy.yaml, else\n"
    "                     /etc/mtls-proxy/proxy.yaml); - is the standard input\n"
    "  --keylog FILE      write the secrets of every TLS connection to FILE, for debugging with\n"
    "                     Wireshark: whoever reads it reads all traffic\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 stopped as asked, 1 configuration or run-time failure, 2 usage,\n"
    "3 an address cannot be bound.\n";

/* For the owner alone, and never silently. */
static int open_keylog(const char *name)
{
    int fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        (void)fprintf(stderr, "mtls-proxy run: %s: %s\n", name, strerrordesc_np(errno));
        return -1;
    }
    log_warn("run.keylog",
             "file=\"%s\" reason=\"the secrets of every TLS connection are written "
             "there: whoever reads it reads all traffic\"",
             name);
    return fd;
}

/* The file that this program was started from, so that an upgrade finds what is there then; the
 * caller frees it. */
static char *program_path(void)
{
    char link[PATH_MAX];
    const char *name = program_invocation_name;
    if (name[0] == '/')
        return xstrdup(name);
    if (strchr(name, '/') != NULL) {
        char *folder = getcwd(NULL, 0);
        char *path = xasprintf("%s/%s", folder == NULL ? "." : folder, name);
        free(folder);
        return path;
    }
    ssize_t len = readlink("/proc/self/exe", link, sizeof link);
    return len > 0 && (size_t)len < sizeof link ? xstrndup(link, (size_t)len) : xstrdup(name);
}

/* As we were started: the name of the program before the command and its arguments. */
static int serve(const char *config_file, int keylog_fd, int argc, char *const *argv)
{
    char *program = program_path();
    char **arguments = xcalloc((size_t)argc + 2, sizeof *arguments);
    arguments[0] = program_invocation_name;
    memcpy(arguments + 1, argv, (size_t)argc * sizeof *arguments);
    int status = master_run(config_file, keylog_fd, program, arguments);
    free(arguments);
    free(program);
    return status;
}

int cli_run(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'},
        {"keylog", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *config_file = NULL;
    const char *keylog = NULL;
    int option;
    optind = 0; /* getopt(3): the dispatcher may have scanned an argv of its own */
    while ((option = getopt_long(argc, argv, ":c:h", OPTIONS, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'k') {
            keylog = optarg;
            continue;
        }
        if (option != 'c')
            return usage_refuse_option("run", option, argv);
        config_file = optarg;
    }
    if (optind < argc)
        return usage_refuse("run", "unexpected argument", argv[optind]);
    if (config_file == NULL && (config_file = load_default_file("run")) == NULL)
        return CLI_FAILED;
    int error = strcmp(config_file, "-") == 0 ? load_keep_stdin() : 0;
    if (error < 0) {
        (void)fprintf(stderr, "mtls-proxy run: the standard input: %s\n", strerrordesc_np(-error));
        return CLI_FAILED;
    }
    int keylog_fd = keylog == NULL ? 0 : open_keylog(keylog);
    if (keylog_fd < 0)
        return EXIT_FAILURE;
    return serve(config_file, keylog_fd, argc, argv);
}
