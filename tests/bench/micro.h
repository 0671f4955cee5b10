/* micro.h - microbenchmarks: what one operation costs, in instructions.
 *
 * Each case prepares outside of what is counted, runs a few operations to warm up, and then some
 * that count. An operation counts between micro_begin() and micro_end(); what a client does in
 * between, for instance, stays outside. Without valgrind the program runs the same and counts
 * nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_MICRO_H
#define TESTS_BENCH_MICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "unit/auth/make_cert.h"

#define MICRO_REQUIRE(condition)                                                  \
    do {                                                                          \
        if (!(condition)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                              \
        }                                                                         \
    } while (false)

struct micro_world {        /* what all cases start from; certificates valid from 2020 to 2049 */
    struct fixture fixture; /* a folder for files, removed at the end */
    struct made root, ca, client;
};
struct made micro_leaf(const struct micro_world *world, const char *subject, unsigned key);
/* Writes a file into the world's folder; returns its path, which the caller frees. */
char *micro_file(struct micro_world *world, const char *name, struct str bytes);
/* Loads a configuration; problems end the program. */
struct config *micro_config(struct micro_world *world, struct str yaml);

struct micro_case {
    const char *name;
    const char *what;
    unsigned times; /* operations that are counted; the figure is their mean */
    unsigned parameter;
    void *(*prepare)(struct micro_world *world, const struct micro_case *self);
    void (*run)(void *state, unsigned times);
    void (*clear)(void *state);
};

extern const struct micro_case micro_auth_cases[];
extern const size_t micro_auth_case_count;
extern const struct micro_case micro_http_cases[];
extern const size_t micro_http_case_count;
extern const struct micro_case micro_http2_cases[];
extern const size_t micro_http2_case_count;
extern const struct micro_case micro_tls_cases[];
extern const size_t micro_tls_case_count;

void micro_begin(void);
void micro_end(void);

/* ---- an engine of the proxy, its client and its origin, in this process ------------------- */

struct micro_server;
struct micro_server *micro_server_new(struct micro_world *world);
void micro_server_free(struct micro_server *server);
struct engine *micro_server_engine(struct micro_server *server);
/* One connection to the end of its handshake, until the client has its session; minor is 2 or 3.
 * With resumes the last session is offered, and has to be taken. */
struct micro_visit {
    const struct made *client;
    unsigned minor;
    bool resumes;
};
void micro_server_connect(struct micro_server *server, const struct micro_visit *visit);
/* Sends a request and reads the answer, which the origin gives. */
void micro_server_request(struct micro_server *server, struct str request);
/* The client closes, and the engine has seen it. */
void micro_server_disconnect(struct micro_server *server);

#endif
