/* docs/reference.md and proxy.yaml.example say what the schema says, key by key.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/text.h"
#include "config/config_load.h"
#include "config/config_schema.h"
#include "unit/unit.h"

static struct text read_file(const char *path)
{
    struct text text = {0};
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "%s: run the test from the top folder", path);
    char piece[4096];
    size_t got = 0;
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        text_add(&text, str_make(piece, got));
    (void)fclose(file);
    return text;
}

static void add_row(struct text *out, const char *path, const struct config_key *key)
{
    static const char inherited[] = "sites[].locations[].";
    bool is_inherited = strncmp(path, inherited, strlen(inherited)) == 0 &&
                        strstr(path + strlen(inherited), "[].") == NULL;
    text_addf(out, "| `%s` | ", path);
    config_schema_add_type(out, key, "`");
    if ((key->flags & CONFIG_REQUIRED) != 0)
        text_add_cstr(out, " | required | ");
    else if (is_inherited)
        text_add_cstr(out, " | inherited | ");
    else if (key->fallback != NULL)
        text_addf(out, " | `%s` | ", key->fallback);
    else
        text_add_cstr(out, " | | ");
    text_addf(out, "%s |\n", key->doc);
}

static void check_row(const char *path, const struct config_key *key, void *context)
{
    const struct text *reference = context;
    struct text row = {0};
    add_row(&row, path, key);
    ck_assert_msg(strstr(reference->ptr, row.ptr) != NULL, "docs/reference.md lacks:\n%s", row.ptr);
    text_clear(&row);
}

START_TEST(the_reference_has_every_key_with_type_default_and_meaning)
{
    struct text reference = read_file("docs/reference.md");
    config_schema_walk(check_row, &reference);
    text_clear(&reference);
}
END_TEST

static void count_row(const char *path, const struct config_key *key, void *context)
{
    (void)path;
    (void)key;
    (*(size_t *)context)++;
}

START_TEST(the_reference_has_no_key_that_is_not_known)
{
    struct text reference = read_file("docs/reference.md");
    size_t wanted = 0;
    size_t rows = 0;
    config_schema_walk(count_row, &wanted);
    for (const char *at = reference.ptr; (at = strstr(at, "\n| `")) != NULL; at++)
        rows++;
    ck_assert_uint_eq(rows, wanted);
    text_clear(&reference);
}
END_TEST

/* The paths of all keys of the file, each on a line of its own. */
static void collect(yaml_document_t *document, const yaml_node_t *node, const char *prefix,
                    bool is_named, struct text *out)
{
    if (node->type == YAML_SEQUENCE_NODE) {
        for (yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top; item++) {
            struct text path = {0};
            text_addf(&path, "%s[]", prefix);
            collect(document, yaml_document_get_node(document, *item), path.ptr, false, out);
            text_clear(&path);
        }
    }
    if (node->type != YAML_MAPPING_NODE)
        return;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const char *name = (const char *)key->data.scalar.value;
        struct text path = {0};
        text_addf(&path, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".",
                  is_named ? "<name>" : name);
        text_addf(out, "\n%s\n", path.ptr);
        bool names_below = strcmp(name, "upstreams") == 0 || strcmp(name, "accounts") == 0;
        collect(document, yaml_document_get_node(document, pair->value), path.ptr,
                names_below && !is_named, out);
        text_clear(&path);
    }
}

static void check_key(const char *path, const struct config_key *key, void *context)
{
    const struct text *seen = context;
    struct text line = {0};
    (void)key;
    text_addf(&line, "\n%s\n", path);
    ck_assert_msg(strstr(seen->ptr, line.ptr) != NULL, "proxy.yaml.example lacks %s", path);
    text_clear(&line);
}

START_TEST(the_example_has_every_key)
{
    struct text example = read_file("proxy.yaml.example");
    struct text seen = {0};
    yaml_parser_t parser;
    yaml_document_t document;
    ck_assert(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)example.ptr, example.len);
    ck_assert(yaml_parser_load(&parser, &document));
    collect(&document, yaml_document_get_root_node(&document), "", false, &seen);
    config_schema_walk(check_key, &seen);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    text_clear(&seen);
    text_clear(&example);
}
END_TEST

START_TEST(the_example_explains_every_key_in_a_comment_above_it)
{
    struct text example = read_file("proxy.yaml.example");
    struct str rest = text_str(&example);
    struct str line = {0};
    bool after_comment = false;
    for (size_t number = 1; str_split(&rest, '\n', &line); number++) {
        while (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '-'))
            line = str_skip(line, 1);
        bool is_comment = line.len > 0 && line.ptr[0] == '#';
        bool is_key = line.len > 0 && !is_comment && str_find(line, ':') < line.len;
        ck_assert_msg(!is_key || after_comment, "proxy.yaml.example:%zu: no comment above", number);
        after_comment = is_comment;
    }
    text_clear(&example);
}
END_TEST

START_TEST(the_example_loads_without_a_word)
{
    struct error_list errors = {0};
    struct config *config = config_load("proxy.yaml.example", &errors);
    for (size_t i = 0; i < errors.count; i++)
        ck_abort_msg("%u: %s", errors.entries[i].line, errors.entries[i].text);
    ck_assert_ptr_nonnull(config);
    config_free(config);
    errors_clear(&errors);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("config_docs");
    TCase *tcase = tcase_create("config_docs");
    tcase_add_test(tcase, the_reference_has_every_key_with_type_default_and_meaning);
    tcase_add_test(tcase, the_reference_has_no_key_that_is_not_known);
    tcase_add_test(tcase, the_example_has_every_key);
    tcase_add_test(tcase, the_example_explains_every_key_in_a_comment_above_it);
    tcase_add_test(tcase, the_example_loads_without_a_word);
    suite_add_tcase(suite, tcase);
    return suite;
}
