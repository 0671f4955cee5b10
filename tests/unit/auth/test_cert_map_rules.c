/* SPDX-License-Identifier: MIT */
#include "unit/auth/cert_map_fixture.h"

/* ----- many-to-one: iis-semantics.md 5.3 ----- */

static bool rule_matches(const struct cert *cert, enum config_field field, const char *subfield,
                         const char *match, bool case_sensitive)
{
    for (size_t i = 0; i < site.mapping.many_to_one_count; i++)
        free(site.mapping.many_to_one[i].rules);
    site.mapping.many_to_one_count = 0;
    add_many("m", "u");
    add_rule(field, subfield, match)->case_sensitive = case_sensitive;
    struct cert_map *map = load();
    ck_assert_ptr_nonnull(map);
    bool is_match = cert_map_lookup(map, cert).user != NULL;
    cert_map_free(map);
    return is_match;
}

START_TEST(knows_every_sub_field_in_any_case)
{
    static const struct {
        const char *subfield, *oid;
    } cases[] = {
        {"CN", "2.5.4.3"},
        {"SN", "2.5.4.4"},
        {"C", "2.5.4.6"},
        {"L", "2.5.4.7"},
        {"S", "2.5.4.8"},
        {"ST", "2.5.4.8"},
        {"STREET", "2.5.4.9"},
        {"O", "2.5.4.10"},
        {"OU", "2.5.4.11"},
        {"GN", "2.5.4.42"},
        {"G", "2.5.4.42"},
        {"I", "2.5.4.43"},
        {"T", "2.5.4.12"},
        {"E", "1.2.840.113549.1.9.1"},
        {"Email", "1.2.840.113549.1.9.1"},
        {"DC", "0.9.2342.19200300.100.1.25"},
        {"SERIALNUMBER", "2.5.4.5"},
        {"UID", "0.9.2342.19200300.100.1.1"},
        {"serialNumber", "2.5.4.5"},
        {"email", "1.2.840.113549.1.9.1"},
        {"cn", "2.5.4.3"},
        {"2.5.4.3", "2.5.4.3"},
        {"1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.1"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct attribute subject = {cases[i].oid, V_ASN1_UTF8STRING, "XY", 2, 0};
        struct attribute issuer = {"2.5.4.41", V_ASN1_UTF8STRING, "I", 1, 0};
        struct cert *cert = make_cert(&subject, 1, &issuer, 1);
        ck_assert_msg(rule_matches(cert, CERT_FIELD_SUBJECT, cases[i].subfield, "XY", true), "%s",
                      cases[i].subfield);
        ck_assert(!rule_matches(cert, CERT_FIELD_ISSUER, cases[i].subfield, "XY", true));
        drop_cert(cert);
    }
}
END_TEST

START_TEST(an_unknown_sub_field_never_matches_and_warns)
{
    static const char *const unknown[] = {"commonName", "", "X", "2.5.4.", "2.5.4.x", "9.9.9", "3"};
    struct cert *alice = simple_cert("alice");
    for (size_t i = 0; i < LENGTH(unknown); i++) {
        ck_assert(!rule_matches(alice, CERT_FIELD_SUBJECT, unknown[i], "*", true));
        ck_assert_msg(says("unknown subfield"), "'%s'", unknown[i]);
        ck_assert_uint_eq(errors.entries[0].line, 23);
    }
    drop_cert(alice);
}
END_TEST

START_TEST(zero_rules_never_match_and_warn)
{
    struct cert *alice = simple_cert("alice");
    add_many("empty", "u");
    assert_mapped(alice, OUTCOME_OK, NULL, NULL);
    ck_assert(says("no rules"));
    drop_cert(alice);
}
END_TEST

START_TEST(all_rules_of_a_mapping_must_match)
{
    struct cert *alice = simple_cert("alice");
    add_many("m", "u");
    add_rule(CERT_FIELD_ISSUER, "CN", "Contoso Issuing CA");
    add_rule(CERT_FIELD_ISSUER, "O", "Contoso");
    add_rule(CERT_FIELD_SUBJECT, "CN", "*lic*");
    assert_mapped(alice, OUTCOME_OK, "u", "m");
    for (size_t i = 0; i < 3; i++) {
        char *match = site.mapping.many_to_one[0].rules[i].match.text;
        site.mapping.many_to_one[0].rules[i].match.text = keep(xstrdup("other"));
        assert_mapped(alice, OUTCOME_OK, NULL, NULL);
        site.mapping.many_to_one[0].rules[i].match.text = match;
    }
    drop_cert(alice);
}
END_TEST

START_TEST(any_value_of_a_repeated_or_multi_valued_attribute_will_do)
{
    const struct attribute subject[] = {
        {"OU", V_ASN1_UTF8STRING, "One", -1, 0},
        {"OU", V_ASN1_UTF8STRING, "Two", -1, 0},
        {"CN", V_ASN1_UTF8STRING, "alice", -1, 0},
        {"OU", V_ASN1_UTF8STRING, "Three", -1, -1}, /* shares the RDN with CN */
        {"CN", V_ASN1_UTF8STRING, "", 0, 0},
    };
    struct cert *cert = make_cert(subject, LENGTH(subject), subject, 1);
    static const struct {
        const char *subfield, *match;
        bool expected;
    } cases[] = {
        {"OU", "One", true},  {"OU", "Two", true},     {"OU", "Three", true},
        {"OU", "*", true},    {"OU", "OneTwo", false}, {"OU", "On", false},
        {"OU", "one", false}, {"CN", "alice", true},   {"CN", "", true},
        {"O", "*", false},    {"OU", "", false},       {"OU", "One*Two", false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        ck_assert_msg(rule_matches(cert, CERT_FIELD_SUBJECT, cases[i].subfield, cases[i].match,
                                   true) == cases[i].expected,
                      "%s=%s", cases[i].subfield, cases[i].match);
    drop_cert(cert);
}
END_TEST

/* OpenSSL refuses to build, and to read, a name with a text that is invalid in its encoding; were
 * one to come through all the same, it must match nothing. */
static void overwrite(X509_NAME *name, int type, const char *bytes, int len)
{
    ASN1_STRING *value = ASN1_STRING_type_new(type);
    ck_assert_int_eq(ASN1_STRING_set(value, bytes, len), 1);
    ck_assert_int_eq(
        ASN1_STRING_copy(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, 0)), value), 1);
    ASN1_STRING_free(value);
}

START_TEST(decodes_every_string_type_before_comparing)
{
    static const struct {
        int type;
        const char *bytes;
        int len;
        const char *match;
        bool expected;
    } cases[] = {
        {V_ASN1_PRINTABLESTRING, "Muller", 6, "Muller", true},
        {V_ASN1_IA5STRING, "a@b.c", 5, "a@b.c", true},
        {V_ASN1_UTF8STRING, "M\xc3\xbcller", 7, "M\xc3\xbcller", true},
        {V_ASN1_T61STRING, "M\xfcller", 6, "M\xc3\xbcller", true},
        {V_ASN1_BMPSTRING, "\0M\0\xfc\0l", 6, "M\xc3\xbcl", true},
        {V_ASN1_BMPSTRING, "\x04\x16\x04\x36", 4, "\xd0\x96\xd0\xb6", true},
        {V_ASN1_UNIVERSALSTRING, "\0\0\0M\0\1\xf6\x00", 8, "M\xf0\x9f\x98\x80", true},
        {V_ASN1_VISIBLESTRING, "x", 1, "x", true},
        {V_ASN1_NUMERICSTRING, "42", 2, "42", true},
        /* not a text, or not valid in its encoding: matches nothing at all */
        {V_ASN1_UTF8STRING, "a\xff", 2, "*", false},
        {V_ASN1_UTF8STRING, "\xc0\xaf", 2, "*", false},
        {V_ASN1_BMPSTRING, "\0Mx", 3, "*", false},
        {V_ASN1_UNIVERSALSTRING, "\0\0M", 3, "*", false},
        {V_ASN1_UNIVERSALSTRING, "\x7f\xff\xff\xff", 4, "*", false},
        {V_ASN1_OCTET_STRING, "alice", 5, "*", false},
        /* a NUL inside, in every encoding that can have one */
        {V_ASN1_UTF8STRING, "alice\0.evil", 11, "alice", false},
        {V_ASN1_UTF8STRING, "alice\0", 6, "alice", false},
        {V_ASN1_UTF8STRING, "alice\0.evil", 11, "*", false},
        {V_ASN1_PRINTABLESTRING, "\0", 1, "*", false},
        {V_ASN1_IA5STRING, "\0alice", 6, "*alice", false},
        {V_ASN1_BMPSTRING, "\0a\0\0\0b", 6, "a*", false},
        {V_ASN1_UNIVERSALSTRING, "\0\0\0a\0\0\0\0", 8, "a*", false},
        /* BMP bytes are never read as ASCII */
        {V_ASN1_BMPSTRING, "alice1", 6, "alice1", false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct attribute subject = {"CN", V_ASN1_UTF8STRING, "x", 1, 0};
        struct cert *cert = make_cert(&subject, 1, &subject, 1);
        overwrite(X509_get_subject_name(cert->x509), cases[i].type, cases[i].bytes, cases[i].len);
        overwrite(X509_get_issuer_name(cert->x509), cases[i].type, cases[i].bytes, cases[i].len);
        ck_assert_msg(rule_matches(cert, CERT_FIELD_SUBJECT, "CN", cases[i].match, true) ==
                          cases[i].expected,
                      "case %zu", i);
        ck_assert_msg(rule_matches(cert, CERT_FIELD_ISSUER, "CN", cases[i].match, false) ==
                          cases[i].expected,
                      "case %zu, without case", i);
        drop_cert(cert);
    }
}
END_TEST

START_TEST(compares_with_case_unless_told_otherwise)
{
    struct cert *cert = simple_cert("Alice M\xc3\xbcller");
    ck_assert(rule_matches(cert, CERT_FIELD_SUBJECT, "CN", "Alice M\xc3\xbcller", true));
    ck_assert(!rule_matches(cert, CERT_FIELD_SUBJECT, "CN", "alice M\xc3\xbcller", true));
    ck_assert(rule_matches(cert, CERT_FIELD_SUBJECT, "CN", "aLICE m\xc3\xbcLLER", false));
    ck_assert(says("folds A to Z only"));
    ck_assert(!rule_matches(cert, CERT_FIELD_SUBJECT, "CN", "alice m\xc3\x9cller", false));
    ck_assert(rule_matches(cert, CERT_FIELD_SUBJECT, "CN", "ALICE*", false));
    ck_assert(rule_matches(cert, CERT_FIELD_SUBJECT, "CN", "*LLER", false));
    ck_assert(rule_matches(cert, CERT_FIELD_SUBJECT, "CN", "*E M*", false));
    drop_cert(cert);
}
END_TEST

START_TEST(matches_stars_and_nothing_else)
{
    static const struct {
        const char *pattern, *value;
        bool expected;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"*", "anything", true},
        {"**", "", true},
        {"a*", "a", true},
        {"a*", "ab", true},
        {"a*", "ba", false},
        {"*a", "ba", true},
        {"*a", "ab", false},
        {"*a*", "bab", true},
        {"a*a", "a", false},
        {"a*a", "aa", true},
        {"ab*ba", "aba", false},
        {"ab*ba", "abba", true},
        {"a*b*c", "abc", true},
        {"a*b*c", "acb", false},
        {"a**c", "abc", true},
        {"*a*b*", "xaxbx", true},
        {"*a*b*", "ba", false},
        {"*ab*ab*", "abab", true},
        {"*ab*ab*", "aba", false},
        {"*aab", "aaab", true},
        {"a*ab", "aab", true},
        {"a*ab", "ab", false},
        {"?", "a", false},
        {"?", "?", true},
        {"[a]", "a", false},
        {"a\\*", "a\\b", true},
        {"a\\*", "a*", false},
        {".", "a", false},
        {"A", "a", false},
        {"*x*x*x*", "xx", false},
        {"*x*x*x*", "xxx", true},
        {"\xc3*", "\xc3\xbc", true},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct str pattern = str_of(cases[i].pattern);
        struct str value = str_of(cases[i].value);
        ck_assert_msg(cert_map_glob(pattern, value, true) == cases[i].expected, "%s on %s",
                      cases[i].pattern, cases[i].value);
    }
    ck_assert(cert_map_glob(STR("A*Z"), STR("a-z"), false));
    ck_assert(!cert_map_glob(STR("A*Z"), STR("a-z"), true));
    ck_assert(!cert_map_glob(STR("\xc3\x84"), STR("\xc3\xa4"), false));
}
END_TEST

/* iis-semantics.md 5.3: linear, no recursion. Backtracking would take years here. */
START_TEST(many_stars_over_a_long_value_stay_linear)
{
    enum { VALUE = 1 << 20, STARS = 1 << 14 };
    char *value = xmalloc(VALUE);
    memset(value, 'a', VALUE);
    struct text pattern = {0};
    for (int i = 0; i < STARS; i++)
        text_add_cstr(&pattern, "*aa");
    text_add_cstr(&pattern, "*b");
    uint64_t start = unit_cpu_ms();
    ck_assert(!cert_map_glob(text_str(&pattern), str_make(value, VALUE), true));
    ck_assert(!cert_map_glob(text_str(&pattern), str_make(value, VALUE), false));
    pattern.ptr[pattern.len - 1] = 'a';
    ck_assert(cert_map_glob(text_str(&pattern), str_make(value, VALUE), true));
    /* "*aaa...ab*": quadratic for a naive search of the middle piece */
    text_reset(&pattern);
    text_add_char(&pattern, '*');
    for (int i = 0; i < VALUE / 4; i++)
        text_add_char(&pattern, 'a');
    text_add_cstr(&pattern, "b*");
    ck_assert(!cert_map_glob(text_str(&pattern), str_make(value, VALUE), true));
    text_reset(&pattern);
    text_add_char(&pattern, '*');
    for (int i = 0; i < 200; i++)
        text_add_char(&pattern, i == 100 ? 'b' : 'a');
    text_add_char(&pattern, '*');
    ck_assert(!cert_map_glob(text_str(&pattern), str_make(value, VALUE), true));
    ck_assert_uint_lt(unit_cpu_ms() - start, 2000);
    text_clear(&pattern);
    free(value);
}
END_TEST

START_TEST(warns_of_mappings_and_rules_without_effect)
{
    add_many("first", "u1");
    add_rule(CERT_FIELD_SUBJECT, "CN", "a*");
    add_rule(CERT_FIELD_SUBJECT, "O", "x");
    add_many("second", "u2"); /* the same rules in another order, spelled otherwise */
    add_rule(CERT_FIELD_SUBJECT, "2.5.4.10", "x");
    add_rule(CERT_FIELD_SUBJECT, "cn", "a*");
    add_many("third", "u3");
    add_rule(CERT_FIELD_SUBJECT, "C", "Germany");
    add_many("fourth", "u4");
    add_rule(CERT_FIELD_SUBJECT, "CN", "b");
    add_rule(CERT_FIELD_SUBJECT, "CN", "b");
    struct cert_map *map = load();
    ck_assert_uint_eq(errors.count, 3);
    ck_assert(says("'second' is never reached: 'first'"));
    ck_assert(says("two-letter code"));
    ck_assert(says("'fourth' has the same rule twice"));
    cert_map_free(map);
}
END_TEST

START_TEST(refuses_two_mappings_of_one_name_and_an_allow_without_user)
{
    add_many("m", "u");
    add_rule(CERT_FIELD_SUBJECT, "CN", "a");
    add_many("m", "v");
    add_rule(CERT_FIELD_SUBJECT, "CN", "b");
    ck_assert_ptr_null(load());
    ck_assert(says("two mappings have the name 'm'"));
    site.mapping.many_to_one[1].name.text = keep(xstrdup("n"));
    site.mapping.many_to_one[1].user.text = NULL;
    ck_assert_ptr_null(load());
    ck_assert(says("needs a user"));
}
END_TEST

static void drop_mappings(void)
{
    for (size_t i = 0; i < site.mapping.many_to_one_count; i++)
        free(site.mapping.many_to_one[i].rules);
    site.mapping.many_to_one_count = 0;
    for (size_t i = 0; i < text_count; i++)
        free(texts[i]);
    text_count = 0;
}

static const char *const types[] = {"CN", "OU"};

static void add_random_mapping(int number)
{
    static const char *const matches[] = {
        "*",     "a",        "b",   "ab",  "A",   "a*",     "*b",     "*a*",
        "a*b",   "B*",       "aab", "*ab", "ba*", "*abba*", "*aaaa*", "a*abab*b",
        "*ba*b", "*baab*a*", "*bb", "",    "**",  "*bbbb*", "bb*aa",  "*abaabaab*"};
    char name[16];
    (void)snprintf(name, sizeof name, "m%d", number);
    add_many(name, name);
    for (long i = random() % 2; i >= 0; i--)
        add_rule(CERT_FIELD_SUBJECT, types[random() % 2], matches[random() % (long)LENGTH(matches)])
            ->case_sensitive = random() % 2 == 0;
}

enum { ATTRIBUTES = 4, LONGEST = 400 };

static size_t random_subject(struct attribute *subject, char values[ATTRIBUTES][LONGEST])
{
    size_t count = (size_t)(random() % ATTRIBUTES) + 1;
    for (size_t i = 0; i < count; i++) {
        int len = (int)(random() % (i == ATTRIBUTES - 1 ? LONGEST : 12));
        for (int k = 0; k < len; k++)
            values[i][k] = "abAB"[random() % 4];
        subject[i] = (struct attribute){types[random() % 2], V_ASN1_UTF8STRING, values[i], len, 0};
    }
    return count;
}

static bool has_match(const struct config_rule *rule, const struct attribute *subject, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str value = str_make(subject[i].bytes, (size_t)subject[i].len);
        if (strcmp(subject[i].oid, rule->subfield.text) == 0 &&
            cert_map_glob(str_of(rule->match.text), value, rule->case_sensitive))
            return true;
    }
    return false;
}

