/* SPDX-License-Identifier: MIT */
#include "exchange/body_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The first piece of the memory; it doubles, so that it costs what was sent, not what was said. */
#define FIRST_BYTES 4096

struct body_store { /* in the exchange's arena */
    struct spool *spool;
    char *bytes; /* owned; what comes first */
    size_t len;
    size_t capacity;
    struct spool_piece rest;
    bool is_first_read;
    uint64_t rest_read;
    struct buf *reading; /* of the rest; NULL: nothing */
};

struct body_store *body_store_new(struct arena *arena, struct spool *spool)
{
    struct body_store *store = arena_calloc(arena, 1, sizeof *store);
    store->spool = spool;
    return store;
}

static size_t keep(struct body_store *store, struct str data, size_t most)
{
    size_t room = most - store->len;
    size_t len = data.len < room ? data.len : room;
    size_t capacity = store->capacity == 0 ? FIRST_BYTES : store->capacity;
    while (capacity - store->len < len)
        capacity *= 2;
    if (len > 0 && capacity != store->capacity) {
        store->bytes = xreallocarray(store->bytes, capacity, 1);
        store->capacity = capacity;
    }
    if (len > 0)
        memcpy(store->bytes + store->len, data.ptr, len);
    store->len += len;
    return len;
}

int body_store_add(struct body_store *store, struct str data, size_t most)
{
    struct str rest = str_skip(data, keep(store, data, most));
    return rest.len == 0 ? 0 : spool_append(store->spool, &store->rest, rest.ptr, rest.len);
}

uint64_t body_store_len(const struct body_store *store)
{
    return store->len + store->rest.len;
}

bool body_store_next(struct body_store *store, struct buf_pool *pool, struct str *ret_data,
                     int *ret_error)
{
    if (!store->is_first_read && store->len > 0) {
        store->is_first_read = true;
        *ret_data = str_make(store->bytes, store->len);
        return true;
    }
    if (store->rest_read == store->rest.len) {
        body_store_clear(store, pool);
        return false;
    }
    if (store->reading == NULL)
        store->reading = buf_acquire_bulk(pool);
    if (store->reading == NULL)
        store->reading = buf_acquire(pool);
    long len = spool_read(store->spool, &store->rest, store->rest_read, store->reading->bytes,
                          store->reading->size);
    if (len <= 0) {
        *ret_error = (int)len;
        return false;
    }
    store->rest_read += (uint64_t)len;
    *ret_data = str_make(store->reading->bytes, (size_t)len);
    return true;
}

void body_store_clear(struct body_store *store, struct buf_pool *pool)
{
    if (store == NULL)
        return;
    free(store->bytes);
    store->bytes = NULL;
    store->len = store->capacity = 0;
    spool_release(store->spool, &store->rest);
    store->rest_read = 0;
    buf_release(pool, store->reading);
    store->reading = NULL;
}
