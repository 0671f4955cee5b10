/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "auth/remedy.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct fixture fixture;
static struct made root;
static struct made ca;
static struct made leaf;
static struct remedy remedy;

static void setup(void)
{
    fixture_init(&fixture);
    root = make_root("O=Test/CN=Root", 1);
    ca = make_ca("O=Test/CN=Issuing", &root, 2);
    leaf = make_leaf("O=Test/CN=Alice", &ca, 3);
}

static void teardown(void)
{
    fixture_clear(&fixture);
}

static void find(const struct made *certs, size_t count)
{
    static struct cert *presented[512];
    ck_assert_uint_le(count, 512);
    for (size_t i = 0; i < count; i++)
        presented[i] = certs[i].cert;
    remedy_find(fixture_load(&fixture), presented, count, NOW, &remedy);
}

static bool is_cert(const struct cert *a, struct made b)
{
    return a != NULL && memcmp(a->sha256, b.cert->sha256, sizeof a->sha256) == 0;
}

START_TEST(a_root_that_was_presented_is_named)
{
    const struct made sent[] = {leaf, ca, root};
    struct made other = make_root("O=Other/CN=Root", 9);
    fixture_store(&fixture, &fixture.site.trust.root, &other, NULL);
    find(sent, 3);
    ck_assert(remedy.is_complete);
    ck_assert_uint_eq(remedy.count, 1);
    ck_assert_int_eq(remedy.steps[0].kind, REMEDY_ADD_CERTIFICATE);
    ck_assert_int_eq(remedy.steps[0].store, CERT_STORE_ROOT);
    ck_assert(is_cert(remedy.steps[0].cert, root));
}
END_TEST

/* All that is wrong with a certificate is one step, and what it hides is the next. */
START_TEST(one_certificate_is_replaced_once)
{
    struct made bad = make_cert(&(struct cert_spec){.subject = "CN=Bad",
                                                    .issuer = &ca,
                                                    .key = 5,
                                                    .not_before = NOW - 2 * YEAR,
                                                    .not_after = NOW - YEAR,
                                                    .extensions = {EXT_SERVER, EXT_CDP}});
    const struct made sent[] = {bad, ca};
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture.site.trust.revocation.check = true;
    find(sent, 2);
    ck_assert(remedy.is_complete);
    ck_assert_uint_eq(remedy.count, 2);
    ck_assert_int_eq(remedy.steps[0].kind, REMEDY_REPLACE);
    ck_assert(!remedy.steps[0].is_authority && !remedy.steps[0].is_usage_only);
    ck_assert_uint_eq(remedy.steps[0].errors,
                      VERDICT_ERROR_BIT(OUTCOME_EXPIRED) | VERDICT_ERROR_BIT(OUTCOME_WRONG_USAGE));
    ck_assert_int_eq(remedy.steps[1].kind, REMEDY_ADD_CRL);
}
END_TEST

START_TEST(an_authority_at_fault_is_avoided_where_that_is_possible)
{
    struct made old = make_cert(&(struct cert_spec){.subject = "CN=CA",
                                                    .issuer = &root,
                                                    .key = 6,
                                                    .not_before = NOW - 2 * YEAR,
                                                    .not_after = NOW - YEAR,
                                                    .extensions = {EXT_CA, EXT_CA_USAGE}});
    struct made other = make_root("O=Other/CN=Root", 7);
    struct made crossed = make_ca("CN=CA", &other, 6);
    struct made client = make_leaf("CN=Leaf", &old, 8);
    const struct made sent[] = {client, old, crossed, other};
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    find(sent, 2);
    ck_assert(remedy.is_complete);
    ck_assert_uint_eq(remedy.count, 1);
    ck_assert_int_eq(remedy.steps[0].kind, REMEDY_REPLACE);
    ck_assert(remedy.steps[0].is_authority && is_cert(remedy.steps[0].cert, old));
    find(sent, 4);
    ck_assert(remedy.is_complete);
    ck_assert_uint_eq(remedy.count, 1);
    ck_assert_int_eq(remedy.steps[0].kind, REMEDY_ADD_CERTIFICATE);
    ck_assert(is_cert(remedy.steps[0].cert, other));
}
END_TEST

/* Far above what it takes, so that a slow or instrumented machine does not fail the test. */
#define ATTACK_MS_MAX 1200.0

static double find_in(const struct made *certs, size_t count)
{
    struct timespec start;
    struct timespec end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    find(certs, count);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
}

START_TEST(the_search_is_bounded)
{
    static struct made certs[400];
    struct made good = make_ca("CN=CA", &root, 3);
    certs[0] = make_leaf("CN=Leaf", &good, 4);
    for (unsigned i = 1; i < 400; i++)
        certs[i] = make_ca("CN=CA", &root, 100 + i);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    ck_assert(find_in(certs, 400) < ATTACK_MS_MAX);
    ck_assert_int_eq(remedy.steps[0].kind, REMEDY_PRESENT_FEWER);
    ck_assert_uint_le(remedy.count, REMEDY_STEPS_MAX);
    certs[399] = good; /* within the limits of the search for a chain among them */
    ck_assert(find_in(certs, 400) < ATTACK_MS_MAX);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("remedy");
    TCase *tcase = tcase_create("remedy");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_root_that_was_presented_is_named);
    tcase_add_test(tcase, one_certificate_is_replaced_once);
    tcase_add_test(tcase, an_authority_at_fault_is_avoided_where_that_is_possible);
    tcase_add_test(tcase, the_search_is_bounded);
    suite_add_tcase(suite, tcase);
    return suite;
}
