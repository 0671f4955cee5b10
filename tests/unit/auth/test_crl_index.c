/* CRLs in a block of memory that processes share: RFC 5280 section 5, iis-semantics 4.4.
 *
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/cert_facts.h"
#include "auth/crl_block.h"
#include "auth/crl_builder.h"
#include "auth/crl_index.h"
#include "auth/trust_crls.h"
#include "auth/verdict_cache.h"
#include "base/mem.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

#define HUGE_COUNT 1000000UL
#define SEALS      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static struct made root;
static struct made ca;
static struct made leaf;
static const long serials[] = {77, 5};
static const int reasons[] = {6, 8};

static void setup(void)
{
    root = make_root("CN=Root", 1);
    ca = make_ca("CN=CA", &root, 2);
    leaf = make_leaf("CN=Leaf", &ca, 3);
}

static void teardown(void)
{
    cert_unref(root.cert);
    cert_unref(ca.cert);
    cert_unref(leaf.cert);
}

static void add(struct crl_builder *builder, const struct crl_spec *spec)
{
    size_t len = 0;
    unsigned char *der = make_crl(spec, &len);
    ck_assert_int_eq(crl_builder_add(builder, (const char *)der, len), 1);
    free(der);
}

static struct crl_index *map_and_close(int fd)
{
    const char *problem = NULL;
    ck_assert_int_ge(fd, 0);
    struct crl_index *index = crl_index_map(fd, &problem);
    ck_assert_msg(index != NULL, "%s", problem);
    ck_assert_int_eq(close(fd), 0);
    return index;
}

static struct crl_index *finish(struct crl_builder *builder)
{
    struct crl_index *index = map_and_close(crl_builder_finish(builder));
    crl_builder_clear(builder);
    return index;
}

static const struct crl *first_of(const struct crl_index *index, const struct made *issuer)
{
    const struct cert_facts *facts = issuer->cert->facts;
    uint32_t position = UINT32_MAX;
    return crl_index_next(index, facts->subject, facts->subject_hash, &position);
}

START_TEST(gives_back_every_field_that_was_read)
{
    const struct crl_spec spec = {
        .issuer = &ca,
        .serials = serials,
        .reasons = reasons,
        .count = 2,
        .number = 9,
        .base = 4,
        .extensions = {"issuingDistributionPoint=critical,onlyuser:TRUE,indirectCRL:TRUE,"
                       "onlysomereasons:keyCompromise"}};
    size_t len = 0;
    unsigned char *der = make_crl(&spec, &len);
    struct crl *crl = crl_from_der(der, len);
    struct crl_builder builder = {0};
    ck_assert_int_eq(crl_builder_add(&builder, (const char *)der, len), 1);
    free(der);
    struct crl_index *index = finish(&builder);
    const struct crl *back = first_of(index, &ca);
    ck_assert_ptr_nonnull(back);
    ck_assert_mem_eq(back->sha256, crl->sha256, 32);
    ck_assert_mem_eq(back->digest, crl->digest, sizeof crl->digest);
    ck_assert_mem_eq(back->idp_digest, crl->idp_digest, 32);
    ck_assert_int_eq(back->this_update, crl->this_update);
    ck_assert_int_eq(back->next_update, crl->next_update);
    ck_assert_int_eq(ASN1_INTEGER_get(back->number), 9);
    ck_assert_int_eq(ASN1_INTEGER_get(back->base), 4);
    ck_assert_int_gt(back->idp->onlyuser, 0);
    ck_assert_int_gt(back->idp->indirectCRL, 0);
    ck_assert_uint_eq(back->reasons, crl->reasons);
    ck_assert_uint_ne(back->reasons, CRLDP_ALL_REASONS);
    ck_assert_int_eq(back->digest_nid, crl->digest_nid);
    ck_assert_int_eq(back->is_unusable, crl->is_unusable);
    ck_assert_uint_eq(back->entry_count, 2);
    ck_assert_mem_eq(back->entries, crl->entries, 2 * sizeof *crl->entries);
    ck_assert(crl_check_signature(back, ca.cert));
    ck_assert(!crl_check_signature(back, root.cert));
    ck_assert_uint_eq(index->entry_count, 2);
    ck_assert_int_eq(index->oldest_this_update, crl->this_update);
    crl_free(crl);
    crl_index_free(index);
}
END_TEST

/* RFC 5280 section 5.3: what an entry made unusable stays so; a digest is not the text. */
START_TEST(keeps_what_only_the_entries_or_the_text_showed)
{
    struct made ed =
        make_cert(&(struct cert_spec){.subject = "CN=Ed",
                                      .issuer = &root,
                                      .own_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                                      .extensions = {EXT_CA, EXT_CA_USAGE}});
    struct crl_builder builder = {0};
    add(&builder, &(struct crl_spec){
                      .issuer = &ca, .serials = serials, .count = 1, .has_critical_entry = true});
    add(&builder, &(struct crl_spec){.issuer = &ed, .serials = serials, .count = 1});
    struct crl_index *index = finish(&builder);
    ck_assert(first_of(index, &ca)->is_unusable);
    ck_assert(!first_of(index, &ed)->is_unusable);
    ck_assert(crl_check_signature(first_of(index, &ed), ed.cert));
    ck_assert(!crl_check_signature(first_of(index, &ed), ca.cert));
    crl_index_free(index);
    cert_unref(ed.cert);
    EVP_PKEY_free(ed.key);
}
END_TEST

