/* SPDX-License-Identifier: MIT */
#include "clients/address_count.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/mem.h"

#define FIRST_BUCKETS 64
#define KEY_WORDS     4

struct address_counts {
    uint64_t secret[KEY_WORDS + 1];
    struct address_count **buckets;
    size_t bucket_count; /* a power of two, at least `size` */
    size_t size;
};

/* Multilinear hashing, universal in the upper half of the sum: D. Lemire and O. Kaser, "Strongly
 * universal string hashing is fast", 2014, section 2. */
static size_t bucket_of(const struct address_counts *counts, const unsigned char key[16])
{
    uint64_t sum = counts->secret[KEY_WORDS];
    for (size_t i = 0; i < KEY_WORDS; i++) {
        uint32_t word;
        memcpy(&word, key + i * sizeof word, sizeof word);
        sum += counts->secret[i] * word;
    }
    return (size_t)(sum >> 32) & (counts->bucket_count - 1);
}

struct address_counts *address_counts_new(void)
{
    struct address_counts *counts = xcalloc(1, sizeof *counts);
    counts->bucket_count = FIRST_BUCKETS;
    counts->buckets = xcalloc(counts->bucket_count, sizeof(struct address_count *));
    int filled = RAND_bytes((unsigned char *)counts->secret, sizeof counts->secret);
    assert(filled == 1);
    (void)filled;
    return counts;
}

void address_counts_free(struct address_counts *counts)
{
    if (counts == NULL)
        return;
    assert(counts->size == 0);
    free(counts->buckets);
    free(counts);
}

static void make_key(const struct addr *addr, unsigned char key[16])
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const struct sockaddr_in *in = (const void *)&addr->storage;
    const struct sockaddr_in6 *in6 = (const void *)&addr->storage;
    memset(key, 0, 16);
    if (addr->storage.ss_family == AF_INET) {
        memcpy(key, mapped, sizeof mapped);
        memcpy(key + sizeof mapped, &in->sin_addr, 4);
    } else if (addr->storage.ss_family == AF_INET6) {
        bool is_whole =
            IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
        memcpy(key, &in6->sin6_addr, is_whole ? 16 : 8);
    }
}

static void grow(struct address_counts *counts)
{
    struct address_count **old = counts->buckets;
    size_t old_count = counts->bucket_count;
    counts->bucket_count *= 2;
    counts->buckets = xcalloc(counts->bucket_count, sizeof(struct address_count *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct address_count *entry = old[i];
            struct address_count **bucket = &counts->buckets[bucket_of(counts, entry->key)];
            old[i] = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(old);
}

struct address_count *address_count_get(struct address_counts *counts, const struct addr *addr)
{
    unsigned char key[16];
    make_key(addr, key);
    struct address_count *entry = counts->buckets[bucket_of(counts, key)];
    while (entry != NULL && memcmp(entry->key, key, sizeof key) != 0)
        entry = entry->next;
    if (entry != NULL)
        return entry;
    if (counts->size == counts->bucket_count)
        grow(counts);
    struct address_count **bucket = &counts->buckets[bucket_of(counts, key)];
    entry = xcalloc(1, sizeof *entry);
    memcpy(entry->key, key, sizeof key);
    entry->next = *bucket;
    *bucket = entry;
    counts->size++;
    return entry;
}

void address_count_take(struct address_count *entry)
{
    entry->open++;
}

void address_count_release(struct address_counts *counts, struct address_count *entry)
{
    if (entry->open > 0)
        entry->open--;
    if (entry->open > 0)
        return;
    struct address_count **at = &counts->buckets[bucket_of(counts, entry->key)];
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    counts->size--;
    free(entry);
}

const struct address_count *address_counts_most(const struct address_counts *counts)
{
    const struct address_count *most = NULL;
    for (size_t i = 0; i < counts->bucket_count; i++) {
        for (const struct address_count *at = counts->buckets[i]; at != NULL; at = at->next) {
            if (most == NULL || at->open > most->open)
                most = at;
        }
    }
    return most;
}

size_t address_counts_size(const struct address_counts *counts)
{
    return counts->size;
}

const char *address_count_format(const struct address_count *entry, char ret_text[ADDR_TEXT_SIZE])
{
    struct in6_addr in6;
    char text[INET6_ADDRSTRLEN] = "";
    memcpy(&in6, entry->key, sizeof in6);
    bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6);
    if (is_mapped)
        (void)inet_ntop(AF_INET, entry->key + 12, text, sizeof text);
    else
        (void)inet_ntop(AF_INET6, &in6, text, sizeof text);
    bool is_whole = is_mapped || IN6_IS_ADDR_LINKLOCAL(&in6);
    (void)snprintf(ret_text, ADDR_TEXT_SIZE, "%s%s", text, is_whole ? "" : "/64");
    return ret_text;
}
