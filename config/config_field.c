/* SPDX-License-Identifier: MIT */
#include "config/config_field.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_expect.h"
#include "config/config_scalar.h"
#include "config/config_text.h"

/* The rows give offsets of fields of the right type, so the result is aligned. */
static void *at_offset(void *base, size_t offset)
{
    return (char *)base + offset;
}

static void store(const struct config_key *key, void *field, uint64_t value)
{
    switch (key->size) {
    case 0:
        return;
    case 1: /* bool */
        *(bool *)field = value != 0;
        return;
    case 4: /* unsigned and enums */
        *(unsigned *)field = (unsigned)value;
        return;
    default:
        assert(key->size == 8);
        *(uint64_t *)field = value;
    }
}

static bool parse_bool(struct str text, uint64_t *ret_value)
{
    if (str_equal(text, STR("true")))
        *ret_value = 1;
    else if (str_equal(text, STR("false")))
        *ret_value = 0;
    else
        return false;
    return true;
}

static bool parse_scalar(const struct config_key *key, struct str text, uint64_t *ret_value)
{
    const struct config_word *word = config_word_find(key, text);
    if (word != NULL) {
        *ret_value = word->value;
        return true;
    }
    uint64_t value = 0;
    bool is_parsed = false;
    if (key->type == CONFIG_BOOL)
        return parse_bool(text, ret_value);
    if (key->type == CONFIG_NUMBER)
        is_parsed = config_scalar_number(text, &value);
    else if (key->type == CONFIG_SIZE)
        is_parsed = config_scalar_size(text, &value);
    else
        is_parsed = config_scalar_duration(text, &value);
    if (!is_parsed || value < key->min || value > key->max)
        return false;
    *ret_value = value;
    return true;
}

static bool decode_number(const struct config_cursor *at, const struct config_key *key, void *field)
{
    uint64_t value = 0;
    bool is_scalar = at->node->type == YAML_SCALAR_NODE;
    bool needs_plain = key->type == CONFIG_BOOL || key->type == CONFIG_NUMBER;
    if (!is_scalar || (needs_plain && !config_cursor_is_plain(at)) ||
        !parse_scalar(key, config_cursor_text(at), &value)) {
        config_expect_report(at, key);
        return false;
    }
    store(key, field, value);
    return true;
}

static bool decode_text(const struct config_cursor *at, const struct config_key *key, bool is_path,
                        struct config_value *field)
{
    enum { PATH_LENGTH_MAX = 4095 }; /* PATH_MAX of Linux with its NUL */
    if (at->node->type != YAML_SCALAR_NODE || config_cursor_is_null(at)) {
        config_expect_report(at, key);
        return false;
    }
    struct str text = config_cursor_text(at);
    if (text.len == 0 && (key->flags & CONFIG_EMPTY) == 0) {
        config_decode_error(at, "must not be empty");
        return false;
    }
    if (!config_text_check(at, (key->flags & CONFIG_MULTILINE) != 0))
        return false;
    if (is_path && at->reader->folder.len + text.len > PATH_LENGTH_MAX) {
        config_decode_error(at, "the path is too long");
        return false;
    }
    bool is_joined = is_path && config_word_find(key, text) == NULL;
    field->text = is_joined ? config_decode_path(at, text) : (char *)at->node->data.scalar.value;
    field->mark = config_cursor_mark(at);
    return true;
}

/* A cursor on the index-th item; false once the visits are used up. */
static bool open_item(const struct config_cursor *at, size_t index, struct config_cursor *ret_item)
{
    yaml_node_item_t item = at->node->data.sequence.items.start[index];
    *ret_item = (struct config_cursor){.reader = at->reader,
                                       .parent = at,
                                       .index = index,
                                       .node = yaml_document_get_node(at->reader->document, item)};
    return config_decode_visit(ret_item);
}

static size_t item_count(const struct config_cursor *at)
{
    return (size_t)(at->node->data.sequence.items.top - at->node->data.sequence.items.start);
}

/* Of rows that say nothing: more belongs into files of their own. */
#define LIST_MAX ((uint64_t)100000)

/* Rows of lists may bound the number of items, so that a careless file stays cheap. */
static bool check_count(const struct config_cursor *at, const struct config_key *key, size_t count)
{
    uint64_t most = key->max == 0 ? LIST_MAX : key->max;
    if (count <= most)
        return true;
    config_decode_error(at, "more than %llu items", (unsigned long long)most);
    return false;
}

static bool check_list(const struct config_cursor *at, const struct config_key *key)
{
    if (at->node->type != YAML_SEQUENCE_NODE) {
        config_expect_report(at, key);
        return false;
    }
    if (item_count(at) == 0 && (key->flags & (CONFIG_REQUIRED | CONFIG_NOT_EMPTY)) != 0) {
        config_decode_error(at, "the list must not be empty");
        return false;
    }
    return check_count(at, key, item_count(at));
}

