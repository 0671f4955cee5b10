/* SPDX-License-Identifier: MIT */
#include <openssl/evp.h>

#include "auth/cert_facts.h"
#include "auth/verdict.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct fixture fixture;
static struct made root;
static struct made ca;
static struct made leaf;

static void setup(void)
{
    fixture_init(&fixture);
    root = make_root("O=Test/CN=Root", 1);
    ca = make_ca("O=Test/CN=Issuing", &root, 2);
    leaf = make_leaf("O=Test/CN=Alice", &ca, 3);
}

/* No verdict may depend on what was checked ahead. */
static void setup_without_checks_at_load(void)
{
    setup();
    fixture.config.performance.check_stores_at_load = false;
}

static void teardown(void)
{
    fixture_clear(&fixture);
}

static enum outcome judge_spec(struct cert_spec spec)
{
    struct made made = make_cert(&spec);
    return OUTCOME_FOR(&fixture, &made, &ca);
}

START_TEST(accepts_a_leaf_with_its_intermediate)
{
    struct verdict verdict;
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    judge_at(&fixture, &verdict, NOW, &leaf, &ca, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    ck_assert_uint_eq(verdict.path_len, 3);
    ck_assert_uint_eq(verdict.fault, 3);
    ck_assert_uint_eq(verdict.errors, 0);
    ck_assert_int_eq(verdict.path[0].store, CERT_STORE_PRESENTED);
    ck_assert_int_eq(verdict.path[1].store, CERT_STORE_PRESENTED);
    ck_assert_int_eq(verdict.path[2].store, CERT_STORE_ROOT);
    ck_assert(verdict.path[2].is_anchor && !verdict.path[1].is_anchor);
    ck_assert_int_eq(verdict.valid_until, NOW + YEAR + 1);
    verdict_clear(&verdict);
    ck_assert_uint_eq(verdict.path_len, 0);
}
END_TEST

/* iis-semantics 3.6: sent certificates, the CA store and Root are candidates. */
START_TEST(finds_the_intermediate_in_the_store)
{
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_PARTIAL_CHAIN);
    fixture_store(&fixture, &fixture.site.trust.intermediate, &ca, NULL);
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_OK);
}
END_TEST

/* 2.5: compat.partial_chain chooses the code of a chain that cannot be completed. */
START_TEST(reports_an_incomplete_chain_as_configured)
{
    struct verdict verdict;
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture.config.compat.partial_chain = 0x800B010A;
    judge_at(&fixture, &verdict, NOW, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_PARTIAL_CHAIN_CHAINING);
    ck_assert_uint_eq(verdict.fault, verdict.path_len); /* [CAPI2]: element index -1 */
    verdict_clear(&verdict);
}
END_TEST

START_TEST(blames_the_untrusted_root_itself)
{
    struct verdict verdict;
    struct made other = make_root("O=Test/CN=Other", 9);
    fixture_store(&fixture, &fixture.site.trust.root, &other, NULL);
    judge_at(&fixture, &verdict, NOW, &leaf, &ca, &root, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_UNTRUSTED_ROOT);
    ck_assert_uint_eq(verdict.fault, 2);
    ck_assert_int_eq(verdict.valid_until, NOW + 60);
    verdict_clear(&verdict);
}
END_TEST

START_TEST(an_impostor_with_the_name_of_a_root_is_no_root)
{
    struct made impostor = make_root("O=Test/CN=Root", 7);
    struct made forged = make_leaf("O=Test/CN=Mallory", &impostor, 8);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &forged, &impostor), OUTCOME_UNTRUSTED_ROOT);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &forged), OUTCOME_SIGNATURE);
}
END_TEST

START_TEST(a_self_signed_leaf_is_trusted_only_from_the_root_store)
{
    struct made self =
        make_cert(&(struct cert_spec){.subject = "CN=Self", .key = 5, .extensions = {EXT_CLIENT}});
    fixture_store(&fixture, &fixture.site.trust.intermediate, &self, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &self), OUTCOME_UNTRUSTED_ROOT);
    fixture_store(&fixture, &fixture.site.trust.root, &self, NULL);
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &self), OUTCOME_OK);
}
END_TEST

