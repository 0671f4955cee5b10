/* config_check.h - rules across sites: what no single site can know.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_CHECK_H
#define PROXY_CONFIG_CONFIG_CHECK_H

#include "base/errors.h"
#include "config/config.h"

/* Names, bindings, hosts and references to upstreams. Also for a configuration that already has
 * errors: fields may be missing. */
void config_check(const struct config *config, struct error_list *errors);

#endif
