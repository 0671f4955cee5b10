/* schema_json.h - the rows of the configuration as a JSON schema, for editors.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_SCHEMA_JSON_H
#define PROXY_CLI_SCHEMA_JSON_H

#include <jansson.h>

/* Draft 7, which editors know best. What the program accepts the schema accepts; the other way
 * round there are rules between keys that only `check` knows. The caller owns the object. */
json_t *schema_json(void);

#endif
