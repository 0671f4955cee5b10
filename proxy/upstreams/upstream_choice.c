/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_choice.h"

#include <openssl/rand.h>

#include "upstreams/upstream.h"
#include "upstreams/upstream_health.h"

struct candidates {
    const struct upstream_group *group;
    const bool *tried;
    uint64_t now_ms;
    bool needs_own;      /* a connection to itself */
    bool is_last_resort; /* no server is up: those that are down may be tried as well */
};

/* What nothing uses does not count: it is used, or makes room. */
static bool has_room(const struct upstream_server *server, bool needs_own)
{
    size_t most = server->config->config->max_connections;
    if (most == 0 || server->open_count < most)
        return true;
    return server->open_count - upstream_unused_count(server) < most ||
           (!needs_own && upstream_may_share(server));
}

static bool may_be_asked(const struct candidates *among, size_t i)
{
    const struct upstream_server *server = &among->group->servers[i];
    if (among->tried != NULL && among->tried[i])
        return false;
    return upstream_health_allows(server, among->now_ms, among->is_last_resort);
}

static bool is_candidate(const struct candidates *among, size_t i)
{
    return may_be_asked(among, i) && has_room(&among->group->servers[i], among->needs_own);
}

/* Smooth weighted round robin: each server gains its weight, the richest is chosen and pays the
 * sum. With weights 5,1,1 the order is a a b a c a a, not a a a a a b c. */
static struct upstream_server *by_round_robin(const struct candidates *among)
{
    struct upstream_server *best = NULL;
    int64_t total = 0;
    for (size_t i = 0; i < among->group->server_count; i++) {
        struct upstream_server *server = &among->group->servers[i];
        if (!is_candidate(among, i))
            continue;
        server->current_weight += server->config->config->weight;
        total += server->config->config->weight;
        if (best == NULL || server->current_weight > best->current_weight)
            best = server;
    }
    if (best != NULL)
        best->current_weight -= total;
    return best;
}

/* a carries less than b for its weight; compared without division. */
static bool is_less_loaded(const struct upstream_server *a, const struct upstream_server *b)
{
    return (uint64_t)a->active_count * b->config->config->weight <
           (uint64_t)b->active_count * a->config->config->weight;
}

static bool is_as_loaded(const struct upstream_server *a, const struct upstream_server *b)
{
    return !is_less_loaded(a, b) && !is_less_loaded(b, a);
}

/* Equals take turns: without that a quiet group would use its first server alone. */
static struct upstream_server *by_connections(const struct candidates *among)
{
    struct upstream_server *least = NULL;
    for (size_t i = 0; i < among->group->server_count; i++) {
        struct upstream_server *server = &among->group->servers[i];
        if (is_candidate(among, i) && (least == NULL || is_less_loaded(server, least)))
            least = server;
    }
    if (least == NULL)
        return NULL;
    struct upstream_server *best = NULL;
    int64_t total = 0;
    for (size_t i = 0; i < among->group->server_count; i++) {
        struct upstream_server *server = &among->group->servers[i];
        if (!is_candidate(among, i) || !is_as_loaded(server, least))
            continue;
        server->current_weight += server->config->config->weight;
        total += server->config->config->weight;
        if (best == NULL || server->current_weight > best->current_weight)
            best = server;
    }
    if (best != NULL)
        best->current_weight -= total;
    return best;
}

/* The server at a point of the candidates' weights laid end to end. */
static struct upstream_server *at_weight(const struct candidates *among,
                                         const struct upstream_server *except, uint64_t point)
{
    for (size_t i = 0; i < among->group->server_count; i++) {
        struct upstream_server *server = &among->group->servers[i];
        if (server == except || !is_candidate(among, i))
            continue;
        if (point < server->config->config->weight)
            return server;
        point -= server->config->config->weight;
    }
    return NULL;
}

static struct upstream_server *draw(const struct candidates *among,
                                    const struct upstream_server *except)
{
    uint64_t total = 0;
    for (size_t i = 0; i < among->group->server_count; i++) {
        const struct upstream_server *server = &among->group->servers[i];
        if (server != except && is_candidate(among, i))
            total += server->config->config->weight;
    }
    if (total == 0)
        return NULL;
    uint64_t random = 0;
    (void)RAND_bytes((unsigned char *)&random, sizeof random);
    return at_weight(among, except, random % total);
}

/* The power of two choices: of two drawn by weight, the one with less to do. Workers that know
 * nothing of each other do not all run to the same idle server that way. */
static struct upstream_server *by_random(const struct candidates *among)
{
    struct upstream_server *first = draw(among, NULL);
    struct upstream_server *second = draw(among, first);
    if (second == NULL)
        return first;
    return is_less_loaded(second, first) ? second : first;
}

static struct upstream_server *choose(const struct candidates *among)
{
    switch (among->group->config->config->balance) {
    case BALANCE_ROUND_ROBIN:
        return by_round_robin(among);
    case BALANCE_LEAST_CONNECTIONS:
        return by_connections(among);
    case BALANCE_RANDOM:
        return by_random(among);
    }
    return NULL;
}

static bool has_any(const struct candidates *among)
{
    for (size_t i = 0; i < among->group->server_count; i++) {
        if (may_be_asked(among, i))
            return true;
    }
    return false;
}

static struct candidates candidates_of(const struct upstream_group *group, const bool *tried,
                                       bool needs_own, uint64_t now_ms)
{
    struct candidates among = {
        .group = group, .tried = tried, .needs_own = needs_own, .now_ms = now_ms};
    if (!has_any(&among))
        among.is_last_resort = true;
    return among;
}

bool upstream_all_busy(const struct upstream_group *group, const bool *tried, bool needs_own,
                       uint64_t now_ms)
{
    struct candidates among = candidates_of(group, tried, needs_own, now_ms);
    for (size_t i = 0; i < group->server_count; i++) {
        if (is_candidate(&among, i))
            return false;
    }
    return has_any(&among);
}

enum upstream_choice upstream_choose(struct upstream_group *group, const bool *tried,
                                     bool needs_own, uint64_t now_ms,
                                     struct upstream_server **ret_server)
{
    struct candidates among = candidates_of(group, tried, needs_own, now_ms);
    struct upstream_server *server = choose(&among);
    if (server != NULL) {
        *ret_server = server;
        return UPSTREAM_CHOSEN;
    }
    return has_any(&among) ? UPSTREAM_ALL_BUSY : UPSTREAM_NONE_UP;
}
