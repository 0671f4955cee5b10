/* load.h - a configuration, loaded for a sub-command.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_LOAD_H
#define PROXY_CLI_LOAD_H

#include "core/snapshot.h"

/* The file to use when none is given: ./proxy.yaml, else /etc/mtls-proxy/proxy.yaml. */
const char *load_default_file(void);

/* A change to the configuration before anything is built from it; may be NULL. */
typedef void (*load_change_fn)(struct config *config, void *arg);
/* Loads everything that `run` would load. Errors and warnings go to stderr, one a line; NULL when
 * there were errors. */
struct snapshot *load_snapshot(const char *file, load_change_fn change, void *arg);

#endif
