/* load.h - a configuration, loaded for a sub-command.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_LOAD_H
#define PROXY_CLI_LOAD_H

#include "base/attr.h"
#include "base/str.h"
#include "engine/snapshot_load.h"

/* The file to use when none is given: ./proxy.yaml, else /etc/mtls-proxy/proxy.yaml. NULL when
 * there is neither; stderr says so, and what to do. */
const char *load_default_file(const char *command);

/* Puts what can be read from the standard input in its place, so that it can be read again, and
 * again at a reload. 0 or a negative errno. */
MUST_USE int load_keep_stdin(void);

/* A change to the configuration before anything is built from it; may be NULL. */
typedef void (*load_change_fn)(struct config *config, void *arg);
/* What decides about clients (snapshot_new_to_judge). Errors and warnings go to stderr, one a line;
 * NULL when there were errors. */
struct snapshot *load_to_judge(const char *file, load_change_fn change, void *arg);
/* The same of a configuration in memory that no file has: messages go without a place. */
struct snapshot *load_text_to_judge(struct str yaml, load_change_fn change, void *arg);
/* Loads everything that `run` would load, with its errors and warnings on stderr. */
struct snapshot *load_snapshot(const char *file);
/* Prints the list on stderr, one a line, and clears it. */
void load_print(struct error_list *errors);

#endif
