/* An index of 64-bit words (tag and position) leads to the ring. It needs no lock: a word is
 * written at once, and what it leads to is compared with the whole key under the value's lock.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_table.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "base/log.h"

#define LOCKS       256U
#define WAYS        8U
#define PUT_TRIES   8
#define LOCK_NS     2000000L /* what a wait may cost the event loop, at worst */
#define LINE        64U
#define SECOND_NS   1000000000L
#define SLOT_ALIGN  16U
#define BUCKET_SIZE (WAYS * sizeof(uint64_t))

struct table_slot {
    uint32_t position; /* of the put that filled it */
    uint32_t len;      /* 0: empty */
    unsigned char key[TLS_TABLE_KEY_SIZE];
    unsigned char value[];
};

struct tls_table {
    _Atomic uint64_t next; /* its lower half is the position of the next put */
    size_t value_size;
    size_t stride;
    size_t index_offset;
    size_t slots_offset;
    uint32_t count;
    uint32_t bucket_count;
    pthread_mutex_t locks[LOCKS];
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static size_t stride_of(size_t value_size)
{
    return round_up(sizeof(struct table_slot) + value_size, SLOT_ALIGN);
}

/* Two words a value on average: with eight ways one in thousands is pushed out early. */
static size_t buckets_of(size_t count)
{
    return count / 2 + 1;
}

size_t tls_table_size(size_t count, size_t value_size)
{
    return round_up(sizeof(struct tls_table), LINE) + buckets_of(count) * BUCKET_SIZE +
           count * stride_of(value_size);
}

struct tls_table *tls_table_init(void *memory, size_t count, size_t value_size)
{
    assert(count > 0 && count < UINT32_MAX);
    struct tls_table *table = memory;
    table->count = (uint32_t)count;
    table->bucket_count = (uint32_t)buckets_of(count);
    table->value_size = value_size;
    table->stride = stride_of(value_size);
    table->index_offset = round_up(sizeof *table, LINE);
    table->slots_offset = table->index_offset + table->bucket_count * BUCKET_SIZE;
    atomic_init(&table->next, 1); /* a word of zero is an empty one */
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    error |= pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    error |= pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    for (size_t i = 0; i < LOCKS; i++) {
        error |= pthread_mutex_init(&table->locks[i], &attributes);
    }
    (void)pthread_mutexattr_destroy(&attributes);
    if (error != 0) {
        log_error("tls.table", "error=\"no locks between processes\"");
        abort();
    }
    return table;
}

static struct table_slot *slot_at(struct tls_table *table, uint32_t number)
{
    void *at = (unsigned char *)table + table->slots_offset + number * table->stride;
    return at;
}

static _Atomic uint64_t *bucket_of(struct tls_table *table, const unsigned char *key)
{
    uint32_t hash;
    memcpy(&hash, key, sizeof hash);
    void *at =
        (unsigned char *)table + table->index_offset + hash % table->bucket_count * BUCKET_SIZE;
    return at;
}

static uint32_t tag_of(const unsigned char *key)
{
    uint32_t tag;
    memcpy(&tag, key + sizeof tag, sizeof tag);
    return tag;
}

/* How many puts ago; anything from `count` up has been overwritten. */
static uint32_t age_of(struct tls_table *table, uint32_t position)
{
    return (uint32_t)atomic_load_explicit(&table->next, memory_order_relaxed) - position;
}

static void wipe(struct table_slot *slot, size_t value_size)
{
    if (slot->len > 0) {
        OPENSSL_cleanse(slot->value, slot->len <= value_size ? slot->len : value_size);
        OPENSSL_cleanse(slot->key, sizeof slot->key);
    }
    slot->len = 0;
}

/* Its last owner died with it: whatever it guards may be half written. */
static int repair(struct tls_table *table, uint32_t lock)
{
    for (uint32_t number = lock; number < table->count; number += LOCKS) {
        struct table_slot *slot = slot_at(table, number);
        if (slot->len > 0 || slot->position != 0)
            OPENSSL_cleanse(slot, table->stride);
    }
    return pthread_mutex_consistent(&table->locks[lock]);
}

static bool take_lock(struct tls_table *table, uint32_t number, bool waits)
{
    uint32_t lock = number % LOCKS;
    int error = pthread_mutex_trylock(&table->locks[lock]);
    if (error == EBUSY && waits) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOCK_NS;
        until.tv_sec += until.tv_nsec / SECOND_NS;
        until.tv_nsec %= SECOND_NS;
        error = pthread_mutex_clocklock(&table->locks[lock], CLOCK_MONOTONIC, &until);
    }
    if (error == EOWNERDEAD)
        error = repair(table, lock);
    return error == 0;
}

