/* Path building: iis-semantics 2.5, RFC 4158.
 *
 * SPDX-License-Identifier: MIT */
#include <time.h>

#include "auth/chain.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct fixture fixture;
static struct made root;

static void setup(void)
{
    fixture_init(&fixture);
    root = make_root("CN=Root", 1);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
}

static void teardown(void)
{
    fixture_clear(&fixture);
}

/* Two certificates for one CA key: only one of them leads to the trusted root. */
START_TEST(backtracks_over_cross_certificates)
{
    struct made other = make_root("CN=Other", 2);
    struct made good = make_ca("CN=CA", &root, 3);
    struct made cross = make_ca("CN=CA", &other, 3);
    struct made leaf = make_leaf("CN=Leaf", &good, 4);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &cross, &good), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &cross, &other, &good), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &cross, &other), OUTCOME_UNTRUSTED_ROOT);
}
END_TEST

START_TEST(prefers_the_path_whose_worst_error_is_mildest)
{
    static const char *const mild[] = {EXT_CA, EXT_UNKNOWN};
    struct made critical = make_cert(&(struct cert_spec){
        .subject = "CN=CA", .issuer = &root, .key = 3, .extensions = {mild[0], mild[1]}});
    struct made expired = make_cert(&(struct cert_spec){.subject = "CN=CA",
                                                        .issuer = &root,
                                                        .key = 3,
                                                        .not_before = NOW - YEAR,
                                                        .not_after = NOW - DAY,
                                                        .extensions = {EXT_CA}});
    struct made leaf = make_leaf("CN=Leaf", &critical, 4);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &expired), OUTCOME_EXPIRED);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &expired, &critical), OUTCOME_CRITICAL_EXTENSION);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &critical, &expired), OUTCOME_CRITICAL_EXTENSION);
}
END_TEST

START_TEST(prefers_the_shorter_path)
{
    struct made top = make_root("CN=Top", 6);
    struct made cross = make_ca("CN=Root", &top, 1); /* Root, signed by Top */
    struct made leaf = make_leaf("CN=Leaf", &root, 4);
    struct verdict verdict;
    fixture_store(&fixture, &fixture.site.trust.root, &top, NULL);
    judge_at(&fixture, &verdict, NOW, &leaf, &cross, &top, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    ck_assert_uint_eq(verdict.path_len, 2);
    verdict_clear(&verdict);
}
END_TEST

/* A same-name certificate with another key must not hide the right one. */
START_TEST(a_failing_signature_prunes_and_is_reported_only_for_lack_of_better)
{
    struct made good = make_ca("CN=CA", &root, 3);
    struct made decoy = make_ca("CN=CA", &root, 30);
    struct made leaf = make_leaf("CN=Leaf", &good, 4);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &decoy, &good), OUTCOME_OK);
    struct verdict verdict;
    judge_at(&fixture, &verdict, NOW, &leaf, &decoy, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_SIGNATURE);
    ck_assert_uint_eq(verdict.fault, 0);
    ck_assert_uint_eq(verdict.path_len, 2);
    verdict_clear(&verdict);
}
END_TEST

/* iis-semantics.md 3.7: a cyclic chain that never reaches a root. */
START_TEST(a_cycle_ends)
{
    struct made a0 = {.cert = NULL, .key = make_key(10)};
    struct made b_root = make_root("CN=B", 11);
    struct made a = make_ca("CN=A", &b_root, 10);
    a0.cert = a.cert;
    struct made b = make_ca("CN=B", &a0, 11);
    struct made leaf = make_leaf("CN=Leaf", &a, 4);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &a, &b), OUTCOME_PARTIAL_CHAIN);
}
END_TEST

/* 2.5: at most ten certificates. */
START_TEST(judges_ten_certificates_and_not_eleven)
{
    struct made chain[11];
    chain[0] = root;
    char name[32];
    for (unsigned i = 1; i < 10; i++) {
        (void)snprintf(name, sizeof name, "CN=CA %u", i);
        chain[i] = make_ca(name, &chain[i - 1], 50 + i);
    }
    struct made tenth = make_leaf("CN=Tenth", &chain[8], 4);
    struct made eleventh = make_leaf("CN=Eleventh", &chain[9], 4);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &tenth, &chain[1], &chain[2], &chain[3], &chain[4],
                                 &chain[5], &chain[6], &chain[7], &chain[8]),
                     OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &eleventh, &chain[1], &chain[2], &chain[3], &chain[4],
                                 &chain[5], &chain[6], &chain[7], &chain[8], &chain[9]),
                     OUTCOME_PARTIAL_CHAIN);
}
END_TEST

