/* Revocation: iis-semantics 4.4 and 10.5, RFC 5280 sections 5 and 6.3.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/pem.h>

#include "auth/crl.h"
#include "auth/revocation.h"
#include "base/clock.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

#define SERIAL 4711

static struct fixture fixture;
static struct made root;
static struct made ca;
static struct made leaf;     /* names a CRL */
static struct made no_point; /* does not */
static const long serials[] = {SERIAL, SERIAL + 1};

static void setup(void)
{
    fixture_init(&fixture);
    root = make_root("CN=Root", 1);
    ca = make_ca("CN=Issuing", &root, 2);
    leaf = make_cert(&(struct cert_spec){.subject = "CN=Alice",
                                         .issuer = &ca,
                                         .key = 3,
                                         .serial = SERIAL,
                                         .extensions = {EXT_CLIENT, EXT_CDP}});
    no_point = make_cert(&(struct cert_spec){.subject = "CN=Bob",
                                             .issuer = &ca,
                                             .key = 3,
                                             .serial = SERIAL + 1,
                                             .extensions = {EXT_CLIENT}});
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_store(&fixture, &fixture.site.trust.intermediate, &ca, NULL);
    fixture.site.trust.revocation.check = true;
}

static void teardown(void)
{
    fixture_clear(&fixture);
}

static void restart(void)
{
    teardown();
    setup();
}

/* 10.5, and the rows that interface 3.1 adds: installed but unusable is never ignored. */
START_TEST(follows_the_decision_table)
{
    enum { MISSING, CLEAN, LISTED, EXPIRED, EXPIRED_LISTED, FUTURE, DAMAGED, FOREIGN_KEY, STATES };
    static const char *const names[STATES] = {"missing",        "clean",  "listed",  "expired",
                                              "expired listed", "future", "damaged", "foreign"};
    static const enum outcome with_point[STATES] = {OUTCOME_REVOCATION_OFFLINE,
                                                    OUTCOME_OK,
                                                    OUTCOME_REVOKED,
                                                    OUTCOME_REVOCATION_OFFLINE,
                                                    OUTCOME_REVOKED,
                                                    OUTCOME_REVOCATION_OFFLINE,
                                                    OUTCOME_REVOCATION_OFFLINE,
                                                    OUTCOME_REVOCATION_OFFLINE};
    for (int state = MISSING; state < STATES; state++) {
        restart();
        struct crl_spec spec = {.issuer = &ca, .serials = serials, .number = 1};
        struct made stranger = {.cert = ca.cert, .key = make_key(99)};
        spec.count = state == LISTED || state == EXPIRED_LISTED ? 2 : 0;
        if (state == EXPIRED || state == EXPIRED_LISTED) {
            spec.this_update = NOW - 9 * DAY;
            spec.next_update = NOW - DAY;
        }
        if (state == FUTURE)
            spec.this_update = NOW + DAY;
        if (state == FOREIGN_KEY)
            spec.issuer = &stranger;
        spec.is_damaged = state == DAMAGED;
        if (state != MISSING)
            fixture_crl(&fixture, &spec);
        ck_assert_msg(OUTCOME_FOR(&fixture, &leaf) == with_point[state], "%s: %d", names[state],
                      (int)OUTCOME_FOR(&fixture, &leaf));
        /* Without a pointer only "nothing installed" is forgiven. */
        enum outcome expected = state == MISSING ? OUTCOME_OK : with_point[state];
        ck_assert_msg(OUTCOME_FOR(&fixture, &no_point) == expected, "%s, no pointer", names[state]);
        fixture.site.trust.revocation.check = false;
        fixture_load(&fixture);
        ck_assert_msg(OUTCOME_FOR(&fixture, &leaf) == OUTCOME_OK, "%s, no check", names[state]);
    }
}
END_TEST

START_TEST(missing_always_demands_a_crl_for_every_issuer)
{
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca});
    fixture.site.trust.revocation.missing_always = true;
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &no_point), OUTCOME_REVOCATION_OFFLINE);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &root});
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &no_point), OUTCOME_OK);
}
END_TEST

