/* SPDX-License-Identifier: MIT */
#include "config/config_decode.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_field.h"
#include "config/config_inline.h"
#include "config/config_scalar.h"
#include "config/config_yaml.h"

struct mark config_cursor_mark(const struct config_cursor *at)
{
    return config_yaml_mark(at->reader->config->file, at->node->start_mark);
}

struct str config_cursor_text(const struct config_cursor *at)
{
    return str_make((const char *)at->node->data.scalar.value, at->node->data.scalar.length);
}

bool config_cursor_is_plain(const struct config_cursor *at)
{
    return at->node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool config_cursor_is_null(const struct config_cursor *at)
{
    if (at->node->type != YAML_SCALAR_NODE || !config_cursor_is_plain(at))
        return false;
    struct str text = config_cursor_text(at);
    return text.len == 0 || str_equal(text, STR("~")) || str_equal(text, STR("null"));
}

static void add_path(struct text *text, const struct config_cursor *at)
{
    const struct config_cursor *way[CONFIG_SCHEMA_DEPTH * 2];
    size_t depth = 0;
    for (; at->parent != NULL && depth < sizeof way / sizeof way[0]; at = at->parent)
        way[depth++] = at;
    while (depth > 0) {
        at = way[--depth];
        if (at->key.ptr == NULL) {
            text_addf(text, "[%zu]", at->index);
            continue;
        }
        if (text->len > 0)
            text_add_char(text, '.');
        for (size_t i = 0; i < at->key.len && i < 64; i++) {
            unsigned char c = (unsigned char)at->key.ptr[i];
            text_add_char(text, c < 0x20 || c > 0x7e ? '?' : (char)c);
        }
    }
}

static char *message(const struct config_cursor *at, const char *fmt, va_list args) PRINTF(2, 0);

static char *message(const struct config_cursor *at, const char *fmt, va_list args)
{
    struct text text = {0};
    add_path(&text, at);
    if (text.len > 0)
        text_add_cstr(&text, ": ");
    char *tail = NULL;
    if (vasprintf(&tail, fmt, args) >= 0)
        text_add_cstr(&text, tail);
    free(tail);
    return text_take(&text);
}

/* A file that is no configuration at all would otherwise give an error for every line of it. */
static bool is_enough(const struct config_cursor *at)
{
    struct config_reader *reader = at->reader;
    if (reader->error_count > CONFIG_ERRORS_MAX)
        return true;
    if (++reader->error_count <= CONFIG_ERRORS_MAX)
        return false;
    errors_add(reader->errors, config_cursor_mark(at), "more than %d errors; the rest is not shown",
               CONFIG_ERRORS_MAX);
    reader->visits = reader->visits_max + 1;
    return true;
}

void config_decode_error(const struct config_cursor *at, const char *fmt, ...)
{
    if (is_enough(at))
        return;
    va_list args;
    va_start(args, fmt);
    char *text = message(at, fmt, args);
    va_end(args);
    errors_add(at->reader->errors, config_cursor_mark(at), "%s", text);
    free(text);
}

void config_decode_error_at(const struct config_cursor *at, struct mark mark, const char *fmt, ...)
{
    if (is_enough(at))
        return;
    va_list args;
    va_start(args, fmt);
    char *text = message(at, fmt, args);
    va_end(args);
    errors_add(at->reader->errors, mark.line == 0 ? config_cursor_mark(at) : mark, "%s", text);
    free(text);
}

void config_decode_warn(const struct config_cursor *at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = message(at, fmt, args);
    va_end(args);
    errors_warn(at->reader->errors, config_cursor_mark(at), "%s", text);
    free(text);
}

bool config_decode_visit(const struct config_cursor *at)
{
    struct config_reader *reader = at->reader;
    if (reader->visits > reader->visits_max)
        return false;
    if (++reader->visits <= reader->visits_max)
        return true;
    config_decode_error(at, "YAML aliases repeat too much of the file");
    return false;
}

char *config_decode_copy(const struct config_cursor *at, struct str text)
{
    char *copy = arena_alloc(at->reader->arena, text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

char *config_decode_path(const struct config_cursor *at, struct str path)
{
    struct str folder = at->reader->folder;
    if (folder.len == 0 || str_starts_with(path, STR("/")))
        return config_decode_copy(at, path);
    char *joined = arena_alloc(at->reader->arena, folder.len + path.len + 1);
    memcpy(joined, folder.ptr, folder.len);
    memcpy(joined + folder.len, path.ptr, path.len);
    joined[folder.len + path.len] = '\0';
    return joined;
}

void config_decode_defaults(const struct config_cursor *at, const struct config_table *table,
                            void *base)
{
    for (size_t i = 0; i < table->key_count; i++) {
        const struct config_key *key = &table->keys[i];
        void *field = (char *)base + key->offset;
        if (key->type == CONFIG_TABLE)
            config_decode_defaults(at, key->table, field);
        else if (key->size > 0)
            config_field_default(at, key, field);
    }
    if (table->prepare != NULL)
        table->prepare(at, base);
}

static struct str node_text(const yaml_node_t *node)
{
    return str_make((const char *)node->data.scalar.value, node->data.scalar.length);
}

yaml_node_t *config_decode_find(const struct config_cursor *at, const char *key)
{
    if (at->node->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = at->node->data.mapping.pairs.start;
         pair < at->node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(at->reader->document, pair->key);
        if (name->type == YAML_SCALAR_NODE && str_equal(node_text(name), str_of(key)))
            return yaml_document_get_node(at->reader->document, pair->value);
    }
    return NULL;
}

/* A cursor on a pair's key; false when the key is not a text or the limit is reached. */
static bool open_key(const struct config_cursor *at, const yaml_node_pair_t *pair,
                     struct config_cursor *ret_key)
{
    struct config_cursor key = {.reader = at->reader, .parent = at, .key = STR("?")};
    key.node = yaml_document_get_node(at->reader->document, pair->key);
    if (!config_decode_visit(&key))
        return false;
    if (key.node->type != YAML_SCALAR_NODE) {
        config_decode_error(&key, "a key must be a text");
        return false;
    }
    key.key = config_cursor_text(&key);
    *ret_key = key;
    return true;
}

struct elsewhere {
    struct str name;
    char path[CONFIG_SCHEMA_PATH_MAX]; /* empty: not found */
};

static void find_elsewhere(const char *path, const struct config_key *key, void *context)
{
    struct elsewhere *found = context;
    if (found->path[0] == '\0' && str_equal(found->name, str_of(key->name)))
        (void)snprintf(found->path, sizeof found->path, "%s", path);
}

static void report_unknown(const struct config_cursor *key, const struct config_table *table)
{
    if (str_equal(key->key, STR("<<"))) {
        config_decode_error(key, "merge keys are not used; an alias may stand for a whole value");
        return;
    }
    struct config_near near = {0};
    for (size_t i = 0; i < table->key_count; i++)
        config_near_offer(&near, key->key, table->keys[i].name);
    if (near.text != NULL) {
        config_decode_error(key, "unknown key; did you mean `%s`?", near.text);
        return;
    }
    struct elsewhere found = {.name = key->key};
    config_schema_walk(find_elsewhere, &found);
    if (found.path[0] != '\0')
        config_decode_error(key, "unknown key here; it is known as `%s`", found.path);
    else
        config_decode_error(key, "unknown key");
}

static size_t find_row(const struct config_table *table, struct str name)
{
    size_t i = 0;
    while (i < table->key_count && !str_equal(name, str_of(table->keys[i].name)))
        i++;
    return i;
}

/* Finds what is given for each row; duplicates and unknown keys are reported. */
static void collect(const struct config_cursor *at, const struct config_table *table,
                    yaml_node_t *ret_given[CONFIG_TABLE_KEYS_MAX])
{
    unsigned lines[CONFIG_TABLE_KEYS_MAX] = {0};
    for (yaml_node_pair_t *pair = at->node->data.mapping.pairs.start;
         pair < at->node->data.mapping.pairs.top; pair++) {
        struct config_cursor key;
        if (!open_key(at, pair, &key))
            continue;
        size_t row = find_row(table, key.key);
        if (row == table->key_count) {
            report_unknown(&key, table);
        } else if (ret_given[row] != NULL) {
            config_decode_error(&key, "duplicate key, first given at line %u", lines[row]);
        } else {
            ret_given[row] = yaml_document_get_node(at->reader->document, pair->value);
            lines[row] = config_cursor_mark(&key).line;
        }
    }
}

void config_decode_table(const struct config_cursor *at, const struct config_table *table,
                         void *base)
{
    assert(table->key_count <= CONFIG_TABLE_KEYS_MAX);
    if (at->node->type != YAML_MAPPING_NODE) {
        config_decode_error(at, "expected a mapping (`key: value` lines)");
        return;
    }
    yaml_node_t *given[CONFIG_TABLE_KEYS_MAX] = {0};
    collect(at, table, given);
    for (size_t i = 0; i < table->key_count; i++) {
        const struct config_key *key = &table->keys[i];
        struct config_cursor child = {.reader = at->reader,
                                      .parent = at,
                                      .key = str_of(key->name),
                                      .node = given[i] == NULL ? at->node : given[i]};
        if (given[i] == NULL && (key->flags & CONFIG_REQUIRED) != 0)
            config_decode_error(&child, "is missing; expected a %s", config_schema_type(key));
        if (given[i] == NULL || (key->flags & CONFIG_LATER) != 0 || !config_decode_visit(&child))
            continue;
        config_field_decode(&child, key, base);
    }
    if (table->finish != NULL)
        table->finish(at, base);
}

void config_decode(struct config_reader *reader)
{
    struct config_cursor root = {.reader = reader,
                                 .node = yaml_document_get_root_node(reader->document)};
    config_decode_defaults(&root, &config_schema, reader->config);
    config_decode_table(&root, &config_schema, reader->config);
    config_inline_upstreams(&root);
}
