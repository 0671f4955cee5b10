/* micro_auth.c - verdicts and mappings.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "auth/cert_map.h"
#include "auth/verdict_cache.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config_load.h"
#include "micro.h"

/* ---- verdicts ----------------------------------------------------------------------------- */

struct verdicts {
    struct fixture fixture;
    const struct trust *trust;
    struct verdict_cache *cache;
    struct cert *presented[2];
};

/* Leaf and intermediate presented, the root and CRLs at hand, and in some cases the intermediate
 * as well; the cache holds parameter. */
static void *prepare_verdict(struct micro_world *world, const struct micro_case *self)
{
    struct verdicts *verdicts = xcalloc(1, sizeof *verdicts);
    struct fixture *fixture = &verdicts->fixture;
    fixture_init(fixture);
    fixture_store(fixture, &fixture->site.trust.root, &world->root, NULL);
    if (strcmp(self->name, "verdict_stores") == 0)
        fixture_store(fixture, &fixture->site.trust.intermediate, &world->ca, NULL);
    static const long NOBODY = 1;
    fixture_crl(fixture, &(struct crl_spec){.issuer = &world->root});
    fixture_crl(fixture, &(struct crl_spec){.issuer = &world->ca, .serials = &NOBODY, .count = 1});
    verdicts->trust = fixture_load(fixture);
    verdicts->cache = verdict_cache_new(self->parameter);
    verdicts->presented[0] = world->client.cert;
    verdicts->presented[1] = world->ca.cert;
    return verdicts;
}

/* Decoded anew each time: a certificate remembers which key verified it. */
static void run_verdict(void *state, unsigned times)
{
    struct verdicts *verdicts = state;
    for (unsigned i = 0; i < times; i++) {
        struct cert *presented[2];
        for (size_t j = 0; j < 2; j++)
            presented[j] =
                cert_from_der(verdicts->presented[j]->der, verdicts->presented[j]->der_len);
        micro_begin();
        const struct verdict *verdict =
            verdict_cache_get(verdicts->cache, verdicts->trust, presented, 2, NOW);
        micro_end();
        MICRO_REQUIRE(verdict->outcome == OUTCOME_OK);
        verdict_unref(verdict);
        cert_unref(presented[0]);
        cert_unref(presented[1]);
    }
}

static void clear_verdict(void *state)
{
    struct verdicts *verdicts = state;
    verdict_cache_free(verdicts->cache);
    fixture_clear(&verdicts->fixture);
    free(verdicts);
}

/* ---- mappings ----------------------------------------------------------------------------- */

#define WANTED 50 /* mappings that are looked up, from the middle of the file */

struct mapping {
    struct config *config;
    struct cert_map *map;
    struct cert client; /* borrows from the world's, but for its digest, which is the same always */
    unsigned char wanted[WANTED][32];
};

/* The same for every run: xorshift64. */
static uint64_t next_number(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* All of a small file, again and again, and the middle of a large one. */
static void want(struct mapping *mapping, unsigned i, unsigned count, const uint64_t digest[4])
{
    unsigned first = count <= WANTED ? 0 : count / 2;
    for (size_t j = i - first; i >= first && j < WANTED; j += count)
        memcpy(mapping->wanted[j], digest, 32);
}

static void write_one_to_one(struct micro_world *world, unsigned count, struct mapping *mapping,
                             struct text *yaml)
{
    struct text lines = {0};
    uint64_t seed = 1;
    for (unsigned i = 0; i < count; i++) {
        uint64_t digest[4];
        for (size_t j = 0; j < 4; j++)
            digest[j] = next_number(&seed);
        want(mapping, i, count, digest);
        text_add_hex(&lines, (const unsigned char *)digest, sizeof digest);
        text_addf(&lines, " BENCH\\user%u\n", i);
    }
    char *path = micro_file(world, "clients.txt", text_str(&lines));
    text_addf(yaml, "      one_to_one_file: %s\n", path);
    free(path);
    text_clear(&lines);
}

/* The last one matches. */
static void write_many_to_one(unsigned count, struct text *yaml)
{
    text_add_cstr(yaml, "      many_to_one:\n");
    for (unsigned i = 1; i < count; i++)
        text_addf(yaml,
                  "        - { name: rule%u, user: 'BENCH\\user%u', rules:"
                  " [ { field: subject, subfield: CN, match: 'nobody %u*' } ] }\n",
                  i, i, i);
    text_add_cstr(yaml, "        - { name: last, user: 'BENCH\\client', rules:"
                        " [ { field: subject, subfield: OU, match: 'Client*' } ] }\n");
}

static void *prepare_mapping(struct micro_world *world, const struct micro_case *self)
{
    struct mapping *mapping = xcalloc(1, sizeof *mapping);
    struct text yaml = {0};
    text_add_cstr(&yaml, "sites:\n"
                         "  - name: bench\n"
                         "    bindings: [\"http://127.0.0.1:80\"]\n"
                         "    upstream: echo\n"
                         "    mapping:\n");
    if (strncmp(self->name, "map_one", 7) == 0)
        write_one_to_one(world, self->parameter, mapping, &yaml);
    else
        write_many_to_one(self->parameter, &yaml);
    mapping->config = micro_config(world, text_str(&yaml));
    text_clear(&yaml);
    struct error_list errors = {0};
    mapping->map = cert_map_new(&mapping->config->sites[0], mapping->config, &errors);
    MICRO_REQUIRE(mapping->map != NULL);
    errors_clear(&errors);
    mapping->client = *world->client.cert;
    return mapping;
}

static void run_mapping(void *state, unsigned times)
{
    struct mapping *mapping = state;
    for (unsigned i = 0; i < times; i++) {
        memcpy(mapping->client.sha256, mapping->wanted[i % WANTED], 32);
        micro_begin();
        struct cert_map_result result = cert_map_lookup(mapping->map, &mapping->client);
        micro_end();
        MICRO_REQUIRE(result.outcome == OUTCOME_OK && result.user != NULL);
    }
}

static void clear_mapping(void *state)
{
    struct mapping *mapping = state;
    cert_map_free(mapping->map);
    config_free(mapping->config);
    free(mapping);
}

const struct micro_case micro_auth_cases[] = {
    {"verdict_uncached", "verdict, leaf and intermediate presented, CRLs", 20, 0, prepare_verdict,
     run_verdict, clear_verdict},
    {"verdict_stores", "the same, the intermediate in the store as well", 20, 0, prepare_verdict,
     run_verdict, clear_verdict},
    {"verdict_cached", "verdict out of the cache", 20, 16, prepare_verdict, run_verdict,
     clear_verdict},
    {"map_one_10", "look-up among 10 one-to-one mappings", 50, 10, prepare_mapping, run_mapping,
     clear_mapping},
    {"map_one_10k", "the same among 10,000", 50, 10000, prepare_mapping, run_mapping,
     clear_mapping},
    {"map_one_1m", "the same among 1,000,000", 50, 1000000, prepare_mapping, run_mapping,
     clear_mapping},
    {"map_many_10", "decision of 10 many-to-one rules, the last one matches", 20, 10,
     prepare_mapping, run_mapping, clear_mapping},
    {"map_many_10k", "the same of 10,000", 20, 10000, prepare_mapping, run_mapping, clear_mapping},
};
const size_t micro_auth_case_count = sizeof micro_auth_cases / sizeof micro_auth_cases[0];
