/* SPDX-License-Identifier: MIT */
#include "cli/run.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "process/master.h"

#define EXIT_USAGE 2

static const char USAGE[] =
    "usage: mtls-proxy run [-c FILE]\n"
    "\n"
    "Serves in the foreground until SIGTERM, SIGQUIT or SIGINT; a second one stops at once.\n"
    "SIGHUP loads the configuration again, SIGUSR1 reopens the log files.\n"
    "\n"
    "  -c, --config FILE  the configuration (default: ./proxy.yaml, else\n"
    "                     /etc/mtls-proxy/proxy.yaml)\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 stopped as asked, 1 configuration or run-time failure, 2 usage,\n"
    "3 an address cannot be bound.\n";

static const char *default_config(void)
{
    static const char HERE[] = "./proxy.yaml";
    return access(HERE, F_OK) == 0 ? HERE : "/etc/mtls-proxy/proxy.yaml";
}

int cli_run(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *config_file = NULL;
    int option;
    optind = 0; /* getopt(3): the dispatcher may have scanned an argv of its own */
    while ((option = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(USAGE, stdout);
            return EXIT_SUCCESS;
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
    return master_run(config_file == NULL ? default_config() : config_file);
}
