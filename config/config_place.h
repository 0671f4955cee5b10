/* config_place.h - from the place of a problem back to the path of its key.
 *
 * Whoever builds something from a configuration knows a value's line and column, not the way to it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_PLACE_H
#define PROXY_CONFIG_CONFIG_PLACE_H

#include <stddef.h>

#include "base/errors.h"
#include "config/config.h"

/* Puts the path of the key ("sites[0].trust.root[1]: ") before the text of the entries from
 * `first` on that have a place in the configuration's file and do not begin with it. One pass over
 * the document, and none when there is no such entry. */
void config_place_errors(const struct config *config, struct error_list *errors, size_t first);

#endif