START_TEST(an_ocsp_pointer_counts_as_one)
{
    struct made ocsp = make_cert(
        &(struct cert_spec){.subject = "CN=O",
                            .issuer = &ca,
                            .key = 3,
                            .extensions = {"authorityInfoAccess=OCSP;URI:http://ocsp.test/"}});
    struct made issuers = make_cert(
        &(struct cert_spec){.subject = "CN=O",
                            .issuer = &ca,
                            .key = 3,
                            .extensions = {"authorityInfoAccess=caIssuers;URI:http://a.test/"}});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &ocsp), OUTCOME_REVOCATION_OFFLINE);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &issuers), OUTCOME_OK);
}
END_TEST

START_TEST(a_revoked_intermediate_revokes_the_chain)
{
    static const long ca_serial[] = {50};
    struct made sub = make_cert(&(struct cert_spec){.subject = "CN=Sub",
                                                    .issuer = &root,
                                                    .key = 5,
                                                    .serial = 50,
                                                    .extensions = {EXT_CA, EXT_CDP}});
    struct made end = make_leaf("CN=End", &sub, 3);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &root, .serials = ca_serial, .count = 1});
    struct verdict verdict;
    judge_at(&fixture, &verdict, NOW, &end, &sub, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_REVOKED);
    ck_assert_uint_eq(verdict.fault, 1);
    verdict_clear(&verdict);
}
END_TEST

/* 3.2: a CA that is the anchor is checked neither for signature nor for revocation. */
START_TEST(an_anchor_is_not_looked_up)
{
    static const long ca_serial[] = {50};
    struct made sub = make_cert(&(struct cert_spec){.subject = "CN=Sub",
                                                    .issuer = &root,
                                                    .key = 5,
                                                    .serial = 50,
                                                    .extensions = {EXT_CA, EXT_CDP}});
    struct made end = make_leaf("CN=End", &sub, 3);
    fixture.site.trust.mode = TRUST_MODE_EXCLUSIVE_CA;
    fixture_store(&fixture, &fixture.site.trust.trusted_issuers, &sub, NULL);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &root, .serials = ca_serial, .count = 1});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &end), OUTCOME_OK);
}
END_TEST

/* 4.4: certificateHold counts as revoked; removeFromCRL in a delta un-revokes. */
START_TEST(combines_a_complete_crl_with_its_delta)
{
    static const int hold[] = {6, 6};
    static const int removal[] = {CRL_REASON_REMOVE, CRL_REASON_REMOVE};
    const struct crl_spec complete = {
        .issuer = &ca, .serials = serials, .reasons = hold, .count = 1, .number = 5};
    fixture_crl(&fixture, &complete);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca,
                                             .serials = serials,
                                             .reasons = removal,
                                             .count = 1,
                                             .number = 6,
                                             .base = 5});
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_OK);
    fixture_crl(
        &fixture,
        &(struct crl_spec){.issuer = &ca, .serials = serials, .count = 2, .number = 7, .base = 5});
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &no_point), OUTCOME_REVOKED);
}
END_TEST

/* RFC 5280 section 5.2.4 */
START_TEST(combines_only_a_delta_that_fits)
{
    static const struct {
        long number, base;
        int64_t next_update;
        enum outcome outcome;
    } cases[] = {
        {6, 5, 0, OUTCOME_REVOKED},
        {6, 4, 0, OUTCOME_REVOKED},
        {7, 6, 0, OUTCOME_OK}, /* builds on a newer complete CRL */
        {5, 4, 0, OUTCOME_OK}, /* overtaken by the complete CRL */
        {6, 5, NOW - 1, OUTCOME_REVOKED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        restart();
        fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .number = 5});
        fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca,
                                                 .serials = serials,
                                                 .count = 1,
                                                 .number = cases[i].number,
                                                 .base = cases[i].base,
                                                 .next_update = cases[i].next_update});
        ck_assert_msg(OUTCOME_FOR(&fixture, &leaf) == cases[i].outcome, "case %zu", i);
    }
}
END_TEST

/* 10.5: delta stale -> offline. A delta alone answers nothing (RFC 5280 section 5.2.4). */
START_TEST(a_stale_or_lonely_delta_is_offline)
{
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .number = 5});
    fixture_crl(&fixture,
                &(struct crl_spec){.issuer = &ca, .number = 6, .base = 5, .next_update = NOW - 1});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOCATION_OFFLINE);
    restart();
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .number = 6, .base = 5});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOCATION_OFFLINE);
}
END_TEST

