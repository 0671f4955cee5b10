/* bench_verdict.c - CPU time of a normal verdict, a cached one, and of chains made to hurt.
 *
 * Bound to hold: no 32 KiB of certificates may cost more than 20 ms.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "auth/verdict.h"
#include "auth/verdict_cache.h"
#include "base/mem.h"
#include "base/text.h"
#include "unit/auth/make_cert.h"

#define CHAIN_BYTES 32768
#define CERTS_MAX   1024

struct chain {
    struct cert *certs[CERTS_MAX];
    size_t count;
    size_t bytes;
};

static bool chain_add(struct chain *chain, const struct made *made)
{
    if (chain->count == CERTS_MAX || chain->bytes + made->cert->der_len + 3 > CHAIN_BYTES)
        return false;
    chain->certs[chain->count++] = made->cert;
    chain->bytes += made->cert->der_len + 3;
    return true;
}

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void measure(const char *name, const struct trust *trust, const struct chain *chain,
                    unsigned rounds)
{
    struct verdict verdict = {0};
    double start = cpu_us();
    for (unsigned i = 0; i < rounds; i++) {
        verdict_clear(&verdict);
        verdict_compute(trust, chain->certs, chain->count, NOW, &verdict);
    }
    printf("%-34s %9.1f us  outcome %2d  %3zu certificates, %5zu octets\n", name,
           (cpu_us() - start) / rounds, (int)verdict.outcome, chain->count, chain->bytes);
    verdict_clear(&verdict);
}

static void measure_parse(const struct made *made)
{
    unsigned rounds = 2000;
    double start = cpu_us();
    for (unsigned i = 0; i < rounds; i++)
        cert_unref(cert_from_der(made->cert->der, made->cert->der_len));
    printf("%-34s %9.1f us\n", "parse from DER", (cpu_us() - start) / rounds);
    start = cpu_us();
    for (unsigned i = 0; i < rounds; i++)
        cert_unref(cert_from_x509(made->cert->x509));
    printf("%-34s %9.1f us\n", "the facts alone", (cpu_us() - start) / rounds);
}

static void measure_cached(const struct trust *trust, const struct chain *chain)
{
    struct verdict_cache *cache = verdict_cache_new(100);
    unsigned rounds = 100000;
    double start = cpu_us();
    for (unsigned i = 0; i < rounds; i++)
        verdict_unref(verdict_cache_get(cache, trust, chain->certs, chain->count, NOW));
    printf("%-34s %9.2f us\n", "from the cache", (cpu_us() - start) / rounds);
    verdict_cache_free(cache);
}

/* Same-name issuers with a key each, none of which signed the leaf. */
static void bench_false_issuers(const struct trust *trust, const char *name, EVP_PKEY *key)
{
    struct chain chain = {0};
    struct made stranger = make_root("CN=Stranger", 9);
    struct made good = make_cert(&(struct cert_spec){
        .subject = "CN=CA", .issuer = &stranger, .own_key = key, .extensions = {EXT_CA}});
    struct made leaf = make_leaf("CN=Leaf", &good, 4);
    (void)chain_add(&chain, &leaf);
    for (unsigned i = 0;; i++) {
        EVP_PKEY *own = key == NULL ? make_key(100 + i) : EVP_EC_gen("P-384");
        struct made ca = make_cert(&(struct cert_spec){
            .subject = "CN=CA", .issuer = &stranger, .own_key = own, .extensions = {EXT_CA}});
        if (!chain_add(&chain, &ca))
            break;
    }
    measure(name, trust, &chain, 5);
}

/* Every node certified by every other. */
static void bench_clique(const struct trust *trust, unsigned size)
{
    struct chain chain = {0};
    struct made nodes[16];
    char name[32];
    for (unsigned i = 0; i < size; i++) {
        (void)snprintf(name, sizeof name, "CN=%u", i);
        nodes[i] = make_root(name, 600 + i);
    }
    struct made leaf = make_leaf("CN=Leaf", &nodes[0], 4);
    (void)chain_add(&chain, &leaf);
    for (unsigned i = 0; i < size; i++) {
        for (unsigned j = 0; j < size; j++) {
            (void)snprintf(name, sizeof name, "CN=%u", j);
            struct made ca = make_cert(&(struct cert_spec){
                .subject = name, .issuer = &nodes[i], .key = 600 + j, .extensions = {EXT_CA}});
            if (i != j)
                (void)chain_add(&chain, &ca);
        }
    }
    measure("clique of cross-certificates", trust, &chain, 5);
}

