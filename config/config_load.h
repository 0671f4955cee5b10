/* config_load.h - reads a YAML configuration into a struct config.
 *
 * Table-driven over a libyaml document; every problem is reported with its line and column, not
 * just the first. Format: interface.md 3.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_LOAD_H
#define PROXY_CONFIG_CONFIG_LOAD_H

#include <stddef.h>

#include "base/errors.h"
#include "config/config.h"

/* Reads the file; "-" is the standard input, from its start where it has one. NULL when errors were
 * added to the list; warnings alone still give a configuration. The caller owns it: config_free.
 * Errors and warnings copy what they need. */
struct config *config_load(const char *file, struct error_list *errors);
/* The same from memory; `file` is for messages and for the folder relative paths start from. */
struct config *config_parse(const char *file, const char *bytes, size_t len,
                            struct error_list *errors);
/* NULL is allowed. */
void config_free(struct config *config);

#endif
