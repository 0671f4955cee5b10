/* SPDX-License-Identifier: MIT */
#include "clients/crowd.h"

#include <poll.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "clients/address_count.h"
#include "clients/client.h"
#include "core/engine_state.h"

#define TELL_EVERY_MS        60000
#define TELL_CLIENT_EVERY_MS 1000 /* whatever the address */
/* Fresh connections go before idle ones, but for a moment in which they may finish, as long as they
 * are less than this part of all. Otherwise a few new ones a second, among many that are idle,
 * would let nobody through a handshake. */
#define FRESH_MS   1000
#define FRESH_PART 16
/* Idle connections whose next request has arrived unseen are passed over, so many at most. */
#define LOOKS 16
/* A default share below this would not be safe behind address translation. */
#define LEAST_PER_CLIENT 100

static uint64_t share_of(uint64_t all, unsigned workers)
{
    uint64_t count = workers == 0 ? 1 : workers;
    return all / count + (all % count != 0);
}

void crowd_init(struct engine *engine, unsigned workers)
{
    const struct config_limits *limits = &engine->snapshot->config->limits;
    uint64_t per_client = limits->connections_per_client;
    if (per_client == 0)
        per_client = limits->connections / 2;
    if (limits->connections_per_client == 0 && per_client < LEAST_PER_CLIENT)
        per_client = LEAST_PER_CLIENT;
    engine->client_limit = (size_t)share_of(limits->connections, workers);
    engine->crowd = xcalloc(1, sizeof *engine->crowd);
    engine->crowd->per_client = (size_t)share_of(per_client, workers);
    engine->crowd->addresses = address_counts_new();
}

void crowd_clear(struct engine *engine)
{
    address_counts_free(engine->crowd->addresses);
    free(engine->crowd);
}

/* ---- the lists ---------------------------------------------------------------------------- */

static void take_off(struct client *client)
{
    struct crowd *crowd = client->engine->crowd;
    struct crowd_place *place = &client->crowd;
    enum crowd_class where = place->where;
    if (where == CROWD_BUSY)
        return;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who has a place is in the list */
    DL_DELETE2(crowd->waiting.first[where], client, crowd.prev, crowd.next);
    crowd->fresh_count -= where == CROWD_FRESH;
    if (place->address != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): likewise */
        DL_DELETE2(place->address->waiting.first[where], client, crowd.own_prev, crowd.own_next);
    place->where = CROWD_BUSY;
}

bool crowd_move(struct client *client, enum crowd_class where)
{
    struct engine *engine = client->engine;
    struct crowd_place *place = &client->crowd;
    take_off(client);
    place->where = where;
    if (where == CROWD_BUSY)
        return false;
    if (where == CROWD_FRESH) {
        place->since_ms = clock_ticks_ms();
        engine->crowd->fresh_count++;
    }
    DL_APPEND2(engine->crowd->waiting.first[where], client, crowd.prev, crowd.next);
    if (place->address != NULL)
        DL_APPEND2(place->address->waiting.first[where], client, crowd.own_prev, crowd.own_next);
    return true;
}

void crowd_count(struct client *client, const struct addr *addr)
{
    enum crowd_class where = client->crowd.where;
    take_off(client);
    client->crowd.address = address_count_get(client->engine->crowd->addresses, addr);
    address_count_take(client->crowd.address);
    (void)crowd_move(client, where);
}

void crowd_leave(struct client *client)
{
    take_off(client);
    if (client->crowd.address != NULL)
        address_count_release(client->engine->crowd->addresses, client->crowd.address);
    client->crowd.address = NULL;
}

/* ---- making room -------------------------------------------------------------------------- */

static bool has_arrived(const struct client *client)
{
    struct pollfd peer = {.fd = client->stream.transport.fd, .events = POLLIN};
    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLERR | POLLHUP)) == 0;
}

/* The longest idle one that really is. */
static struct client *longest_idle(const struct crowd_waiting *waiting)
{
    for (int i = 0; i < LOOKS && waiting->first[CROWD_IDLE] != NULL; i++) {
        struct client *client = waiting->first[CROWD_IDLE];
        if (!has_arrived(client))
            return client;
        (void)crowd_move(client, CROWD_IDLE);
    }
    return NULL;
}

static bool may_finish(const struct engine *engine, const struct client *fresh)
{
    size_t part = engine->client_limit / FRESH_PART;
    return engine->crowd->fresh_count < part && clock_ticks_ms() - fresh->crowd.since_ms < FRESH_MS;
}

