/* SPDX-License-Identifier: MIT */
#include "auth/cert_map_index.h"

#include <stdlib.h>

#include "base/mem.h"

static void insert(struct cert_map_index *index, uint64_t hash, uint32_t id)
{
    size_t at = (size_t)hash & (index->capacity - 1);
    while (index->slots[at] != CERT_MAP_INDEX_NONE)
        at = (at + 1) & (index->capacity - 1);
    index->slots[at] = id;
}

static void grow(struct cert_map_index *index, const void *owner)
{
    uint32_t *old = index->slots;
    size_t old_capacity = index->capacity;
    index->capacity = old_capacity == 0 ? 16 : old_capacity * 2;
    index->slots = xreallocarray(NULL, index->capacity, sizeof *index->slots);
    for (size_t i = 0; i < index->capacity; i++)
        index->slots[i] = CERT_MAP_INDEX_NONE;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] != CERT_MAP_INDEX_NONE)
            insert(index, index->hash_of(owner, old[i]), old[i]);
    }
    free(old);
}

uint32_t cert_map_index_find(const struct cert_map_index *index, const void *owner, uint64_t hash,
                             const void *key)
{
    if (index->capacity == 0)
        return CERT_MAP_INDEX_NONE;
    size_t at = (size_t)hash & (index->capacity - 1);
    while (index->slots[at] != CERT_MAP_INDEX_NONE) {
        if (index->is_equal(owner, index->slots[at], key))
            return index->slots[at];
        at = (at + 1) & (index->capacity - 1);
    }
    return CERT_MAP_INDEX_NONE;
}

void cert_map_index_add(struct cert_map_index *index, const void *owner, uint32_t id)
{
    /* Three quarters full at most: short probes, and always a free slot that ends a search. */
    if ((index->count + 1) * 4 > index->capacity * 3)
        grow(index, owner);
    insert(index, index->hash_of(owner, id), id);
    index->count++;
}

void cert_map_index_clear(struct cert_map_index *index)
{
    free(index->slots);
    index->slots = NULL;
    index->capacity = 0;
    index->count = 0;
}

uint64_t cert_map_hash_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * 1099511628211u;
}

uint64_t cert_map_hash_text(uint64_t hash, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = cert_map_hash_byte(hash, (unsigned char)text.ptr[i]);
    return hash;
}

uint64_t cert_map_hash_finish(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}