/* The revocation generation is content: neither order nor a copy of a file changes it. */
START_TEST(the_digest_is_that_of_the_contents)
{
    struct crl_builder builders[3] = {{0}, {0}, {0}};
    struct crl_index *indexes[3];
    size_t lens[2] = {0};
    unsigned char *ders[2] = {make_crl(&(struct crl_spec){.issuer = &ca, .number = 1}, &lens[0]),
                              make_crl(&(struct crl_spec){.issuer = &root, .number = 2}, &lens[1])};
    static const int order[3][3] = {{0, 1, 0}, {1, 0, 1}, {0, 0, 0}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++)
            ck_assert_int_eq(
                crl_builder_add(&builders[i], (const char *)ders[order[i][j]], lens[order[i][j]]),
                1);
        indexes[i] = finish(&builders[i]);
    }
    ck_assert_uint_eq(indexes[0]->count, 2);
    ck_assert_uint_eq(indexes[2]->count, 1);
    ck_assert_mem_eq(indexes[0]->digest, indexes[1]->digest, 32);
    ck_assert_mem_ne(indexes[0]->digest, indexes[2]->digest, 32);
    for (size_t i = 0; i < 3; i++)
        crl_index_free(indexes[i]);
    free(ders[0]);
    free(ders[1]);
}
END_TEST

START_TEST(an_empty_folder_makes_an_empty_block)
{
    struct crl_builder builder = {0};
    struct crl_index *index = finish(&builder);
    ck_assert_uint_eq(index->count, 0);
    ck_assert_int_eq(index->oldest_this_update, INT64_MAX);
    ck_assert_ptr_null(first_of(index, &ca));
    crl_index_free(index);
}
END_TEST

static int copy_block(const unsigned char *block, size_t len, bool is_sealed)
{
    int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, block, len), (ssize_t)len);
    if (is_sealed)
        ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, SEALS), 0);
    return fd;
}

/* A block that could still shrink would kill its readers with SIGBUS. */
START_TEST(refuses_what_is_not_sealed)
{
    struct crl_builder builder = {0};
    struct crl_index *index = finish(&builder);
    const char *problem = NULL;
    int fds[4];
    int pipes[2];
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    fds[0] = copy_block(index->block, index->block_size, false);
    fds[1] = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fds[2] = pipes[0];
    fds[3] = pipes[1];
    ck_assert_int_eq(fcntl(fds[1], F_ADD_SEALS, SEALS), 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_ptr_null(crl_index_map(fds[i], &problem));
        ck_assert_ptr_nonnull(problem);
        (void)close(fds[i]);
    }
    ck_assert_ptr_null(crl_index_map(-1, &problem));
    /* What the builder makes cannot be written to or resized by anybody. */
    int fd = crl_builder_finish(&builder);
    ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & SEALS, SEALS);
    ck_assert_int_lt(write(fd, "x", 1), 0);
    ck_assert_int_lt(ftruncate(fd, 0), 0);
    (void)close(fd);
    crl_index_free(index);
}
END_TEST