static struct client *spared_best(const struct engine *engine, const struct crowd_waiting *waiting)
{
    struct client *fresh = waiting->first[CROWD_FRESH];
    if (waiting->first[CROWD_LINGER] != NULL)
        return waiting->first[CROWD_LINGER];
    if (fresh != NULL && !may_finish(engine, fresh))
        return fresh;
    struct client *idle = longest_idle(waiting);
    return idle != NULL ? idle : fresh;
}

static bool send_off(struct client *client)
{
    if (client == NULL)
        return false;
    if (client->state == CLIENT_IDLE)
        transport_shutdown(&client->stream.transport);
    client_close(client);
    return true;
}

bool crowd_has_room(const struct engine *engine)
{
    const struct crowd_waiting *waiting = &engine->crowd->waiting;
    return engine->client_count < engine->client_limit || waiting->first[CROWD_LINGER] != NULL ||
           waiting->first[CROWD_FRESH] != NULL || waiting->first[CROWD_IDLE] != NULL;
}

bool crowd_make_room(struct engine *engine)
{
    bool is_made = send_off(spared_best(engine, &engine->crowd->waiting));
    engine->crowd->made_room += is_made;
    return is_made;
}

static void report_client(struct engine *engine, struct address_count *entry)
{
    struct crowd *crowd = engine->crowd;
    uint64_t now_ms = clock_monotonic_ms();
    char address[ADDR_TEXT_SIZE];
    if ((entry->told_ms != 0 && now_ms - entry->told_ms < TELL_EVERY_MS) ||
        (crowd->told_client_ms != 0 && now_ms - crowd->told_client_ms < TELL_CLIENT_EVERY_MS))
        return;
    log_warn("client.limit",
             "key=limits.connections_per_client worker=%u client=%s open=%zu limit=%zu "
             "made_room=%llu refused=%llu",
             engine->slot, address_count_format(entry, address), entry->open, crowd->per_client,
             (unsigned long long)entry->made_room, (unsigned long long)entry->refused);
    entry->told_ms = now_ms;
    entry->made_room = 0;
    entry->refused = 0;
    crowd->told_client_ms = now_ms;
}

bool crowd_admit_source(struct engine *engine, const struct addr *addr)
{
    struct address_counts *addresses = engine->crowd->addresses;
    struct address_count *entry = address_count_get(addresses, addr);
    bool is_made = true;
    if (entry->open >= engine->crowd->per_client) {
        address_count_take(entry); /* it must outlive the connection that goes */
        is_made = send_off(spared_best(engine, &entry->waiting));
        entry->open--;
        entry->made_room += is_made;
        entry->refused += !is_made;
        report_client(engine, entry);
    }
    if (entry->open == 0)
        address_count_release(addresses, entry);
    return is_made;
}

/* An address with more than half of all connections makes room among its own first: however fast
 * one opens them, the others get through a handshake. */
static bool make_room_of_own(struct engine *engine, const struct addr *addr)
{
    struct address_counts *addresses = engine->crowd->addresses;
    struct address_count *entry = address_count_get(addresses, addr);
    bool has_most = entry->open > engine->client_limit / 2;
    address_count_take(entry);
    bool is_made = has_most && send_off(spared_best(engine, &entry->waiting));
    address_count_release(addresses, entry);
    engine->crowd->made_room += is_made;
    return is_made;
}

bool crowd_admit(struct engine *engine, const struct addr *addr)
{
    if (addr != NULL && !crowd_admit_source(engine, addr))
        return false;
    if (engine->client_count < engine->client_limit)
        return true;
    return (addr != NULL && make_room_of_own(engine, addr)) || crowd_make_room(engine);
}

void crowd_report(struct engine *engine)
{
    struct crowd *crowd = engine->crowd;
    if (engine->client_count < engine->client_limit && crowd->made_room == 0)
        return;
    uint64_t now_ms = clock_monotonic_ms();
    if (crowd->told_ms != 0 && now_ms - crowd->told_ms < TELL_EVERY_MS)
        return;
    const struct address_count *most = address_counts_most(crowd->addresses);
    char address[ADDR_TEXT_SIZE] = "-";
    if (most != NULL)
        (void)address_count_format(most, address);
    log_warn("client.limit",
             "key=limits.connections worker=%u open=%zu limit=%zu made_room=%llu most=%s "
             "most_open=%zu",
             engine->slot, engine->client_count, engine->client_limit,
             (unsigned long long)crowd->made_room, address, most == NULL ? 0 : most->open);
    crowd->told_ms = now_ms;
    crowd->made_room = 0;
}
