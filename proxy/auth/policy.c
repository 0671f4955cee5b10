/* SPDX-License-Identifier: MIT */
#include "auth/policy.h"

#include <stdint.h>

#include <openssl/objects.h>

#include "auth/cert_facts.h"
#include "auth/trust.h"
#include "auth/verdict.h"
#include "base/mem.h"

#define NODES_MAX ((size_t)2 * POLICY_MAX)
#define LINKS_MAX ((size_t)2 * POLICY_MAX)

#define PARENT_ANY UINT16_MAX

struct link { /* from a node to a parent in the level above, or to an expected policy */
    uint16_t node;
    uint16_t parent;
    const ASN1_OBJECT *expected;
};

struct level {
    const ASN1_OBJECT *nodes[NODES_MAX]; /* each policy once, anyPolicy left out */
    bool is_reached[NODES_MAX];
    size_t node_count;
    bool has_any;
    struct link parents[LINKS_MAX];
    size_t parent_count;
    struct link expected[LINKS_MAX]; /* mapped policies; a node without any expects itself */
    size_t expected_count;
};

struct policy_state { /* RFC 5280 section 6.1.2 */
    const struct trust *trust;
    size_t explicit_policy;
    size_t inhibit_mapping;
    size_t inhibit_any;
    size_t depth; /* levels in use */
    bool is_overfull;
    struct level levels[VERDICT_PATH_MAX];
};

static size_t find_node(const struct level *level, const ASN1_OBJECT *policy)
{
    size_t i = 0;
    while (i < level->node_count && OBJ_cmp(level->nodes[i], policy) != 0)
        i++;
    return i;
}

static size_t add_node(struct policy_state *state, struct level *level, const ASN1_OBJECT *policy)
{
    size_t at = find_node(level, policy);
    if (at < level->node_count)
        return at;
    if (at == NODES_MAX) {
        state->is_overfull = true;
        return 0;
    }
    level->nodes[level->node_count++] = policy;
    return at;
}

static void add_parent(struct policy_state *state, struct level *level, const ASN1_OBJECT *policy,
                       uint16_t parent)
{
    size_t node = add_node(state, level, policy);
    if (level->parent_count == LINKS_MAX) {
        state->is_overfull = true;
        return;
    }
    level->parents[level->parent_count++] = (struct link){(uint16_t)node, parent, NULL};
}

static bool node_is_mapped(const struct level *level, size_t node)
{
    for (size_t i = 0; i < level->expected_count; i++) {
        if (level->expected[i].node == node)
            return true;
    }
    return false;
}

/* Links `policy` to every node above that expects it; false when there is none. */
static bool link_expecting(struct policy_state *state, const struct level *above,
                           struct level *level, const ASN1_OBJECT *policy)
{
    bool found = false;
    for (size_t i = 0; i < above->expected_count; i++) {
        if (OBJ_cmp(above->expected[i].expected, policy) == 0) {
            add_parent(state, level, policy, above->expected[i].node);
            found = true;
        }
    }
    size_t same = find_node(above, policy);
    if (same < above->node_count && !node_is_mapped(above, same)) {
        add_parent(state, level, policy, (uint16_t)same);
        found = true;
    }
    return found;
}

/* RFC 5280 section 6.1.3 (d)(2): anyPolicy stands for everything the level above expects. */
static void link_any(struct policy_state *state, const struct level *above, struct level *level)
{
    size_t own_count = level->node_count;
    for (size_t i = 0; i < above->expected_count; i++) {
        const ASN1_OBJECT *policy = above->expected[i].expected;
        if (find_node(level, policy) >= own_count)
            add_parent(state, level, policy, above->expected[i].node);
    }
    for (size_t i = 0; i < above->node_count; i++) {
        if (!node_is_mapped(above, i) && find_node(level, above->nodes[i]) >= own_count)
            add_parent(state, level, above->nodes[i], (uint16_t)i);
    }
    level->has_any = above->has_any;
}

/* RFC 5280 section 6.1.3 (d) and (e). */
static void add_level(struct policy_state *state, const struct cert *cert, bool is_leaf)
{
    const struct cert_facts *facts = cert->facts;
    const struct level *above = &state->levels[state->depth - 1];
    struct level *level = &state->levels[state->depth++];
    level->node_count = level->parent_count = level->expected_count = 0;
    level->has_any = false;
    for (int i = 0; i < sk_POLICYINFO_num(facts->policy.policies); i++) {
        const ASN1_OBJECT *policy = sk_POLICYINFO_value(facts->policy.policies, i)->policyid;
        if (OBJ_obj2nid(policy) == NID_any_policy)
            continue;
        if (!link_expecting(state, above, level, policy) && above->has_any)
            add_parent(state, level, policy, PARENT_ANY);
    }
    bool any_counts = state->inhibit_any > 0 || (!is_leaf && facts->is_self_issued);
    if (facts->policy.has_any && any_counts)
        link_any(state, above, level);
}

static bool level_is_empty(const struct policy_state *state)
{
    const struct level *level = &state->levels[state->depth - 1];
    return level->node_count == 0 && !level->has_any;
}

