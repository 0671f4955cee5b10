/* When the order of checks asks for a certificate (iis-semantics.md 1.2, steps 1 to 6): the
 * decisions with a certificate on the connection run in tests/integration/test_access_rows.py.
 *
 * SPDX-License-Identifier: MIT */
#include "access/access.h"
#include "unit/unit.h"

static enum outcome never_judged(void *arg)
{
    (void)arg;
    ck_abort_msg("judged without a certificate");
    return OUTCOME_INTERNAL;
}

struct row {
    enum config_client_certificate certificate;
    bool require_ssl, require_128_bit, anonymous;
    bool is_tls;
    int cipher_bits;
    bool may_ask;
    enum outcome outcome;
    bool must_ask;
};

static const struct row ROWS[] = {
    /* 1 and 2: what no certificate mends is not worth a question */
    {CLIENT_CERT_REQUIRE, true, false, true, false, 0, true, OUTCOME_SSL_REQUIRED, false},
    {CLIENT_CERT_REQUIRE, true, true, true, true, 0, true, OUTCOME_CIPHER_STRENGTH, false},
    {CLIENT_CERT_REQUIRE, true, true, true, true, 127, true, OUTCOME_CIPHER_STRENGTH, false},
    {CLIENT_CERT_REQUIRE, true, true, true, true, 128, true, OUTCOME_OK, true},
    /* 3: ignore never asks */
    {CLIENT_CERT_IGNORE, true, true, true, true, 256, true, OUTCOME_OK, false},
    {CLIENT_CERT_IGNORE, false, false, false, true, 256, true, OUTCOME_NO_USER, false},
    /* 4: nobody to ask without TLS */
    {CLIENT_CERT_ACCEPT, false, false, true, false, 0, true, OUTCOME_OK, false},
    {CLIENT_CERT_REQUIRE, false, false, true, false, 0, true, OUTCOME_CERTIFICATE_REQUIRED, false},
    /* 5: accept asks like require, and whether anonymous may come is no reason not to */
    {CLIENT_CERT_ACCEPT, false, false, true, true, 256, true, OUTCOME_OK, true},
    {CLIENT_CERT_ACCEPT, false, false, false, true, 256, true, OUTCOME_OK, true},
    {CLIENT_CERT_REQUIRE, false, false, false, true, 256, true, OUTCOME_OK, true},
    {CLIENT_CERT_PASS, false, false, true, true, 256, true, OUTCOME_OK, true},
    /* 6: asked, and there is none */
    {CLIENT_CERT_PASS, false, false, true, true, 256, false, OUTCOME_OK, false},
    {CLIENT_CERT_PASS, false, false, false, true, 256, false, OUTCOME_NO_USER, false},
    {CLIENT_CERT_ACCEPT, false, false, true, true, 256, false, OUTCOME_OK, false},
    {CLIENT_CERT_ACCEPT, false, false, false, true, 256, false, OUTCOME_NO_USER, false},
    {CLIENT_CERT_REQUIRE, false, false, true, true, 256, false, OUTCOME_CERTIFICATE_REQUIRED,
     false},
};

START_TEST(asks_exactly_where_an_answer_decides)
{
    const struct row *row = &ROWS[_i];
    struct config_access config = {.client_certificate = row->certificate,
                                   .require_ssl = row->require_ssl,
                                   .require_128_bit = row->require_128_bit,
                                   .anonymous = row->anonymous};
    struct access_facts facts = {.access = &config,
                                 .is_tls = row->is_tls,
                                 .cipher_bits = row->cipher_bits,
                                 .may_ask = row->may_ask,
                                 .judge = never_judged};
    struct access_decision decision = access_decide(&facts);
    ck_assert_int_eq(decision.outcome, row->outcome);
    ck_assert_int_eq(decision.must_ask, row->must_ask);
    ck_assert(!decision.shows_certificate);
    ck_assert_ptr_null(decision.user);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("access_late");
    TCase *tcase = tcase_create("access_late");
    tcase_add_loop_test(tcase, asks_exactly_where_an_answer_decides, 0,
                        (int)(sizeof ROWS / sizeof *ROWS));
    suite_add_tcase(suite, tcase);
    return suite;
}
