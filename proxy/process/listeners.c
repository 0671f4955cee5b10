/* SPDX-License-Identifier: MIT */
#include "process/listeners.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "process/steering.h"

struct entry {
    struct entry *next;
    struct addr wish; /* as configured */
    struct addr addr; /* real */
    bool is_https;
    bool is_new;    /* opened by the prepare that is pending */
    bool is_wanted; /* named by the last prepare */
    bool is_retired;
    int *fds; /* one a slot */
};

struct listeners {
    struct entry *entries; /* in the order they were opened */
    unsigned slots;
    listeners_open_fn open;
    bool *is_alive; /* one a slot, as steered last */
};

struct listeners *listeners_new(unsigned slots, listeners_open_fn open)
{
    struct listeners *listeners = xmalloc(sizeof *listeners);
    *listeners =
        (struct listeners){.slots = slots, .open = open, .is_alive = xcalloc(slots, sizeof(bool))};
    for (unsigned i = 0; i < slots; i++)
        listeners->is_alive[i] = true;
    return listeners;
}

/* Closes and removes the entries of which `is_out` is true. */
static void remove_entries(struct listeners *listeners, bool (*is_out)(const struct entry *entry))
{
    struct entry **at = &listeners->entries;
    while (*at != NULL) {
        struct entry *entry = *at;
        if (!is_out(entry)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        for (unsigned i = 0; i < listeners->slots; i++) {
            /* Draining workers hold copies of the descriptor; shutdown reaches the socket. */
            (void)shutdown(entry->fds[i], SHUT_RDWR);
            (void)close(entry->fds[i]);
        }
        free(entry->fds);
        free(entry);
    }
}

static bool is_any(const struct entry *entry)
{
    return entry != NULL;
}

static bool is_new(const struct entry *entry)
{
    return entry->is_new;
}

static bool is_retired(const struct entry *entry)
{
    return entry->is_retired;
}

void listeners_free(struct listeners *listeners)
{
    if (listeners == NULL)
        return;
    remove_entries(listeners, is_any);
    free(listeners->is_alive);
    free(listeners);
}

/* A fixed address can be open only once, whatever is spoken there. Port 0 names a new port each
 * time, so these are told apart by scheme and order. */
static struct entry *find_free(struct listeners *listeners, const struct listener_wish *wish)
{
    bool is_fixed = addr_port(&wish->addr) != 0;
    for (struct entry *entry = listeners->entries; entry != NULL; entry = entry->next) {
        if (!entry->is_wanted && addr_equal(&entry->wish, &wish->addr) &&
            (is_fixed || entry->is_https == wish->is_https))
            return entry;
    }
    return NULL;
}

static void steer_entry(const struct listeners *listeners, const struct entry *entry)
{
    int error = steering_apply(entry->fds[0], listeners->is_alive, listeners->slots);
    if (error < 0)
        log_debug("listeners.steering", "error=%s", strerrorname_np(-error));
}

static int open_entry(struct listeners *listeners, const struct listener_wish *wish,
                      struct entry **ret_entry)
{
    int *fds = xcalloc(listeners->slots, sizeof *fds);
    struct addr addr = wish->addr;
    int error = listeners->open(&addr, listeners->slots, fds);
    if (error < 0) {
        free(fds);
        return error;
    }
    struct entry *entry = xmalloc(sizeof *entry);
    *entry = (struct entry){
        .wish = wish->addr, .addr = addr, .is_https = wish->is_https, .is_new = true, .fds = fds};
    struct entry **last = &listeners->entries;
    while (*last != NULL)
        last = &(*last)->next;
    *last = entry;
    if (memchr(listeners->is_alive, 0, listeners->slots * sizeof(bool)) != NULL)
        steer_entry(listeners, entry);
    *ret_entry = entry;
    return 0;
}

int listeners_prepare(struct listeners *listeners, const struct listener_wish *wishes, size_t count,
                      struct listener_set *ret_set, size_t *ret_failed)
{
    for (struct entry *entry = listeners->entries; entry != NULL; entry = entry->next) {
        assert(!entry->is_new);
        entry->is_wanted = false;
    }
    struct listener_set set = {.count = count,
                               .slots = listeners->slots,
                               .fds = xcalloc(count * listeners->slots, sizeof *set.fds),
                               .addrs = xcalloc(count, sizeof *set.addrs)};
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = find_free(listeners, &wishes[i]);
        int error = entry == NULL ? open_entry(listeners, &wishes[i], &entry) : 0;
        if (error < 0) {
            listener_set_clear(&set);
            listeners_rollback(listeners);
            *ret_failed = i;
            return error;
        }
        entry->is_wanted = true;
        set.addrs[i] = entry->addr;
        for (unsigned slot = 0; slot < set.slots; slot++)
            set.fds[i * set.slots + slot] = entry->fds[slot];
    }
    *ret_set = set;
    return 0;
}

void listeners_commit(struct listeners *listeners)
{
    for (struct entry *entry = listeners->entries; entry != NULL; entry = entry->next) {
        entry->is_new = false;
        entry->is_retired = !entry->is_wanted;
    }
}

void listeners_rollback(struct listeners *listeners)
{
    remove_entries(listeners, is_new);
}

void listeners_close_retired(struct listeners *listeners)
{
    remove_entries(listeners, is_retired);
}

void listeners_close_all(struct listeners *listeners)
{
    remove_entries(listeners, is_any);
}

void listeners_steer(struct listeners *listeners, const bool *is_alive)
{
    size_t size = listeners->slots * sizeof *is_alive;
    if (memcmp(listeners->is_alive, is_alive, size) == 0)
        return;
    memcpy(listeners->is_alive, is_alive, size);
    for (const struct entry *entry = listeners->entries; entry != NULL; entry = entry->next)
        steer_entry(listeners, entry);
    unsigned alive = 0;
    for (unsigned i = 0; i < listeners->slots; i++)
        alive += is_alive[i];
    log_info("listeners.steered", "slots=%u alive=%u", listeners->slots, alive);
}

size_t listeners_count(const struct listeners *listeners)
{
    size_t count = 0;
    for (const struct entry *entry = listeners->entries; entry != NULL; entry = entry->next)
        count++;
    return count;
}

void listener_set_clear(struct listener_set *set)
{
    free(set->fds);
    free(set->addrs);
    *set = (struct listener_set){0};
}
