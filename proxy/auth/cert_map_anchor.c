/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "auth/cert_map_rules.h"
#include "base/mem.h"

#define ANCHOR_MAX     63  /* longer leading and trailing texts are known by their first 63 bytes */
#define GRAM_SIZE      4   /* shorter texts in the middle are no anchor */
#define GRAM_TEXT_MAX  256 /* longer values are not searched for anchors: see visit_grams */
#define CANDIDATES_MAX 64  /* of one rule */

enum anchor_kind { ANCHOR_LITERAL, ANCHOR_PREFIX, ANCHOR_SUFFIX, ANCHOR_GRAM };

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

struct candidates {
    struct candidate items[CANDIDATES_MAX];
    size_t count;
};

static void add_candidate(struct candidates *candidates, uint64_t hash, enum anchor_kind kind,
                          size_t len)
{
    if (candidates->count < CANDIDATES_MAX)
        candidates->items[candidates->count++] =
            (struct candidate){cert_map_hash_finish(hash), kind, len};
}

static size_t anchor_len(struct str text)
{
    return text.len < ANCHOR_MAX ? text.len : ANCHOR_MAX;
}

static void add_grams(struct candidates *candidates, uint64_t start, struct str pieces)
{
    struct str piece;
    while (str_split(&pieces, '*', &piece)) {
        for (size_t i = 0; i + GRAM_SIZE <= piece.len; i++)
            add_candidate(candidates, cert_map_hash_text(start, str_make(piece.ptr + i, GRAM_SIZE)),
                          ANCHOR_GRAM, GRAM_SIZE);
    }
}

/* None when the rule pins neither an end of a value nor enough in the middle. */
static void collect_candidates(const struct cert_map_rule *rule, struct candidates *candidates)
{
    const struct cert_map_pattern *pattern = &rule->pattern;
    struct str head = pattern->head;
    struct str tail = pattern->tail;
    candidates->count = 0;
    if (pattern->is_literal) {
        uint64_t start = seed(ANCHOR_LITERAL, rule->is_folded, rule->slot);
        add_candidate(candidates, cert_map_hash_text(start, head), ANCHOR_LITERAL, head.len);
        return;
    }
    if (head.len > 0) {
        head.len = anchor_len(head);
        uint64_t start = seed(ANCHOR_PREFIX, rule->is_folded, rule->slot);
        add_candidate(candidates, cert_map_hash_text(start, head), ANCHOR_PREFIX, head.len);
    }
    if (tail.len > 0) {
        tail = str_skip(tail, tail.len - anchor_len(tail));
        uint64_t start = seed(ANCHOR_SUFFIX, rule->is_folded, rule->slot);
        add_candidate(candidates, hash_backwards(start, tail), ANCHOR_SUFFIX, tail.len);
    }
    add_grams(candidates, seed(ANCHOR_GRAM, rule->is_folded, rule->slot), pattern->middle);
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
    uint64_t *keys = NULL;
    size_t capacity = 0;
    size_t count = 0;
    struct candidates candidates;
    for (uint32_t i = 0; i < rules->count; i++) {
        for (size_t j = 0; j < rules->mappings[i].rule_count; j++) {
            collect_candidates(&rules->mappings[i].rules[j], &candidates);
            if (count + candidates.count > capacity) {
                capacity = 2 * capacity + CANDIDATES_MAX;
                keys = xreallocarray(keys, capacity, sizeof *keys);
            }
            for (size_t k = 0; k < candidates.count; k++)
                keys[count++] = candidates.items[k].key;
        }
    }
    if (count > 0)
        qsort(keys, count, sizeof *keys, compare_keys);
    *ret_count = count;
    return keys;
}

struct choice {
    struct candidate candidate;
    const struct cert_map_rule *rule; /* NULL: nothing to choose from */
    size_t occurrences;
};

static void choose(const struct cert_map_rule *rule, const uint64_t *keys, size_t key_count,
                   struct choice *choice)
{
    struct candidates candidates;
    collect_candidates(rule, &candidates);
    for (size_t i = 0; i < candidates.count; i++) {
        uint64_t key = candidates.items[i].key;
        size_t first = lower_bound(keys, key_count, key);
        size_t end = key == UINT64_MAX ? key_count : lower_bound(keys, key_count, key + 1);
        if (choice->rule == NULL || end - first < choice->occurrences)
            *choice = (struct choice){candidates.items[i], rule, end - first};
    }
}

static void hang_mapping(struct cert_map_rules *rules, uint32_t at, const uint64_t *keys,
                         size_t key_count)
{
    const struct cert_map_mapping *mapping = &rules->mappings[at];
    struct choice best = {0};
    for (size_t i = 0; i < mapping->rule_count; i++)
        choose(&mapping->rules[i], keys, key_count, &best);
    if (best.rule == NULL) {
        rules->unanchored[rules->unanchored_count++] = at;
        return;
    }
    rules->anchors[rules->anchor_count++] = (struct cert_map_anchor){best.candidate.key, at};
    struct cert_map_anchored *anchored = &rules->anchored[best.rule->slot];
    switch (best.candidate.kind) {
    case ANCHOR_LITERAL:
        break;
    case ANCHOR_PREFIX:
        anchored->prefix_lengths[best.rule->is_folded] |= UINT64_C(1) << best.candidate.len;
        break;
    case ANCHOR_SUFFIX:
        anchored->suffix_lengths[best.rule->is_folded] |= UINT64_C(1) << best.candidate.len;
        break;
    case ANCHOR_GRAM:
        anchored->has_grams[best.rule->is_folded] = true;
        rules->grams[rules->gram_count++] = at;
        break;
    }
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
    rules->grams = xcalloc(rules->count, sizeof *rules->grams);
    rules->anchored = xcalloc(rules->slots.count, sizeof *rules->anchored);
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
    bool skipped_grams;
};