/* RFC 5280 section 5.3.1 has one entry a certificate; of two the one that shuts out counts. */
START_TEST(an_entry_that_revokes_outweighs_one_that_does_not)
{
    static const long twice[] = {SERIAL, SERIAL};
    static const int both_ways[][2] = {{CRL_REASON_REMOVE, 1}, {1, CRL_REASON_REMOVE}};
    for (size_t i = 0; i < 2; i++) {
        restart();
        fixture_crl(&fixture,
                    &(struct crl_spec){.issuer = &ca, .serials = serials, .count = 1, .number = 5});
        fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca,
                                                 .serials = twice,
                                                 .reasons = both_ways[i],
                                                 .count = 2,
                                                 .number = 6,
                                                 .base = 5});
        ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
    }
}
END_TEST

START_TEST(the_newest_complete_crl_decides)
{
    fixture_crl(&fixture,
                &(struct crl_spec){.issuer = &ca, .serials = serials, .count = 1, .number = 5});
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .number = 6});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_OK);
    fixture_crl(&fixture,
                &(struct crl_spec){.issuer = &ca, .serials = serials, .count = 1, .number = 7});
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
}
END_TEST

/* RFC 5280 section 5.2.5 */
START_TEST(respects_the_scope_of_a_crl)
{
    static const struct {
        const char *extension;
        enum outcome leaf;
    } cases[] = {
        {"issuingDistributionPoint=critical,onlyuser:TRUE", OUTCOME_OK},
        {"issuingDistributionPoint=critical,onlyCA:TRUE", OUTCOME_REVOCATION_OFFLINE},
        {"issuingDistributionPoint=critical,onlyAA:TRUE", OUTCOME_REVOCATION_OFFLINE},
        {"issuingDistributionPoint=critical,onlyuser:TRUE,onlyCA:TRUE", OUTCOME_REVOCATION_OFFLINE},
        {"issuingDistributionPoint=critical,fullname:URI:http://crl.test/a.crl", OUTCOME_OK},
        {"issuingDistributionPoint=critical,fullname:URI:http://crl.test/b.crl",
         OUTCOME_REVOCATION_OFFLINE},
        {"issuingDistributionPoint=critical,onlysomereasons:keyCompromise",
         OUTCOME_REVOCATION_OFFLINE},
        {"issuingDistributionPoint=critical,indirectCRL:TRUE", OUTCOME_OK},
        {"1.2.3.4.5=critical,DER:0500", OUTCOME_REVOCATION_OFFLINE},
        {"1.2.3.4.5=DER:0500", OUTCOME_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        restart();
        fixture_crl(&fixture,
                    &(struct crl_spec){.issuer = &ca, .extensions = {cases[i].extension}});
        ck_assert_msg(OUTCOME_FOR(&fixture, &leaf) == cases[i].leaf, "%s", cases[i].extension);
    }
}
END_TEST

START_TEST(crls_for_some_reasons_answer_together)
{
    static const char *const reasons[] = {
        "issuingDistributionPoint=critical,DER:300483020560", /* keyCompromise, cACompromise */
        "issuingDistributionPoint=critical,DER:30058303071F80"};
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .extensions = {reasons[0]}});
    fixture_crl(&fixture,
                &(struct crl_spec){
                    .issuer = &ca, .serials = serials + 1, .count = 1, .extensions = {reasons[1]}});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &no_point), OUTCOME_REVOKED);
}
END_TEST

/* RFC 5280 section 5.3: such a CRL says nothing that lets anybody in, but it can shut out. */
START_TEST(an_unknown_critical_entry_extension_makes_a_crl_unusable)
{
    static const long other[] = {1};
    fixture_crl(&fixture,
                &(struct crl_spec){
                    .issuer = &ca, .serials = other, .count = 1, .has_critical_entry = true});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOCATION_OFFLINE);
    restart();
    fixture_crl(&fixture,
                &(struct crl_spec){
                    .issuer = &ca, .serials = serials, .count = 1, .has_critical_entry = true});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
}
END_TEST