static void drop_lock(struct tls_table *table, uint32_t number)
{
    (void)pthread_mutex_unlock(&table->locks[number % LOCKS]);
}

static void index_put(struct tls_table *table, const unsigned char *key, uint32_t position)
{
    _Atomic uint64_t *bucket = bucket_of(table, key);
    size_t oldest = 0;
    uint32_t oldest_age = 0;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t word = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        uint32_t age = word == 0 ? UINT32_MAX : age_of(table, (uint32_t)word);
        if (age > oldest_age) {
            oldest = i;
            oldest_age = age;
        }
    }
    atomic_store_explicit(&bucket[oldest], (uint64_t)tag_of(key) << 32 | position,
                          memory_order_release);
}

bool tls_table_put(struct tls_table *table, const unsigned char key[TLS_TABLE_KEY_SIZE],
                   const void *value, size_t len)
{
    assert(len > 0 && len <= table->value_size);
    for (int i = 0; i < PUT_TRIES; i++) {
        uint32_t position =
            (uint32_t)atomic_fetch_add_explicit(&table->next, 1, memory_order_relaxed);
        uint32_t number = position % table->count;
        if (position == 0 || !take_lock(table, number, false))
            continue;
        struct table_slot *slot = slot_at(table, number);
        wipe(slot, table->value_size);
        slot->position = position;
        memcpy(slot->key, key, sizeof slot->key);
        memcpy(slot->value, value, len);
        slot->len = (uint32_t)len;
        drop_lock(table, number);
        index_put(table, key, position);
        return true;
    }
    return false;
}

/* The value of the key with its lock held, or NULL. */
static struct table_slot *find(struct tls_table *table, const unsigned char *key)
{
    _Atomic uint64_t *bucket = bucket_of(table, key);
    uint32_t tag = tag_of(key);
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t word = atomic_load_explicit(&bucket[i], memory_order_acquire);
        uint32_t position = (uint32_t)word;
        uint32_t number = position % table->count;
        if (word == 0 || (uint32_t)(word >> 32) != tag || age_of(table, position) > table->count ||
            !take_lock(table, number, true)) {
            continue;
        }
        struct table_slot *slot = slot_at(table, number);
        if (slot->position == position && slot->len > 0 && slot->len <= table->value_size &&
            CRYPTO_memcmp(slot->key, key, sizeof slot->key) == 0) {
            return slot;
        }
        drop_lock(table, number);
    }
    return NULL;
}

static void release(struct tls_table *table, const struct table_slot *slot)
{
    drop_lock(table, slot->position % table->count);
}

bool tls_table_get(struct tls_table *table, const unsigned char key[TLS_TABLE_KEY_SIZE],
                   void *ret_value, size_t *ret_len)
{
    const struct table_slot *slot = find(table, key);
    if (slot == NULL)
        return false;
    memcpy(ret_value, slot->value, slot->len);
    *ret_len = slot->len;
    release(table, slot);
    return true;
}

bool tls_table_has_young(struct tls_table *table, const unsigned char key[TLS_TABLE_KEY_SIZE])
{
    const struct table_slot *slot = find(table, key);
    if (slot == NULL)
        return false;
    bool is_young = age_of(table, slot->position) <= table->count / 2;
    release(table, slot);
    return is_young;
}

void tls_table_remove(struct tls_table *table, const unsigned char key[TLS_TABLE_KEY_SIZE])
{
    struct table_slot *slot = find(table, key);
    if (slot != NULL) {
        wipe(slot, table->value_size);
        release(table, slot);
    }
}

/* The ring has been filled as far as this. */
static uint32_t used_count(struct tls_table *table)
{
    uint64_t next = atomic_load_explicit(&table->next, memory_order_relaxed);
    return next < table->count ? (uint32_t)next : table->count;
}

void tls_table_remove_if(struct tls_table *table, tls_table_fn question, const void *arg)
{
    uint32_t used = used_count(table);
    for (uint32_t number = 0; number < used; number++) {
        if (!take_lock(table, number, true))
            continue;
        struct table_slot *slot = slot_at(table, number);
        if (slot->len > 0 && question(slot->value, slot->len, arg))
            wipe(slot, table->value_size);
        drop_lock(table, number);
    }
}

void tls_table_cleanse(struct tls_table *table)
{
    uint32_t used = used_count(table);
    for (uint32_t number = 0; number < used; number++) {
        OPENSSL_cleanse(slot_at(table, number), table->stride);
    }
}
