/* Extended key usage and Microsoft's application policies: iis-semantics 4.3.
 *
 * SPDX-License-Identifier: MIT */
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

#define POLICIES    "1.3.6.1.4.1.311.21.10="
#define MAPPINGS    "1.3.6.1.4.1.311.21.11="
#define CONSTRAINTS "1.3.6.1.4.1.311.21.12="
#define CRITICAL    "critical,"
/* CERTIFICATEPOLICIES with one policy each */
#define CLIENT  "DER:300c300a06082b06010505070302"
#define EMAIL   "DER:300c300a06082b06010505070304"
#define BOTH    "DER:3018300a06082b06010505070304300a06082b06010505070302"
#define ANY     "DER:300e300c060a2b0601040182370a0c01"
#define ANY_EKU "DER:300830060604551d2500"
#define PRIVATE "DER:3007300506032a0304"
#define NOTHING "DER:3000"
#define BROKEN  "DER:0500"
#define MORE    "DER:300c300a06082b060105050703020500"
/* What the issuer calls clientAuth its subjects call 1.2.3.4; anyApplicationPolicy to 1.2.3.4 */
#define TO_PRIVATE   "DER:3011300f06082b0601050507030206032a0304"
#define FROM_ANY     "DER:30133011060a2b0601040182370a0c0106032a0304"
#define EXPLICIT_0   "DER:3003800100"
#define EXPLICIT_1   "DER:3003800101"
#define NO_MAPPING_0 "DER:3003810100"
#define NEGATIVE     "DER:30038001ff"
#define GOOD         OUTCOME_OK
#define REFUSED      OUTCOME_WRONG_USAGE

/* The client alone, below the root. */
static const struct {
    const char *extensions[2];
    enum outcome outcome;
} clients[] = {
    {{POLICIES CRITICAL CLIENT}, GOOD},
    {{POLICIES CRITICAL CLIENT, EXT_CLIENT}, GOOD},
    {{POLICIES CRITICAL BOTH}, GOOD},
    {{POLICIES CRITICAL EMAIL}, REFUSED},
    /* They win over the extended key usage, both ways, critical or not. */
    {{POLICIES CRITICAL EMAIL, EXT_CLIENT}, REFUSED},
    {{POLICIES EMAIL, EXT_CLIENT}, REFUSED},
    {{POLICIES CLIENT, EXT_SERVER}, GOOD},
    {{POLICIES CRITICAL ANY}, GOOD},
    {{POLICIES CRITICAL ANY_EKU}, GOOD},
    {{"extendedKeyUsage=1.3.6.1.4.1.311.10.12.1"}, GOOD},
    {{"extendedKeyUsage=1.3.6.1.4.1.311.10.12.2"}, REFUSED},
    {{POLICIES CRITICAL PRIVATE}, REFUSED},
    {{POLICIES CRITICAL NOTHING}, REFUSED},
    {{POLICIES CRITICAL BROKEN}, REFUSED},
    {{POLICIES BROKEN, EXT_CLIENT}, REFUSED},
    {{POLICIES CRITICAL MORE}, REFUSED},
    {{MAPPINGS CRITICAL BROKEN, EXT_CLIENT}, OUTCOME_INVALID_POLICY},
    {{CONSTRAINTS CRITICAL BROKEN, EXT_CLIENT}, OUTCOME_INVALID_POLICY},
    {{CONSTRAINTS CRITICAL NEGATIVE, EXT_CLIENT}, OUTCOME_INVALID_POLICY},
    {{MAPPINGS CRITICAL FROM_ANY, EXT_CLIENT}, OUTCOME_INVALID_POLICY},
    /* Only inform: template, template name, CA version, previous hash */
    {{"1.3.6.1.4.1.311.21.7=critical,DER:300506032a0304", EXT_CLIENT}, GOOD},
    {{"1.3.6.1.4.1.311.21.7=critical,DER:300b06032a0304020164020103", EXT_CLIENT}, GOOD},
    {{"1.3.6.1.4.1.311.21.7=critical,DER:0500", EXT_CLIENT}, OUTCOME_CRITICAL_EXTENSION},
    {{"1.3.6.1.4.1.311.21.7=DER:0500", EXT_CLIENT}, GOOD},
    {{"1.3.6.1.4.1.311.20.2=critical,DER:1e0400530055", EXT_CLIENT}, GOOD},
    {{"1.3.6.1.4.1.311.20.2=critical,DER:0500", EXT_CLIENT}, OUTCOME_CRITICAL_EXTENSION},
    {{"1.3.6.1.4.1.311.21.1=critical,DER:02020001", EXT_CLIENT}, GOOD},
    {{"1.3.6.1.4.1.311.21.1=critical,DER:0500", EXT_CLIENT}, OUTCOME_CRITICAL_EXTENSION},
    {{"1.3.6.1.4.1.311.21.2=critical,DER:0402abcd", EXT_CLIENT}, GOOD},
    {{"1.3.6.1.4.1.311.21.2=critical,DER:0402abcd0500", EXT_CLIENT}, OUTCOME_CRITICAL_EXTENSION},
    /* Others of the same arc are unknown. */
    {{"1.3.6.1.4.1.311.21.13=critical,DER:0500", EXT_CLIENT}, OUTCOME_CRITICAL_EXTENSION},
    {{"1.3.6.1.4.1.311.21=critical,DER:0500", EXT_CLIENT}, OUTCOME_CRITICAL_EXTENSION},
    {{"1.3.6.1.4.1.311.21.10.1=critical,DER:0500", EXT_CLIENT}, OUTCOME_CRITICAL_EXTENSION},
};