static bool rule_matches(const struct cert_map_rule *rule, const struct cert_map_values *values)
{
    /* Any value of the type will do, wherever it stands: iis-semantics.md 5.3. */
    for (size_t i = values->starts[rule->slot]; i < values->starts[rule->slot + 1]; i++) {
        const struct cert_map_value *value = &values->items[i];
        if (cert_map_pattern_matches(&rule->pattern, cert_map_value_str(value, rule->is_folded)))
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

/* Where the anchors of that hash start, or CERT_MAP_INDEX_NONE. */
static uint32_t find_run(const struct search *search, uint64_t hash)
{
    uint64_t key = cert_map_hash_finish(hash);
    return cert_map_index_find(&search->rules->runs, search->rules, key, &key);
}

static void visit_run(struct search *search, uint32_t at)
{
    const struct cert_map_rules *rules = search->rules;
    if (at == CERT_MAP_INDEX_NONE)
        return;
    for (size_t i = at; i < rules->anchor_count && rules->anchors[i].key == rules->anchors[at].key;
         i++) {
        uint32_t mapping = rules->anchors[i].mapping;
        if (mapping >= search->best)
            return;
        if (mapping_matches(search, mapping))
            search->best = mapping;
    }
}

/* Each run once, however often its four bytes occur. In a value of kilobytes, which no honest
 * certificate has, that would not be worth the bookkeeping: those mappings are then walked. */
static void visit_grams(struct search *search, uint32_t slot, bool is_folded, struct str text)
{
    uint32_t visited[GRAM_TEXT_MAX];
    size_t count = 0;
    if (text.len > GRAM_TEXT_MAX) {
        search->skipped_grams = true;
        return;
    }
    uint64_t start = seed(ANCHOR_GRAM, is_folded, slot);
    for (size_t i = 0; i + GRAM_SIZE <= text.len; i++) {
        struct str gram = str_make(text.ptr + i, GRAM_SIZE);
        uint32_t at = find_run(search, cert_map_hash_text(start, gram));
        bool is_known = at == CERT_MAP_INDEX_NONE;
        for (size_t j = 0; !is_known && j < count; j++)
            is_known = visited[j] == at;
        if (is_known)
            continue;
        visited[count++] = at;
        visit_run(search, at);
    }
}

static void visit_text(struct search *search, uint32_t slot, bool is_folded, struct str text)
{
    const struct cert_map_anchored *anchored = &search->rules->anchored[slot];
    uint64_t literal = cert_map_hash_text(seed(ANCHOR_LITERAL, is_folded, slot), text);
    visit_run(search, find_run(search, literal));
    uint64_t prefix = seed(ANCHOR_PREFIX, is_folded, slot);
    uint64_t suffix = seed(ANCHOR_SUFFIX, is_folded, slot);
    for (size_t i = 1; i <= text.len && i <= ANCHOR_MAX; i++) {
        prefix = cert_map_hash_byte(prefix, (unsigned char)text.ptr[i - 1]);
        suffix = cert_map_hash_byte(suffix, (unsigned char)text.ptr[text.len - i]);
        if ((anchored->prefix_lengths[is_folded] >> i & 1) != 0)
            visit_run(search, find_run(search, prefix));
        if ((anchored->suffix_lengths[is_folded] >> i & 1) != 0)
            visit_run(search, find_run(search, suffix));
    }
    if (anchored->has_grams[is_folded])
        visit_grams(search, slot, is_folded, text);
}

/* Mappings in order, up to the best one so far. */
static void walk(struct search *search, const uint32_t *mappings, size_t count)
{
    for (size_t i = 0; i < count && mappings[i] < search->best; i++) {
        if (mapping_matches(search, mappings[i]))
            search->best = mappings[i];
    }
}

uint32_t cert_map_anchors_find(const struct cert_map_rules *rules,
                               const struct cert_map_values *values)
{
    struct search search = {.rules = rules, .values = values, .best = rules->count};
    for (uint32_t slot = 0; slot < rules->slots.count; slot++) {
        for (size_t i = values->starts[slot]; i < values->starts[slot + 1]; i++) {
            if (rules->slots.items[slot].is_compared)
                visit_text(&search, slot, false, cert_map_value_str(&values->items[i], false));
            if (rules->slots.items[slot].is_folded)
                visit_text(&search, slot, true, cert_map_value_str(&values->items[i], true));
        }
    }
    if (search.skipped_grams)
        walk(&search, rules->grams, rules->gram_count);
    walk(&search, rules->unanchored, rules->unanchored_count);
    return search.best;
}