/* RFC 5280 section 6.3.3 (f) */
START_TEST(accepts_another_key_of_the_issuer_only_with_a_path_to_the_anchor)
{
    struct made signer =
        make_cert(&(struct cert_spec){.subject = "CN=Issuing",
                                      .issuer = &root,
                                      .key = 40,
                                      .extensions = {"keyUsage=critical,cRLSign"}});
    struct made no_sign =
        make_cert(&(struct cert_spec){.subject = "CN=Issuing",
                                      .issuer = &root,
                                      .key = 40,
                                      .extensions = {"keyUsage=critical,digitalSignature"}});
    struct made stranger_root = make_root("CN=Stranger", 41);
    struct made stranger = make_cert(&(struct cert_spec){.subject = "CN=Issuing",
                                                         .issuer = &stranger_root,
                                                         .key = 40,
                                                         .extensions = {EXT_CA, EXT_CA_USAGE}});
    fixture_store(&fixture, &fixture.site.trust.root, &stranger_root, NULL);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &signer, .serials = serials, .count = 1});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOCATION_OFFLINE);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &no_sign), OUTCOME_REVOCATION_OFFLINE);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &stranger), OUTCOME_REVOCATION_OFFLINE);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &signer), OUTCOME_REVOKED);
}
END_TEST

/* A CA with a renewed key: one CRL a key, each with the certificates of its key alone. */
START_TEST(the_crl_of_a_new_key_does_not_clear_certificates_of_the_old)
{
    struct made renewed = make_ca("CN=Issuing", &root, 40);
    struct crl_spec old_crl = {.issuer = &ca, .serials = serials, .count = 1, .number = 5};
    struct crl_spec new_crl = {.issuer = &renewed, .number = 9};
    fixture_store(&fixture, &fixture.site.trust.intermediate, &renewed, NULL);
    fixture_crl(&fixture, &new_crl);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_OK); /* the only one there is */
    fixture_crl(&fixture, &old_crl);
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
    restart();
    old_crl.count = 0;
    old_crl.next_update = NOW - 1;
    fixture_store(&fixture, &fixture.site.trust.intermediate, &renewed, NULL);
    fixture_crl(&fixture, &new_crl);
    fixture_crl(&fixture, &old_crl);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOCATION_OFFLINE);
}
END_TEST

START_TEST(an_issuer_without_crl_sign_cannot_sign_one)
{
    struct made mute =
        make_cert(&(struct cert_spec){.subject = "CN=Mute",
                                      .issuer = &root,
                                      .key = 2,
                                      .extensions = {EXT_CA, "keyUsage=keyCertSign"}});
    struct made end = make_cert(&(struct cert_spec){
        .subject = "CN=End", .issuer = &mute, .key = 3, .extensions = {EXT_CDP}});
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &mute});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &end, &mute), OUTCOME_REVOCATION_OFFLINE);
}
END_TEST

START_TEST(a_crl_of_another_issuer_does_not_answer)
{
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .name = "CN=Somebody"});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOCATION_OFFLINE);
}
END_TEST

START_TEST(the_verdict_ends_with_the_crl)
{
    struct verdict verdict;
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .next_update = NOW + 3 * DAY});
    judge_at(&fixture, &verdict, NOW, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    ck_assert_int_eq(verdict.valid_until, NOW + 3 * DAY + 1);
    verdict_clear(&verdict);
    judge_at(&fixture, &verdict, NOW + 3 * DAY, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    verdict_clear(&verdict);
    judge_at(&fixture, &verdict, NOW + 3 * DAY + 1, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_REVOCATION_OFFLINE);
    verdict_clear(&verdict);
}
END_TEST

START_TEST(the_verdict_ends_when_a_later_crl_begins)
{
    struct verdict verdict;
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca, .number = 1});
    fixture_crl(
        &fixture,
        &(struct crl_spec){
            .issuer = &ca, .serials = serials, .count = 1, .number = 2, .this_update = NOW + DAY});
    judge_at(&fixture, &verdict, NOW, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    ck_assert_int_eq(verdict.valid_until, NOW + DAY);
    verdict_clear(&verdict);
    judge_at(&fixture, &verdict, NOW + DAY, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_REVOKED);
    verdict_clear(&verdict);
}
END_TEST