/* Both ends of the validity period belong to it (RFC 5280 section 4.1.2.5). */
START_TEST(judges_validity_at_the_second)
{
    static const struct {
        int64_t not_before, not_after;
        enum outcome outcome;
        int64_t valid_until;
    } cases[] = {
        {NOW, NOW + DAY, OUTCOME_OK, NOW + DAY + 1},
        {NOW + 1, NOW + DAY, OUTCOME_NOT_YET_VALID, NOW + 1},
        {NOW + 90, NOW + DAY, OUTCOME_NOT_YET_VALID, NOW + 60},
        {NOW - DAY, NOW, OUTCOME_OK, NOW + 1},
        {NOW - DAY, NOW - 1, OUTCOME_EXPIRED, NOW + 60},
    };
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verdict verdict;
        struct made made = make_cert(&(struct cert_spec){.subject = "CN=T",
                                                         .issuer = &ca,
                                                         .key = 4,
                                                         .not_before = cases[i].not_before,
                                                         .not_after = cases[i].not_after});
        judge_at(&fixture, &verdict, NOW, &made, &ca, NULL);
        ck_assert_int_eq(verdict.outcome, cases[i].outcome);
        ck_assert_int_eq(verdict.valid_until, cases[i].valid_until);
        verdict_clear(&verdict);
    }
}
END_TEST

/* 2.5: the time bit is aggregated over the chain, the anchor included. */
START_TEST(an_expired_intermediate_or_root_expires_the_chain)
{
    struct made old_root = make_cert(&(struct cert_spec){.subject = "CN=Old",
                                                         .key = 1,
                                                         .not_before = NOW - YEAR,
                                                         .not_after = NOW - DAY,
                                                         .extensions = {EXT_CA}});
    struct made below = make_leaf("CN=Below", &old_root, 3);
    struct made old_ca = make_cert(&(struct cert_spec){.subject = "CN=Old CA",
                                                       .issuer = &root,
                                                       .key = 2,
                                                       .not_before = NOW - YEAR,
                                                       .not_after = NOW - DAY,
                                                       .extensions = {EXT_CA}});
    struct made under = make_leaf("CN=Under", &old_ca, 3);
    fixture_store(&fixture, &fixture.site.trust.root, &root, &old_root, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &below), OUTCOME_EXPIRED);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under, &old_ca), OUTCOME_EXPIRED);
}
END_TEST

/* RFC 5280 section 6.1.4 (k), (n); 4.3 of iis-semantics. */
START_TEST(checks_the_certificate_that_issued)
{
    static const struct {
        const char *extensions[EXTENSIONS_MAX];
        bool is_v1;
        enum outcome outcome;
    } cases[] = {
        {{EXT_CA, EXT_CA_USAGE}, false, OUTCOME_OK},
        {{EXT_CA}, false, OUTCOME_OK},
        {{EXT_NOT_CA}, false, OUTCOME_BASIC_CONSTRAINTS},
        {{EXT_CA_USAGE}, false, OUTCOME_BASIC_CONSTRAINTS},
        {{NULL}, true, OUTCOME_BASIC_CONSTRAINTS},
        {{EXT_CA, "keyUsage=digitalSignature,cRLSign"}, false, OUTCOME_WRONG_USAGE},
        {{EXT_CA, EXT_SERVER}, false, OUTCOME_WRONG_USAGE},
        {{EXT_CA, "extendedKeyUsage=clientAuth,serverAuth"}, false, OUTCOME_OK},
        {{EXT_CA, "extendedKeyUsage=2.5.29.37.0"}, false, OUTCOME_OK},
        {{EXT_CA, EXT_UNKNOWN}, false, OUTCOME_CRITICAL_EXTENSION},
        {{EXT_CA, EXT_CA}, false, OUTCOME_BASIC_CONSTRAINTS},
        {{EXT_CA, "keyUsage=DER:0500"}, false, OUTCOME_WRONG_USAGE},
        {{EXT_CA, "nameConstraints=DER:0500"}, false, OUTCOME_INVALID_NAME},
        {{EXT_CA, "policyConstraints=DER:0500"}, false, OUTCOME_INVALID_POLICY},
        {{EXT_CA, "1.2.3.4=DER:0500", "1.2.3.4=DER:0500"}, false, OUTCOME_CRITICAL_EXTENSION},
    };
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cert_spec spec = {
            .subject = "CN=Sub", .issuer = &root, .key = 6, .is_v1 = cases[i].is_v1};
        memcpy(spec.extensions, cases[i].extensions, sizeof spec.extensions);
        struct made sub = make_cert(&spec);
        struct made end = make_leaf("CN=End", &sub, 3);
        ck_assert_msg(OUTCOME_FOR(&fixture, &end, &sub) == cases[i].outcome, "case %zu: %d", i,
                      (int)OUTCOME_FOR(&fixture, &end, &sub));
    }
}
END_TEST

