/* What a faultless client of each authority would meet.
 *
 * SPDX-License-Identifier: MIT */
#include "auth/trust_probe.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static enum outcome probe(const struct trust *trust, const struct made *issuer, int64_t now)
{
    struct trust_prober *prober = trust_prober_new(trust);
    struct verdict verdict;
    trust_probe(prober, issuer->cert, now, &verdict);
    enum outcome outcome = verdict.outcome;
    verdict_clear(&verdict);
    trust_prober_free(prober);
    return outcome;
}

START_TEST(a_good_authority_vouches_for_a_client_whatever_kind_of_key_it_has)
{
    struct fixture fixture;
    fixture_init(&fixture);
    struct made root = make_cert(&(struct cert_spec){
        .subject = "CN=Root", .own_key = make_rsa_key(2048), .extensions = {EXT_CA}});
    struct made issuing = make_ca("CN=CA", &root, 2);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_store(&fixture, &fixture.site.trust.intermediate, &issuing, NULL);
    const struct trust *trust = fixture_load(&fixture);
    ck_assert_int_eq(probe(trust, &root, NOW), OUTCOME_OK);
    ck_assert_int_eq(probe(trust, &issuing, NOW), OUTCOME_OK);
    ck_assert_int_eq(probe(trust, &issuing, NOW + 2 * YEAR), OUTCOME_EXPIRED);
    ck_assert(trust_has_anchor(trust));
    ck_assert(!trust_mix_refuses_all(trust));
    fixture_clear(&fixture);
}
END_TEST

START_TEST(names_that_an_authority_may_give_are_not_guessed)
{
    struct fixture fixture;
    fixture_init(&fixture);
    struct made narrow = make_cert(
        &(struct cert_spec){.subject = "CN=Narrow",
                            .key = 3,
                            .extensions = {EXT_CA, "nameConstraints=critical,permitted;DNS:x.test,"
                                                   "permitted;email:x.test"}});
    fixture_store(&fixture, &fixture.site.trust.root, &narrow, NULL);
    ck_assert_int_eq(probe(fixture_load(&fixture), &narrow, NOW), OUTCOME_OK);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(an_authority_without_its_issuer_leads_nowhere)
{
    struct fixture fixture;
    fixture_init(&fixture);
    struct made root = make_root("CN=Root", 1);
    struct made other = make_root("CN=Other", 3);
    struct made issuing = make_ca("CN=CA", &other, 2);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_store(&fixture, &fixture.site.trust.intermediate, &issuing, NULL);
    const struct trust *trust = fixture_load(&fixture);
    ck_assert_int_eq(probe(trust, &issuing, NOW), OUTCOME_PARTIAL_CHAIN);
    ck_assert_int_eq(probe(trust, &other, NOW), OUTCOME_UNTRUSTED_ROOT);
    struct trust_issuer found;
    ck_assert(trust_issuer_find(trust, issuing.cert, &found));
    ck_assert_int_eq(found.store, CERT_STORE_INTERMEDIATE);
    ck_assert(found.is_authority && found.is_used && !found.is_anchor);
    ck_assert_ptr_nonnull(strstr(found.path, fixture.folder));
    ck_assert(!trust_issuer_find(trust, other.cert, &found));
    ck_assert_uint_eq(trust_issuer_count(trust), 2);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(an_expired_crl_refuses_and_its_end_is_known)
{
    struct fixture fixture;
    fixture_init(&fixture);
    struct made root = make_root("CN=Root", 1);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture.site.trust.revocation.check = true;
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &root});
    const struct trust *trust = fixture_load(&fixture);
    ck_assert_int_eq(probe(trust, &root, NOW), OUTCOME_OK);
    ck_assert_int_eq(probe(trust, &root, NOW + 8 * DAY), OUTCOME_REVOCATION_OFFLINE);
    ck_assert_int_eq(trust_crl_end(trust, X509_get_subject_name(root.cert->x509)), NOW + 7 * DAY);
    struct made other = make_root("CN=Other", 3);
    ck_assert_int_eq(trust_crl_end(trust, X509_get_subject_name(other.cert->x509)), INT64_MIN);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(a_mixed_root_store_refuses_all)
{
    struct fixture fixture;
    fixture_init(&fixture);
    struct made root = make_root("CN=Root", 1);
    struct made issuing = make_ca("CN=CA", &root, 2);
    fixture_store(&fixture, &fixture.site.trust.root, &root, &issuing, NULL);
    const struct trust *trust = fixture_load(&fixture);
    ck_assert(trust_mix_refuses_all(trust));
    ck_assert_int_eq(probe(trust, &root, NOW), OUTCOME_ROOT_STORE_MIXED);
    fixture_clear(&fixture);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trust_probe");
    TCase *tests = tcase_create("probe");
    tcase_add_test(tests, a_good_authority_vouches_for_a_client_whatever_kind_of_key_it_has);
    tcase_add_test(tests, names_that_an_authority_may_give_are_not_guessed);
    tcase_add_test(tests, an_authority_without_its_issuer_leads_nowhere);
    tcase_add_test(tests, an_expired_crl_refuses_and_its_end_is_known);
    tcase_add_test(tests, a_mixed_root_store_refuses_all);
    suite_add_tcase(suite, tests);
    return suite;
}
