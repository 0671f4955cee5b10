/* SPDX-License-Identifier: MIT */
#include "config/config_unique.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"

#define ERRORS_MAX 1000

struct item {  /* of one collection */
    char *key; /* owned */
    struct mark mark;
};

struct collection {
    struct item *items;
    size_t count;
    size_t capacity;
    struct error_list *errors;
    size_t *reported;
};

/* Takes the key over. */
static void add(struct collection *collection, char *key, struct mark mark)
{
    if (collection->count == collection->capacity) {
        collection->capacity = collection->capacity == 0 ? 8 : collection->capacity * 2;
        collection->items =
            xreallocarray(collection->items, collection->capacity, sizeof *collection->items);
    }
    collection->items[collection->count++] = (struct item){key, mark};
}

static int compare_marks(struct mark a, struct mark b)
{
    if (a.line != b.line)
        return a.line < b.line ? -1 : 1;
    return (a.column > b.column) - (a.column < b.column);
}

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : compare_marks(a->mark, b->mark);
}

/* An alias repeats a list at one place of the file: that is no second entry. */
static bool is_repeated(const struct item *first, const struct item *item)
{
    return strcmp(first->key, item->key) == 0 && compare_marks(first->mark, item->mark) != 0;
}

/* What the entries are completes "... is given twice". */
static void finish(struct collection *collection, const char *what)
{
    size_t first = 0;
    if (collection->count > 1)
        qsort(collection->items, collection->count, sizeof *collection->items, compare_items);
    for (size_t i = 1; i < collection->count; i++) {
        if (strcmp(collection->items[first].key, collection->items[i].key) != 0)
            first = i;
        else if (is_repeated(&collection->items[first], &collection->items[i]) &&
                 ++*collection->reported <= ERRORS_MAX)
            errors_add(collection->errors, collection->items[i].mark,
                       "%s is given twice, first at line %u, column %u; remove one of them", what,
                       collection->items[first].mark.line, collection->items[first].mark.column);
    }
    for (size_t i = 0; i < collection->count; i++)
        free(collection->items[i].key);
    free(collection->items);
    *collection =
        (struct collection){.errors = collection->errors, .reported = collection->reported};
}

static void add_folded(struct text *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        text_add_char(out, ascii_lower(*text));
}

/* Texts are told apart by what no text has in it. */
static void add_list(struct text *out, const struct config_list *list, bool by_case)
{
    text_add_char(out, list->is_set ? '\1' : '\2');
    for (size_t i = 0; i < list->count; i++) {
        if (by_case)
            text_add_cstr(out, list->items[i].text);
        else
            add_folded(out, list->items[i].text);
        text_add_char(out, '\3');
    }
}

/* ---- lists of texts ---- */

static void check_list(struct collection *collection, const struct config_list *list, bool by_case,
                       const char *what)
{
    for (size_t i = 0; i < list->count; i++) {
        struct text key = {0};
        if (list->items[i].text == NULL)
            continue;
        if (by_case)
            text_add_cstr(&key, list->items[i].text);
        else
            add_folded(&key, list->items[i].text);
        text_add_char(&key, '\3');
        add(collection, text_take(&key), list->items[i].mark);
    }
    finish(collection, what);
}

/* ---- mappings ---- */

/* certificateField, certificateSubField, matchCriteria and compareCaseSensitive */
static void add_rule(struct text *out, const struct config_rule *rule)
{
    text_addf(out, "%d%d", (int)rule->field, rule->case_sensitive);
    add_folded(out, rule->subfield.text);
    text_add_char(out, '\3');
    if (rule->case_sensitive)
        text_add_cstr(out, rule->match.text == NULL ? "" : rule->match.text);
    else
        add_folded(out, rule->match.text);
    text_add_char(out, '\3');
}

static void check_rules(struct collection *collection, const struct config_rule *rules,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct text key = {0};
        add_rule(&key, &rules[i]);
        add(collection, text_take(&key), rules[i].match.mark);
    }
    finish(collection, "the same rule (field, subfield, match, case_sensitive)");
}

static void check_mapping(struct collection *collection, const struct config_mapping *mapping)
{
    for (size_t i = 0; i < mapping->many_to_one_count; i++)
        check_rules(collection, mapping->many_to_one[i].rules, mapping->many_to_one[i].rule_count);
    for (size_t i = 0; i < mapping->one_to_one_count; i++) {
        const struct config_value *certificate = &mapping->one_to_one[i].certificate;
        if (certificate->text != NULL)
            add(collection, xstrdup(certificate->text), certificate->mark);
    }
    finish(collection, "the same certificate");
}

/* ---- what a place sets ---- */

/* In IIS users, roles and verbs. Here a rule that denies what one before it allows is of use: it
 * matches what cannot be read. */
static void check_authorize(struct collection *collection, const struct config_access *access)
{
    for (size_t i = 0; i < access->authorize_count; i++) {
        const struct config_authorize *rule = &access->authorize[i];
        struct text key = {0};
        text_add_char(&key, rule->deny ? '\1' : '\2');
        add_list(&key, &rule->user, false);
        add_list(&key, &rule->mapping, true);
        add_list(&key, &rule->issuer, false);
        for (size_t j = 0; j < rule->subject_count; j++)
            add_rule(&key, &rule->subject[j]);
        add_list(&key, &rule->san_dns, false);
        add_list(&key, &rule->san_email, false);
        add_list(&key, &rule->san_uri, true);
        add_list(&key, &rule->san_ip, false);
        add_list(&key, &rule->upn, false);
        add_list(&key, &rule->eku, true);
        add_list(&key, &rule->sha256, false);
        add(collection, text_take(&key), rule->mark);
    }
    finish(collection, "the same rule");
    for (size_t i = 0; i < access->authorize_count; i++)
        check_rules(collection, access->authorize[i].subject, access->authorize[i].subject_count);
}

static void check_access(struct collection *collection, const struct config_access *access,
                         const struct config_access *outer)
{
    if (outer == NULL || access->authorize != outer->authorize)
        check_authorize(collection, access);
    if (outer != NULL && access->cors.origins.items == outer->cors.origins.items)
        return;
    check_list(collection, &access->cors.origins, false, "the same origin");
    check_list(collection, &access->cors.methods, true, "the same method");
    check_list(collection, &access->cors.headers, false, "the same header");
}

static void check_servers(struct collection *collection, const struct config_upstream *upstream)
{
    for (size_t i = 0; i < upstream->server_count; i++) {
        const struct config_value *url = &upstream->servers[i].url;
        if (url->text != NULL)
            add(collection, xstrdup(url->text), url->mark);
    }
    finish(collection, "the same server");
}

void config_unique_check(const struct config *config, struct error_list *errors)
{
    size_t reported = 0;
    struct collection collection = {.errors = errors, .reported = &reported};
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        check_mapping(&collection, &site->mapping);
        check_access(&collection, &site->access, NULL);
        for (size_t j = 0; j < site->location_count; j++)
            check_access(&collection, &site->locations[j].access, &site->access);
    }
    for (size_t i = 0; i < config->upstream_count; i++)
        check_servers(&collection, &config->upstreams[i]);
    check_list(&collection, &config->trusted_proxies.networks, false, "the same network");
    check_list(&collection, &config->log.access_fields, false, "the same column");
}