/* Levels of many certificates each, all valid: paths multiply. */
static void bench_levels(const struct trust *trust, unsigned width)
{
    struct chain chain = {0};
    struct made above = make_root("CN=Stranger", 9);
    struct made levels[9];
    char name[32];
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof name, "CN=%u", i);
        levels[i] = make_ca(name, &above, 700 + i);
        above = levels[i];
    }
    struct made leaf = make_leaf("CN=Leaf", &above, 4);
    (void)chain_add(&chain, &leaf);
    struct made stranger = make_root("CN=Stranger", 9);
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof name, "CN=%u", i);
        for (unsigned j = 0; j < width; j++) {
            struct made ca =
                make_cert(&(struct cert_spec){.subject = name,
                                              .issuer = i == 0 ? &stranger : &levels[i - 1],
                                              .key = 700 + i,
                                              .extensions = {EXT_CA}});
            (void)chain_add(&chain, &ca);
        }
    }
    measure("levels of twins", trust, &chain, 5);
}

/* A key whose public exponent is as long as its modulus. */
static EVP_PKEY *slow_rsa_key(void)
{
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    BN_set_bit(e, 255);
    BN_set_bit(e, 0);
    EVP_PKEY_keygen_init(context);
    EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048);
    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e);
    EVP_PKEY_keygen(context, &key);
    EVP_PKEY_CTX_free(context);
    BN_free(e);
    return key;
}

static void bench_slow_rsa(const struct trust *trust)
{
    struct chain chain = {0};
    EVP_PKEY *key = slow_rsa_key();
    if (key == NULL)
        return;
    struct made stranger =
        make_cert(&(struct cert_spec){.subject = "CN=CA", .own_key = key, .extensions = {EXT_CA}});
    struct made leaf = make_leaf("CN=Leaf", &stranger, 4);
    (void)chain_add(&chain, &leaf);
    struct made ca = stranger;
    do
        ca = make_cert(&(struct cert_spec){
            .subject = "CN=CA", .issuer = &stranger, .own_key = key, .extensions = {EXT_CA}});
    while (chain_add(&chain, &ca));
    measure("RSA with a long exponent", trust, &chain, 5);
}

/* 32 KiB of names and constraints, all vouched for by the root. */
static void bench_names(const struct trust *trust, const struct made *root)
{
    struct chain chain = {0};
    struct text names = {0};
    struct text constraints = {0};
    text_add_cstr(&names, "subjectAltName=DNS:a.test");
    text_add_cstr(&constraints, "nameConstraints=permitted;DNS:test");
    for (unsigned i = 0; i < 1200; i++) {
        text_addf(&names, ",DNS:%u.test", i);
        if (i < 800)
            text_addf(&constraints, ",excluded;DNS:%u.b.test", i);
    }
    struct made ca = make_cert(&(struct cert_spec){
        .subject = "CN=CA", .issuer = root, .key = 2, .extensions = {EXT_CA, constraints.ptr}});
    struct made leaf = make_cert(&(struct cert_spec){
        .subject = "CN=Leaf", .issuer = &ca, .key = 3, .extensions = {names.ptr}});
    (void)chain_add(&chain, &leaf);
    (void)chain_add(&chain, &ca);
    measure("names times constraints", trust, &chain, 5);
    text_clear(&names);
    text_clear(&constraints);
}

#define CRL_ENTRIES 1000000

static void bench_large_crl(struct fixture *fixture, const struct made *issuer,
                            const struct chain *chain)
{
    long *serials = xcalloc(CRL_ENTRIES, sizeof *serials);
    for (long i = 0; i < CRL_ENTRIES; i++)
        serials[i] = 0x100000000L + i * 7919 % 1000003;
    fixture_crl(fixture,
                &(struct crl_spec){.issuer = issuer, .serials = serials, .count = CRL_ENTRIES});
    free(serials);
    double start = cpu_us();
    const struct trust *trust = fixture_load(fixture);
    printf("%-34s %9.0f us\n", "load with a CRL of 1,000,000", cpu_us() - start);
    measure("seen before, with that CRL", trust, chain, 2000);
}

int main(void)
{
    struct fixture fixture;
    struct chain chain = {0};
    fixture_init(&fixture);
    struct made root = make_root("O=Bench/CN=Root", 1);
    struct made ca = make_ca("O=Bench/CN=Issuing", &root, 2);
    struct made leaf = make_leaf("O=Bench/CN=Alice", &ca, 3);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    const struct trust *trust = fixture_load(&fixture);
    (void)chain_add(&chain, &leaf);
    (void)chain_add(&chain, &ca);
    measure("seen before, intermediate sent", trust, &chain, 2000);
    fixture_store(&fixture, &fixture.site.trust.intermediate, &ca, NULL);
    trust = fixture_load(&fixture);
    measure("seen before, intermediate stored", trust, &chain, 2000);
    measure_cached(trust, &chain);
    measure_parse(&leaf);
    bench_false_issuers(trust, "false issuers, P-256", NULL);
    bench_false_issuers(trust, "false issuers, P-384", EVP_EC_gen("P-384"));
    bench_clique(trust, 10);
    bench_levels(trust, 10);
    bench_slow_rsa(trust);
    bench_names(trust, &root);
    bench_large_crl(&fixture, &ca, &chain);
    fixture_clear(&fixture);
    return 0;
}