/* Every cut and every flipped octet is refused or harmless: nothing is read outside the block. */
START_TEST(survives_damaged_blocks)
{
    struct crl_builder builder = {0};
    add(&builder,
        &(struct crl_spec){.issuer = &ca, .serials = serials, .reasons = reasons, .count = 2});
    struct crl_index *good = finish(&builder);
    size_t size = good->block_size;
    unsigned char *block = xmemdup(good->block, size);
    crl_index_free(good);
    for (size_t i = 0; i < size; i++) {
        for (int flip = 0; flip < 2; flip++) {
            const char *problem = NULL;
            block[i] ^= flip == 0 ? 0x80 : 0x01;
            int fd = copy_block(block, size, true);
            struct crl_index *index = crl_index_map(fd, &problem);
            const struct crl *crl = index == NULL ? NULL : first_of(index, &ca);
            if (crl != NULL)
                (void)crl_find(crl, leaf.cert);
            crl_index_free(index);
            (void)close(fd);
            block[i] ^= flip == 0 ? 0x80 : 0x01;
        }
    }
    for (size_t len = 1; len < size; len += 7) {
        const char *problem = NULL;
        int fd = copy_block(block, len, true);
        ck_assert_ptr_null(crl_index_map(fd, &problem));
        (void)close(fd);
    }
    free(block);
}
END_TEST

/* ---- many entries ---- */

static unsigned char *put(unsigned char *at, const void *octets, size_t len)
{
    memcpy(at, octets, len);
    return at + len;
}

/* The head of a SEQUENCE, always six octets. */
static unsigned char *put_sequence(unsigned char *at, size_t len)
{
    at[0] = 0x30;
    at[1] = 0x84;
    for (size_t i = 0; i < 4; i++)
        at[2 + i] = (unsigned char)(len >> (24 - 8 * i));
    return at + 6;
}

/* 16-octet serials spread over the whole range; an odd multiplier makes them distinct. */
static void put_serial(unsigned char *at, uint64_t i)
{
    uint64_t mixed = i * UINT64_C(0x9e3779b97f4a7c15);
    memset(at, 0x11, 16);
    for (size_t octet = 0; octet < 8; octet++)
        at[1 + octet] = (unsigned char)(mixed >> (8 * octet));
}

static const unsigned char date[] = {0x17, 13,  '2', '5', '0', '1', '0', '1',
                                     '0',  '0', '0', '0', '0', '0', 'Z'};

static unsigned char *put_entries(unsigned char *at)
{
    for (uint64_t i = 0; i < HUGE_COUNT; i++) {
        static const unsigned char head[] = {0x30, 18 + sizeof date, 0x02, 16};
        at = put(at, head, sizeof head);
        put_serial(at, i);
        at = put(at + 16, date, sizeof date);
    }
    return at;
}

/* A CRL with HUGE_COUNT entries, its fixed parts taken from a small one (whose signature does not
 * fit any more). */
static unsigned char *make_huge(size_t *ret_len)
{
    size_t small_len = 0;
    unsigned char *small = make_crl(&(struct crl_spec){.issuer = &ca}, &small_len);
    const unsigned char *cursor = small;
    X509_CRL *crl = d2i_X509_CRL(NULL, &cursor, (long)small_len);
    const X509_ALGOR *kind = NULL;
    const ASN1_BIT_STRING *bits = NULL;
    X509_CRL_get0_signature(crl, &bits, &kind);
    unsigned char *name = NULL;
    unsigned char *algorithm = NULL;
    unsigned char *signature = NULL;
    size_t name_len = (size_t)i2d_X509_NAME(X509_CRL_get_issuer(crl), &name);
    size_t algorithm_len = (size_t)i2d_X509_ALGOR(kind, &algorithm);
    size_t signature_len = (size_t)i2d_ASN1_BIT_STRING(bits, &signature);
    size_t list_len = HUGE_COUNT * (2 + 18 + sizeof date);
    size_t tbs_len = 3 + algorithm_len + name_len + sizeof date + 6 + list_len;
    size_t all_len = 6 + tbs_len + algorithm_len + signature_len;
    unsigned char *der = xmalloc(6 + all_len);
    unsigned char *at = put_sequence(put_sequence(der, all_len), tbs_len);
    at = put(at, "\x02\x01\x01", 3);
    at = put(at, algorithm, algorithm_len);
    at = put(at, name, name_len);
    at = put(at, date, sizeof date);
    at = put_entries(put_sequence(at, list_len));
    at = put(at, algorithm, algorithm_len);
    at = put(at, signature, signature_len);
    *ret_len = (size_t)(at - der);
    OPENSSL_free(name);
    OPENSSL_free(algorithm);
    OPENSSL_free(signature);
    X509_CRL_free(crl);
    free(small);
    return der;
}