START_TEST(decides_what_a_client_may_be_used_for)
{
    struct cert_spec spec = {.subject = "CN=End", .issuer = &root, .key = 3};
    memcpy(spec.extensions, clients[_i].extensions, sizeof clients[_i].extensions);
    struct made end = make_cert(&spec);
    enum outcome outcome = OUTCOME_FOR(&fixture, &end);
    ck_assert_msg(outcome == clients[_i].outcome, "%s: %d", clients[_i].extensions[0],
                  (int)outcome);
}
END_TEST

/* Root, two CAs, a client. */
static const struct {
    const char *upper[2];
    const char *lower[2];
    const char *client;
    enum outcome outcome;
} paths[] = {
    {{POLICIES CRITICAL CLIENT}, {NULL}, POLICIES CLIENT, GOOD},
    {{POLICIES CRITICAL EMAIL}, {NULL}, POLICIES CLIENT, REFUSED},
    {{NULL}, {POLICIES CRITICAL EMAIL, EXT_CLIENT}, EXT_CLIENT, REFUSED},
    /* Another name for the purpose below a CA that says so */
    {{NULL}, {MAPPINGS CRITICAL TO_PRIVATE}, POLICIES PRIVATE, GOOD},
    {{NULL}, {MAPPINGS CRITICAL TO_PRIVATE}, "extendedKeyUsage=1.2.3.4", GOOD},
    {{NULL}, {MAPPINGS CRITICAL TO_PRIVATE}, POLICIES CLIENT, REFUSED},
    {{NULL}, {MAPPINGS CRITICAL TO_PRIVATE}, POLICIES ANY, GOOD},
    {{NULL}, {MAPPINGS CRITICAL TO_PRIVATE}, NULL, GOOD},
    {{MAPPINGS TO_PRIVATE}, {POLICIES CLIENT}, POLICIES PRIVATE, REFUSED},
    {{MAPPINGS TO_PRIVATE}, {POLICIES PRIVATE}, POLICIES PRIVATE, GOOD},
    {{NULL}, {NULL}, POLICIES PRIVATE, REFUSED},
    {{CONSTRAINTS NO_MAPPING_0}, {MAPPINGS TO_PRIVATE}, POLICIES PRIVATE, REFUSED},
    {{CONSTRAINTS NO_MAPPING_0}, {MAPPINGS TO_PRIVATE}, POLICIES CLIENT, REFUSED},
    {{CONSTRAINTS NO_MAPPING_0}, {NULL}, POLICIES CLIENT, GOOD},
    /* Below it every certificate has to say what it is for, at once or one later. */
    {{CONSTRAINTS CRITICAL EXPLICIT_0}, {NULL}, EXT_CLIENT, REFUSED},
    {{CONSTRAINTS CRITICAL EXPLICIT_0}, {EXT_CLIENT}, EXT_CLIENT, GOOD},
    {{CONSTRAINTS CRITICAL EXPLICIT_0}, {POLICIES CLIENT}, NULL, REFUSED},
    {{CONSTRAINTS CRITICAL EXPLICIT_0}, {POLICIES ANY}, POLICIES CLIENT, GOOD},
    {{CONSTRAINTS CRITICAL EXPLICIT_1}, {NULL}, EXT_CLIENT, GOOD},
    {{CONSTRAINTS CRITICAL EXPLICIT_1}, {NULL}, NULL, REFUSED},
    {{NULL}, {CONSTRAINTS CRITICAL EXPLICIT_0}, NULL, REFUSED},
    {{NULL}, {CONSTRAINTS CRITICAL EXPLICIT_0}, EXT_CLIENT, GOOD},
    {{NULL}, {CONSTRAINTS CRITICAL EXPLICIT_1}, NULL, GOOD},
    {{CONSTRAINTS EXPLICIT_0}, {CONSTRAINTS EXPLICIT_1, EXT_CLIENT}, NULL, REFUSED},
};

static struct made made_ca(const char *subject, const struct made *issuer, unsigned key,
                           const char *const extensions[2])
{
    return make_cert(
        &(struct cert_spec){.subject = subject,
                            .issuer = issuer,
                            .key = key,
                            .extensions = {EXT_CA, EXT_CA_USAGE, extensions[0], extensions[1]}});
}

START_TEST(decides_what_a_path_may_be_used_for)
{
    struct made upper = made_ca("CN=Upper", &root, 2, paths[_i].upper);
    struct made lower = made_ca("CN=Lower", &upper, 4, paths[_i].lower);
    struct made end = make_cert(&(struct cert_spec){
        .subject = "CN=End", .issuer = &lower, .key = 3, .extensions = {paths[_i].client}});
    enum outcome outcome = OUTCOME_FOR(&fixture, &end, &lower, &upper);
    ck_assert_msg(outcome == paths[_i].outcome, "%d: %d", _i, (int)outcome);
    /* trust.check_usage: false asks for none of it. */
    fixture.site.trust.check_usage = false;
    (void)fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &end, &lower, &upper), OUTCOME_OK);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("path_usage");
    TCase *tcase = tcase_create("path_usage");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, decides_what_a_client_may_be_used_for, 0,
                        (int)(sizeof clients / sizeof *clients));
    tcase_add_loop_test(tcase, decides_what_a_path_may_be_used_for, 0,
                        (int)(sizeof paths / sizeof *paths));
    suite_add_tcase(suite, tcase);
    return suite;
}
