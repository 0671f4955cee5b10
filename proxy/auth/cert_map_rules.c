/* SPDX-License-Identifier: MIT */
#include "auth/cert_map_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static void free_mapping(struct cert_map_mapping *mapping)
{
    for (size_t i = 0; i < mapping->rule_count; i++)
        free(mapping->rules[i].text);
    free(mapping->rules);
    free(mapping->name);
}

void cert_map_rules_clear(struct cert_map_rules *rules)
{
    for (uint32_t i = 0; i < rules->count; i++)
        free_mapping(&rules->mappings[i]);
    free(rules->mappings);
    free(rules->anchors);
    cert_map_index_clear(&rules->runs);
    free(rules->anchored);
    free(rules->unanchored);
    free(rules->grams);
    cert_map_slots_clear(&rules->slots);
    *rules = (struct cert_map_rules){0};
}

static bool is_ascii(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static void check_match(const struct config_rule *rule, struct error_list *errors)
{
    struct str match = str_of(rule->match.text);
    if (!rule->case_sensitive && !is_ascii(match))
        errors_warn(errors, rule->match.mark,
                    "case_sensitive: false folds A to Z only; other letters of '%s' must have the "
                    "case they have in certificates",
                    rule->match.text);
    bool is_country = str_equal_icase(str_of(rule->subfield.text), STR("C"));
    if (is_country && match.len != 2 && str_find(match, '*') == match.len)
        errors_warn(errors, rule->match.mark,
                    "'%s' never matches: C is the two-letter code of a country", rule->match.text);
    if (!str_equal(str_trim(match), match) && str_find(match, '*') == match.len)
        errors_warn(errors, rule->match.mark,
                    "'%s' is compared with its leading and trailing blanks", rule->match.text);
}

/* False when the rule can never match; a warning was added. */
static bool compile_rule(struct cert_map_rules *rules, const struct config_rule *rule,
                         struct error_list *errors, struct cert_map_rule *ret_rule)
{
    ASN1_OBJECT *type = rule->subfield.text == NULL ? NULL : cert_map_subfield(rule->subfield.text);
    if (type == NULL) {
        errors_warn(errors, rule->subfield.mark,
                    "unknown subfield '%s': the mapping never matches (known are CN SN C L S ST "
                    "STREET O OU GN G I T E Email DC SERIALNUMBER UID and dotted OIDs)",
                    rule->subfield.text == NULL ? "" : rule->subfield.text);
        return false;
    }
    check_match(rule, errors);
    uint32_t at = cert_map_slots_add(&rules->slots, rule->field, type);
    struct cert_map_slot *slot = &rules->slots.items[at];
    slot->is_folded |= !rule->case_sensitive;
    slot->is_compared |= rule->case_sensitive;
    struct str match = str_of(rule->match.text);
    char *text = rule->case_sensitive ? xstrndup(match.ptr, match.len) : cert_map_fold(match);
    *ret_rule = (struct cert_map_rule){at, !rule->case_sensitive, text,
                                       cert_map_pattern_of(str_make(text, match.len))};
    return true;
}

static int compare_rules(const void *a, const void *b)
{
    const struct cert_map_rule *left = a;
    const struct cert_map_rule *right = b;
    if (left->slot != right->slot)
        return left->slot < right->slot ? -1 : 1;
    if (left->is_folded != right->is_folded)
        return left->is_folded ? 1 : -1;
    return strcmp(left->text, right->text);
}

static void drop_repeated_rules(struct cert_map_mapping *mapping, struct mark mark,
                                struct error_list *errors)
{
    qsort(mapping->rules, mapping->rule_count, sizeof *mapping->rules, compare_rules);
    size_t kept = 0;
    for (size_t i = 0; i < mapping->rule_count; i++) {
        if (kept > 0 && compare_rules(&mapping->rules[kept - 1], &mapping->rules[i]) == 0) {
            errors_warn(errors, mark, "mapping '%s' has the same rule twice", mapping->name);
            free(mapping->rules[i].text);
            continue;
        }
        mapping->rules[kept++] = mapping->rules[i];
    }
    mapping->rule_count = kept;
}

/* False when the mapping can never match; a warning was added. */
static bool compile_mapping(struct cert_map_rules *rules, const struct config_many_to_one *item,
                            struct error_list *errors, struct cert_map_mapping *ret_mapping)
{
    if (item->rule_count == 0) {
        errors_warn(errors, item->name.mark, "mapping '%s' has no rules and never matches",
                    item->name.text);
        return false;
    }
    struct cert_map_mapping mapping = {
        .name = xstrdup(item->name.text),
        .deny = item->deny,
        .rules = xcalloc(item->rule_count, sizeof *mapping.rules),
    };
    bool can_match = true;
    for (size_t i = 0; i < item->rule_count; i++) {
        if (compile_rule(rules, &item->rules[i], errors, &mapping.rules[mapping.rule_count]))
            mapping.rule_count++;
        else
            can_match = false;
    }
    if (!can_match) {
        free_mapping(&mapping);
        return false;
    }
    drop_repeated_rules(&mapping, item->name.mark, errors);
    *ret_mapping = mapping;
    return true;
}

static uint64_t shape_hash_of(const void *owner, uint32_t id)
{
    const struct cert_map_rules *rules = owner;
    const struct cert_map_mapping *mapping = &rules->mappings[id];
    uint64_t hash = CERT_MAP_HASH_START;
    for (size_t i = 0; i < mapping->rule_count; i++) {
        const struct cert_map_rule *rule = &mapping->rules[i];
        hash = cert_map_hash_byte(hash, (unsigned char)rule->slot);
        hash = cert_map_hash_byte(hash, rule->is_folded);
        hash = cert_map_hash_text(hash, str_of(rule->text));
    }
    return cert_map_hash_finish(hash);
}

static bool shape_is_equal(const void *owner, uint32_t id, const void *key)
{
    const struct cert_map_rules *rules = owner;
    const struct cert_map_mapping *a = &rules->mappings[id];
    const struct cert_map_mapping *b = key;
    if (a->rule_count != b->rule_count)
        return false;
    for (size_t i = 0; i < a->rule_count; i++) {
        if (compare_rules(&a->rules[i], &b->rules[i]) != 0)
            return false;
    }
    return true;
}

static uint64_t name_hash_of(const void *owner, uint32_t id)
{
    const struct config_mapping *mapping = owner;
    return cert_map_hash_finish(
        cert_map_hash_text(CERT_MAP_HASH_START, str_of(mapping->many_to_one[id].name.text)));
}

static bool name_is_equal(const void *owner, uint32_t id, const void *key)
{
    const struct config_mapping *mapping = owner;
    const char *name = key;
    return strcmp(mapping->many_to_one[id].name.text, name) == 0;
}

/* IIS: the name is the unique key of the collection, enabled or not. */
static void check_names(const struct config_mapping *mapping, struct error_list *errors)
{
    struct cert_map_index names = {.hash_of = name_hash_of, .is_equal = name_is_equal};
    for (uint32_t i = 0; i < mapping->many_to_one_count; i++) {
        const struct config_value *name = &mapping->many_to_one[i].name;
        if (cert_map_index_find(&names, mapping, name_hash_of(mapping, i), name->text) ==
            CERT_MAP_INDEX_NONE)
            cert_map_index_add(&names, mapping, i);
        else
            errors_add(errors, name->mark, "two mappings have the name '%s'", name->text);
    }
    cert_map_index_clear(&names);
}

static void load_one(struct cert_map_rules *rules, struct cert_map_index *shapes,
                     struct cert_map_logons *logons, const struct config_many_to_one *item,
                     struct error_list *errors)
{
    uint32_t logon = 0;
    if (!item->deny && item->user.text == NULL)
        errors_add(errors, item->name.mark, "mapping '%s' needs a user, or permission: deny",
                   item->name.text);
    else if (!item->deny)
        logon = cert_map_logons_add(logons, &item->user, &item->password_file, errors);
    struct cert_map_mapping *mapping = &rules->mappings[rules->count];
    if (!compile_mapping(rules, item, errors, mapping))
        return;
    mapping->logon = logon;
    uint32_t first =
        cert_map_index_find(shapes, rules, shape_hash_of(rules, rules->count), mapping);
    if (first != CERT_MAP_INDEX_NONE) {
        errors_warn(errors, item->name.mark,
                    "mapping '%s' is never reached: '%s' has the same rules and comes first",
                    item->name.text, rules->mappings[first].name);
        free_mapping(mapping);
        return;
    }
    cert_map_index_add(shapes, rules, rules->count++);
}

void cert_map_rules_load(struct cert_map_rules *rules, struct cert_map_logons *logons,
                         const struct config_mapping *mapping, struct error_list *errors)
{
    check_names(mapping, errors);
    struct cert_map_index shapes = {.hash_of = shape_hash_of, .is_equal = shape_is_equal};
    rules->mappings = xcalloc(mapping->many_to_one_count, sizeof *rules->mappings);
    for (size_t i = 0; i < mapping->many_to_one_count; i++) {
        if (mapping->many_to_one[i].enabled)
            load_one(rules, &shapes, logons, &mapping->many_to_one[i], errors);
    }
    cert_map_index_clear(&shapes);
    cert_map_anchors_build(rules);
}

const struct cert_map_mapping *cert_map_rules_find(const struct cert_map_rules *rules,
                                                   const X509 *x509)
{
    if (rules->count == 0)
        return NULL;
    struct cert_map_values values;
    cert_map_values_init(&values, &rules->slots, x509);
    uint32_t at = cert_map_anchors_find(rules, &values);
    cert_map_values_clear(&values);
    return at == rules->count ? NULL : &rules->mappings[at];
}
