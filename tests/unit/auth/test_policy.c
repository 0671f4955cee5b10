/* Certificate policies: RFC 5280 sections 6.1.2 to 6.1.5, RFC 9618.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/objects.h>

#include "auth/policy.h"
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

/* Root, one CA and a leaf with the given extensions; inputs: e explicit, m no mapping, a no any. */
struct policy_case {
    const char *inputs;
    const char *initial;
    const char *ca[3];
    const char *leaf[2];
    enum outcome outcome;
};

#define P1       "certificatePolicies=1.2.1"
#define P2       "certificatePolicies=1.2.2"
#define P12      "certificatePolicies=1.2.1,1.2.2"
#define ANY      "certificatePolicies=2.5.29.32.0"
#define MAP12    "policyMappings=1.2.1:1.2.2"
#define EXPLICIT "policyConstraints=critical,requireExplicitPolicy:0"

static const struct policy_case cases[] = {
    {"", NULL, {NULL}, {NULL}, OUTCOME_OK},
    {"e", NULL, {NULL}, {NULL}, OUTCOME_INVALID_POLICY},
    {"e", NULL, {P1}, {P1}, OUTCOME_OK},
    {"e", NULL, {P1}, {P2}, OUTCOME_INVALID_POLICY},
    {"e", NULL, {P1}, {NULL}, OUTCOME_INVALID_POLICY},
    {"", NULL, {P1}, {P2}, OUTCOME_OK},
    {"", NULL, {P1, EXPLICIT}, {P2}, OUTCOME_INVALID_POLICY},
    {"", NULL, {P1, EXPLICIT}, {P1}, OUTCOME_OK},
    {"", NULL, {NULL}, {P1, EXPLICIT}, OUTCOME_INVALID_POLICY},
    {"e", "1.2.1", {P1}, {P1}, OUTCOME_OK},
    {"e", "1.2.2", {P1}, {P1}, OUTCOME_INVALID_POLICY},
    {"e", "1.2.2", {P12}, {P12}, OUTCOME_OK},
    {"e", "1.2.1", {ANY}, {P1}, OUTCOME_OK},
    {"e", "1.2.2", {ANY}, {P1}, OUTCOME_INVALID_POLICY},
    {"e", "1.2.1", {ANY}, {ANY}, OUTCOME_OK},
    {"ea", "1.2.1", {ANY}, {P1}, OUTCOME_INVALID_POLICY},
    {"e", "1.2.1", {P1}, {ANY}, OUTCOME_OK},
    {"e", NULL, {P1, "inhibitAnyPolicy=critical,0"}, {ANY}, OUTCOME_INVALID_POLICY},
    {"e", "1.2.1", {P1, MAP12}, {P2}, OUTCOME_OK},
    {"e", "1.2.2", {P1, MAP12}, {P2}, OUTCOME_INVALID_POLICY},
    {"e", NULL, {P1, MAP12}, {P1}, OUTCOME_INVALID_POLICY},
    {"em", NULL, {P1, MAP12}, {P2}, OUTCOME_INVALID_POLICY},
    {"em", NULL, {P1, MAP12}, {P1}, OUTCOME_INVALID_POLICY},
    {"em", NULL, {P12, MAP12}, {P2}, OUTCOME_OK},
    {"e", "1.2.1", {ANY, MAP12}, {P2}, OUTCOME_OK},
    {"e", "1.2.1", {P1, MAP12}, {ANY}, OUTCOME_OK},
    {"", NULL, {P1, "policyMappings=1.2.1:2.5.29.32.0"}, {NULL}, OUTCOME_INVALID_POLICY},
    {"", NULL, {"certificatePolicies=1.2.1,1.2.1"}, {NULL}, OUTCOME_INVALID_POLICY},
};

START_TEST(follows_the_table)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct policy_case *c = &cases[i];
        teardown();
        setup();
        struct config_policy *policy = &fixture.site.trust.policy;
        policy->require_explicit = strchr(c->inputs, 'e') != NULL;
        policy->inhibit_mapping = strchr(c->inputs, 'm') != NULL;
        policy->inhibit_any = strchr(c->inputs, 'a') != NULL;
        if (c->initial != NULL)
            fixture_path(&policy->initial, c->initial);
        struct made ca = make_cert(&(struct cert_spec){
            .subject = "CN=CA",
            .issuer = &root,
            .key = 2,
            .extensions = {EXT_CA, c->ca[0], c->ca[0] == NULL ? NULL : c->ca[1]}});
        struct made leaf = make_cert(&(struct cert_spec){
            .subject = "CN=Leaf", .issuer = &ca, .key = 3, .extensions = {c->leaf[0], c->leaf[1]}});
        ck_assert_msg(OUTCOME_FOR(&fixture, &leaf, &ca) == c->outcome, "case %zu: %d", i,
                      (int)OUTCOME_FOR(&fixture, &leaf, &ca));
    }
}
END_TEST

/* RFC 9618 section 1: mappings of everything to everything once took exponential memory. */
START_TEST(dense_mappings_stay_cheap)
{
    char policies[1024] = "certificatePolicies=";
    char mappings[8192] = "policyMappings=";
    enum { N = 14 };
    for (int i = 0; i < N; i++) {
        size_t len = strlen(policies);
        (void)snprintf(policies + len, sizeof policies - len, "%s1.2.%d", i > 0 ? "," : "", i);
        for (int j = 0; j < N; j++) {
            len = strlen(mappings);
            (void)snprintf(mappings + len, sizeof mappings - len, "%s1.2.%d:1.2.%d",
                           i + j > 0 ? "," : "", i, j);
        }
    }
    struct made chain[8];
    struct made above = root;
    char name[32];
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof name, "CN=%u", i);
        chain[i] = make_cert(&(struct cert_spec){.subject = name,
                                                 .issuer = &above,
                                                 .key = 10 + i,
                                                 .extensions = {EXT_CA, policies, mappings}});
        above = chain[i];
    }
    struct made leaf = make_cert(&(struct cert_spec){
        .subject = "CN=Leaf", .issuer = &above, .key = 3, .extensions = {policies}});
    fixture.site.trust.policy.require_explicit = true;
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &chain[0], &chain[1], &chain[2], &chain[3],
                                 &chain[4], &chain[5], &chain[6], &chain[7]),
                     OUTCOME_OK);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("policy");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, follows_the_table);
    tcase_add_test(tcase, dense_mappings_stay_cheap);
    suite_add_tcase(suite, tcase);
    return suite;
}
