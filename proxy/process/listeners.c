/* SPDX-License-Identifier: MIT */
#include "process/listeners.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
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
    bool is_lent;   /* never shut down: whoever lent it goes on listening */
    bool is_shared; /* nor this: a predecessor or successor serves it */
    int *fds;       /* one a slot */
};

struct listeners {
    struct entry *entries; /* in the order they were opened */
    unsigned slots;
    listeners_open_fn open;
    struct inherited *inherited; /* NULL: nobody passed any */
    bool *is_alive;              /* one a slot, as steered last */
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
            if (!entry->is_lent && !entry->is_shared)
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
    return entry->is_new && !entry->is_lent;
}

static bool is_retired(const struct entry *entry)
{
    return entry->is_retired && !entry->is_lent;
}

void listeners_inherit(struct listeners *listeners, struct inherited *inherited)
{
    listeners->inherited = inherited;
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

/* Inherited sockets, or new ones. */
static int open_sockets(const struct listeners *listeners, struct addr *addr, int *fds,
                        bool *ret_is_lent, bool *ret_is_shared)
{
    unsigned count = 0;
    if (listeners->inherited != NULL)
        count = inherited_claim(listeners->inherited, addr, listeners->slots, fds, ret_is_lent);
    *ret_is_shared = count > 0 && !*ret_is_lent;
    if (count == 0)
        return listeners->open(addr, listeners->slots, fds);
    for (unsigned i = count; i < listeners->slots; i++) {
        fds[i] = fcntl(fds[i % count], F_DUPFD_CLOEXEC, INHERITED_FIRST_FD);
        if (fds[i] >= 0)
            continue;
        int error = -errno;
        while (i > 0) {
            (void)close(fds[--i]);
        }
        return error;
    }
    return 0;
}

static int open_entry(struct listeners *listeners, const struct listener_wish *wish,
                      struct entry **ret_entry)
{
    int *fds = xcalloc(listeners->slots, sizeof *fds);
    struct addr addr = wish->addr;
    bool is_lent = false;
    bool is_shared = false;
    int error = open_sockets(listeners, &addr, fds, &is_lent, &is_shared);
    if (error < 0) {
        free(fds);
        return error;
    }
    struct entry *entry = xmalloc(sizeof *entry);
    *entry = (struct entry){.wish = wish->addr,
                            .addr = addr,
                            .is_https = wish->is_https,
                            .is_new = true,
                            .is_lent = is_lent,
                            .is_shared = is_shared,
                            .fds = fds};
    struct entry **last = &listeners->entries;
    while (*last != NULL)
        last = &(*last)->next;
    *last = entry;
    /* A predecessor may have steered what it left us. */
    if (listeners->inherited != NULL ||
        memchr(listeners->is_alive, 0, listeners->slots * sizeof(bool)) != NULL)
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
                               .addrs = xcalloc(count, sizeof *set.addrs),
                               .is_lent = xcalloc(count, sizeof *set.is_lent)};
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
        set.is_lent[i] = entry->is_lent;
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

size_t listeners_list(const struct listeners *listeners, int **ret_fds, size_t *ret_own)
{
    size_t room = listeners_count(listeners) * listeners->slots;
    size_t count = 0;
    int *fds = xcalloc(room, sizeof *fds);
    for (int is_lent = 0; is_lent < 2; is_lent++) {
        for (const struct entry *entry = listeners->entries; entry != NULL; entry = entry->next) {
            if ((entry->is_retired && !entry->is_lent) || entry->is_lent != (is_lent != 0))
                continue;
            memcpy(fds + count, entry->fds, listeners->slots * sizeof *fds);
            count += listeners->slots;
        }
        if (is_lent == 0)
            *ret_own = count;
    }
    *ret_fds = fds;
    return count;
}

static void set_shared(struct listeners *listeners, bool is_shared)
{
    for (struct entry *entry = listeners->entries; entry != NULL; entry = entry->next)
        entry->is_shared = is_shared;
}

void listeners_hand_over(struct listeners *listeners)
{
    set_shared(listeners, true);
}

void listeners_take_over(struct listeners *listeners)
{
    set_shared(listeners, false);
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
    free(set->is_lent);
    *set = (struct listener_set){0};
}