START_TEST(reads_several_crls_from_one_pem_file)
{
    size_t len = 0;
    BIO *bio = BIO_new(BIO_s_mem());
    const struct made *issuers[] = {&root, &ca};
    for (size_t i = 0; i < 2; i++) {
        unsigned char *der = make_crl(
            &(struct crl_spec){.issuer = issuers[i], .serials = serials, .count = 1}, &len);
        PEM_write_bio(bio, PEM_STRING_X509_CRL, "", der, (long)len);
        free(der);
    }
    char *bytes = NULL;
    long pem_len = BIO_get_mem_data(bio, &bytes);
    fixture_path(&fixture.site.trust.revocation.crls,
                 fixture_file(&fixture, "both.pem", bytes, (size_t)pem_len));
    BIO_free(bio);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
}
END_TEST

/* RSA, ECDSA and DSA sign a digest, RSA-PSS and EdDSA are checked over the text. */
START_TEST(checks_signatures_of_every_kind)
{
    EVP_PKEY *keys[] = {make_rsa_key(2048), EVP_PKEY_Q_keygen(NULL, NULL, "RSA-PSS", (size_t)2048),
                        EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_EC_gen("P-384")};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        restart();
        struct made kind = make_cert(&(struct cert_spec){.subject = "CN=Kind",
                                                         .issuer = &root,
                                                         .own_key = keys[i],
                                                         .extensions = {EXT_CA, EXT_CA_USAGE}});
        struct made end = make_cert(&(struct cert_spec){
            .subject = "CN=End", .issuer = &kind, .key = 3, .extensions = {EXT_CDP}});
        fixture_crl(&fixture, &(struct crl_spec){.issuer = &kind});
        ck_assert_msg(OUTCOME_FOR(&fixture, &end, &kind) == OUTCOME_OK, "kind %zu presented", i);
        fixture_store(&fixture, &fixture.site.trust.intermediate, &kind, NULL);
        fixture_load(&fixture);
        ck_assert_msg(OUTCOME_FOR(&fixture, &end) == OUTCOME_OK, "kind %zu stored", i);
        restart();
        fixture_crl(&fixture, &(struct crl_spec){.issuer = &kind, .is_damaged = true});
        ck_assert_msg(OUTCOME_FOR(&fixture, &end, &kind) == OUTCOME_REVOCATION_OFFLINE,
                      "kind %zu damaged", i);
        if (i > 0)
            EVP_PKEY_free(keys[i]);
    }
}
END_TEST

/* A newer CRL for another kind of certificate does not take a revocation back. */
START_TEST(only_a_crl_of_the_same_scope_withdraws_an_expired_listing)
{
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca,
                                             .serials = serials,
                                             .count = 1,
                                             .number = 1,
                                             .this_update = NOW - 9 * DAY,
                                             .next_update = NOW - DAY});
    fixture_crl(&fixture, &(struct crl_spec){
                              .issuer = &ca,
                              .number = 2,
                              .extensions = {"issuingDistributionPoint=critical,onlyCA:TRUE"}});
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOKED);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &ca,
                                             .number = 3,
                                             .this_update = NOW - 5 * DAY,
                                             .next_update = NOW - DAY});
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_REVOCATION_OFFLINE);
}
END_TEST

/* Junk that eats the budget must not hide a revocation. */
START_TEST(an_exhausted_budget_is_never_good_news)
{
    static struct made junk[260];
    struct cert *presented[300];
    struct made sub = make_ca("CN=Sub", &root, 60);
    struct made end = make_cert(&(struct cert_spec){
        .subject = "CN=End", .issuer = &sub, .key = 3, .serial = SERIAL, .extensions = {EXT_CDP}});
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &sub, .number = 1});
    fixture_crl(&fixture,
                &(struct crl_spec){.issuer = &sub, .serials = serials, .count = 1, .number = 2});
    fixture_load(&fixture);
    presented[0] = end.cert;
    presented[1] = sub.cert;
    for (unsigned i = 0; i < 260; i++)
        junk[i] = make_ca("CN=Sub", &root, 1000 + i);
    for (size_t count = 245; count < 260; count++) {
        struct verdict verdict;
        for (size_t i = 0; i < count; i++)
            presented[2 + i] = junk[i].cert;
        verdict_compute(fixture.trust, presented, 2 + count, NOW, &verdict);
        ck_assert_msg(verdict.outcome != OUTCOME_OK, "with %zu", count);
        verdict_clear(&verdict);
    }
}
END_TEST

