/* config_env.h - `${NAME}` in the values of a configuration.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_ENV_H
#define PROXY_CONFIG_CONFIG_ENV_H

#include <yaml.h>

#include "base/errors.h"

/* Puts the environment into all values of the document: ${NAME}, and ${NAME:-text} where NAME is
 * unset or empty; $${NAME} stands for ${NAME} itself. NAME is of upper-case letters, digits and _;
 * whatever else begins with a dollar stays as it is, and so do keys. What is put in is text, never
 * YAML. A variable that is not set is an error. */
void config_env_expand(yaml_document_t *document, const char *file, struct error_list *errors);

#endif