#define PROBES 2000UL

/* The certificate's serial number is what is looked up, so each probe needs one of its own. */
static uint64_t look_up_ns(const struct crl *crl)
{
    struct cert *probes[64];
    for (uint64_t i = 0; i < 64; i++) {
        unsigned char octets[16];
        put_serial(octets, i * 15625);
        X509 *x509 = X509_dup(leaf.cert->x509);
        BIGNUM *number = BN_bin2bn(octets, sizeof octets, NULL);
        ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(number, NULL);
        X509_set_serialNumber(x509, serial);
        probes[i] = cert_from_x509(x509);
        ASN1_INTEGER_free(serial);
        BN_free(number);
        X509_free(x509);
    }
    uint64_t begin = unit_cpu_ms();
    uint64_t found = 0;
    for (uint64_t i = 0; i < 64 * PROBES; i++)
        found += crl_find(crl, probes[i % 64]) != NULL;
    uint64_t spent = unit_cpu_ms() - begin;
    ck_assert_uint_eq(found, 64 * PROBES);
    for (uint64_t i = 0; i < 64; i++)
        cert_unref(probes[i]);
    return spent * 1000000 / (64 * PROBES);
}

/* Bounds with room for a sanitizer on a busy machine; a linear search or an allocation an entry
 * would miss them by far. */
START_TEST(a_million_entries_are_indexed_once_and_found_fast)
{
    size_t len = 0;
    unsigned char *der = make_huge(&len);
    struct crl_builder builder = {0};
    uint64_t begin = unit_cpu_ms();
    ck_assert_int_eq(crl_builder_add(&builder, (const char *)der, len), 1);
    int fd = crl_builder_finish(&builder);
    uint64_t built_ms = unit_cpu_ms() - begin;
    crl_builder_clear(&builder);
    free(der);
    begin = unit_cpu_ms();
    struct crl_index *index = map_and_close(fd);
    uint64_t mapped_ms = unit_cpu_ms() - begin;
    ck_assert_uint_eq(index->entry_count, HUGE_COUNT);
    ck_assert_uint_le(index->block_size, HUGE_COUNT * 24 + 8192);
    const struct crl *crl = first_of(index, &ca);
    ck_assert_ptr_null(crl_find(crl, leaf.cert));
    uint64_t found_ns = look_up_ns(crl);
    ck_assert_msg(built_ms < 15000, "built in %lu ms", (unsigned long)built_ms);
    ck_assert_msg(mapped_ms < 50, "mapped in %lu ms", (unsigned long)mapped_ms);
    ck_assert_msg(found_ns < 20000, "found in %lu ns", (unsigned long)found_ns);
    if (getenv("VERBOSE") != NULL)
        (void)fprintf(stderr, "build %lu ms map %lu ms find %lu ns\n", (unsigned long)built_ms,
                      (unsigned long)mapped_ms, (unsigned long)found_ns);
    crl_index_free(index);
}
END_TEST

/* ---- exchange in a running trust ---- */

static enum outcome cached_outcome(struct verdict_cache *cache, const struct trust *trust)
{
    const struct verdict *verdict = verdict_cache_get(cache, trust, &leaf.cert, 1, NOW);
    enum outcome outcome = verdict->outcome;
    verdict_unref(verdict);
    return outcome;
}

