/* SPDX-License-Identifier: MIT */
#include "cli/schema_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/config_scalar.h"
#include "config/config_schema.h"

static json_t *table_json(const struct config_table *table);

/* ---- values ---- */

static json_t *typed(const char *type)
{
    return json_pack("{s:s}", "type", type);
}

/* Editors read `1.2` and `0x800B0109` as numbers, the program as it is written. */
static void add_word(json_t *list, const char *text)
{
    uint64_t number = 0;
    char *end = NULL;
    (void)json_array_append_new(list, json_string(text));
    if (config_scalar_number(str_of(text), &number)) {
        (void)json_array_append_new(list, json_integer((json_int_t)number));
    } else if (strspn(text, "0123456789.") == strlen(text)) {
        double real = strtod(text, &end);
        if (*end == '\0')
            (void)json_array_append_new(list, json_real(real));
    }
}

static json_t *words_json(const struct config_word *words)
{
    json_t *list = json_array();
    for (const struct config_word *word = words; word->text != NULL; word++) {
        if (!word->is_planned)
            add_word(list, word->text);
    }
    return json_pack("{s:o}", "enum", list);
}

static json_t *number_json(const struct config_key *key)
{
    return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)key->min, "maximum",
                     (json_int_t)key->max);
}

static json_t *pattern_json(const char *pattern)
{
    return json_pack("{s:s,s:s}", "type", "string", "pattern", pattern);
}

/* Any scalar is a text: `user: 1001` needs no quotes. */
static json_t *text_json(bool may_be_empty)
{
    json_t *text = json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
    if (!may_be_empty)
        (void)json_object_set_new(text, "minLength", json_integer(1));
    return text;
}

/* ---- lists and tables ---- */

static json_t *list_json(const struct config_key *key, json_t *items)
{
    json_t *list = json_pack("{s:s,s:o}", "type", "array", "items", items);
    if ((key->flags & (CONFIG_REQUIRED | CONFIG_NOT_EMPTY)) != 0)
        (void)json_object_set_new(list, "minItems", json_integer(1));
    if (key->max != 0)
        (void)json_object_set_new(list, "maxItems", json_integer((json_int_t)key->max));
    if (key->type == CONFIG_FLAGS)
        (void)json_object_set_new(list, "uniqueItems", json_true());
    return list;
}

static json_t *item_json(const struct config_table *table)
{
    return table->is_scalar ? text_json(false) : table_json(table);
}

static json_t *value_json(const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_BOOL:
        return typed("boolean");
    case CONFIG_NUMBER:
        return number_json(key);
    case CONFIG_SIZE:
        return json_pack("{s:[o,o]}", "anyOf", number_json(key), pattern_json("^[0-9]+[kmg]?$"));
    case CONFIG_DURATION:
        if (key->min > 0)
            return pattern_json("^[0-9]+(ms|s|m|h|d)$");
        return json_pack("{s:[{s:i},o]}", "anyOf", "const", 0,
                         pattern_json("^(0|[0-9]+(ms|s|m|h|d))$"));
    case CONFIG_TEXT:
    case CONFIG_PATH:
        return text_json((key->flags & CONFIG_EMPTY) != 0);
    case CONFIG_CHOICE:
        return words_json(key->words);
    case CONFIG_FLAGS:
    case CONFIG_WORDS:
        return list_json(key, words_json(key->words));
    case CONFIG_TEXTS:
    case CONFIG_PATHS:
        return list_json(key, text_json(false));
    case CONFIG_TABLE:
        return table_json(key->table);
    case CONFIG_ITEMS:
        return list_json(key, item_json(key->table));
    case CONFIG_NAMED:
        return json_pack("{s:s,s:o}", "type", "object", "additionalProperties",
                         item_json(key->table));
    }
    return NULL;
}

static json_t *default_json(const struct config_key *key)
{
    /* Lists and booleans are JSON but for the quotes around words. */
    json_t *value = json_loads(key->fallback, JSON_DECODE_ANY, NULL);
    bool is_text = key->type == CONFIG_CHOICE || key->type == CONFIG_DURATION;
    if (value != NULL && !is_text)
        return value;
    json_decref(value);
    if (key->fallback[0] != '[')
        return json_string(key->fallback);
    json_t *list = json_array();
    struct str rest = str_make(key->fallback + 1, strlen(key->fallback) - 2);
    struct str word;
    while (str_split(&rest, ',', &word)) {
        word = str_trim(word);
        (void)json_array_append_new(list, json_stringn(word.ptr, word.len));
    }
    return list;
}

static json_t *key_json(const struct config_key *key)
{
    json_t *value = value_json(key);
    bool has_words = key->type < CONFIG_CHOICE || key->type > CONFIG_WORDS;
    bool is_nullable = (key->flags & CONFIG_NULLABLE) != 0;
    bool is_single = (key->flags & CONFIG_ONE_OR_MANY) != 0;
    if (is_nullable || is_single || (has_words && key->words != NULL)) {
        json_t *any = json_pack("[o]", value);
        if (is_single)
            (void)json_array_append_new(any, item_json(key->table));
        if (has_words && key->words != NULL)
            (void)json_array_append_new(any, words_json(key->words));
        if (is_nullable)
            (void)json_array_append_new(any, typed("null"));
        value = json_pack("{s:o}", "anyOf", any);
    }
    (void)json_object_set_new(value, "description", json_string(key->doc));
    if (key->fallback != NULL)
        (void)json_object_set_new(value, "default", default_json(key));
    return value;
}

static json_t *table_json(const struct config_table *table)
{
    json_t *keys = json_object();
    json_t *required = json_array();
    for (size_t i = 0; i < table->key_count; i++) {
        const struct config_key *key = &table->keys[i];
        (void)json_object_set_new(keys, key->name, key_json(key));
        if ((key->flags & CONFIG_REQUIRED) != 0)
            (void)json_array_append_new(required, json_string(key->name));
    }
    json_t *result =
        json_pack("{s:s,s:b,s:o}", "type", "object", "additionalProperties", 0, "properties", keys);
    if (json_array_size(required) > 0)
        (void)json_object_set(result, "required", required);
    json_decref(required);
    return result;
}

json_t *schema_json(void)
{
    json_t *schema = json_pack("{s:s,s:s}", "$schema", "http://json-schema.org/draft-07/schema#",
                               "title", "Configuration of mtls-proxy " MTLS_PROXY_VERSION);
    json_t *root = table_json(&config_schema);
    (void)json_object_update(schema, root);
    json_decref(root);
    return schema;
}
