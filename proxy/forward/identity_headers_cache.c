/* Fields that follow from certificate, user and settings are rendered once: a keep-alive client
 * costs no base64 and no certificate parsing after its first request, and another connection of the
 * same client none at all. A rendering is one piece of memory and never changes, so that exchanges
 * can point into it.
 *
 * SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "auth/verdict_cache.h"
#include "base/mem.h"
#include "forward/identity_headers.h"

/* Locations and verdicts of one connection; what is beyond is rendered each time. */
#define ENTRIES_MAX 8

/* All that the lasting fields are made of; compared as bytes, so the unused ones are 0. */
struct key {
    const struct config_forward *forward;
    const struct cert *leaf;
    const struct verdict *verdict;
    const struct cert *server; /* borrowed from the snapshot, like the settings */
    const char *user;          /* borrowed from the map */
    const char *outcome;       /* static: the verdict's word */
    const char *reason;        /* static */
    int cipher_bits;
    char tls_version[12];
    char cipher[48];
    char client_ip[INET6_ADDRSTRLEN];
};

struct identity_rendering {
    struct key key;
    unsigned refs;
    struct cert *leaf;             /* reference: a pointer in a key means this one object */
    const struct verdict *verdict; /* reference */
    struct http_fields fields;     /* items owned, with their text behind them */
    UT_hash_handle hh;
    struct identity_rendering *prev; /* in the order of use, newest first */
    struct identity_rendering *next;
};

struct identity_renderings {
    size_t max;
    size_t count;
    struct identity_rendering *by_key;
    struct identity_rendering *newest;
};

static bool copy_text(char *out, size_t size, const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);
    if (len >= size)
        return false;
    memcpy(out, text == NULL ? "" : text, len);
    return true;
}

/* False: something in it is longer than any known value, so it is not shared. */
static bool key_init(struct key *key, const struct identity_facts *facts,
                     const struct verdict *verdict)
{
    memset(key, 0, sizeof *key); /* the padding, too */
    key->forward = facts->forward;
    key->leaf = facts->leaf;
    key->verdict = verdict;
    key->server = facts->server;
    key->user = facts->user;
    key->outcome = facts->verdict;
    key->reason = facts->reason;
    key->cipher_bits = facts->cipher_bits;
    return copy_text(key->tls_version, sizeof key->tls_version, facts->tls_version) &&
           copy_text(key->cipher, sizeof key->cipher, facts->cipher) &&
           copy_text(key->client_ip, sizeof key->client_ip, facts->client_ip);
}

static void unref(struct identity_rendering *rendering)
{
    if (--rendering->refs > 0)
        return;
    cert_unref(rendering->leaf);
    verdict_unref(rendering->verdict);
    free(rendering->fields.items);
    free(rendering);
}

/* ---- of all connections ------------------------------------------------------------------- */

struct identity_renderings *identity_renderings_new(size_t max)
{
    struct identity_renderings *all = xcalloc(1, sizeof *all);
    all->max = max;
    return all;
}

static void forget(struct identity_renderings *all, struct identity_rendering *rendering)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is in the list is in the table */
    HASH_DELETE(hh, all->by_key, rendering);
    DL_DELETE(all->newest, rendering);
    all->count--;
    unref(rendering);
}

void identity_renderings_free(struct identity_renderings *all)
{
    if (all == NULL)
        return;
    while (all->newest != NULL)
        forget(all, all->newest);
    free(all);
}

static struct identity_rendering *find(struct identity_renderings *all, const struct key *key)
{
    struct identity_rendering *rendering;
    HASH_FIND(hh, all->by_key, key, sizeof *key, rendering);
    if (rendering != NULL && all->newest != rendering) {
        DL_DELETE(all->newest, rendering);
        DL_PREPEND(all->newest, rendering);
    }
    return rendering;
}

static void remember(struct identity_renderings *all, struct identity_rendering *rendering)
{
    if (all->max == 0)
        return;
    if (all->count == all->max)
        forget(all, all->newest->prev);
    rendering->refs++;
    HASH_ADD(hh, all->by_key, key, sizeof rendering->key, rendering);
    DL_PREPEND(all->newest, rendering);
    all->count++;
}

/* ---- of one connection -------------------------------------------------------------------- */

static const struct http_fields *keep(struct identity_cache *cache,
                                      struct identity_rendering *rendering)
{
    cache->entries = xreallocarray(cache->entries, cache->count + 1, sizeof(void *));
    cache->entries[cache->count++] = rendering;
    rendering->refs++;
    return &rendering->fields;
}

const struct http_fields *identity_cache_find(struct identity_cache *cache,
                                              struct identity_renderings *all,
                                              const struct identity_facts *facts,
                                              const struct verdict *verdict)
{
    for (size_t i = 0; i < cache->count; i++) {
        const struct key *key = &cache->entries[i]->key;
        if (key->forward == facts->forward && key->leaf == facts->leaf && key->verdict == verdict &&
            key->user == facts->user && key->outcome == facts->verdict &&
            key->reason == facts->reason)
            return &cache->entries[i]->fields;
    }
    struct key key;
    if (cache->count == ENTRIES_MAX || !key_init(&key, facts, verdict))
        return NULL;
    struct identity_rendering *rendering = find(all, &key);
    return rendering == NULL ? NULL : keep(cache, rendering);
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

void identity_cache_add(struct identity_cache *cache, struct identity_renderings *all,
                        const struct identity_facts *facts, const struct verdict *verdict,
                        const struct http_fields *fields)
{
    struct key key;
    if (cache->count == ENTRIES_MAX || !key_init(&key, facts, verdict))
        return;
    struct identity_rendering *rendering = xcalloc(1, sizeof *rendering);
    rendering->key = key;
    rendering->leaf = facts->leaf == NULL ? NULL : cert_ref(facts->leaf);
    rendering->verdict = verdict == NULL ? NULL : verdict_ref(verdict);
    rendering->fields = copy_fields(fields);
    remember(all, rendering);
    (void)keep(cache, rendering);
}

void identity_cache_clear(struct identity_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        unref(cache->entries[i]);
    free(cache->entries);
    *cache = (struct identity_cache){0};
}
