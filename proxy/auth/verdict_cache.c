/* SPDX-License-Identifier: MIT */
#include "auth/verdict_cache.h"

#include <openssl/evp.h>

#include "base/mem.h"

#define KEY_SIZE 32

struct cached {
    struct verdict verdict; /* the first member: the address handed out is that of the whole */
    unsigned refs;          /* one of them is the cache's while it is listed */
    unsigned char key[KEY_SIZE];
    int64_t computed_at;
    struct cached *bucket_next;
    struct cached *newer; /* in the order of use */
    struct cached *older;
};

struct verdict_cache {
    size_t max;
    struct cached **buckets;
    size_t bucket_mask;
    struct cached *newest;
    struct cached *oldest;
    struct verdict_cache_stats stats;
};

struct verdict_cache *verdict_cache_new(size_t max)
{
    struct verdict_cache *cache = xcalloc(1, sizeof *cache);
    size_t buckets = 16;
    while (buckets < max)
        buckets *= 2;
    cache->max = max;
    cache->buckets = xcalloc(buckets, sizeof(struct cached *));
    cache->bucket_mask = buckets - 1;
    return cache;
}

static struct cached *cached_of(const struct verdict *verdict)
{
    /* The only writable part is the count of references, which is no part of the verdict. */
    union {
        const struct verdict *verdict;
        struct cached *cached;
    } of = {.verdict = verdict};
    return of.cached;
}

const struct verdict *verdict_ref(const struct verdict *verdict)
{
    cached_of(verdict)->refs++;
    return verdict;
}

void verdict_unref(const struct verdict *verdict)
{
    if (verdict == NULL)
        return;
    struct cached *cached = cached_of(verdict);
    if (--cached->refs > 0)
        return;
    verdict_clear(&cached->verdict);
    free(cached);
}

static void make_key(const struct trust *trust, struct cert *const *presented, size_t count,
                     unsigned char ret_key[KEY_SIZE])
{
    /* Every part has the same length, so no two lists of parts run together alike. */
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    EVP_DigestUpdate(hash, trust_epoch(trust), TRUST_EPOCH_SIZE);
    EVP_DigestUpdate(hash, trust_revocation_digest(trust), TRUST_EPOCH_SIZE);
    for (size_t i = 0; i < count; i++)
        EVP_DigestUpdate(hash, presented[i]->sha256, sizeof presented[i]->sha256);
    EVP_DigestFinal_ex(hash, ret_key, NULL);
    EVP_MD_CTX_free(hash);
}

static struct cached **bucket_of(struct verdict_cache *cache, const unsigned char key[KEY_SIZE])
{
    size_t hash;
    memcpy(&hash, key, sizeof hash);
    return &cache->buckets[hash & cache->bucket_mask];
}

static void unlink_use(struct verdict_cache *cache, struct cached *cached)
{
    *(cached->newer != NULL ? &cached->newer->older : &cache->newest) = cached->older;
    *(cached->older != NULL ? &cached->older->newer : &cache->oldest) = cached->newer;
}

static void link_newest(struct verdict_cache *cache, struct cached *cached)
{
    cached->newer = NULL;
    cached->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = cached;
    cache->newest = cached;
}

static void remove_entry(struct verdict_cache *cache, struct cached *cached)
{
    struct cached **at = bucket_of(cache, cached->key);
    while (*at != cached)
        at = &(*at)->bucket_next;
    *at = cached->bucket_next;
    unlink_use(cache, cached);
    cache->stats.count--;
    verdict_unref(&cached->verdict);
}

static void add_entry(struct verdict_cache *cache, struct cached *cached)
{
    if (cache->max == 0)
        return;
    if (cache->stats.count == cache->max)
        remove_entry(cache, cache->oldest);
    struct cached **bucket = bucket_of(cache, cached->key);
    cached->bucket_next = *bucket;
    *bucket = cached;
    link_newest(cache, cached);
    cache->stats.count++;
    cached->refs++;
}

static struct cached *find_entry(struct verdict_cache *cache, const unsigned char key[KEY_SIZE])
{
    struct cached *cached = *bucket_of(cache, key);
    while (cached != NULL && memcmp(cached->key, key, KEY_SIZE) != 0)
        cached = cached->bucket_next;
    return cached;
}

const struct verdict *verdict_cache_get(struct verdict_cache *cache, const struct trust *trust,
                                        struct cert *const *presented, size_t count, int64_t now)
{
    unsigned char key[KEY_SIZE];
    make_key(trust, presented, count, key);
    struct cached *found = find_entry(cache, key);
    /* A clock that was set back may be before the start of what the verdict relied on. */
    if (found != NULL && now >= found->computed_at && now < found->verdict.valid_until) {
        cache->stats.hits++;
        unlink_use(cache, found);
        link_newest(cache, found);
        return verdict_ref(&found->verdict);
    }
    if (found != NULL)
        remove_entry(cache, found);
    cache->stats.misses++;
    struct cached *cached = xcalloc(1, sizeof *cached);
    cached->refs = 1;
    cached->computed_at = now;
    memcpy(cached->key, key, KEY_SIZE);
    verdict_compute(trust, presented, count, now, &cached->verdict);
    add_entry(cache, cached);
    return &cached->verdict;
}

void verdict_cache_stats(const struct verdict_cache *cache, struct verdict_cache_stats *ret_stats)
{
    *ret_stats = cache->stats;
}

void verdict_cache_free(struct verdict_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        remove_entry(cache, cache->oldest);
    free(cache->buckets);
    free(cache);
}