/* iis-semantics 3.7: what does not say that it is a CA, of version 1 or 3, is one as an anchor. */
START_TEST(a_root_that_says_nothing_may_be_an_anchor)
{
    struct made v1 = make_cert(&(struct cert_spec){.subject = "CN=V1", .key = 1, .is_v1 = true});
    struct made below = make_leaf("CN=Below", &v1, 3);
    struct made bare = make_cert(&(struct cert_spec){.subject = "CN=Bare", .key = 5});
    struct made under = make_leaf("CN=Under", &bare, 3);
    struct made none =
        make_cert(&(struct cert_spec){.subject = "CN=None", .key = 6, .extensions = {EXT_NOT_CA}});
    struct made under_none = make_leaf("CN=Under", &none, 3);
    struct made user = make_cert(&(struct cert_spec){
        .subject = "CN=User", .key = 7, .extensions = {"keyUsage=critical,digitalSignature"}});
    struct made under_user = make_leaf("CN=Under", &user, 3);
    struct made signer = make_cert(&(struct cert_spec){
        .subject = "CN=Signer", .key = 8, .extensions = {"keyUsage=critical,keyCertSign"}});
    struct made under_signer = make_leaf("CN=Under", &signer, 3);
    fixture_store(&fixture, &fixture.site.trust.root, &v1, &bare, &none, &user, &signer, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &below), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &bare), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under_signer), OUTCOME_OK);
    /* What says that it is no CA, or that it signs no certificates, is none. */
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under_none), OUTCOME_BASIC_CONSTRAINTS);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under_user), OUTCOME_WRONG_USAGE);
}
END_TEST

/* Only as an anchor: below one, or as a cross-certificate, it has to say so. */
START_TEST(an_intermediate_that_says_nothing_is_no_ca)
{
    struct made top = make_root("CN=Top", 1);
    struct made bare = make_cert(&(struct cert_spec){.subject = "CN=Bare", .key = 5});
    struct made cross =
        make_cert(&(struct cert_spec){.subject = "CN=Bare", .issuer = &top, .key = 5});
    struct made under = make_leaf("CN=Under", &bare, 3);
    fixture_store(&fixture, &fixture.site.trust.root, &top, NULL);
    fixture_store(&fixture, &fixture.site.trust.intermediate, &bare, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under, &cross), OUTCOME_BASIC_CONSTRAINTS);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under), OUTCOME_UNTRUSTED_ROOT);
    fixture_store(&fixture, &fixture.site.trust.trusted_issuers, &bare, NULL);
    fixture.site.trust.mode = TRUST_MODE_EXCLUSIVE_CA;
    (void)fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under), OUTCOME_OK);
    fixture.site.trust.mode = TRUST_MODE_EXCLUSIVE_ROOT;
    (void)fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &under), OUTCOME_OK);
}
END_TEST

/* RFC 5280 section 4.2.1.4. */
START_TEST(an_unknown_qualifier_matters_only_when_the_extension_is_critical)
{
    /* 1.2.3.4 with a qualifier of 1.2.3.5 and NULL; with a CPS pointer; with both */
    static const struct {
        const char *extension;
        enum outcome outcome;
    } cases[] = {
        {"certificatePolicies=DER:3012301006032a03043009300706032a03050500", OUTCOME_OK},
        {"certificatePolicies=critical,DER:3012301006032a03043009300706032a03050500",
         OUTCOME_CRITICAL_EXTENSION},
        {"certificatePolicies=critical,DER:301a301806032a03043011300f06082b0601050507020116"
         "03612f62",
         OUTCOME_OK},
        {"certificatePolicies=critical,DER:3023302106032a0304301a300f06082b0601050507020116"
         "03612f62300706032a03050500",
         OUTCOME_CRITICAL_EXTENSION},
        {"certificatePolicies=critical,1.2.3.4", OUTCOME_OK},
    };
    struct made top = make_root("CN=Top", 1);
    fixture_store(&fixture, &fixture.site.trust.root, &top, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made end = make_cert(&(struct cert_spec){
            .subject = "CN=End", .issuer = &top, .key = 3, .extensions = {cases[i].extension}});
        ck_assert_msg(OUTCOME_FOR(&fixture, &end) == cases[i].outcome, "case %zu", i);
        struct made sub =
            make_cert(&(struct cert_spec){.subject = "CN=Sub",
                                          .issuer = &top,
                                          .key = 4,
                                          .extensions = {EXT_CA, cases[i].extension}});
        struct made under = make_leaf("CN=Under", &sub, 3);
        ck_assert_msg(OUTCOME_FOR(&fixture, &under, &sub) == cases[i].outcome, "case %zu", i);
    }
}
END_TEST