static void decode_flags(const struct config_cursor *at, const struct config_key *key, void *field)
{
    if (!check_list(at, key))
        return;
    unsigned bits = 0;
    struct config_cursor item;
    for (size_t i = 0; i < item_count(at) && open_item(at, i, &item); i++) {
        const struct config_word *word = config_word_decode(&item, key);
        if (word != NULL && (bits & word->value) != 0)
            config_decode_error(&item, "`%s` is given twice", word->text);
        bits |= word == NULL ? 0 : word->value;
    }
    store(key, field, bits);
}

static bool decode_list_item(const struct config_cursor *item, const struct config_key *key,
                             struct config_value *ret_value)
{
    struct config_key element = *key;
    element.type = key->type == CONFIG_PATHS ? CONFIG_PATH : CONFIG_TEXT;
    element.flags &= ~(unsigned)CONFIG_NULLABLE;
    element.words = NULL;
    if (key->type == CONFIG_WORDS && config_word_decode(item, key) == NULL)
        return false;
    if (!decode_text(item, &element, key->type == CONFIG_PATHS, ret_value))
        return false;
    if (key->after != NULL)
        key->after(item, ret_value);
    return true;
}

static void decode_list(const struct config_cursor *at, const struct config_key *key,
                        struct config_list *field)
{
    bool is_word = key->type == CONFIG_TEXTS && at->node->type == YAML_SCALAR_NODE &&
                   config_word_find(key, config_cursor_text(at)) != NULL;
    if (is_word) { /* such as `default`: as if it were not given */
        *field = (struct config_list){.mark = config_cursor_mark(at)};
        return;
    }
    if (!check_list(at, key))
        return;
    struct config_list list = {.is_set = true, .mark = config_cursor_mark(at)};
    list.items = arena_calloc(at->reader->arena, item_count(at) + 1, sizeof *list.items);
    struct config_cursor item;
    for (size_t i = 0; i < item_count(at) && open_item(at, i, &item); i++) {
        if (decode_list_item(&item, key, &list.items[list.count]))
            list.count++;
    }
    *field = list;
}

static void decode_item(const struct config_cursor *item, const struct config_key *key, void *base)
{
    const struct config_table *table = key->table;
    if (table->is_scalar) {
        struct config_key text = {.type = CONFIG_TEXT};
        if (!decode_text(item, &text, false, at_offset(base, table->value_at)))
            return;
    } else {
        config_decode_defaults(item, table, base);
        config_decode_table(item, table, base);
    }
    if (key->after != NULL)
        key->after(item, base);
}

static void decode_items(const struct config_cursor *at, const struct config_key *key, void *base)
{
    bool is_single = (key->flags & CONFIG_ONE_OR_MANY) != 0 && at->node->type == YAML_MAPPING_NODE;
    if (!is_single && !check_list(at, key))
        return;
    size_t count = is_single ? 1 : item_count(at);
    char *items = arena_calloc(at->reader->arena, count + 1, key->table->size);
    *(void **)at_offset(base, key->offset) = items;
    size_t *ret_count = (size_t *)at_offset(base, key->count_at);
    *ret_count = 0;
    struct config_cursor item = *at;
    for (size_t i = 0; i < count && (is_single || open_item(at, i, &item)); i++) {
        decode_item(&item, key, items + i * key->table->size);
        *ret_count = i + 1;
    }
}

static int compare_names(const void *left, const void *right)
{
    const yaml_node_t *a = *(yaml_node_t *const *)left;
    const yaml_node_t *b = *(yaml_node_t *const *)right;
    int order = strcmp((const char *)a->data.scalar.value, (const char *)b->data.scalar.value);
    if (order != 0)
        return order;
    return a->start_mark.index < b->start_mark.index ? -1 : 1;
}

/* Sorted, so that a mapping of a hundred thousand names costs no square of it. */
static void check_names(const struct config_cursor *at, yaml_node_t **names, size_t count)
{
    if (count > 1)
        qsort(names, count, sizeof(yaml_node_t *), compare_names);
    for (size_t i = 1; i < count; i++) {
        const char *name = (const char *)names[i]->data.scalar.value;
        if (strcmp((const char *)names[i - 1]->data.scalar.value, name) != 0)
            continue;
        struct config_cursor where = {
            .reader = at->reader, .parent = at, .key = str_of(name), .node = names[i]};
        config_decode_error(&where, "duplicate key, first given at line %zu",
                            names[i - 1]->start_mark.line + 1);
    }
}