/* Takes the node out with everything that leads to it; the last one moves into its place. */
static void remove_node(struct level *level, size_t node)
{
    size_t last = --level->node_count;
    level->nodes[node] = level->nodes[last];
    size_t kept = 0;
    for (size_t i = 0; i < level->parent_count; i++) {
        struct link link = level->parents[i];
        if (link.node == node)
            continue;
        if (link.node == last)
            link.node = (uint16_t)node;
        level->parents[kept++] = link;
    }
    level->parent_count = kept;
}

/* RFC 5280 section 6.1.4 (b). */
static void apply_mapping(struct policy_state *state, const POLICY_MAPPING *mapping)
{
    struct level *level = &state->levels[state->depth - 1];
    size_t node = find_node(level, mapping->issuerDomainPolicy);
    if (state->inhibit_mapping == 0) {
        if (node < level->node_count)
            remove_node(level, node);
        return;
    }
    if (node == level->node_count) {
        if (!level->has_any)
            return;
        add_parent(state, level, mapping->issuerDomainPolicy, PARENT_ANY);
    }
    if (level->expected_count == LINKS_MAX || state->is_overfull) {
        state->is_overfull = true;
        return;
    }
    level->expected[level->expected_count++] =
        (struct link){(uint16_t)node, 0, mapping->subjectDomainPolicy};
}

static void lower(size_t *counter, long skip)
{
    if (skip >= 0 && (size_t)skip < *counter)
        *counter = (size_t)skip;
}

/* RFC 5280 section 6.1.4 (b), (h), (i), (j). */
static void prepare_next(struct policy_state *state, const struct cert *cert)
{
    const struct cert_policy_facts *policy = &cert->facts->policy;
    for (int i = 0; i < sk_POLICY_MAPPING_num(policy->mappings); i++)
        apply_mapping(state, sk_POLICY_MAPPING_value(policy->mappings, i));
    if (!cert->facts->is_self_issued) {
        state->explicit_policy -= state->explicit_policy > 0;
        state->inhibit_mapping -= state->inhibit_mapping > 0;
        state->inhibit_any -= state->inhibit_any > 0;
    }
    lower(&state->explicit_policy, policy->require_explicit);
    lower(&state->inhibit_mapping, policy->inhibit_mapping);
    lower(&state->inhibit_any, policy->inhibit_any);
}

static bool is_initial(const struct trust *trust, const ASN1_OBJECT *policy)
{
    for (size_t i = 0; i < trust->initial_count; i++) {
        if (OBJ_cmp(trust->initial[i], policy) == 0)
            return true;
    }
    return trust->initial_is_any;
}

/* RFC 5280 section 6.1.5 (g): something of the last level must lead up to a policy that the site
 * accepts, in the domain of the anchor (a child of anyPolicy). */
static bool reaches_initial(struct policy_state *state)
{
    struct level *last = &state->levels[state->depth - 1];
    if (last->has_any)
        return true;
    for (size_t i = 0; i < state->depth; i++)
        memset(state->levels[i].is_reached, 0, sizeof state->levels[i].is_reached);
    memset(last->is_reached, 1, sizeof last->is_reached);
    for (size_t depth = state->depth; depth-- > 1;) {
        const struct level *level = &state->levels[depth];
        for (size_t i = 0; i < level->parent_count; i++) {
            const struct link *link = &level->parents[i];
            if (!level->is_reached[link->node])
                continue;
            if (link->parent != PARENT_ANY)
                state->levels[depth - 1].is_reached[link->parent] = true;
            else if (is_initial(state->trust, level->nodes[link->node]))
                return true;
        }
    }
    return false;
}

static bool walk(struct policy_state *state, const struct cert *const *path, size_t len)
{
    for (size_t i = len - 1; i-- > 0;) {
        add_level(state, path[i], i == 0);
        /* RFC 5280 section 6.1.3 (f) */
        if (state->is_overfull || (state->explicit_policy == 0 && level_is_empty(state)))
            return false;
        if (i > 0)
            prepare_next(state, path[i]);
    }
    /* RFC 5280 section 6.1.5 (a), (b) */
    state->explicit_policy -= state->explicit_policy > 0;
    if (path[0]->facts->policy.require_explicit == 0)
        state->explicit_policy = 0;
    return state->explicit_policy > 0 || (!state->is_overfull && reaches_initial(state));
}

bool policy_check(const struct trust *trust, const struct cert *const *path, size_t len)
{
    bool may_matter = trust->policy.require_explicit;
    for (size_t i = 0; i + 1 < len; i++)
        may_matter |= path[i]->facts->policy.require_explicit >= 0;
    if (!may_matter || len < 2)
        return true; /* nothing can make the set of policies matter */
    struct policy_state *state = xmalloc(sizeof *state);
    size_t n = len - 1;
    state->trust = trust;
    state->explicit_policy = trust->policy.require_explicit ? 0 : n + 1;
    state->inhibit_mapping = trust->policy.inhibit_mapping ? 0 : n + 1;
    state->inhibit_any = trust->policy.inhibit_any ? 0 : n + 1;
    state->is_overfull = false;
    state->depth = 1;
    state->levels[0].node_count = state->levels[0].parent_count = 0;
    state->levels[0].expected_count = 0;
    state->levels[0].has_any = true;
    bool good = walk(state, path, len);
    free(state);
    return good;
}
