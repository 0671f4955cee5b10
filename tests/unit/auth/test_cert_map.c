/* SPDX-License-Identifier: MIT */
#include <endian.h>

#include "unit/auth/cert_map_fixture.h"

/* ----- iis-semantics.md 10.6, row by row ----- */

START_TEST(one_to_one_match_with_a_good_logon_is_the_user)
{
    struct cert *alice = simple_cert("alice");
    add_one("CONTOSO\\alice", keep(sha256_of(alice)));
    add_many("everyone", "CONTOSO\\staff");
    add_rule(CERT_FIELD_SUBJECT, "CN", "*");
    assert_mapped(alice, OUTCOME_OK, "CONTOSO\\alice", "one_to_one");
    drop_cert(alice);
}
END_TEST

START_TEST(one_to_one_match_with_a_failed_logon_ends_there)
{
    struct cert *alice = simple_cert("alice");
    add_one("CONTOSO\\alice", keep(sha256_of(alice)));
    add_many("everyone", "CONTOSO\\staff");
    add_rule(CERT_FIELD_SUBJECT, "CN", "*");
    add_account("CONTOSO\\staff", NULL, ACCOUNT_ENABLED);
    assert_mapped(alice, OUTCOME_LOGON_FAILED, "CONTOSO\\alice", "one_to_one");
    ck_assert(says("not in accounts"));
    drop_cert(alice);
}
END_TEST

/* iis-semantics.md 5.2: evaluated in order, an earlier match wins. */
START_TEST(a_malformed_certificate_refuses_whoever_reaches_it)
{
    struct cert *first = simple_cert("first");
    struct cert *later = simple_cert("later");
    char *mangled = keep(base64_of(first));
    mangled[strlen(mangled) / 2] = '\0';
    add_one("u1", keep(sha256_of(first)));
    add_one("u2", mangled);
    add_one("u3", keep(sha256_of(later)));
    add_many("everyone", "staff");
    add_rule(CERT_FIELD_SUBJECT, "CN", "*");
    struct cert_map *map = load();
    ck_assert(says("cannot be decoded"));
    assert_result(map, first, OUTCOME_OK, "u1", "one_to_one");
    assert_result(map, later, OUTCOME_MAPPING_MALFORMED, NULL, "one_to_one");
    cert_map_free(map);
    site.mapping.one_to_one[1].enabled = false;
    assert_mapped(later, OUTCOME_OK, "u3", "one_to_one");
    site.mapping.one_to_one[1].enabled = true;
    site.mapping.one_to_one_enabled = false;
    assert_mapped(later, OUTCOME_OK, "staff", "everyone");
    drop_cert(first);
    drop_cert(later);
}
END_TEST

START_TEST(what_is_remembered_belongs_to_one_map_and_one_certificate)
{
    struct cert *alice = simple_cert("alice");
    struct cert *bob = simple_cert("bob");
    struct cert_map_memo memo = {0};
    add_one("CONTOSO\\alice", keep(sha256_of(alice)));
    struct cert_map *first = load();
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(cert_map_lookup_again(&memo, first, alice).user, "CONTOSO\\alice");
        ck_assert(memo.map == first && memo.cert == alice);
    }
    ck_assert_ptr_null(cert_map_lookup_again(&memo, first, bob).user);
    ck_assert_str_eq(cert_map_lookup_again(&memo, first, alice).user, "CONTOSO\\alice");
    add_one("CONTOSO\\bob", keep(sha256_of(bob)));
    struct cert_map *second = load();
    ck_assert_str_eq(cert_map_lookup_again(&memo, second, bob).user, "CONTOSO\\bob");
    ck_assert_ptr_null(cert_map_lookup_again(&memo, first, bob).user);
    cert_map_free(first);
    cert_map_free(second);
    drop_cert(alice);
    drop_cert(bob);
}
END_TEST

