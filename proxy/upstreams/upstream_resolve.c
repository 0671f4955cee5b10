/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_resolve.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "upstreams/upstream.h"

#define WORDS (sizeof(struct resolved) / sizeof(uint64_t))
_Static_assert(sizeof(struct resolved) % sizeof(uint64_t) == 0, "copied by words");

/* A sequence lock: odd while it is being written. A writer that is killed leaves it odd; readers
 * keep what they have until the next one has written. */
struct resolve_slot {
    _Atomic uint64_t version; /* 0: never written */
    _Atomic uint64_t words[WORDS];
};

struct resolve_slot *resolve_slots_new(size_t count)
{
    void *memory = mmap(NULL, count * sizeof(struct resolve_slot), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void resolve_slots_free(struct resolve_slot *slots, size_t count)
{
    if (slots != NULL)
        (void)munmap(slots, count * sizeof *slots);
}

struct resolve_slot *resolve_slot_at(struct resolve_slot *slots, size_t index)
{
    return slots == NULL ? NULL : &slots[index];
}

void resolve_slot_write(struct resolve_slot *slot, const struct resolved *resolved)
{
    uint64_t words[WORDS];
    memcpy(words, resolved, sizeof words);
    uint64_t writing = atomic_load_explicit(&slot->version, memory_order_relaxed) | 1;
    atomic_store_explicit(&slot->version, writing, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&slot->version, writing + 1, memory_order_release);
}

bool resolve_slot_read(const struct resolve_slot *slot, uint64_t *seen,
                       struct resolved *ret_resolved)
{
    uint64_t words[WORDS];
    uint64_t version = atomic_load_explicit(&slot->version, memory_order_acquire);
    if (version == *seen || version % 2 != 0)
        return false;
    for (size_t i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->version, memory_order_relaxed) != version)
        return false;
    memcpy(ret_resolved, words, sizeof words);
    *seen = version;
    return true;
}

/* ---- looking up --------------------------------------------------------------------------- */

int resolve_name(const char *host, unsigned port, struct resolved *ret_resolved)
{
    char service[16];
    (void)snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, service, &hints, &found);
    if (error != 0)
        return error;
    *ret_resolved = (struct resolved){0};
    for (const struct addrinfo *one = found; one != NULL && ret_resolved->count < RESOLVED_MAX;
         one = one->ai_next) {
        struct addr *addr = &ret_resolved->addrs[ret_resolved->count++];
        addr->len = one->ai_addrlen;
        memcpy(&addr->storage, one->ai_addr, one->ai_addrlen);
    }
    freeaddrinfo(found);
    return 0;
}

static bool contains(const struct resolved *resolved, const struct addr *addr)
{
    for (size_t i = 0; i < resolved->count; i++) {
        if (addr_equal(&resolved->addrs[i], addr))
            return true;
    }
    return false;
}

/* Name servers hand the same addresses out in another order each time. */
static bool is_same_set(const struct resolved *a, const struct resolved *b)
{
    bool is_same = a->count == b->count;
    for (size_t i = 0; is_same && i < a->count; i++)
        is_same = contains(b, &a->addrs[i]);
    return is_same;
}

bool resolve_update(struct resolve_slot *slot, resolve_fn resolve, const char *host, unsigned port,
                    struct resolved *known)
{
    struct resolved found = {0};
    int error = resolve(host, port, &found);
    if (error == known->error && (error != 0 || is_same_set(&found, known)))
        return false;
    if (error == 0)
        *known = found;
    known->error = error;
    resolve_slot_write(slot, known);
    return true;
}

/* ---- taking over -------------------------------------------------------------------------- */

static uint64_t avoided_until(const struct upstream_server *server, const struct addr *addr)
{
    for (size_t i = 0; i < server->addr_count; i++) {
        if (addr_equal(&server->addrs[i].addr, addr))
            return server->addrs[i].avoid_until_ms;
    }
    return 0;
}

static void close_gone(struct upstream_server *server, const struct resolved *resolved)
{
    struct upstream_conn *next;
    for (struct upstream_conn *conn = server->idle; conn != NULL; conn = next) {
        next = conn->next;
        if (!contains(resolved, &conn->addr))
            upstream_conn_close(conn);
    }
    for (struct upstream_conn *conn = server->shared; conn != NULL; conn = next) {
        next = conn->next;
        if (!contains(resolved, &conn->addr))
            upstream_conn_retire(conn);
    }
}

static bool is_news(const struct upstream_server *server)
{
    const struct resolve_slot *slot = server->config->resolved;
    return slot != NULL &&
           atomic_load_explicit(&slot->version, memory_order_relaxed) != server->resolved_seen;
}

static bool take_over(struct upstream_server *server)
{
    struct resolved resolved;
    if (!resolve_slot_read(server->config->resolved, &server->resolved_seen, &resolved))
        return false;
    size_t count = (size_t)resolved.count;
    struct upstream_addr *addrs = xcalloc(count, sizeof *addrs);
    for (size_t i = 0; i < count; i++) {
        addrs[i].addr = resolved.addrs[i];
        addrs[i].avoid_until_ms = avoided_until(server, &resolved.addrs[i]);
    }
    free(server->addrs);
    server->addrs = addrs;
    server->addr_count = count;
    server->resolve_error = (int)resolved.error;
    close_gone(server, &resolved);
    return true;
}

bool upstream_resolve_refresh(struct upstream_server *server)
{
    /* Nearly never; the room for the addresses is kept off the way of every request. */
    return is_news(server) && take_over(server);
}
