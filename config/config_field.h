/* config_field.h - one row of the schema: from a node, or from the default, into a field.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_FIELD_H
#define PROXY_CONFIG_CONFIG_FIELD_H

#include "config/config_decode.h"
#include "config/config_schema.h"

/* Decodes the cursor's node as the key says into the struct at base. */
void config_field_decode(const struct config_cursor *at, const struct config_key *key, void *base);
/* Stores the row's default; texts and lists without one get the cursor's mark. A default that its
 * own row refuses is a bug. */
void config_field_default(const struct config_cursor *at, const struct config_key *key,
                          void *field);

#endif