/* Also where the verdict before is remembered: the generation is part of the key. */
START_TEST(an_exchanged_list_decides_the_next_verdict)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_store(&fixture, &fixture.site.trust.intermediate, &ca, NULL);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .number = 1});
    struct verdict_cache *cache = verdict_cache_new(8);
    ck_assert_int_eq(cached_outcome(cache, fixture_load(&fixture)), OUTCOME_OK);
    const struct config_revocation *settings = &fixture.site.trust.revocation;
    unsigned char stamp[TRUST_EPOCH_SIZE];
    trust_crls_stamp(settings, stamp);
    ck_assert_mem_eq(stamp, trust_crls_loaded_stamp(fixture.trust), sizeof stamp);

    const long leaf_serial[] = {ASN1_INTEGER_get(X509_get0_serialNumber(leaf.cert->x509))};
    fixture_crl(&fixture,
                &(struct crl_spec){.issuer = &ca, .serials = leaf_serial, .count = 1, .number = 2});
    trust_crls_stamp(settings, stamp);
    ck_assert_mem_ne(stamp, trust_crls_loaded_stamp(fixture.trust), sizeof stamp);
    unsigned char before[TRUST_EPOCH_SIZE];
    memcpy(before, trust_revocation_digest(fixture.trust), sizeof before);
    for (int round = 0; round < 2; round++) {
        const char *problem = NULL;
        int fd = trust_crls_read(fixture.trust, settings, &fixture.errors);
        struct crl_index *crls = trust_crls_map(fd, &problem);
        ck_assert_int_eq(close(fd), 0);
        ck_assert_ptr_nonnull(crls);
        /* The second time nothing has changed. */
        ck_assert_int_eq(trust_crls_set(fixture.trust, crls), round == 0);
    }
    ck_assert_mem_ne(before, trust_revocation_digest(fixture.trust), sizeof before);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
    ck_assert_int_eq(cached_outcome(cache, fixture.trust), OUTCOME_REVOKED);
    verdict_cache_free(cache);
    struct trust_crls_info info;
    trust_crls_current(fixture.trust, &info);
    ck_assert_uint_eq(info.crls, 2);
    ck_assert_uint_eq(info.entries, 1);
    fixture_clear(&fixture);
}
END_TEST

/* What can be read counts, and nothing that was known is forgotten. */
START_TEST(a_file_that_cannot_be_decoded_is_an_error_and_no_more)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &root});
    (void)fixture_load(&fixture);
    fixture_path(&fixture.site.trust.revocation.crls,
                 fixture_file(&fixture, "bad.crl", "garbage", 7));
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca});
    struct crl_index *index = map_and_close(
        trust_crls_read(fixture.trust, &fixture.site.trust.revocation, &fixture.errors));
    ck_assert_uint_eq(fixture.errors.errors, 1);
    ck_assert_ptr_nonnull(strstr(fixture.errors.entries[0].text, "bad.crl"));
    ck_assert_uint_eq(index->count, 2);
    crl_index_free(index);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(knows_which_names_count_in_a_folder)
{
    static const struct {
        const char *name;
        bool counts;
    } cases[] = {{"a.crl", true},   {"a.CRL", true},  {"a.pem", true},     {"a.der", true},
                 {".a.crl", false}, {"a.txt", false}, {"a.crl~", false},   {"a", false},
                 {"", false},       {".crl", false},  {"a.crl.tmp", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(trust_crls_takes_name(cases[i].name) == cases[i].counts, "%s", cases[i].name);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("crl_index");
    TCase *tcase = tcase_create("crl_index");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, gives_back_every_field_that_was_read);
    tcase_add_test(tcase, keeps_what_only_the_entries_or_the_text_showed);
    tcase_add_test(tcase, the_digest_is_that_of_the_contents);
    tcase_add_test(tcase, an_empty_folder_makes_an_empty_block);
    tcase_add_test(tcase, refuses_what_is_not_sealed);
    tcase_add_test(tcase, survives_damaged_blocks);
    tcase_add_test(tcase, a_million_entries_are_indexed_once_and_found_fast);
    tcase_add_test(tcase, an_exchanged_list_decides_the_next_verdict);
    tcase_add_test(tcase, a_file_that_cannot_be_decoded_is_an_error_and_no_more);
    tcase_add_test(tcase, knows_which_names_count_in_a_folder);
    suite_add_tcase(suite, tcase);
    return suite;
}
