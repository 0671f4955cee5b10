/* The order of checks of iis-semantics.md 1.2 and 5.4, row by row of 10.1.
 *
 * SPDX-License-Identifier: MIT */
#include "access/access.h"
#include "unit/unit.h"

static enum outcome verdict;
static int judged;

static enum outcome judge(void *arg)
{
    (void)arg;
    judged++;
    return verdict;
}

struct row {
    enum config_client_certificate flag;
    bool require_ssl, require_128_bit, is_tls, has_leaf, anonymous;
    int bits;
    enum outcome verdict;
    enum outcome expected;
    bool shown;
    int judged;
};

static void check(const struct row *rows, size_t count)
{
    struct cert leaf = {.refs = 1};
    struct config config = {0};
    struct error_list errors = {0};
    struct config_site site_config = {0};
    struct cert_map *map = cert_map_new(&site_config, &config, &errors);
    struct snapshot_site site = {.config = &site_config, .map = map};
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct config_access access = {.client_certificate = row->flag,
                                       .require_ssl = row->require_ssl,
                                       .require_128_bit = row->require_128_bit,
                                       .anonymous = row->anonymous};
        struct access_facts facts = {.site = &site,
                                     .access = &access,
                                     .is_tls = row->is_tls,
                                     .cipher_bits = row->bits,
                                     .leaf = row->has_leaf ? &leaf : NULL,
                                     .judge = judge};
        verdict = row->verdict;
        judged = 0;
        struct access_decision decision = access_decide(&facts);
        ck_assert_msg(decision.outcome == row->expected, "row %zu: %s", i,
                      outcome_info(decision.outcome)->title);
        ck_assert_msg(judged == row->judged, "row %zu: judged %d times", i, judged);
        if (row->expected == OUTCOME_OK)
            ck_assert_msg(decision.shows_certificate == row->shown, "row %zu", i);
    }
    cert_map_free(map);
}

#define IGN CLIENT_CERT_IGNORE
#define ACC CLIENT_CERT_ACCEPT
#define REQ CLIENT_CERT_REQUIRE
#define PAS CLIENT_CERT_PASS

START_TEST(checks_come_in_the_order_of_iis)
{
    static const struct row rows[] = {
        /* flag ssl 128 tls leaf anon bits verdict -> outcome shown judged */
        {IGN, false, false, false, false, true, 0, OUTCOME_OK, OUTCOME_OK, false, 0},
        {IGN, false, false, true, true, true, 256, OUTCOME_EXPIRED, OUTCOME_OK, false, 0},
        {IGN, true, false, false, false, true, 0, OUTCOME_OK, OUTCOME_SSL_REQUIRED, false, 0},
        {IGN, true, true, false, false, true, 0, OUTCOME_OK, OUTCOME_SSL_REQUIRED, false, 0},
        {IGN, false, true, true, false, true, 112, OUTCOME_OK, OUTCOME_CIPHER_STRENGTH, false, 0},
        {IGN, false, true, true, false, true, 128, OUTCOME_OK, OUTCOME_OK, false, 0},
        {REQ, true, true, true, false, true, 56, OUTCOME_OK, OUTCOME_CIPHER_STRENGTH, false, 0},
        {ACC, false, false, false, false, true, 0, OUTCOME_OK, OUTCOME_OK, false, 0},
        {ACC, false, false, true, false, true, 256, OUTCOME_OK, OUTCOME_OK, false, 0},
        {ACC, false, false, true, false, false, 256, OUTCOME_OK, OUTCOME_NO_USER, false, 0},
        {ACC, false, false, true, true, true, 256, OUTCOME_OK, OUTCOME_OK, true, 1},
        {ACC, false, false, true, true, true, 256, OUTCOME_REVOKED, OUTCOME_REVOKED, true, 1},
        {REQ, true, false, false, false, true, 0, OUTCOME_OK, OUTCOME_SSL_REQUIRED, false, 0},
        {REQ, false, false, false, false, true, 0, OUTCOME_OK, OUTCOME_CERTIFICATE_REQUIRED, false,
         0},
        {REQ, true, false, true, false, true, 256, OUTCOME_OK, OUTCOME_CERTIFICATE_REQUIRED, false,
         0},
        {REQ, true, false, true, true, true, 256, OUTCOME_OK, OUTCOME_OK, true, 1},
        {REQ, true, false, true, true, false, 256, OUTCOME_OK, OUTCOME_NO_USER, true, 1},
        {REQ, true, false, true, true, false, 256, OUTCOME_EXPIRED, OUTCOME_EXPIRED, true, 1},
    };
    check(rows, sizeof rows / sizeof rows[0]);
}
END_TEST

START_TEST(pass_refuses_nobody_for_a_certificate)
{
    static const struct row rows[] = {
        /* flag ssl 128 tls leaf anon bits verdict -> outcome shown judged */
        {PAS, false, false, false, false, true, 0, OUTCOME_OK, OUTCOME_OK, false, 0},
        {PAS, false, false, true, false, true, 256, OUTCOME_OK, OUTCOME_OK, false, 0},
        {PAS, false, false, true, true, true, 256, OUTCOME_OK, OUTCOME_OK, true, 1},
        {PAS, false, false, true, true, true, 256, OUTCOME_REVOKED, OUTCOME_OK, false, 1},
        {PAS, false, false, true, true, false, 256, OUTCOME_REVOKED, OUTCOME_NO_USER, false, 1},
        {PAS, true, false, false, false, true, 0, OUTCOME_OK, OUTCOME_SSL_REQUIRED, false, 0},
        {PAS, false, true, true, true, true, 56, OUTCOME_REVOKED, OUTCOME_CIPHER_STRENGTH, false,
         0},
    };
    check(rows, sizeof rows / sizeof rows[0]);
}
END_TEST

/* Whatever the verdict: it is told, and neither certificate nor user goes with it. */
START_TEST(what_failed_under_pass_is_told_and_nothing_of_it_counts)
{
    struct cert leaf = {.refs = 1};
    struct config config = {0};
    struct error_list errors = {0};
    struct config_site site_config = {0};
    struct cert_map *map = cert_map_new(&site_config, &config, &errors);
    struct snapshot_site site = {.config = &site_config, .map = map};
    struct config_access access = {.client_certificate = CLIENT_CERT_PASS, .anonymous = true};
    struct access_facts facts = {
        .site = &site, .access = &access, .is_tls = true, .leaf = &leaf, .judge = judge};
    for (int bad = OUTCOME_EXPLICIT_DISTRUST; bad <= OUTCOME_CRITICAL_EXTENSION; bad++) {
        verdict = (enum outcome)bad;
        struct access_decision decision = access_decide(&facts);
        ck_assert_int_eq(decision.outcome, OUTCOME_OK);
        ck_assert_int_eq(decision.failed, bad);
        ck_assert(!decision.shows_certificate);
        ck_assert_ptr_null(decision.user);
        ck_assert_ptr_null(decision.password);
        access.client_certificate = CLIENT_CERT_ACCEPT;
        decision = access_decide(&facts);
        ck_assert_int_eq(decision.outcome, bad);
        ck_assert_int_eq(decision.failed, OUTCOME_OK);
        access.client_certificate = CLIENT_CERT_PASS;
    }
    cert_map_free(map);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("access");
    TCase *tcase = tcase_create("access");
    tcase_add_test(tcase, checks_come_in_the_order_of_iis);
    tcase_add_test(tcase, pass_refuses_nobody_for_a_certificate);
    tcase_add_test(tcase, what_failed_under_pass_is_told_and_nothing_of_it_counts);
    suite_add_tcase(suite, tcase);
    return suite;
}
