/* config_private.h - the document behind a configuration, for the other files of this folder.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_PRIVATE_H
#define PROXY_CONFIG_CONFIG_PRIVATE_H

#include <yaml.h>

#include "config/config.h"

/* Borrowed; NULL for a configuration that was not loaded from YAML. */
yaml_document_t *config_document(const struct config *config);

#endif
