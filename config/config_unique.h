/* config_unique.h - what may stand in a list only once, because it is the key of a collection in
 * IIS (its schema marks the attributes isUniqueKey or isCombinedKey) or would be read by nobody.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_UNIQUE_H
#define PROXY_CONFIG_CONFIG_UNIQUE_H

#include "base/errors.h"
#include "config/config.h"

/* Adds an error for each entry that repeats an earlier one, with both places. Names of sites,
 * bindings, hosts, mappings, accounts, locations and error pages are looked at where they are
 * read. Bounded: at most 1000 errors. */
void config_unique_check(const struct config *config, struct error_list *errors);

#endif
