/* SPDX-License-Identifier: MIT */
#include "auth/cert_map_exact.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* SHA-256 is uniform already, but what stands in a map may be made up, say counted: every octet
 * takes part, so that no such file is quadratic to load. */
static uint64_t hash_digest(const unsigned char sha256[CERT_MAP_DIGEST_SIZE])
{
    uint64_t words[CERT_MAP_DIGEST_SIZE / sizeof(uint64_t)];
    uint64_t hash = CERT_MAP_HASH_START;
    memcpy(words, sha256, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        hash = cert_map_hash_finish(hash ^ words[i]);
    return hash;
}

static uint64_t entry_hash_of(const void *owner, uint32_t id)
{
    const struct cert_map_exact *exact = owner;
    return hash_digest(exact->entries[id].sha256);
}

static bool entry_is_equal(const void *owner, uint32_t id, const void *key)
{
    const struct cert_map_exact *exact = owner;
    return memcmp(exact->entries[id].sha256, key, CERT_MAP_DIGEST_SIZE) == 0;
}

void cert_map_exact_init(struct cert_map_exact *exact)
{
    *exact = (struct cert_map_exact){
        .index = {.hash_of = entry_hash_of, .is_equal = entry_is_equal},
        .first_malformed = CERT_MAP_INDEX_NONE,
    };
}

void cert_map_exact_clear(struct cert_map_exact *exact)
{
    cert_map_index_clear(&exact->index);
    free(exact->entries);
    cert_map_exact_init(exact);
}

uint32_t cert_map_exact_find(const struct cert_map_exact *exact,
                             const unsigned char sha256[CERT_MAP_DIGEST_SIZE])
{
    return cert_map_index_find(&exact->index, exact, hash_digest(sha256), sha256);
}

bool cert_map_exact_add(struct cert_map_exact *exact,
                        const unsigned char sha256[CERT_MAP_DIGEST_SIZE], uint32_t logon)
{
    if (cert_map_exact_find(exact, sha256) != CERT_MAP_INDEX_NONE)
        return false;
    if (exact->count == exact->capacity) {
        exact->capacity = exact->capacity == 0 ? 16 : exact->capacity * 2;
        exact->entries = xreallocarray(exact->entries, exact->capacity, sizeof *exact->entries);
    }
    struct cert_map_entry *entry = &exact->entries[exact->count];
    memcpy(entry->sha256, sha256, CERT_MAP_DIGEST_SIZE);
    entry->logon = logon;
    cert_map_index_add(&exact->index, exact, exact->count++);
    return true;
}

static void load_one(struct cert_map_exact *exact, struct cert_map_logons *logons,
                     const struct config_mapping *mapping, size_t at, bool pem_is_malformed,
                     uint32_t *items, struct error_list *errors)
{
    const struct config_one_to_one *item = &mapping->one_to_one[at];
    unsigned char sha256[CERT_MAP_DIGEST_SIZE];
    enum cert_map_source source =
        cert_map_source_digest(&item->certificate, pem_is_malformed, errors, sha256);
    size_t errors_before = errors->errors;
    uint32_t logon = cert_map_logons_add(logons, &item->user, &item->password_file, errors);
    if (source == CERT_MAP_SOURCE_MALFORMED && exact->first_malformed == CERT_MAP_INDEX_NONE)
        exact->first_malformed = exact->count;
    if (source != CERT_MAP_SOURCE_OK || errors->errors > errors_before)
        return;
    if (cert_map_exact_add(exact, sha256, logon)) {
        items[exact->count - 1] = (uint32_t)at;
        return;
    }
    uint32_t first = cert_map_exact_find(exact, sha256);
    errors_add(errors, item->certificate.mark,
               "the same certificate is mapped twice, first to '%s' at line %u",
               cert_map_logons_get(logons, exact->entries[first].logon)->user,
               mapping->one_to_one[items[first]].certificate.mark.line);
}

void cert_map_exact_load(struct cert_map_exact *exact, struct cert_map_logons *logons,
                         const struct config_mapping *mapping, bool pem_is_malformed,
                         struct error_list *errors)
{
    uint32_t *items = xcalloc(mapping->one_to_one_count + 1, sizeof *items); /* of each entry */
    for (size_t i = 0; i < mapping->one_to_one_count; i++) {
        if (mapping->one_to_one[i].enabled)
            load_one(exact, logons, mapping, i, pem_is_malformed, items, errors);
    }
    free(items);
}

void cert_map_exact_finish(struct cert_map_exact *exact)
{
    exact->capacity = exact->count;
    exact->entries = xreallocarray(exact->entries, exact->count, sizeof *exact->entries);
}