START_TEST(many_to_one_allow_deny_and_no_match)
{
    struct cert *alice = simple_cert("alice");
    struct cert *bob = simple_cert("bob");
    struct cert *carol = simple_cert("carol");
    add_many("blocked", NULL);
    add_rule(CERT_FIELD_SUBJECT, "CN", "bob");
    add_many("staff", "staff");
    add_rule(CERT_FIELD_SUBJECT, "CN", "*o*");
    add_many("a", "a-user");
    add_rule(CERT_FIELD_SUBJECT, "CN", "al*");
    struct cert_map *map = load_well();
    assert_result(map, alice, OUTCOME_OK, "a-user", "a");
    assert_result(map, bob, OUTCOME_MAPPING_DENIED, NULL, "blocked");
    assert_result(map, carol, OUTCOME_OK, "staff", "staff");
    cert_map_free(map);
    struct cert *dave = simple_cert("dave");
    assert_mapped(dave, OUTCOME_OK, NULL, NULL);
    config.compat.deny_status_401 = true;
    assert_mapped(bob, OUTCOME_MAPPING_DENIED_401, NULL, "blocked");
    site.mapping.many_to_one[0].enabled = false;
    assert_mapped(bob, OUTCOME_OK, "staff", "staff");
    site.mapping.many_to_one_enabled = false;
    assert_mapped(bob, OUTCOME_OK, NULL, NULL);
    drop_cert(alice);
    drop_cert(bob);
    drop_cert(carol);
    drop_cert(dave);
}
END_TEST

START_TEST(many_to_one_allow_with_a_failed_logon_ends_there)
{
    struct cert *alice = simple_cert("alice");
    add_many("first", "nobody");
    add_rule(CERT_FIELD_SUBJECT, "CN", "alice");
    add_many("second", "staff");
    add_rule(CERT_FIELD_SUBJECT, "CN", "a*");
    add_account("staff", NULL, ACCOUNT_ENABLED);
    assert_mapped(alice, OUTCOME_LOGON_FAILED, "nobody", "first");
    drop_cert(alice);
}
END_TEST

/* ----- accounts ----- */

START_TEST(each_state_of_an_account_has_its_outcome)
{
    static const struct {
        enum config_account_state state;
        enum outcome outcome;
    } cases[] = {
        {ACCOUNT_ENABLED, OUTCOME_OK},
        {ACCOUNT_DISABLED, OUTCOME_LOGON_DISABLED},
        {ACCOUNT_PASSWORD_EXPIRED, OUTCOME_LOGON_PASSWORD_EXPIRED},
        {ACCOUNT_LOGON_TYPE_DENIED, OUTCOME_LOGON_TYPE_DENIED},
    };
    struct cert *alice = simple_cert("alice");
    add_one("alice", keep(sha256_of(alice)));
    add_account("alice", NULL, ACCOUNT_ENABLED);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        site.accounts[0].state = cases[i].state;
        assert_mapped(alice, cases[i].outcome, "alice", "one_to_one");
    }
    drop_cert(alice);
}
END_TEST

START_TEST(compares_the_password_of_the_mapping_with_the_account)
{
    static const struct {
        const char *of_mapping, *of_account;
        enum outcome outcome;
    } cases[] = {
        {"secret\n", "secret", OUTCOME_OK},
        {"secret\r\n", "secret\n", OUTCOME_OK},
        {"secret\n\n", "secret", OUTCOME_COUNT}, /* two lines: an error */
        {"Secret", "secret", OUTCOME_LOGON_FAILED},
        {"secre", "secret", OUTCOME_LOGON_FAILED},
        {"secret ", "secret", OUTCOME_LOGON_FAILED},
        {"", "secret", OUTCOME_LOGON_FAILED},
        {"", "", OUTCOME_OK},
        {NULL, "secret", OUTCOME_LOGON_FAILED},
        {"secret", NULL, OUTCOME_OK},
        {NULL, NULL, OUTCOME_OK},
    };
    struct cert *alice = simple_cert("alice");
    struct config_one_to_one *item = add_one("alice", keep(sha256_of(alice)));
    add_account("alice", NULL, ACCOUNT_ENABLED);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *of_mapping = cases[i].of_mapping;
        const char *of_account = cases[i].of_account;
        item->password_file.text =
            of_mapping == NULL ? NULL : write_file("one.secret", of_mapping, strlen(of_mapping));
        site.accounts[0].password_file.text =
            of_account == NULL ? NULL : write_file("two.secret", of_account, strlen(of_account));
        struct cert_map *map = load();
        if (cases[i].outcome == OUTCOME_COUNT) {
            ck_assert_ptr_null(map);
            continue;
        }
        struct cert_map_result result = cert_map_lookup(map, alice);
        ck_assert_msg(result.outcome == cases[i].outcome, "case %zu", i);
        ck_assert((result.password == NULL) == (of_mapping == NULL));
        if (of_mapping != NULL)
            ck_assert(strcspn(of_mapping, "\r\n") == strlen(result.password));
        cert_map_free(map);
    }
    drop_cert(alice);
}
END_TEST

