/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "auth/cert_map_rules.h"
#include "base/mem.h"

#define ANCHOR_MAX 63 /* longer leading and trailing texts are known by their first 63 bytes */

enum anchor_kind { ANCHOR_LITERAL, ANCHOR_PREFIX, ANCHOR_SUFFIX };

/* Where the hash of an anchor starts, so that equal texts elsewhere are other anchors. */
static uint64_t seed(enum anchor_kind kind, bool is_folded, uint32_t slot)
{
    uint64_t hash = cert_map_hash_byte(CERT_MAP_HASH_START, (unsigned char)(kind * 2 + is_folded));
    for (unsigned shift = 0; shift < 32; shift += 8)
        hash = cert_map_hash_byte(hash, (unsigned char)(slot >> shift));
    return hash;
}

static uint64_t hash_backwards(uint64_t hash, struct str text)
{
    for (size_t i = text.len; i > 0; i--)
        hash = cert_map_hash_byte(hash, (unsigned char)text.ptr[i - 1]);
    return hash;
}

struct candidate {
    uint64_t key;
    enum anchor_kind kind;
    size_t len; /* of a prefix or suffix */
};

/* False when the rule pins neither end of a value. */
static bool candidate_of(const struct cert_map_rule *rule, struct candidate *ret_candidate)
{
    const struct cert_map_pattern *pattern = &rule->pattern;
    struct candidate candidate = {.kind = ANCHOR_LITERAL};
    uint64_t hash;
    if (pattern->is_literal) {
        hash = cert_map_hash_text(seed(ANCHOR_LITERAL, rule->is_folded, rule->slot), pattern->head);
    } else if (pattern->head.len > 0) {
        candidate.kind = ANCHOR_PREFIX;
        candidate.len = pattern->head.len < ANCHOR_MAX ? pattern->head.len : ANCHOR_MAX;
        hash = cert_map_hash_text(seed(ANCHOR_PREFIX, rule->is_folded, rule->slot),
                                  str_make(pattern->head.ptr, candidate.len));
    } else if (pattern->tail.len > 0) {
        candidate.kind = ANCHOR_SUFFIX;
        candidate.len = pattern->tail.len < ANCHOR_MAX ? pattern->tail.len : ANCHOR_MAX;
        hash = hash_backwards(seed(ANCHOR_SUFFIX, rule->is_folded, rule->slot),
                              str_skip(pattern->tail, pattern->tail.len - candidate.len));
    } else {
        return false;
    }
    candidate.key = cert_map_hash_finish(hash);
    *ret_candidate = candidate;
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

static int compare_anchors(const void *a, const void *b)
{
    const struct cert_map_anchor *left = a;
    const struct cert_map_anchor *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->mapping < right->mapping ? -1 : left->mapping > right->mapping;
}

/* The first key that is not below the given one. */
static size_t lower_bound(const uint64_t *keys, size_t count, uint64_t key)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* Every candidate key of every mapping, sorted: how often one occurs tells how much it is worth. */
static uint64_t *collect_keys(const struct cert_map_rules *rules, size_t *ret_count)
{
    size_t capacity = 0;
    for (uint32_t i = 0; i < rules->count; i++)
        capacity += rules->mappings[i].rule_count;
    uint64_t *keys = xcalloc(capacity, sizeof *keys);
    size_t count = 0;
    struct candidate candidate;
    for (uint32_t i = 0; i < rules->count; i++) {
        for (size_t j = 0; j < rules->mappings[i].rule_count; j++) {
            if (candidate_of(&rules->mappings[i].rules[j], &candidate))
                keys[count++] = candidate.key;
        }
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    *ret_count = count;
    return keys;
}

static void hang_mapping(struct cert_map_rules *rules, uint32_t at, const uint64_t *keys,
                         size_t key_count)
{
    const struct cert_map_mapping *mapping = &rules->mappings[at];
    struct candidate best = {0};
    const struct cert_map_rule *best_rule = NULL;
    size_t best_count = SIZE_MAX;
    for (size_t i = 0; i < mapping->rule_count; i++) {
        struct candidate candidate;
        if (!candidate_of(&mapping->rules[i], &candidate))
            continue;
        size_t first = lower_bound(keys, key_count, candidate.key);
        size_t end = candidate.key == UINT64_MAX ? key_count
                                                 : lower_bound(keys, key_count, candidate.key + 1);
        if (end - first < best_count) {
            best_count = end - first;
            best = candidate;
            best_rule = &mapping->rules[i];
        }
    }
    if (best_rule == NULL) {
        rules->unanchored[rules->unanchored_count++] = at;
        return;
    }
    rules->anchors[rules->anchor_count++] = (struct cert_map_anchor){best.key, at};
    struct cert_map_lengths *lengths = &rules->lengths[best_rule->slot];
    if (best.kind == ANCHOR_PREFIX)
        lengths->prefix[best_rule->is_folded] |= UINT64_C(1) << best.len;
    else if (best.kind == ANCHOR_SUFFIX)
        lengths->suffix[best_rule->is_folded] |= UINT64_C(1) << best.len;
}

static uint64_t run_hash_of(const void *owner, uint32_t id)
{
    const struct cert_map_rules *rules = owner;
    return rules->anchors[id].key;
}

static bool run_is_equal(const void *owner, uint32_t id, const void *key)
{
    const struct cert_map_rules *rules = owner;
    const uint64_t *wanted = key;
    return rules->anchors[id].key == *wanted;
}

void cert_map_anchors_build(struct cert_map_rules *rules)
{
    size_t key_count = 0;
    uint64_t *keys = collect_keys(rules, &key_count);
    rules->anchors = xcalloc(rules->count, sizeof *rules->anchors);
    rules->unanchored = xcalloc(rules->count, sizeof *rules->unanchored);
    rules->lengths = xcalloc(rules->slots.count, sizeof *rules->lengths);
    for (uint32_t i = 0; i < rules->count; i++)
        hang_mapping(rules, i, keys, key_count);
    free(keys);
    qsort(rules->anchors, rules->anchor_count, sizeof *rules->anchors, compare_anchors);
    rules->runs.hash_of = run_hash_of;
    rules->runs.is_equal = run_is_equal;
    for (size_t i = 0; i < rules->anchor_count; i++) {
        if (i == 0 || rules->anchors[i].key != rules->anchors[i - 1].key)
            cert_map_index_add(&rules->runs, rules, (uint32_t)i);
    }
}

/* A look-up under way: `best` is the first mapping known to match. */
struct search {
    const struct cert_map_rules *rules;
    const struct cert_map_values *values;
    uint32_t best;
};

static bool rule_matches(const struct cert_map_rule *rule, const struct cert_map_values *values)
{
    /* Any value of the type will do, wherever it stands: iis-semantics.md 5.3. */
    for (size_t i = values->starts[rule->slot]; i < values->starts[rule->slot + 1]; i++) {
        const struct cert_map_value *value = &values->items[i];
        if (cert_map_pattern_matches(&rule->pattern, rule->is_folded ? value->folded : value->text))
            return true;
    }
    return false;
}

static bool mapping_matches(const struct search *search, uint32_t at)
{
    const struct cert_map_mapping *mapping = &search->rules->mappings[at];
    for (size_t i = 0; i < mapping->rule_count; i++) {
        if (!rule_matches(&mapping->rules[i], search->values))
            return false;
    }
    return true;
}

static void visit_run(struct search *search, uint64_t hash)
{
    const struct cert_map_rules *rules = search->rules;
    uint64_t key = cert_map_hash_finish(hash);
    uint32_t at = cert_map_index_find(&rules->runs, rules, key, &key);
    if (at == CERT_MAP_INDEX_NONE)
        return;
    for (size_t i = at; i < rules->anchor_count && rules->anchors[i].key == key; i++) {
        uint32_t mapping = rules->anchors[i].mapping;
        if (mapping >= search->best)
            return;
        if (mapping_matches(search, mapping))
            search->best = mapping;
    }
}

static void visit_text(struct search *search, uint32_t slot, bool is_folded, struct str text)
{
    const struct cert_map_lengths *lengths = &search->rules->lengths[slot];
    visit_run(search, cert_map_hash_text(seed(ANCHOR_LITERAL, is_folded, slot), text));
    uint64_t prefix = seed(ANCHOR_PREFIX, is_folded, slot);
    uint64_t suffix = seed(ANCHOR_SUFFIX, is_folded, slot);
    for (size_t i = 1; i <= text.len && i <= ANCHOR_MAX; i++) {
        prefix = cert_map_hash_byte(prefix, (unsigned char)text.ptr[i - 1]);
        suffix = cert_map_hash_byte(suffix, (unsigned char)text.ptr[text.len - i]);
        if ((lengths->prefix[is_folded] >> i & 1) != 0)
            visit_run(search, prefix);
        if ((lengths->suffix[is_folded] >> i & 1) != 0)
            visit_run(search, suffix);
    }
}

uint32_t cert_map_anchors_find(const struct cert_map_rules *rules,
                               const struct cert_map_values *values)
{
    struct search search = {rules, values, rules->count};
    for (uint32_t slot = 0; slot < rules->slots.count; slot++) {
        for (size_t i = values->starts[slot]; i < values->starts[slot + 1]; i++) {
            if (rules->slots.items[slot].is_compared)
                visit_text(&search, slot, false, values->items[i].text);
            if (rules->slots.items[slot].is_folded)
                visit_text(&search, slot, true, values->items[i].folded);
        }
    }
    for (size_t i = 0; i < rules->unanchored_count && rules->unanchored[i] < search.best; i++) {
        if (mapping_matches(&search, rules->unanchored[i]))
            search.best = rules->unanchored[i];
    }
    return search.best;
}
