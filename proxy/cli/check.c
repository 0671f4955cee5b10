/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/usage.h"
#include "engine/snapshot_load.h"
#include "process/preflight.h"

static const char USAGE[] =
    "usage: mtls-proxy check [-c FILE]\n"
    "\n"
    "Loads everything that `run` would load - configuration, certificates, keys, stores, CRLs,\n"
    "mappings - and reports every problem on stderr. Binds and writes nothing.\n"
    "\n"
    "  -c, --config FILE  the configuration (default ./proxy.yaml, else\n"
    "                     /etc/mtls-proxy/proxy.yaml); - is the standard input\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 when there are no errors (warnings may be), 1 otherwise.\n";

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *file = NULL;
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(USAGE, stdout);
            return CLI_OK;
        }
        if (option != 'c')
            return usage_refuse_option("check", option, argv);
        file = optarg;
    }
    if (optind < argc)
        return usage_refuse("check", "unexpected argument", argv[optind]);
    if (file == NULL && (file = load_default_file("check")) == NULL)
        return CLI_FAILED;
    struct snapshot *snapshot = load_snapshot(file);
    if (snapshot == NULL)
        return CLI_FAILED;
    struct error_list errors = {0};
    preflight_check(snapshot, &errors);
    bool is_ok = errors.errors == 0;
    load_print(&errors);
    if (is_ok)
        (void)printf("%s: ok\n", snapshot->config->file);
    snapshot_free(snapshot);
    return is_ok ? CLI_OK : CLI_FAILED;
}