/* A wrong password tells nothing about the state of the account, as on Windows. */
START_TEST(a_wrong_password_comes_before_the_state)
{
    struct cert *alice = simple_cert("alice");
    add_one("alice", keep(sha256_of(alice)));
    add_account("alice", write_file("two.secret", "x", 1), ACCOUNT_DISABLED);
    assert_mapped(alice, OUTCOME_LOGON_FAILED, "alice", "one_to_one");
    drop_cert(alice);
}
END_TEST

START_TEST(puts_the_default_domain_before_users_without_one)
{
    static const struct {
        const char *user, *expected;
    } cases[] = {
        {"alice", "CONTOSO\\alice"},
        {"FABRIKAM\\alice", "FABRIKAM\\alice"},
        {"alice@contoso.com", "alice@contoso.com"},
        {".\\alice", ".\\alice"},
    };
    struct cert *alice = simple_cert("alice");
    for (size_t i = 0; i < LENGTH(cases); i++) {
        site.mapping.one_to_one_count = 0;
        add_one(cases[i].user, keep(sha256_of(alice)));
        site.mapping.default_logon_domain.text = keep(xstrdup("CONTOSO"));
        assert_mapped(alice, OUTCOME_OK, cases[i].expected, "one_to_one");
    }
    /* Account names have no case on Windows; the domain is added to both. */
    site.mapping.one_to_one_count = 0;
    add_one("Alice", keep(sha256_of(alice)));
    add_account("contoso\\ALICE", NULL, ACCOUNT_ENABLED);
    assert_mapped(alice, OUTCOME_OK, "CONTOSO\\Alice", "one_to_one");
    drop_cert(alice);
}
END_TEST

START_TEST(refuses_users_that_could_break_a_header_or_a_log)
{
    static const char *const bad[] = {"", "a\nb", "a\x01", "a\x7f", "\xff", "\xc2\x85", "\xc0\x80"};
    struct cert *alice = simple_cert("alice");
    for (size_t i = 0; i < LENGTH(bad); i++) {
        site.mapping.one_to_one_count = 0;
        add_one(bad[i], keep(sha256_of(alice)));
        ck_assert_ptr_null(load());
        ck_assert_uint_eq(errors.entries[0].line, 11);
    }
    drop_cert(alice);
}
END_TEST

START_TEST(refuses_the_same_account_twice)
{
    add_account("CONTOSO\\alice", NULL, ACCOUNT_ENABLED);
    add_account("contoso\\Alice", NULL, ACCOUNT_DISABLED);
    ck_assert_ptr_null(load());
    ck_assert(says("listed twice"));
}
END_TEST

/* ----- one-to-one sources: iis-semantics.md 5.2 ----- */

static char *with_breaks(const char *base64, const char *line_break)
{
    struct text text = {0};
    for (size_t i = 0; base64[i] != '\0'; i++) {
        if (i > 0 && i % 64 == 0)
            text_add_cstr(&text, line_break);
        text_add_char(&text, base64[i]);
    }
    return text_take(&text);
}

