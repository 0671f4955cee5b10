/* SPDX-License-Identifier: MIT */
#include "config/config_place.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "config/config_private.h"
#include "config/config_yaml.h"

struct place { /* of an entry that waits for its path */
    unsigned line;
    unsigned column;
    struct error_entry *entry;
    bool is_done;
};

struct walk {
    yaml_document_t *document;
    const char *file;
    struct place *places; /* sorted by line, then column */
    size_t count;
    size_t left;
    size_t visits; /* an alias is walked again and again */
};

struct step { /* a node and the way to it */
    const struct step *parent;
    struct str key; /* ptr NULL: an item of a list */
    size_t index;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

/* As config_decode writes it. */
static void add_path(struct text *out, const struct step *step)
{
    if (step == NULL)
        return;
    add_path(out, step->parent);
    if (step->key.ptr == NULL)
        text_addf(out, "[%zu]", step->index);
    else
        text_addf(out, "%s%.*s", out->len > 0 ? "." : "", STR_ARG(step->key));
}

static void name_entry(struct error_entry *entry, const char *path)
{
    struct str text = str_of(entry->text);
    if (str_starts_with(text, str_of(path)))
        return;
    char *named = xasprintf("%s: %s", path, entry->text);
    free(entry->text);
    entry->text = named;
}

static void name_entries(struct walk *walk, struct mark mark, const struct step *step)
{
    const struct place wanted = {.line = mark.line, .column = mark.column};
    struct place *place =
        bsearch(&wanted, walk->places, walk->count, sizeof wanted, compare_places);
    if (place == NULL || place->is_done)
        return;
    struct text path = {0};
    add_path(&path, step);
    while (place > walk->places && compare_places(place - 1, &wanted) == 0)
        place--;
    for (; place < walk->places + walk->count && compare_places(place, &wanted) == 0; place++) {
        place->is_done = true;
        walk->left--;
        if (path.len > 0)
            name_entry(place->entry, path.ptr);
    }
    text_clear(&path);
}

static void visit(struct walk *walk, int id, const struct step *step, unsigned depth)
{
    yaml_node_t *node = yaml_document_get_node(walk->document, id);
    if (node == NULL || walk->left == 0 || walk->visits == 0 || depth > CONFIG_DEPTH_MAX + 1)
        return;
    walk->visits--;
    if (step != NULL)
        name_entries(walk, config_yaml_mark(walk->file, node->start_mark), step);
    if (node->type == YAML_SEQUENCE_NODE) {
        const yaml_node_item_t *start = node->data.sequence.items.start;
        for (const yaml_node_item_t *item = start; item < node->data.sequence.items.top; item++) {
            struct step next = {step, {0}, (size_t)(item - start)};
            visit(walk, *item, &next, depth + 1);
        }
    }
    if (node->type != YAML_MAPPING_NODE)
        return;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(walk->document, pair->key);
        if (key == NULL || key->type != YAML_SCALAR_NODE)
            continue;
        struct str name = str_make((const char *)key->data.scalar.value, key->data.scalar.length);
        struct step next = {step, name, 0};
        name_entries(walk, config_yaml_mark(walk->file, key->start_mark), &next);
        visit(walk, pair->value, &next, depth + 1);
    }
}

void config_place_errors(const struct config *config, struct error_list *errors, size_t first)
{
    yaml_document_t *document = config_document(config);
    struct walk walk = {.document = document, .file = config->file};
    if (document == NULL || first >= errors->count)
        return;
    walk.places = xcalloc(errors->count - first, sizeof *walk.places);
    for (size_t i = first; i < errors->count; i++) {
        struct error_entry *entry = &errors->entries[i];
        if (entry->line > 0 && strcmp(entry->file, config->file) == 0)
            walk.places[walk.count++] = (struct place){entry->line, entry->column, entry, false};
    }
    qsort(walk.places, walk.count, sizeof *walk.places, compare_places);
    walk.left = walk.count;
    walk.visits =
        (size_t)(document->nodes.top - document->nodes.start) + 5 * (size_t)CONFIG_ALIASES_MAX;
    visit(&walk, 1, NULL, 0);
    free(walk.places);
}
