/* SPDX-License-Identifier: MIT */
#include "cli/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config_load.h"

const char *load_default_file(void)
{
    return access("proxy.yaml", F_OK) == 0 ? "proxy.yaml" : "/etc/mtls-proxy/proxy.yaml";
}

static void print_errors(struct error_list *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        char *line = error_format(&errors->entries[i]);
        (void)fprintf(stderr, "%s\n", line);
        free(line);
    }
    errors_clear(errors);
}

struct snapshot *load_snapshot(const char *file, load_change_fn change, void *arg)
{
    struct error_list errors = {0};
    struct config *config = config_load(file, &errors);
    if (config == NULL) {
        print_errors(&errors);
        return NULL;
    }
    if (change != NULL)
        change(config, arg);
    struct snapshot *snapshot = snapshot_new(config, NULL, &errors);
    print_errors(&errors);
    return snapshot;
}