/* Negative, zero and long serial numbers are found as they are written. */
START_TEST(finds_serial_numbers_of_every_shape)
{
    static const long shapes[] = {0x7f, 0x80, 0xff, -1, -128, 0x7fffffffffff};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            restart();
            struct made odd = make_cert(&(struct cert_spec){
                .subject = "CN=Odd", .issuer = &ca, .key = 3, .serial = shapes[j]});
            fixture_crl(&fixture,
                        &(struct crl_spec){.issuer = &ca, .serials = &shapes[i], .count = 1});
            enum outcome expected = i == j ? OUTCOME_REVOKED : OUTCOME_OK;
            ck_assert_msg(OUTCOME_FOR(&fixture, &odd) == expected, "%ld in %ld", shapes[j],
                          shapes[i]);
        }
    }
}
END_TEST

/* Every cut and every flipped octet of a CRL is refused or harmless, never a crash. */
START_TEST(survives_damaged_crls)
{
    size_t len = 0;
    unsigned char *der = make_crl(
        &(struct crl_spec){.issuer = &ca, .serials = serials, .count = 2, .number = 3}, &len);
    for (size_t i = 0; i < len; i++) {
        ck_assert_ptr_null(crl_from_der(der, i));
        for (unsigned bit = 0; bit < 8; bit++) {
            der[i] ^= (unsigned char)(1u << bit);
            struct crl *crl = crl_from_der(der, len);
            if (crl != NULL)
                ck_assert(!crl_check_signature(crl, ca.cert));
            crl_free(crl);
            der[i] ^= (unsigned char)(1u << bit);
        }
    }
    free(der);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("revocation");
    TCase *tcase = tcase_create("revocation");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, follows_the_decision_table);
    tcase_add_test(tcase, missing_always_demands_a_crl_for_every_issuer);
    tcase_add_test(tcase, an_ocsp_pointer_counts_as_one);
    tcase_add_test(tcase, a_revoked_intermediate_revokes_the_chain);
    tcase_add_test(tcase, an_anchor_is_not_looked_up);
    tcase_add_test(tcase, combines_a_complete_crl_with_its_delta);
    tcase_add_test(tcase, combines_only_a_delta_that_fits);
    tcase_add_test(tcase, a_stale_or_lonely_delta_is_offline);
    tcase_add_test(tcase, an_entry_that_revokes_outweighs_one_that_does_not);
    tcase_add_test(tcase, the_newest_complete_crl_decides);
    tcase_add_test(tcase, respects_the_scope_of_a_crl);
    tcase_add_test(tcase, crls_for_some_reasons_answer_together);
    tcase_add_test(tcase, an_unknown_critical_entry_extension_makes_a_crl_unusable);
    tcase_add_test(tcase, accepts_another_key_of_the_issuer_only_with_a_path_to_the_anchor);
    tcase_add_test(tcase, the_crl_of_a_new_key_does_not_clear_certificates_of_the_old);
    tcase_add_test(tcase, an_issuer_without_crl_sign_cannot_sign_one);
    tcase_add_test(tcase, a_crl_of_another_issuer_does_not_answer);
    tcase_add_test(tcase, the_verdict_ends_with_the_crl);
    tcase_add_test(tcase, the_verdict_ends_when_a_later_crl_begins);
    tcase_add_test(tcase, reads_several_crls_from_one_pem_file);
    tcase_add_test(tcase, checks_signatures_of_every_kind);
    tcase_add_test(tcase, only_a_crl_of_the_same_scope_withdraws_an_expired_listing);
    tcase_add_test(tcase, an_exhausted_budget_is_never_good_news);
    tcase_add_test(tcase, finds_serial_numbers_of_every_shape);
    tcase_add_test(tcase, survives_damaged_crls);
    suite_add_tcase(suite, tcase);
    return suite;
}