static bool all_match(const struct config_many_to_one *item, const struct attribute *subject,
                      size_t count)
{
    for (size_t i = 0; i < item->rule_count; i++) {
        if (!has_match(&item->rules[i], subject, count))
            return false;
    }
    return true;
}

static const char *walk_in_order(const struct attribute *subject, size_t count)
{
    for (size_t i = 0; i < site.mapping.many_to_one_count; i++) {
        if (all_match(&site.mapping.many_to_one[i], subject, count))
            return site.mapping.many_to_one[i].name.text;
    }
    return NULL;
}

/* The anchors must never change which mapping wins. */
START_TEST(finds_the_same_mapping_as_a_walk_in_order)
{
    enum { ROUNDS = 20, MAPPINGS = 30, CERTS = 30 };
    srandom(7);
    for (int round = 0; round < ROUNDS; round++) {
        drop_mappings();
        for (int i = 0; i < MAPPINGS; i++)
            add_random_mapping(i);
        struct cert_map *map = load();
        for (int i = 0; i < CERTS; i++) {
            struct attribute subject[ATTRIBUTES];
            char values[ATTRIBUTES][LONGEST];
            size_t count = random_subject(subject, values);
            struct cert *cert = make_cert(subject, count, subject, 1);
            ck_assert_pstr_eq(cert_map_lookup(map, cert).mapping, walk_in_order(subject, count));
            drop_cert(cert);
        }
        cert_map_free(map);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("cert_map_rules");
    TCase *tcase = tcase_create("cert_map_rules");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, knows_every_sub_field_in_any_case);
    tcase_add_test(tcase, an_unknown_sub_field_never_matches_and_warns);
    tcase_add_test(tcase, zero_rules_never_match_and_warn);
    tcase_add_test(tcase, all_rules_of_a_mapping_must_match);
    tcase_add_test(tcase, any_value_of_a_repeated_or_multi_valued_attribute_will_do);
    tcase_add_test(tcase, decodes_every_string_type_before_comparing);
    tcase_add_test(tcase, compares_with_case_unless_told_otherwise);
    tcase_add_test(tcase, matches_stars_and_nothing_else);
    tcase_add_test(tcase, many_stars_over_a_long_value_stay_linear);
    tcase_add_test(tcase, warns_of_mappings_and_rules_without_effect);
    tcase_add_test(tcase, refuses_two_mappings_of_one_name_and_an_allow_without_user);
    tcase_add_test(tcase, finds_the_same_mapping_as_a_walk_in_order);
    suite_add_tcase(suite, tcase);
    return suite;
}