START_TEST(takes_a_certificate_in_every_spelling)
{
    struct cert *alice = simple_cert("alice");
    struct cert *mallory = simple_cert("alice"); /* same name, another certificate */
    char *base64 = keep(base64_of(alice));
    char *pem = keep(xasprintf("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
                               keep(with_breaks(base64, "\n"))));
    char *chain =
        keep(xasprintf("Bag Attributes\n%s%s", pem, "-----BEGIN CERTIFICATE-----\nnot read\n"));
    char *hex = keep(sha256_of(alice));
    char *joined = keep(xasprintf("-----BEGIN CERTIFICATE----- %s -----END CERTIFICATE-----",
                                  keep(with_breaks(base64, " "))));
    const char *spellings[] = {
        hex,
        base64,
        keep(with_breaks(base64, "\r\n\t ")),
        pem,
        joined,
        write_file("a.pem", chain, strlen(chain)),
        write_file("a.der", (const char *)alice->der, alice->der_len),
    };
    for (size_t i = 0; i < LENGTH(spellings); i++) {
        site.mapping.one_to_one_count = 0;
        add_one("alice", spellings[i]);
        struct cert_map *map = load();
        ck_assert_msg(map != NULL, "spelling %zu", i);
        ck_assert_uint_eq(errors.count, spellings[i] == pem || spellings[i] == joined);
        assert_result(map, alice, OUTCOME_OK, "alice", "one_to_one");
        assert_result(map, mallory, OUTCOME_OK, NULL, NULL);
        cert_map_free(map);
    }
    site.mapping.one_to_one_count = 0;
    add_one("alice", pem);
    config.compat.pem_in_mapping_malformed = true; /* iis-semantics.md 5.2 */
    assert_mapped(alice, OUTCOME_MAPPING_MALFORMED, NULL, "one_to_one");
    drop_cert(alice);
    drop_cert(mallory);
}
END_TEST

START_TEST(an_undecodable_certificate_in_place_is_a_warning)
{
    struct cert *alice = simple_cert("alice");
    char *base64 = keep(base64_of(alice));
    char *trailing = keep(xcalloc(strlen(base64) * 2, 1));
    unsigned char *longer = xmalloc(alice->der_len + 1);
    memcpy(longer, alice->der, alice->der_len);
    longer[alice->der_len] = 0;
    EVP_EncodeBlock((unsigned char *)trailing, longer, (int)alice->der_len + 1);
    free(longer);
    char *equals = keep(xstrdup(base64));
    equals[100] = '=';
    const char *mangled[] = {trailing,

                             equals,
                             keep(xstrndup(base64, 80)),
                             keep(xstrndup(base64, strlen(base64) - 5)),
                             "-----BEGIN CERTIFICATE-----",
                             "-----BEGIN X-----",
                             "-----BEGIN CERTIFICATE----------END CERTIFICATE-----"};
    for (size_t i = 0; i < LENGTH(mangled); i++) {
        site.mapping.one_to_one_count = 0;
        add_one("alice", mangled[i]);
        assert_mapped(alice, OUTCOME_MAPPING_MALFORMED, NULL, "one_to_one");
        ck_assert(says("cannot be decoded"));
        ck_assert_uint_eq(errors.entries[0].line, 12);
    }
    drop_cert(alice);
}
END_TEST

START_TEST(a_missing_file_or_a_bad_digest_is_an_error)
{
    const char *const bad[] = {
        "/nonexistent/alice.pem",
        "sha256:",
        "sha256:12",
        "sha256:zz",
        "",
        write_file("bad.pem", "hello", 5),
        "sha256:00000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        site.mapping.one_to_one_count = 0;
        add_one("alice", bad[i]);
        ck_assert_msg(load() == NULL, "case %zu", i);
        ck_assert_uint_eq(errors.entries[0].line, 12);
    }
}
END_TEST

START_TEST(the_same_certificate_twice_is_an_error)
{
    struct cert *alice = simple_cert("alice");
    add_one("first", keep(sha256_of(alice)));
    add_one("second", keep(base64_of(alice)));
    ck_assert_ptr_null(load());
    ck_assert(says("mapped twice, first to 'first'"));
    site.mapping.one_to_one[0].enabled = false;
    assert_mapped(alice, OUTCOME_OK, "second", "one_to_one");
    drop_cert(alice);
}
END_TEST

/* ----- one_to_one_file ----- */

static void map_file(const char *text, size_t len)
{
    site.mapping.one_to_one_file = value_of(write_file("clients.map", text, len), 31);
}

