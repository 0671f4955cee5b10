/* SPDX-License-Identifier: MIT */
#include "config/config_env.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "config/config_yaml.h"

struct reference { /* ${NAME} or ${NAME:-otherwise} */
    struct str name;
    struct str otherwise; /* ptr NULL: none is given */
    size_t len;           /* of all of it */
};

static bool is_name_char(char c, bool is_first)
{
    return (c >= 'A' && c <= 'Z') || c == '_' || (!is_first && ascii_is_digit(c));
}

/* Is there a reference at the start of the text? */
static bool read_reference(struct str text, struct reference *ret_reference)
{
    struct reference found = {0};
    size_t at = 2;
    if (!str_starts_with(text, STR("${")))
        return false;
    while (at < text.len && is_name_char(text.ptr[at], at == 2))
        at++;
    found.name = str_make(text.ptr + 2, at - 2);
    if (found.name.len == 0)
        return false;
    if (str_starts_with(str_skip(text, at), STR(":-"))) {
        found.otherwise = str_skip(text, at + 2);
        found.otherwise.len = str_find(found.otherwise, '}');
        at += 2 + found.otherwise.len;
    }
    if (at >= text.len || text.ptr[at] != '}')
        return false;
    found.len = at + 1;
    *ret_reference = found;
    return true;
}

/* False: it is not set. */
static bool add_value(struct text *out, const struct reference *reference)
{
    char *name = xstrndup(reference->name.ptr, reference->name.len);
    const char *value = getenv(name);
    free(name);
    if (reference->otherwise.ptr != NULL && (value == NULL || *value == '\0'))
        text_add(out, reference->otherwise);
    else if (value != NULL)
        text_add_cstr(out, value);
    return value != NULL || reference->otherwise.ptr != NULL;
}

/* libyaml frees what its scalars hold with free(). */
static void replace(yaml_node_t *node, struct text *text)
{
    free(node->data.scalar.value);
    node->data.scalar.length = text->len;
    node->data.scalar.value = (yaml_char_t *)text_take(text);
}

static void expand(yaml_node_t *node, const char *file, size_t *room, struct error_list *errors)
{
    struct str rest = str_make((const char *)node->data.scalar.value, node->data.scalar.length);
    struct mark mark = config_yaml_mark(file, node->start_mark);
    struct text text = {0};
    bool is_changed = false;
    while (rest.len > 0) {
        struct reference reference;
        bool is_escaped = rest.ptr[0] == '$' && read_reference(str_skip(rest, 1), &reference);
        if (is_escaped) {
            text_add(&text, str_make(rest.ptr + 1, reference.len));
            rest = str_skip(rest, reference.len + 1);
        } else if (read_reference(rest, &reference)) {
            if (!add_value(&text, &reference))
                errors_add(errors, mark,
                           "the environment has no %.*s; ${%.*s:-text} says what to take then, and "
                           "$${%.*s} is no reference",
                           STR_ARG(reference.name), STR_ARG(reference.name),
                           STR_ARG(reference.name));
            rest = str_skip(rest, reference.len);
        } else {
            text_add_char(&text, rest.ptr[0]);
            rest = str_skip(rest, 1);
            continue;
        }
        is_changed = true;
    }
    if (is_changed && text.len > *room) {
        errors_add(errors, mark, "the environment makes more than 16 MiB of the file");
        *room = 0;
    } else if (is_changed) {
        *room -= text.len;
        replace(node, &text);
    }
    text_clear(&text);
}

void config_env_expand(yaml_document_t *document, const char *file, struct error_list *errors)
{
    size_t count = (size_t)(document->nodes.top - document->nodes.start);
    bool *is_key = xcalloc(count + 1, sizeof *is_key); /* by the number of the node, from 1 */
    size_t room = CONFIG_FILE_MAX;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *node = &document->nodes.start[i];
        if (node->type != YAML_MAPPING_NODE)
            continue;
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++)
            is_key[pair->key] = true;
    }
    for (size_t i = 0; i < count && room > 0; i++) {
        yaml_node_t *node = &document->nodes.start[i];
        bool has_dollar = node->type == YAML_SCALAR_NODE && !is_key[i + 1] &&
                          memchr(node->data.scalar.value, '$', node->data.scalar.length) != NULL;
        if (has_dollar)
            expand(node, file, &room, errors);
    }
    free(is_key);
}
