/* Fields that follow from certificate, user and settings are rendered once for a connection: a
 * keep-alive client costs no base64 and no certificate parsing after its first request. An entry is
 * one piece of memory and never changes, so that exchanges can point into it.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "auth/verdict_cache.h"
#include "base/mem.h"
#include "core/identity_headers.h"

/* Locations and verdicts of one connection; what is beyond is rendered each time. */
#define ENTRIES_MAX 8

struct identity_cached {
    const struct config_forward *forward; /* key: settings, certificate, verdict, user */
    struct cert *leaf;                    /* reference */
    const struct verdict *verdict;        /* reference */
    const char *user;                     /* borrowed from the map */
    struct http_fields fields;            /* items owned, with their text behind them */
};

const struct http_fields *identity_cache_find(const struct identity_cache *cache,
                                              const struct identity_facts *facts,
                                              const struct verdict *verdict)
{
    for (size_t i = 0; i < cache->count; i++) {
        const struct identity_cached *entry = &cache->entries[i];
        if (entry->forward == facts->forward && entry->leaf == facts->leaf &&
            entry->verdict == verdict && entry->user == facts->user)
            return &entry->fields;
    }
    return NULL;
}

static struct str append(char **at, struct str text)
{
    char *start = *at;
    if (text.len > 0)
        memcpy(start, text.ptr, text.len);
    *at += text.len;
    return str_make(start, text.len);
}

static struct http_fields copy_fields(const struct http_fields *fields)
{
    size_t size = fields->count * sizeof *fields->items;
    for (size_t i = 0; i < fields->count; i++)
        size += fields->items[i].name.len + fields->items[i].value.len;
    struct http_field *items = xmalloc(size + 1);
    char *at = (char *)(items + fields->count);
    for (size_t i = 0; i < fields->count; i++)
        items[i] = (struct http_field){.name = append(&at, fields->items[i].name),
                                       .value = append(&at, fields->items[i].value)};
    return (struct http_fields){.items = items, .count = fields->count, .capacity = fields->count};
}

void identity_cache_add(struct identity_cache *cache, const struct identity_facts *facts,
                        const struct verdict *verdict, const struct http_fields *fields)
{
    if (cache->count == ENTRIES_MAX)
        return;
    cache->entries = xreallocarray(cache->entries, cache->count + 1, sizeof *cache->entries);
    cache->entries[cache->count++] = (struct identity_cached){
        .forward = facts->forward,
        .leaf = facts->leaf == NULL ? NULL : cert_ref(facts->leaf),
        .verdict = verdict == NULL ? NULL : verdict_ref(verdict),
        .user = facts->user,
        .fields = copy_fields(fields),
    };
}

void identity_cache_clear(struct identity_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        cert_unref(cache->entries[i].leaf);
        verdict_unref(cache->entries[i].verdict);
        free(cache->entries[i].fields.items);
    }
    free(cache->entries);
    *cache = (struct identity_cache){0};
}