/* RFC 5280 section 6.1.4 (l), (m): self-issued certificates do not count. */
START_TEST(counts_path_length_without_self_issued)
{
    struct made top = make_cert(&(struct cert_spec){
        .subject = "CN=Top", .key = 1, .extensions = {"basicConstraints=CA:TRUE,pathlen:0"}});
    struct made self_issued = make_cert(
        &(struct cert_spec){.subject = "CN=Top", .issuer = &top, .key = 2, .extensions = {EXT_CA}});
    struct made sub = make_ca("CN=Sub", &self_issued, 4);
    struct made good = make_leaf("CN=Good", &self_issued, 3);
    struct made bad = make_leaf("CN=Bad", &sub, 3);
    fixture_store(&fixture, &fixture.site.trust.root, &top, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &good, &self_issued), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &bad, &sub, &self_issued), OUTCOME_BASIC_CONSTRAINTS);
}
END_TEST

/* 4.3: EKU absent, any or clientAuth pass; the leaf's keyUsage is not looked at. */
START_TEST(checks_the_usage_of_the_leaf)
{
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    struct cert_spec spec = {.subject = "CN=U", .issuer = &ca, .key = 4};
    ck_assert_int_eq(judge_spec(spec), OUTCOME_OK);
    spec.extensions[0] = EXT_SERVER;
    ck_assert_int_eq(judge_spec(spec), OUTCOME_WRONG_USAGE);
    spec.extensions[0] = "keyUsage=critical,keyAgreement";
    ck_assert_int_eq(judge_spec(spec), OUTCOME_OK);
    fixture.site.trust.check_usage = false;
    fixture_load(&fixture);
    spec.extensions[0] = EXT_SERVER;
    ck_assert_int_eq(judge_spec(spec), OUTCOME_OK);
}
END_TEST

/* 8 #22: MD5 and RSA below 1024 bits are refused, SHA-1 is not; compat.weak: allow takes all. */
START_TEST(refuses_weak_keys_and_digests)
{
    EVP_PKEY *rsa_512 = make_rsa_key(512);
    EVP_PKEY *rsa_1024 = make_rsa_key(1024);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    struct cert_spec md5 = {.subject = "CN=W", .issuer = &ca, .key = 4, .digest = EVP_md5()};
    struct cert_spec sha1 = {.subject = "CN=W", .issuer = &ca, .key = 4, .digest = EVP_sha1()};
    struct cert_spec small = {.subject = "CN=W", .issuer = &ca, .own_key = rsa_512};
    struct cert_spec enough = {.subject = "CN=W", .issuer = &ca, .own_key = rsa_1024};
    ck_assert_int_eq(judge_spec(sha1), OUTCOME_OK);
    ck_assert_int_eq(judge_spec(small), OUTCOME_WEAK_KEY);
    ck_assert_int_eq(judge_spec(enough), OUTCOME_OK);
    struct made rsa_ca = make_cert(&(struct cert_spec){
        .subject = "CN=RSA", .issuer = &root, .own_key = rsa_1024, .extensions = {EXT_CA}});
    md5.issuer = &rsa_ca;
    struct made weak = make_cert(&md5);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &weak, &rsa_ca), OUTCOME_WEAK_KEY);
    fixture.config.compat.weak_allow = true;
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &weak, &rsa_ca), OUTCOME_OK);
    ck_assert_int_eq(judge_spec(small), OUTCOME_OK);
}
END_TEST

START_TEST(refuses_a_member_of_disallowed_wherever_it_stands)
{
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_store(&fixture, &fixture.site.trust.disallowed, &ca, NULL);
    struct verdict verdict;
    judge_at(&fixture, &verdict, NOW, &leaf, &ca, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_EXPLICIT_DISTRUST);
    ck_assert_uint_eq(verdict.fault, 1);
    verdict_clear(&verdict);
}
END_TEST

