/* config_decode.h - reads a YAML document into structs by the rows of a schema.
 *
 * Every problem is reported with line, column and the full path of the key; decoding goes on after
 * it. Texts are not copied: they live in the document, which lives as long as the configuration.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_DECODE_H
#define PROXY_CONFIG_CONFIG_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/errors.h"
#include "base/str.h"
#include "config/config.h"
#include "config/config_schema.h"

#define CONFIG_ERRORS_MAX 1000

struct config_reader {
    struct config *config;     /* being filled */
    yaml_document_t *document; /* borrowed */
    struct arena *arena;       /* borrowed; as long-lived as the configuration */
    struct error_list *errors; /* borrowed */
    struct str folder;         /* of the file, with its slash; empty: none */
    size_t visits;             /* nodes looked at; an alias is looked at again and again */
    size_t visits_max;
    int error_count;
};

struct config_cursor { /* a node and the way to it */
    struct config_reader *reader;
    const struct config_cursor *parent; /* NULL: the whole file */
    struct str key;                     /* name in the parent; ptr NULL: an item of a list */
    size_t index;                       /* of the item */
    yaml_node_t *node;
};

/* Decodes the whole document; the schema's struct is reader->config. */
void config_decode(struct config_reader *reader);
/* Fills in the defaults of a table, tables inside it included; marks point to the cursor. */
void config_decode_defaults(const struct config_cursor *at, const struct config_table *table,
                            void *base);
/* Decodes a mapping over what base holds; keys not given stay as they are. */
void config_decode_table(const struct config_cursor *at, const struct config_table *table,
                         void *base);
/* The node given for a key of a mapping, or NULL. */
yaml_node_t *config_decode_find(const struct config_cursor *at, const char *key);
/* False once the limit of visits is passed (reported once): stop. */
MUST_USE bool config_decode_visit(const struct config_cursor *at);

/* The text of a scalar node. */
struct str config_cursor_text(const struct config_cursor *at);
/* A scalar without quotes. */
bool config_cursor_is_plain(const struct config_cursor *at);
/* Nothing, `null` or `~` without quotes. */
bool config_cursor_is_null(const struct config_cursor *at);
struct mark config_cursor_mark(const struct config_cursor *at);
/* "path.to.key: message" at the cursor's place. */
void config_decode_error(const struct config_cursor *at, const char *fmt, ...) PRINTF(2, 3);
/* The same with the mark of something else; unknown marks give the cursor's. */
void config_decode_error_at(const struct config_cursor *at, struct mark mark, const char *fmt, ...)
    PRINTF(3, 4);
void config_decode_warn(const struct config_cursor *at, const char *fmt, ...) PRINTF(2, 3);
/* A copy as long-lived as the configuration. */
char *config_decode_copy(const struct config_cursor *at, struct str text);
/* The path as the program opens it: joined to the folder of the file unless absolute. */
char *config_decode_path(const struct config_cursor *at, struct str path);

#endif
