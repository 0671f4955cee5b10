/* micro_tls.c - connections: what the whole server side of each kind costs.
 *
 * From the accept over handshake, verdict and session to the close, as a worker does it.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "micro.h"

#define FRESH_CLIENTS 16
#define FIRST_KEY     100 /* of make_key(), for clients of their own */

enum kind { TLS13_KNOWN, TLS13_FRESH, TLS13_RESUMED, TLS12_KNOWN, TLS12_RESUMED, REQUEST };

struct visits {
    struct micro_server *server;
    enum kind kind;
    struct made known;
    struct made fresh[FRESH_CLIENTS];
    size_t next_fresh;
};

static void visit(struct visits *visits, bool resumes)
{
    struct micro_visit one = {.client = &visits->known, .minor = 3, .resumes = resumes};
    if (visits->kind == TLS12_KNOWN || visits->kind == TLS12_RESUMED)
        one.minor = 2;
    if (visits->kind == TLS13_FRESH) {
        MICRO_REQUIRE(visits->next_fresh < FRESH_CLIENTS);
        one.client = &visits->fresh[visits->next_fresh++];
    }
    micro_server_connect(visits->server, &one);
}

static void *prepare(struct micro_world *world, const struct micro_case *self)
{
    struct visits *visits = xcalloc(1, sizeof *visits);
    visits->server = micro_server_new(world);
    visits->kind = (enum kind)self->parameter;
    visits->known = world->client;
    for (unsigned i = 0; visits->kind == TLS13_FRESH && i < FRESH_CLIENTS; i++) {
        char *name = xasprintf("O=Bench/OU=Clients/CN=Client %u", i);
        visits->fresh[i] = micro_leaf(world, name, FIRST_KEY + i);
        free(name);
    }
    visit(visits, false);
    if (visits->kind != REQUEST)
        micro_server_disconnect(visits->server);
    return visits;
}

static void run(void *state, unsigned times)
{
    struct visits *visits = state;
    for (unsigned i = 0; i < times; i++) {
        visit(visits, visits->kind == TLS13_RESUMED || visits->kind == TLS12_RESUMED);
        micro_server_disconnect(visits->server);
    }
}

static void run_requests(void *state, unsigned times)
{
    static const struct str GET =
        STR_INIT("GET /orders?page=2 HTTP/1.1\r\nHost: server.bench.test\r\n"
                 "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n");
    struct visits *visits = state;
    for (unsigned i = 0; i < times; i++)
        micro_server_request(visits->server, GET);
}

static void clear(void *state)
{
    struct visits *visits = state;
    if (visits->kind == REQUEST)
        micro_server_disconnect(visits->server);
    micro_server_free(visits->server);
    free(visits);
}

const struct micro_case micro_tls_cases[] = {
    {"tls13_full_known", "TLS 1.3 connection, full handshake, client known", 8, TLS13_KNOWN,
     prepare, run, clear},
    {"tls13_full_fresh", "TLS 1.3 connection, full handshake, client never seen", 8, TLS13_FRESH,
     prepare, run, clear},
    {"tls13_resumed", "TLS 1.3 connection, resumed", 8, TLS13_RESUMED, prepare, run, clear},
    {"tls12_full_known", "TLS 1.2 connection, full handshake, client known", 8, TLS12_KNOWN,
     prepare, run, clear},
    {"tls12_resumed", "TLS 1.2 connection, resumed", 8, TLS12_RESUMED, prepare, run, clear},
    {"request", "keep-alive request with its answer, TLS and origin included", 50, REQUEST, prepare,
     run_requests, clear},
};
const size_t micro_tls_case_count = sizeof micro_tls_cases / sizeof micro_tls_cases[0];