/* An ECDSA signature (r, s) has a twin (r, -s): other octets, the same certificate. */
START_TEST(disallowed_sees_through_another_signature)
{
    struct made twin = make_cert(&(struct cert_spec){
        .subject = "CN=Twin", .issuer = &ca, .key = 4, .serial = 77, .not_before = NOW - 5});
    struct made again = make_cert(&(struct cert_spec){
        .subject = "CN=Twin", .issuer = &ca, .key = 4, .serial = 77, .not_before = NOW - 5});
    ck_assert_mem_ne(twin.cert->sha256, again.cert->sha256, 32);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    fixture_store(&fixture, &fixture.site.trust.disallowed, &twin, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &again, &ca), OUTCOME_EXPLICIT_DISTRUST);
}
END_TEST

/* RFC 5280 section 4.2.1.10 */
START_TEST(applies_name_constraints)
{
    static const struct {
        const char *subject;
        const char *names;
        enum outcome outcome;
    } cases[] = {
        {"CN=a", "subjectAltName=DNS:host.good.test", OUTCOME_OK},
        {"CN=a", "subjectAltName=DNS:host.evil.test", OUTCOME_INVALID_NAME},
        {"CN=a", "subjectAltName=DNS:bad.good.test", OUTCOME_INVALID_NAME},
        {"CN=a", "subjectAltName=DNS:notgood.test", OUTCOME_INVALID_NAME},
        {"CN=a", "subjectAltName=DNS:host.good.test,DNS:evil.test", OUTCOME_INVALID_NAME},
        {"CN=a", "subjectAltName=email:a@mail.test", OUTCOME_OK},
        {"CN=a", "subjectAltName=email:a@evil.test", OUTCOME_INVALID_NAME},
        {"CN=a", "subjectAltName=IP:10.1.2.3", OUTCOME_OK},
        {"CN=a", "subjectAltName=IP:11.1.2.3", OUTCOME_INVALID_NAME},
        {"CN=Alice Smith", EXT_CLIENT, OUTCOME_OK},
        {"CN=host.evil.test", EXT_CLIENT, OUTCOME_INVALID_NAME},
        {"!CN=host.good.test^.evil", EXT_CLIENT, OUTCOME_INVALID_NAME},
        {"CN=a/emailAddress=a@evil.test", EXT_CLIENT, OUTCOME_INVALID_NAME},
    };
    struct made narrow = make_cert(&(struct cert_spec){
        .subject = "CN=Narrow",
        .issuer = &root,
        .key = 5,
        .extensions = {EXT_CA, "nameConstraints=critical,permitted;DNS:good.test,"
                               "excluded;DNS:bad.good.test,permitted;email:mail.test,"
                               "permitted;IP:10.0.0.0/255.0.0.0"}});
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made named = make_cert(&(struct cert_spec){.subject = cases[i].subject,
                                                          .issuer = &narrow,
                                                          .key = 4,
                                                          .extensions = {cases[i].names}});
        ck_assert_msg(OUTCOME_FOR(&fixture, &named, &narrow) == cases[i].outcome, "case %zu", i);
    }
}
END_TEST

/* 2.5: pairs of errors on one path, and which of them is the verdict. */
START_TEST(names_the_error_of_higher_priority)
{
    struct made other = make_root("CN=Unrelated", 20);
    struct made stray = make_ca("CN=Stray", &other, 21);
    struct cert_spec spec = {.issuer = &ca, .subject = "CN=P", .key = 4};
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);

    spec.not_before = NOW - YEAR;
    spec.not_after = NOW - DAY; /* expired */
    ck_assert_int_eq(judge_spec(spec), OUTCOME_EXPIRED);
    spec.extensions[0] = EXT_SERVER; /* expired and wrong usage */
    ck_assert_int_eq(judge_spec(spec), OUTCOME_EXPIRED);
    spec.is_damaged = true; /* and a bad signature */
    ck_assert_int_eq(judge_spec(spec), OUTCOME_SIGNATURE);
    spec.is_damaged = false;
    spec.issuer = &stray; /* and from an unknown CA */
    struct made unknown = make_cert(&spec);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &unknown, &stray, &other), OUTCOME_UNTRUSTED_ROOT);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &unknown, &stray), OUTCOME_PARTIAL_CHAIN);
    fixture_store(&fixture, &fixture.site.trust.disallowed, &unknown, NULL);
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &unknown, &stray), OUTCOME_EXPLICIT_DISTRUST);

    spec = (struct cert_spec){.issuer = &ca, .subject = "CN=P", .key = 4};
    spec.extensions[0] = EXT_SERVER;
    spec.extensions[1] = EXT_UNKNOWN; /* wrong usage and a critical extension */
    ck_assert_int_eq(judge_spec(spec), OUTCOME_WRONG_USAGE);
}
END_TEST

