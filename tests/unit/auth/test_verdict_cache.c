/* SPDX-License-Identifier: MIT */
#include "auth/verdict_cache.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct fixture fixture;
static struct made root;
static struct made ca;
static struct made leaf;
static struct verdict_cache *cache;

static void setup(void)
{
    fixture_init(&fixture);
    root = make_root("CN=Root", 1);
    ca = make_ca("CN=Issuing", &root, 2);
    leaf = make_leaf("CN=Alice", &ca, 3);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_load(&fixture);
    cache = verdict_cache_new(2);
}

static void teardown(void)
{
    verdict_cache_free(cache);
    fixture_clear(&fixture);
}

static const struct verdict *get(const struct made *made, int64_t now)
{
    struct cert *presented[] = {made->cert, ca.cert};
    return verdict_cache_get(cache, fixture.trust, presented, 2, now);
}

static void expect(uint64_t hits, uint64_t misses, size_t count)
{
    struct verdict_cache_stats stats;
    verdict_cache_stats(cache, &stats);
    ck_assert_uint_eq(stats.hits, hits);
    ck_assert_uint_eq(stats.misses, misses);
    ck_assert_uint_eq(stats.count, count);
}

START_TEST(computes_once)
{
    const struct verdict *first = get(&leaf, NOW);
    const struct verdict *second = get(&leaf, NOW + 1);
    ck_assert_int_eq(first->outcome, OUTCOME_OK);
    ck_assert_ptr_eq(first, second);
    verdict_unref(first);
    verdict_unref(second);
    expect(1, 1, 1);
}
END_TEST

START_TEST(a_held_verdict_outlives_eviction_and_cache)
{
    const struct verdict *held = get(&leaf, NOW);
    for (unsigned i = 0; i < 5; i++) {
        struct made other = make_leaf("CN=Other", &ca, 4);
        verdict_unref(get(&other, NOW));
    }
    expect(0, 6, 2);
    ck_assert_int_eq(held->outcome, OUTCOME_OK);
    verdict_cache_free(cache);
    cache = verdict_cache_new(0);
    ck_assert_ptr_eq(held->path[0].cert, leaf.cert);
    verdict_unref(held);
    verdict_unref(get(&leaf, NOW));
    verdict_unref(get(&leaf, NOW));
    expect(0, 2, 0);
}
END_TEST

START_TEST(the_least_recently_used_goes_first)
{
    struct made second = make_leaf("CN=Second", &ca, 4);
    struct made third = make_leaf("CN=Third", &ca, 5);
    verdict_unref(get(&leaf, NOW));
    verdict_unref(get(&second, NOW));
    verdict_unref(get(&leaf, NOW));
    verdict_unref(get(&third, NOW)); /* puts second out */
    verdict_unref(get(&leaf, NOW));
    expect(2, 3, 2);
    verdict_unref(get(&second, NOW));
    expect(2, 4, 2);
}
END_TEST

START_TEST(judges_again_when_the_time_has_come)
{
    struct made brief = make_cert(
        &(struct cert_spec){.subject = "CN=Brief", .issuer = &ca, .key = 3, .not_after = NOW + 10});
    const struct verdict *verdict = get(&brief, NOW);
    ck_assert_int_eq(verdict->outcome, OUTCOME_OK);
    verdict_unref(verdict);
    verdict = get(&brief, NOW + 11);
    ck_assert_int_eq(verdict->outcome, OUTCOME_EXPIRED);
    verdict_unref(verdict);
    verdict = get(&brief, NOW - 2 * DAY); /* the clock was set back */
    ck_assert_int_eq(verdict->outcome, OUTCOME_NOT_YET_VALID);
    verdict_unref(verdict);
    expect(0, 3, 1);
}
END_TEST

START_TEST(a_refusal_is_kept_for_a_minute)
{
    struct made other = make_root("CN=Other", 9);
    struct made bad = make_leaf("CN=Bad", &other, 4);
    verdict_unref(get(&bad, NOW));
    verdict_unref(get(&bad, NOW + 59));
    expect(1, 1, 1);
    verdict_unref(get(&bad, NOW + 60));
    expect(1, 2, 1);
}
END_TEST

START_TEST(another_chain_policy_or_crl_is_another_verdict)
{
    verdict_unref(get(&leaf, NOW));
    struct cert *alone[] = {leaf.cert};
    const struct verdict *verdict = verdict_cache_get(cache, fixture.trust, alone, 1, NOW);
    ck_assert_int_eq(verdict->outcome, OUTCOME_PARTIAL_CHAIN);
    verdict_unref(verdict);
    fixture_store(&fixture, &fixture.site.trust.disallowed, &leaf, NULL);
    fixture_load(&fixture);
    verdict = get(&leaf, NOW);
    ck_assert_int_eq(verdict->outcome, OUTCOME_EXPLICIT_DISTRUST);
    verdict_unref(verdict);
    expect(0, 3, 2);
}
END_TEST

START_TEST(a_new_crl_is_seen_at_once)
{
    struct made bob =
        make_cert(&(struct cert_spec){.subject = "CN=Bob", .issuer = &ca, .key = 3, .serial = 5});
    static const long serial[] = {5};
    fixture.site.trust.revocation.check = true;
    fixture_load(&fixture);
    verdict_unref(get(&bob, NOW));
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .serials = serial, .count = 1});
    fixture_load(&fixture);
    const struct verdict *verdict = get(&bob, NOW);
    ck_assert_int_eq(verdict->outcome, OUTCOME_REVOKED);
    verdict_unref(verdict);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("verdict_cache");
    TCase *tcase = tcase_create("verdict_cache");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, computes_once);
    tcase_add_test(tcase, a_held_verdict_outlives_eviction_and_cache);
    tcase_add_test(tcase, the_least_recently_used_goes_first);
    tcase_add_test(tcase, judges_again_when_the_time_has_come);
    tcase_add_test(tcase, a_refusal_is_kept_for_a_minute);
    tcase_add_test(tcase, another_chain_policy_or_crl_is_another_verdict);
    tcase_add_test(tcase, a_new_crl_is_seen_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
