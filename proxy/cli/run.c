/* SPDX-License-Identifier: MIT */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "process/master.h"

#define EXIT_USAGE 2

static const char USAGE[] =
    "usage: mtls-proxy run [-c FILE] [--keylog FILE]\n"
    "\n"
    "Serves in the foreground until SIGTERM, SIGQUIT or SIGINT; a second one stops at once.\n"
    "SIGHUP loads the configuration again, SIGUSR1 reopens the log files.\n"
    "\n"
    "  -c, --config FILE  the configuration (default: ./proxy.yaml, else\n"
    "                     /etc/mtls-proxy/proxy.yaml)\n"
    "  --keylog FILE      write the secrets of every TLS connection to FILE, for debugging with\n"
    "                     Wireshark: whoever reads it reads all traffic\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 stopped as asked, 1 configuration or run-time failure, 2 usage,\n"
    "3 an address cannot be bound.\n";

static const char *default_config(void)
{
    static const char HERE[] = "./proxy.yaml";
    return access(HERE, F_OK) == 0 ? HERE : "/etc/mtls-proxy/proxy.yaml";
}

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
    while ((option = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'k') {
            keylog = optarg;
            continue;
        }
        if (option != 'c') {
            (void)fputs(USAGE, stderr);
            return EXIT_USAGE;
        }
        config_file = optarg;
    }
    if (optind < argc) {
        (void)fprintf(stderr, "mtls-proxy run: unexpected argument: %s\n%s", argv[optind], USAGE);
        return EXIT_USAGE;
    }
    int keylog_fd = keylog == NULL ? 0 : open_keylog(keylog);
    if (keylog_fd < 0)
        return EXIT_FAILURE;
    return master_run(config_file == NULL ? default_config() : config_file, keylog_fd);
}