static void decode_named(const struct config_cursor *at, const struct config_key *key, void *base)
{
    if (at->node->type != YAML_MAPPING_NODE) {
        config_expect_report(at, key);
        return;
    }
    const yaml_node_pair_t *pairs = at->node->data.mapping.pairs.start;
    size_t count = (size_t)(at->node->data.mapping.pairs.top - pairs);
    if (!check_count(at, key, count))
        return;
    char *items = arena_calloc(at->reader->arena, count + 1, key->table->size);
    yaml_node_t **names = arena_calloc(at->reader->arena, count + 1, sizeof *names);
    size_t filled = 0;
    const struct config_key name_key = {.type = CONFIG_TEXT};
    for (size_t i = 0; i < count; i++) {
        struct config_cursor name = {.reader = at->reader, .parent = at, .key = STR("?")};
        name.node = yaml_document_get_node(at->reader->document, pairs[i].key);
        char *item = items + filled * key->table->size;
        struct config_value *name_value = at_offset(item, key->table->name_at);
        struct config_value given = {0};
        if (!config_decode_visit(&name))
            break;
        if (!decode_text(&name, &name_key, false, &given))
            continue;
        struct config_cursor value = {
            .reader = at->reader, .parent = at, .key = config_cursor_text(&name)};
        value.node = yaml_document_get_node(at->reader->document, pairs[i].value);
        if (!config_decode_visit(&value))
            break;
        *name_value = given;
        decode_item(&value, key, item);
        names[filled++] = name.node;
    }
    check_names(at, names, filled);
    *(void **)at_offset(base, key->offset) = items;
    *(size_t *)at_offset(base, key->count_at) = filled;
}

static void decode_null(const struct config_cursor *at, const struct config_key *key, void *field)
{
    struct mark mark = config_cursor_mark(at);
    if (key->type == CONFIG_TEXT || key->type == CONFIG_PATH)
        *(struct config_value *)field = (struct config_value){.mark = mark};
    else
        *(struct config_list *)field = (struct config_list){.mark = mark};
}

static bool decode_choice(const struct config_cursor *at, const struct config_key *key, void *field)
{
    const struct config_word *word = config_word_decode(at, key);
    if (word != NULL)
        store(key, field, word->value);
    return word != NULL;
}

void config_field_decode(const struct config_cursor *at, const struct config_key *key, void *base)
{
    void *field = at_offset(base, key->offset);
    bool is_good = false;
    if (config_cursor_is_null(at) && (key->flags & CONFIG_NULLABLE) != 0) {
        decode_null(at, key, field);
        return;
    }
    switch (key->type) {
    case CONFIG_BOOL:
    case CONFIG_NUMBER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        is_good = decode_number(at, key, field);
        break;
    case CONFIG_TEXT:
    case CONFIG_PATH:
        is_good = decode_text(at, key, key->type == CONFIG_PATH, field);
        break;
    case CONFIG_CHOICE:
        is_good = decode_choice(at, key, field);
        break;
    case CONFIG_FLAGS:
        decode_flags(at, key, field);
        return;
    case CONFIG_WORDS:
    case CONFIG_TEXTS:
    case CONFIG_PATHS:
        decode_list(at, key, field);
        return;
    case CONFIG_TABLE:
        config_decode_table(at, key->table, field);
        return;
    case CONFIG_ITEMS:
        decode_items(at, key, base);
        return;
    case CONFIG_NAMED:
        decode_named(at, key, base);
        return;
    }
    if (is_good && key->after != NULL)
        key->after(at, field);
}

/* What is in the brackets of "[a, b]". */
static struct str list_fallback(const struct config_key *key)
{
    struct str text = str_of(key->fallback);
    assert(text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']');
    return str_make(text.ptr + 1, text.len - 2);
}

static void default_list(const struct config_cursor *at, const struct config_key *key,
                         struct config_list *field)
{
    *field = (struct config_list){.mark = config_cursor_mark(at)};
    if (key->type != CONFIG_WORDS || key->fallback == NULL)
        return;
    struct str rest = list_fallback(key);
    struct str word;
    field->is_set = true;
    field->items = arena_calloc(at->reader->arena, rest.len, sizeof *field->items);
    while (str_split(&rest, ',', &word)) {
        struct config_value *item = &field->items[field->count++];
        item->text = config_decode_copy(at, str_trim(word));
        item->mark = field->mark;
    }
}

static void default_value(const struct config_cursor *at, const struct config_key *key,
                          struct config_value *field)
{
    *field = (struct config_value){.mark = config_cursor_mark(at)};
    if (key->fallback != NULL && strcmp(key->fallback, "null") != 0)
        field->text = config_decode_copy(at, str_of(key->fallback));
}

void config_field_default(const struct config_cursor *at, const struct config_key *key, void *field)
{
    uint64_t value = 0;
    switch (key->type) {
    case CONFIG_BOOL:
    case CONFIG_NUMBER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
    case CONFIG_CHOICE:
    case CONFIG_FLAGS: {
        if (key->fallback == NULL)
            return;
        struct str text = key->type == CONFIG_FLAGS ? list_fallback(key) : str_of(key->fallback);
        bool is_parsed = parse_scalar(key, text, &value);
        assert(is_parsed);
        store(key, field, value);
        return;
    }
    case CONFIG_TEXT:
    case CONFIG_PATH:
        default_value(at, key, field);
        return;
    case CONFIG_WORDS:
    case CONFIG_TEXTS:
    case CONFIG_PATHS:
        default_list(at, key, field);
        return;
    case CONFIG_TABLE:
    case CONFIG_ITEMS:
    case CONFIG_NAMED:
        return;
    }
}