START_TEST(an_empty_file_is_an_error_and_a_comment_none)
{
    map_file("", 0);
    ck_assert_ptr_null(load());
    ck_assert_ptr_nonnull(strstr(errors.entries[0].text, "is empty"));
    errors_clear(&errors);
    map_file("# nobody\n", 9);
    struct cert_map *map = load();
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(cert_map_file_count(map), 0);
    cert_map_free(map);
}
END_TEST

START_TEST(reads_a_file_of_certificates)
{
    struct cert *alice = simple_cert("alice");
    struct cert *bob = simple_cert("bob");
    struct cert *carol = simple_cert("carol");
    struct text text = {0};
    text_add_cstr(&text, "\xef\xbb\xbf# people\r\n\r\n");
    text_add_hex(&text, alice->sha256, 32);
    text_add_cstr(&text, " CONTOSO\\alice smith \r\n  # more\n\t");
    text_add_hex(&text, bob->sha256, 32);
    text_add_cstr(&text, "\t \tbob\n");
    text_add_hex(&text, carol->sha256, 32);
    text_add_cstr(&text, " carol"); /* no newline */
    map_file(text.ptr, text.len);
    struct cert_map *map = load_well();
    ck_assert(cert_map_is_configured(map));
    assert_result(map, alice, OUTCOME_OK, "CONTOSO\\alice smith", "one_to_one");
    assert_result(map, bob, OUTCOME_OK, "bob", "one_to_one");
    assert_result(map, carol, OUTCOME_OK, "carol", "one_to_one");
    cert_map_free(map);
    text_clear(&text);
    drop_cert(alice);
    drop_cert(bob);
    drop_cert(carol);
}
END_TEST

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

START_TEST(names_the_line_of_every_problem_in_the_file)
{
    static const struct {
        const char *line, *message;
        unsigned column;
    } cases[] = {
        {"00112233 alice\n", "64 hexadecimal digits", 1},
        {" " HEX64 "0 alice\n", "64 hexadecimal digits", 2},
        {HEX64 ",alice\n", "64 hexadecimal digits", 1},
        {HEX64 "\n", "the user is missing", 65},
        {HEX64 " \t\n", "the user is missing", 65},
        {HEX64 " a\x01\n", "without control characters", 65},
        {HEX64 " \xff\xfe\n", "without control characters", 65},
        {HEX64 " a\rb\n", "without control characters", 65},
        {"alice " HEX64 "\n", "64 hexadecimal digits", 1},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char *text = keep(xasprintf("# comment\n%s", cases[i].line));
        map_file(text, strlen(text));
        ck_assert_msg(load() == NULL, "case %zu", i);
        ck_assert_msg(says(cases[i].message), "case %zu: %s", i, errors.entries[0].text);
        ck_assert_uint_eq(errors.entries[0].line, 2);
        ck_assert_uint_eq(errors.entries[0].column, cases[i].column);
        ck_assert_str_eq(errors.entries[0].file, site.mapping.one_to_one_file.text);
    }
    char *twice = keep(xasprintf("%s a\n%s b\n", HEX64, HEX64));
    map_file(twice, strlen(twice));
    ck_assert_ptr_null(load());
    ck_assert(says("mapped twice, first to 'a'"));
    map_file(HEX64 " a\0b\n", 68);
    ck_assert_ptr_null(load());
}
END_TEST

START_TEST(does_not_drown_in_a_file_of_another_kind)
{
    char *noise = keep(xmalloc(1 << 20));
    memset(noise, 'x', 1 << 20);
    map_file(noise, 1 << 20);
    ck_assert_ptr_null(load());
    ck_assert(says("too long"));
    for (size_t i = 0; i < (1 << 20); i += 2)
        noise[i] = '\n';
    map_file(noise, 1 << 20);
    ck_assert_ptr_null(load());
    ck_assert_uint_le(errors.count, 22);
    ck_assert(says("further errors"));
    site.mapping.one_to_one_file = value_of("/nonexistent/clients.map", 31);
    ck_assert_ptr_null(load());
    ck_assert_uint_eq(errors.entries[0].line, 31);
}
END_TEST

START_TEST(warns_once_of_users_in_the_file_that_are_not_listed)
{
    map_file("# x\n" HEX64 " stranger\n", 4 + 64 + 10);
    add_account("alice", NULL, ACCOUNT_ENABLED);
    struct cert_map *map = load();
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_uint_eq(errors.entries[0].line, 2);
    cert_map_free(map);
}
END_TEST

