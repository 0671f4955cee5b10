/* micro.c - runs the microbenchmarks: see micro.h, and scripts/bench --micro.
 *
 *   micro --list       name, operations and meaning of each case, separated by tabs
 *   micro --versions   what the figures depend on
 *   micro --once       each case once, to see that it works
 *   micro CASE         one case, as callgrind is to count it
 *
 * SPDX-License-Identifier: MIT */
#include "micro.h"

#include <gnu/libc-version.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#if defined __has_include
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif
#endif
#ifndef CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_START_INSTRUMENTATION (void)0
#define CALLGRIND_STOP_INSTRUMENTATION  (void)0
#define CALLGRIND_TOGGLE_COLLECT        (void)0
#define MICRO_COUNTS                    "no"
#else
#define MICRO_COUNTS "yes"
#endif

#include "base/log.h"
#include "base/mem.h"
#include "config/config_load.h"

#define WARM_UP   3
#define YEAR_2020 INT64_C(1577836800)
#define YEAR_2049 INT64_C(2493072000)

static bool is_counting;

void micro_begin(void)
{
    if (is_counting)
        CALLGRIND_TOGGLE_COLLECT;
}

void micro_end(void)
{
    if (is_counting)
        CALLGRIND_TOGGLE_COLLECT;
}

/* ---- the world ---------------------------------------------------------------------------- */

static struct made lasting(struct cert_spec spec)
{
    spec.not_before = YEAR_2020;
    spec.not_after = YEAR_2049;
    return make_cert(&spec);
}

struct made micro_leaf(const struct micro_world *world, const char *subject, unsigned key)
{
    return lasting((struct cert_spec){
        .subject = subject,
        .issuer = &world->ca,
        .key = key,
        .extensions = {EXT_NOT_CA, EXT_CLIENT, "keyUsage=critical,digitalSignature",
                       "subjectAltName=DNS:client.bench.test"},
    });
}

char *micro_file(struct micro_world *world, const char *name, struct str bytes)
{
    return xstrdup(fixture_file(&world->fixture, name, bytes.ptr, bytes.len));
}

struct config *micro_config(struct micro_world *world, struct str yaml)
{
    char *path = micro_file(world, "proxy.yaml", yaml);
    struct error_list errors = {0};
    struct config *config = config_load(path, &errors);
    for (size_t i = 0; i < errors.count; i++)
        (void)fprintf(stderr, "%u: %s\n", errors.entries[i].line, errors.entries[i].text);
    MICRO_REQUIRE(config != NULL);
    errors_clear(&errors);
    free(path);
    return config;
}

static void world_init(struct micro_world *world)
{
    fixture_init(&world->fixture);
    world->root = lasting((struct cert_spec){
        .subject = "O=Bench/CN=Bench root", .key = 1, .extensions = {EXT_CA, EXT_CA_USAGE}});
    world->ca = lasting((struct cert_spec){.subject = "O=Bench/CN=Bench issuing",
                                           .issuer = &world->root,
                                           .key = 2,
                                           .extensions = {EXT_CA, EXT_CA_USAGE}});
    world->client = micro_leaf(world, "O=Bench/OU=Clients/CN=Alice", 3);
}

/* ---- cases -------------------------------------------------------------------------------- */

static void run_case(const struct micro_case *one, unsigned times)
{
    struct micro_world world;
    world_init(&world);
    void *state = one->prepare(&world, one);
    one->run(state, times > 1 ? WARM_UP : 1);
    CALLGRIND_START_INSTRUMENTATION;
    is_counting = true;
    one->run(state, times);
    is_counting = false;
    CALLGRIND_STOP_INSTRUMENTATION;
    one->clear(state);
    fixture_clear(&world.fixture);
}

typedef bool (*case_fn)(const struct micro_case *one, const char *arg);

/* Calls for every case until one answers true, and says whether one did. */
static bool each_case(case_fn call, const char *arg)
{
    const struct {
        const struct micro_case *cases;
        size_t count;
    } groups[] = {
        {micro_tls_cases, micro_tls_case_count},
        {micro_auth_cases, micro_auth_case_count},
        {micro_http_cases, micro_http_case_count},
        {micro_http2_cases, micro_http2_case_count},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        for (size_t j = 0; j < groups[i].count; j++) {
            if (call(&groups[i].cases[j], arg))
                return true;
        }
    }
    return false;
}

static bool list(const struct micro_case *one, const char *arg)
{
    (void)arg;
    printf("%s\t%u\t%s\n", one->name, one->times, one->what);
    return false;
}

static bool run_once(const struct micro_case *one, const char *arg)
{
    (void)arg;
    run_case(one, 1);
    printf("%s: ok\n", one->name);
    (void)fflush(stdout);
    return false;
}

static bool run_named(const struct micro_case *one, const char *arg)
{
    if (strcmp(one->name, arg) != 0)
        return false;
    run_case(one, one->times);
    return true;
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    log_configure(STDERR_FILENO, LOG_LEVEL_WARN, false, false);
    if (strcmp(what, "--list") == 0) {
        (void)each_case(list, NULL);
    } else if (strcmp(what, "--versions") == 0) {
        printf("counts\t%s\ncompiler\t%s\nlibc\t%s\nopenssl\t%s\ncpu\t%s\n", MICRO_COUNTS,
               __VERSION__, gnu_get_libc_version(), OpenSSL_version(OPENSSL_VERSION_STRING),
               OpenSSL_version(OPENSSL_CPU_INFO));
    } else if (strcmp(what, "--once") == 0) {
        (void)each_case(run_once, NULL);
    } else if (!each_case(run_named, what)) {
        (void)fprintf(stderr, "usage: micro --list | --versions | --once | CASE\n");
        return 2;
    }
    return 0;
}
