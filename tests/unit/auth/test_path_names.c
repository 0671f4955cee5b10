/* Name constraints: RFC 5280 section 4.2.1.10, iis-semantics 3.9.
 *
 * SPDX-License-Identifier: MIT */
#include "auth/name_form.h"
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

#define NC      "nameConstraints=critical,"
#define SAN     "subjectAltName="
#define GOOD    OUTCOME_OK
#define REFUSED OUTCOME_INVALID_NAME

/* An intermediate with constraints, a client with names. */
struct names_case {
    const char *constraints;
    const char *names; /* NULL: none */
    enum outcome outcome;
    const char *subject; /* NULL: CN=End */
};

static const struct names_case cases[] = {
    {NC "excluded;DNS:bad.test", SAN "DNS:good.test", GOOD, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:bad.test", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:a.bad.test", REFUSED, NULL},
    /* A wildcard under an excluded subtree, or that covers its apex: CVE-2025-61727 */
    {NC "excluded;DNS:bad.test", SAN "DNS:*.bad.test", REFUSED, NULL},
    {NC "excluded;DNS:a.bad.test", SAN "DNS:*.bad.test", REFUSED, NULL},
    {NC "excluded;DNS:A.Bad.Test", SAN "DNS:*.bad.TEST", REFUSED, NULL},
    {NC "excluded;DNS:.a.bad.test", SAN "DNS:*.bad.test", REFUSED, NULL},
    {NC "excluded;DNS:a.bad.test", SAN "DNS:good.test,DNS:*.bad.test", REFUSED, NULL},
    {NC "excluded;DNS:a.bad.test", SAN "DNS:*.b.bad.test", GOOD, NULL},
    {NC "excluded;DNS:a.b.bad.test", SAN "DNS:*.bad.test", GOOD, NULL}, /* one label, RFC 6125 */
    {NC "excluded;DNS:a.bad.test", SAN "DNS:*.nobad.test", GOOD, NULL},
    {NC "excluded;DNS:test", SAN "DNS:*.good.example", GOOD, NULL},
    {NC "permitted;DNS:good.test", SAN "DNS:*.good.test", GOOD, NULL},
    {NC "permitted;DNS:good.test", SAN "DNS:*.test", REFUSED, NULL},
    {NC "permitted;DNS:a.good.test", SAN "DNS:*.good.test", REFUSED, NULL},
    {NC "permitted;DNS:good.test,excluded;DNS:a.good.test", SAN "DNS:*.good.test", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:*", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:a*.good.test", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:a.*.good.test", REFUSED, NULL},
    {NC "excluded;IP:10.0.0.0/255.0.0.0", SAN "DNS:*", GOOD, NULL}, /* another type */
    /* A host in the common name */
    {NC "excluded;DNS:a.bad.test", NULL, REFUSED, "CN=*.bad.test"},
    {NC "excluded;DNS:bad.test", NULL, REFUSED, "CN=*.bad.test"},
    {NC "permitted;DNS:good.test", NULL, REFUSED, "CN=*.bad.test"},
    {NC "permitted;DNS:good.test", NULL, GOOD, "CN=*.good.test"},
    {NC "permitted;DNS:good.test", NULL, GOOD, "CN=*.a.good.test"},
    {NC "permitted;DNS:good.test", NULL, GOOD, "CN=* is no host"},
    {NC "permitted;DNS:good.test", SAN "DNS:good.test", GOOD, "CN=*.bad.test"},
    /* Names that are none */
    {NC "permitted;DNS:good.test", SAN "DNS:.good.test", REFUSED, NULL},
    {NC "permitted;DNS:good.test", SAN "DNS:a..good.test", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:bad.test.", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:good.test.", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:good test", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:http://good.test", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "DNS:under_score.test", GOOD, NULL},
    {NC "excluded;email:bad.test", SAN "email:a@good.test", GOOD, NULL},
    {NC "excluded;email:bad.test", SAN "email:a@bad.test", REFUSED, NULL},
    {NC "excluded;email:bad.test", SAN "email:good.test", REFUSED, NULL},
    {NC "excluded;email:bad.test", SAN "email:a@b@good.test", REFUSED, NULL},
    {NC "excluded;email:bad.test", SAN "email:@good.test", REFUSED, NULL},
    {NC "excluded;email:bad.test", SAN "email:a@", REFUSED, NULL},
    {NC "excluded;email:bad.test", SAN "email:a@bad.test.", REFUSED, NULL},
    {NC "excluded;email:bad.test", SAN "email:a <b@good.test>", REFUSED, NULL},
    {NC "excluded;email:bad.test", NULL, REFUSED, "CN=End/emailAddress=no address"},
    {NC "excluded;email:bad.test", NULL, GOOD, "CN=End/emailAddress=a@good.test"},
    {NC "permitted;URI:good.test", SAN "URI:https://good.test:8443/a?b", GOOD, NULL},
    {NC "permitted;URI:good.test", SAN "URI:https://bad.test/", REFUSED, NULL},
    {NC "permitted;URI:good.test", SAN "URI:https://good.test:x@bad.test/", REFUSED, NULL},
    {NC "permitted;URI:good.test", SAN "URI:https://bad.test?.good.test", REFUSED, NULL},
    {NC "permitted;URI:good.test", SAN "URI:https://bad.test#.good.test", REFUSED, NULL},
    {NC "excluded;URI:bad.test", SAN "URI:https://good.test@bad.test/", REFUSED, NULL},
    {NC "excluded;URI:bad.test", SAN "URI:https://192.0.2.1/", REFUSED, NULL},
    {NC "excluded;URI:bad.test", SAN "URI:https://[2001:db8::1]/", REFUSED, NULL},
    {NC "excluded;URI:bad.test", SAN "URI:urn:good", REFUSED, NULL},
    {NC "excluded;DNS:bad.test", SAN "URI:urn:good", GOOD, NULL},
    /* SEQUENCE { [7] 192.0.2.0/24 }, eight octets where an address has four */
    {NC "permitted;IP:192.0.2.0/255.255.255.0", SAN "DER:300a8708c0000200ffffff00", REFUSED, NULL},
    {NC "excluded;IP:198.51.100.0/255.255.255.0", SAN "DER:300a8708c0000200ffffff00", REFUSED,
     NULL},
    {NC "permitted;IP:192.0.2.0/255.255.255.0", SAN "IP:192.0.2.7", GOOD, NULL},
    /* Not critical counts as well */
    {"nameConstraints=permitted;DNS:good.test", SAN "DNS:good.test", GOOD, NULL},
    {"nameConstraints=permitted;DNS:good.test", SAN "DNS:bad.test", REFUSED, NULL},
    {"nameConstraints=excluded;DNS:bad.test", SAN "DNS:bad.test", REFUSED, NULL},
    {"nameConstraints=excluded;DNS:a.bad.test", SAN "DNS:*.bad.test", REFUSED, NULL},
    /* Constraints that are none: nothing in them, an empty list, a wildcard, an address without a
     * mask, a mask with holes, a minimum, a registeredID */
    {NC "DER:3000", SAN "DNS:good.test", REFUSED, NULL},
    {NC "DER:3002a000", SAN "DNS:good.test", REFUSED, NULL},
    {NC "DER:3004a000a100", SAN "DNS:good.test", REFUSED, NULL},
    {NC "permitted;DNS:*.good.test", SAN "DNS:a.good.test", REFUSED, NULL},
    {NC "excluded;DNS:*.bad.test", SAN "DNS:good.test", REFUSED, NULL},
    {NC "DER:300aa10830068704c0000201", SAN "IP:198.51.100.1", REFUSED, NULL},
    {NC "DER:300ea10c300a8708c0000200ff00ff00", SAN "IP:198.51.100.1", REFUSED, NULL},
    {NC "DER:300da10b3009820461626364800101", SAN "DNS:good.test", REFUSED, NULL},
    {NC "DER:3009a107300588032a0304", SAN "DNS:good.test", REFUSED, NULL},
    {NC "permitted;DNS:.good.test", SAN "DNS:a.good.test", GOOD, NULL},
    {NC "permitted;email:a@good.test", SAN "email:a@good.test", GOOD, NULL},
};

START_TEST(decides_names_under_constraints)
{
    const struct names_case *one = &cases[_i];
    struct made sub =
        make_cert(&(struct cert_spec){.subject = "CN=Sub",
                                      .issuer = &root,
                                      .key = 2,
                                      .extensions = {EXT_CA, EXT_CA_USAGE, one->constraints}});
    struct made end =
        make_cert(&(struct cert_spec){.subject = one->subject == NULL ? "CN=End" : one->subject,
                                      .issuer = &sub,
                                      .key = 3,
                                      .extensions = {EXT_NOT_CA, EXT_CLIENT, one->names}});
    enum outcome outcome = OUTCOME_FOR(&fixture, &end, &sub);
    ck_assert_msg(outcome == one->outcome, "%s, %s: %d", one->constraints,
                  one->names == NULL ? one->subject : one->names, (int)outcome);
}
END_TEST

START_TEST(knows_the_form_of_names)
{
    char label[65];
    memset(label, 'a', 64);
    label[64] = '\0';
    ck_assert(name_is_dns(str_make(label, 63), false));
    ck_assert(!name_is_dns(str_make(label, 64), false));
    char name[255];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    ck_assert(name_is_dns(str_make(name, 253), false));
    ck_assert(!name_is_dns(str_make(name, 255), false));
    ck_assert(!name_is_dns(STR("*.a"), false));
    ck_assert(name_is_dns(STR("*.a"), true));
    ck_assert(!name_is_dns(STR("*.*.a"), true));
    ck_assert(!name_is_dns(STR("\xc3\xa4.a"), true));
    ck_assert(!name_is_dns(STR(""), true));
    ck_assert(!name_is_dns(STR("*."), true));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("path_names");
    TCase *tcase = tcase_create("path_names");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, decides_names_under_constraints, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tcase, knows_the_form_of_names);
    suite_add_tcase(suite, tcase);
    return suite;
}
