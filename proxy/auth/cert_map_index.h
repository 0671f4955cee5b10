/* cert_map_index.h - finds 32-bit ids by a hash: open addressing over a table of ids alone.
 *
 * The keys stay where the owner keeps them, so a million entries cost four to eleven bytes each.
 * Private to the mapping files.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_INDEX_H
#define PROXY_AUTH_CERT_MAP_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define CERT_MAP_INDEX_NONE UINT32_MAX

struct cert_map_index { /* start from {.hash_of = ..., .is_equal = ...} */
    uint64_t (*hash_of)(const void *owner, uint32_t id);
    bool (*is_equal)(const void *owner, uint32_t id, const void *key);
    uint32_t *slots; /* owned; ids, or CERT_MAP_INDEX_NONE */
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

/* The id added for an equal key, or CERT_MAP_INDEX_NONE. */
uint32_t cert_map_index_find(const struct cert_map_index *index, const void *owner, uint64_t hash,
                             const void *key);
/* Adds an id whose key is not in the index yet; the owner must already know the id. */
void cert_map_index_add(struct cert_map_index *index, const void *owner, uint32_t id);
void cert_map_index_clear(struct cert_map_index *index);

/* FNV-1a, which can be taken further byte by byte. */
#define CERT_MAP_HASH_START 14695981039346656037u
uint64_t cert_map_hash_byte(uint64_t hash, unsigned char byte);
uint64_t cert_map_hash_text(uint64_t hash, struct str text);
/* Spreads the entropy of an FNV hash over all its bits; the last step of every key. */
uint64_t cert_map_hash_finish(uint64_t hash);

#endif