static enum outcome judge_many(struct made *certs, size_t count, double *ret_ms)
{
    struct cert *presented[1024];
    struct verdict verdict;
    for (size_t i = 0; i < count; i++)
        presented[i] = certs[i].cert;
    struct timespec start;
    struct timespec end;
    fixture_load(&fixture);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    verdict_compute(fixture.trust, presented, count, NOW, &verdict);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    *ret_ms =
        (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
    enum outcome outcome = verdict.outcome;
    verdict_clear(&verdict);
    return outcome;
}

/* Far above what it takes, so that a slow or instrumented machine does not fail the test. */
#define ATTACK_MS_MAX 400.0

START_TEST(hundreds_of_false_issuers_end_at_the_limit)
{
    static struct made certs[400];
    double ms = 0;
    struct made good = make_ca("CN=CA", &root, 3);
    certs[0] = make_leaf("CN=Leaf", &good, 4);
    for (unsigned i = 1; i < 400; i++)
        certs[i] = make_ca("CN=CA", &root, 100 + i);
    ck_assert_int_eq(judge_many(certs, 400, &ms), OUTCOME_SEARCH_LIMIT);
    ck_assert(ms < ATTACK_MS_MAX);
    /* In front of them the right one is found, and with it a good path. */
    certs[1] = good;
    ck_assert_int_eq(judge_many(certs, 200, &ms), OUTCOME_OK);
}
END_TEST

/* Every certificate issues every other: names in a clique, signatures all good. */
START_TEST(a_clique_of_cross_certificates_ends_at_the_limit)
{
    enum { SIZE = 9 };
    static struct made certs[1 + SIZE * SIZE];
    struct made ends[SIZE];
    size_t count = 1;
    double ms = 0;
    char name[32];
    for (unsigned i = 0; i < SIZE; i++) {
        (void)snprintf(name, sizeof name, "CN=Node %u", i);
        ends[i] = make_root(name, 600 + i);
    }
    certs[0] = make_leaf("CN=Leaf", &ends[0], 4);
    for (unsigned i = 0; i < SIZE; i++) {
        for (unsigned j = 0; j < SIZE; j++) {
            (void)snprintf(name, sizeof name, "CN=Node %u", j);
            if (i != j)
                certs[count++] = make_ca(name, &ends[i], 600 + j);
        }
    }
    ck_assert_int_eq(judge_many(certs, count, &ms), OUTCOME_SEARCH_LIMIT);
    ck_assert(ms < ATTACK_MS_MAX);
}
END_TEST

/* Many certificates of one key and one name: the paths multiply, the checks do not. */
START_TEST(one_signature_check_serves_all_certificates_of_a_key)
{
    static struct made certs[300];
    double ms = 0;
    struct made stranger = make_root("CN=Stranger", 5);
    for (unsigned i = 1; i < 300; i++)
        certs[i] = make_ca("CN=CA", &stranger, 3);
    certs[0] = make_leaf("CN=Leaf", &certs[1], 4);
    ck_assert_int_eq(judge_many(certs, 300, &ms), OUTCOME_PARTIAL_CHAIN);
    ck_assert(ms < ATTACK_MS_MAX);
}
END_TEST

START_TEST(a_certificate_sent_many_times_counts_once)
{
    static struct made certs[600];
    double ms = 0;
    struct made stranger = make_root("CN=Stranger", 5);
    struct made ca1 = make_ca("CN=CA 1", &stranger, 6);
    struct made ca2 = make_ca("CN=CA 2", &ca1, 7);
    certs[0] = make_leaf("CN=Leaf", &ca2, 4);
    for (unsigned i = 1; i < 600; i++)
        certs[i] = i % 2 == 0 ? ca1 : ca2;
    ck_assert_int_eq(judge_many(certs, 600, &ms), OUTCOME_PARTIAL_CHAIN);
}
END_TEST

START_TEST(key_identifiers_only_choose_the_order)
{
    struct made good =
        make_cert(&(struct cert_spec){.subject = "CN=CA",
                                      .issuer = &root,
                                      .key = 3,
                                      .extensions = {EXT_CA, "subjectKeyIdentifier=0102"}});
    struct made other =
        make_cert(&(struct cert_spec){.subject = "CN=CA",
                                      .issuer = &root,
                                      .key = 3,
                                      .extensions = {EXT_CA, "subjectKeyIdentifier=0304"}});
    struct made leaf =
        make_cert(&(struct cert_spec){.subject = "CN=Leaf",
                                      .issuer = &good,
                                      .key = 4,
                                      .extensions = {"authorityKeyIdentifier=DER:300480020102"}});
    struct verdict verdict;
    judge_at(&fixture, &verdict, NOW, &leaf, &other, &good, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    ck_assert_ptr_eq(verdict.path[1].cert, good.cert);
    verdict_clear(&verdict);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &other), OUTCOME_OK);
}
END_TEST

/* RFC 5280 section 7.1: case and runs of blanks do not matter in names. */
START_TEST(chains_names_in_canonical_form)
{
    struct made ca = make_ca("CN=Issuing  CA", &root, 3);
    struct made alias = make_ca("CN=issuing ca", &root, 3);
    struct made leaf = make_leaf("CN=Leaf", &alias, 4);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &ca), OUTCOME_OK);
}
END_TEST

/* A name with a NUL is not the name before it. */
START_TEST(a_nul_does_not_end_a_name)
{
    struct made evil = make_ca("!CN=CA^x", &root, 3);
    struct made ca = make_ca("CN=CA", &root, 3);
    struct made leaf = make_leaf("CN=Leaf", &ca, 4);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &evil), OUTCOME_PARTIAL_CHAIN);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("chain");
    TCase *tcase = tcase_create("chain");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, backtracks_over_cross_certificates);
    tcase_add_test(tcase, prefers_the_path_whose_worst_error_is_mildest);
    tcase_add_test(tcase, prefers_the_shorter_path);
    tcase_add_test(tcase, a_failing_signature_prunes_and_is_reported_only_for_lack_of_better);
    tcase_add_test(tcase, a_cycle_ends);
    tcase_add_test(tcase, judges_ten_certificates_and_not_eleven);
    tcase_add_test(tcase, hundreds_of_false_issuers_end_at_the_limit);
    tcase_add_test(tcase, a_clique_of_cross_certificates_ends_at_the_limit);
    tcase_add_test(tcase, one_signature_check_serves_all_certificates_of_a_key);
    tcase_add_test(tcase, a_certificate_sent_many_times_counts_once);
    tcase_add_test(tcase, key_identifiers_only_choose_the_order);
    tcase_add_test(tcase, chains_names_in_canonical_form);
    tcase_add_test(tcase, a_nul_does_not_end_a_name);
    suite_add_tcase(suite, tcase);
    return suite;
}
