/* config_location.h - the locations of a site: paths, inheritance, order.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_LOCATION_H
#define PROXY_CONFIG_CONFIG_LOCATION_H

#include <stdbool.h>

#include "config/config_decode.h"

/* What follows from other keys where it is not given: anonymous (interface.md 3.1). */
void config_location_defaults(struct config_access *access, const struct config_site *site,
                              bool anonymous_given);
/* Decodes `locations` of the site at the cursor; the site itself is complete by then. */
void config_locations_decode(const struct config_cursor *at, struct config_site *site,
                             bool anonymous_given);

/* What is wrong with a path that is to be compared with canonical paths; NULL: nothing. */
const char *config_location_check_path(struct str path);

#endif