START_TEST(collects_all_errors_of_the_path)
{
    struct verdict verdict;
    struct made bad = make_cert(&(struct cert_spec){.issuer = &ca,
                                                    .subject = "CN=All",
                                                    .key = 4,
                                                    .not_before = NOW - YEAR,
                                                    .not_after = NOW - DAY,
                                                    .extensions = {EXT_SERVER, EXT_UNKNOWN}});
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    judge_at(&fixture, &verdict, NOW, &bad, &ca, NULL);
    uint32_t expected = VERDICT_ERROR_BIT(OUTCOME_EXPIRED) |
                        VERDICT_ERROR_BIT(OUTCOME_WRONG_USAGE) |
                        VERDICT_ERROR_BIT(OUTCOME_CRITICAL_EXTENSION);
    ck_assert_uint_eq(verdict.errors, expected);
    ck_assert_uint_eq(verdict.path[0].errors, expected);
    ck_assert_uint_eq(verdict.path[1].errors, 0);
    verdict_clear(&verdict);
}
END_TEST

/* RFC 5480 section 2.1.1: a curve of one's own making is no curve. */
START_TEST(refuses_explicit_curve_parameters)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    ck_assert_int_eq(EVP_PKEY_keygen_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_group_name(context, "P-256"), 1);
    ck_assert_int_eq(EVP_PKEY_keygen(context, &key), 1);
    EVP_PKEY_CTX_free(context);
    ck_assert_int_eq(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
    struct made odd = make_cert(&(struct cert_spec){
        .subject = "CN=Odd", .issuer = &root, .own_key = key, .extensions = {EXT_CA}});
    struct made below = make_leaf("CN=Below", &odd, 3);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    ck_assert(odd.cert->facts->is_explicit_curve);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &odd), OUTCOME_WEAK_KEY);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &below, &odd), OUTCOME_SIGNATURE);
    EVP_PKEY_free(key);
}
END_TEST

static TCase *all_tests(const char *name, void (*prepare)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, prepare, teardown);
    tcase_add_test(tcase, accepts_a_leaf_with_its_intermediate);
    tcase_add_test(tcase, finds_the_intermediate_in_the_store);
    tcase_add_test(tcase, reports_an_incomplete_chain_as_configured);
    tcase_add_test(tcase, blames_the_untrusted_root_itself);
    tcase_add_test(tcase, an_impostor_with_the_name_of_a_root_is_no_root);
    tcase_add_test(tcase, a_self_signed_leaf_is_trusted_only_from_the_root_store);
    tcase_add_test(tcase, judges_validity_at_the_second);
    tcase_add_test(tcase, an_expired_intermediate_or_root_expires_the_chain);
    tcase_add_test(tcase, checks_the_certificate_that_issued);
    tcase_add_test(tcase, a_root_that_says_nothing_may_be_an_anchor);
    tcase_add_test(tcase, an_intermediate_that_says_nothing_is_no_ca);
    tcase_add_test(tcase, an_unknown_qualifier_matters_only_when_the_extension_is_critical);
    tcase_add_test(tcase, counts_path_length_without_self_issued);
    tcase_add_test(tcase, checks_the_usage_of_the_leaf);
    tcase_add_test(tcase, refuses_weak_keys_and_digests);
    tcase_add_test(tcase, refuses_a_member_of_disallowed_wherever_it_stands);
    tcase_add_test(tcase, disallowed_sees_through_another_signature);
    tcase_add_test(tcase, applies_name_constraints);
    tcase_add_test(tcase, names_the_error_of_higher_priority);
    tcase_add_test(tcase, collects_all_errors_of_the_path);
    tcase_add_test(tcase, refuses_explicit_curve_parameters);
    return tcase;
}

Suite *unit_suite(void)
{
    Suite *suite = suite_create("verdict");
    suite_add_tcase(suite, all_tests("verdict", setup));
    suite_add_tcase(suite, all_tests("without checks at load", setup_without_checks_at_load));
    return suite;
}