/* The file is for very many: 200 000 entries, each a user of its own, in a second at most; also
 * when only the end of the fingerprints differs, as in one that was made up. */
START_TEST(loads_very_many_certificates_quickly)
{
    enum { COUNT = 200000 };
    struct cert *alice = simple_cert("alice");
    struct text text = {0};
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t words[4] = {i * 0x9e3779b97f4a7c15u, ~i, i << 32, 7};
        if (_i == 1) {
            memset(words, 0, sizeof words);
            words[3] = htobe64(i);
        }
        text_add_hex(&text, (const unsigned char *)words, 32);
        text_addf(&text, " CONTOSO\\user%llu\n", (unsigned long long)i);
    }
    text_add_hex(&text, alice->sha256, 32);
    text_add_cstr(&text, " CONTOSO\\alice\n");
    map_file(text.ptr, text.len);
    uint64_t start = unit_cpu_ms();
    struct cert_map *map = load_well();
    ck_assert_uint_lt(unit_cpu_ms() - start, 5000);
    assert_result(map, alice, OUTCOME_OK, "CONTOSO\\alice", "one_to_one");
    cert_map_free(map);
    text_clear(&text);
    drop_cert(alice);
}
END_TEST

START_TEST(is_configured_tells_whether_there_are_mappings)
{
    struct cert_map *map = load_well();
    ck_assert(!cert_map_is_configured(map));
    struct cert *alice = simple_cert("alice");
    assert_result(map, alice, OUTCOME_OK, NULL, NULL);
    cert_map_free(map);
    add_many("m", "u")->enabled = false;
    add_rule(CERT_FIELD_SUBJECT, "CN", "*");
    map = load_well();
    ck_assert(cert_map_is_configured(map));
    assert_result(map, alice, OUTCOME_OK, NULL, NULL);
    cert_map_free(map);
    cert_map_free(NULL);
    drop_cert(alice);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("cert_map");
    TCase *tcase = tcase_create("cert_map");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, one_to_one_match_with_a_good_logon_is_the_user);
    tcase_add_test(tcase, one_to_one_match_with_a_failed_logon_ends_there);
    tcase_add_test(tcase, a_malformed_certificate_refuses_whoever_reaches_it);
    tcase_add_test(tcase, what_is_remembered_belongs_to_one_map_and_one_certificate);
    tcase_add_test(tcase, many_to_one_allow_deny_and_no_match);
    tcase_add_test(tcase, many_to_one_allow_with_a_failed_logon_ends_there);
    tcase_add_test(tcase, each_state_of_an_account_has_its_outcome);
    tcase_add_test(tcase, compares_the_password_of_the_mapping_with_the_account);
    tcase_add_test(tcase, a_wrong_password_comes_before_the_state);
    tcase_add_test(tcase, puts_the_default_domain_before_users_without_one);
    tcase_add_test(tcase, refuses_users_that_could_break_a_header_or_a_log);
    tcase_add_test(tcase, refuses_the_same_account_twice);
    tcase_add_test(tcase, takes_a_certificate_in_every_spelling);
    tcase_add_test(tcase, an_undecodable_certificate_in_place_is_a_warning);
    tcase_add_test(tcase, a_missing_file_or_a_bad_digest_is_an_error);
    tcase_add_test(tcase, the_same_certificate_twice_is_an_error);
    tcase_add_test(tcase, an_empty_file_is_an_error_and_a_comment_none);
    tcase_add_test(tcase, reads_a_file_of_certificates);
    tcase_add_test(tcase, names_the_line_of_every_problem_in_the_file);
    tcase_add_test(tcase, does_not_drown_in_a_file_of_another_kind);
    tcase_add_test(tcase, warns_once_of_users_in_the_file_that_are_not_listed);
    tcase_add_loop_test(tcase, loads_very_many_certificates_quickly, 0, 2);
    tcase_add_test(tcase, is_configured_tells_whether_there_are_mappings);
    suite_add_tcase(suite, tcase);
    return suite;
}
