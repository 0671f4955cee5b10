/* config_yaml.h - bytes to a YAML document, with guards against hostile or careless files.
 *
 * libyaml builds the document; a first pass over its events refuses what would make the second
 * one slow or ambiguous: a second document, deep nesting, tags, and more anchors or aliases than a
 * configuration needs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_YAML_H
#define PROXY_CONFIG_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

#include "base/attr.h"
#include "base/errors.h"
#include "base/str.h"

#define CONFIG_FILE_MAX    ((size_t)16 << 20)
#define CONFIG_DEPTH_MAX   32
#define CONFIG_ANCHORS_MAX 1000
#define CONFIG_ALIASES_MAX 10000

/* False when an error was added; then there is nothing to delete. On success the caller owns the
 * document, whose root is a node of any kind. */
MUST_USE bool config_yaml_load(const char *file, struct str bytes, struct error_list *errors,
                               yaml_document_t *ret_document);
/* libyaml counts from 0, people from 1. */
struct mark config_yaml_mark(const char *file, yaml_mark_t mark);

#endif
