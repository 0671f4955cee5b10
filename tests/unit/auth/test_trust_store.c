/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>

#include <openssl/pem.h>

#include "auth/cert_facts.h"
#include "auth/trust.h"
#include "auth/trust_store.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct fixture fixture;
static struct config_trust *settings;
static struct made root;
static struct made ca;
static struct made leaf;

static void setup(void)
{
    fixture_init(&fixture);
    settings = &fixture.site.trust;
    root = make_root("CN=Root", 1);
    ca = make_ca("CN=Issuing", &root, 2);
    leaf = make_leaf("CN=Alice", &ca, 3);
}

static void teardown(void)
{
    fixture_clear(&fixture);
}

/* ---- loading (interface 3.1) ---- */

static void expect_problem(const char *text, bool is_error)
{
    struct error_list errors = {0};
    struct trust *trust = trust_new(&fixture.site, &fixture.config, &errors);
    ck_assert_uint_ge(errors.count, 1);
    ck_assert_msg(strstr(errors.entries[0].text, text) != NULL, "%s", errors.entries[0].text);
    ck_assert_int_eq(errors.entries[0].kind, is_error ? ERROR_KIND_ERROR : ERROR_KIND_WARNING);
    ck_assert((trust == NULL) == is_error);
    trust_free(trust);
    errors_clear(&errors);
}

START_TEST(a_missing_path_is_an_error_with_its_place)
{
    struct error_list errors = {0};
    fixture_path(&settings->root, "/nonexistent/root.pem");
    ck_assert_ptr_null(trust_new(&fixture.site, &fixture.config, &errors));
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.entries[0].file, "test.yaml");
    ck_assert_uint_eq(errors.entries[0].line, 1);
    ck_assert_uint_eq(errors.entries[0].column, 7);
    errors_clear(&errors);
}
END_TEST

START_TEST(a_listed_file_without_a_certificate_is_an_error)
{
    fixture_path(&settings->root, fixture_file(&fixture, "empty.pem", "", 0));
    expect_problem("holds no certificate", true);
}
END_TEST

/* What a failed copy leaves behind. An empty Disallowed would let the distrusted in, an empty store
 * of issuers counts as unbound (iis-semantics 3.3). */
START_TEST(an_empty_file_in_a_folder_is_an_error)
{
    (void)fixture_file(&fixture, "good.der", root.cert->der, root.cert->der_len);
    (void)fixture_file(&fixture, "empty.pem", "", 0);
    struct config_list *const stores[] = {&settings->root, &settings->intermediate,
                                          &settings->trusted_issuers,
                                          &settings->client_auth_issuers, &settings->disallowed};
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        fixture_path(stores[i], fixture.folder);
        expect_problem("empty.pem\" is empty", true);
        free(stores[i]->items[0].text);
        free(stores[i]->items);
        *stores[i] = (struct config_list){0};
    }
}
END_TEST

/* Cut off in the line that begins the second block. */
START_TEST(a_file_that_was_cut_off_is_an_error_wherever_the_cut_is)
{
    char *pem = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(PEM_write_bio_X509(bio, root.cert->x509), 1);
    size_t len = (size_t)BIO_get_mem_data(bio, &pem);
    for (size_t cut = 1; cut < len; cut++) {
        struct cert **certs = NULL;
        size_t count = 0;
        bool is_good = cert_list_parse(pem, cut, &certs, &count);
        /* Whole are the first block, with or without its newline, and all but the last newline; of
         * the second less may be there than says that something begins. */
        bool is_whole = cut == len - 1 || (cut >= len / 2 - 1 && cut < len / 2 + 11);
        ck_assert_msg(is_good == is_whole, "%zu of %zu", cut, len);
        for (size_t i = 0; i < count; i++)
            cert_unref(certs[i]);
        free(certs);
    }
    BIO_free(bio);
}
END_TEST

START_TEST(a_damaged_file_in_a_folder_is_an_error_that_names_it)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    (void)fixture_file(&fixture, "good.der", root.cert->der, root.cert->der_len);
    (void)fixture_file(&fixture, "bad.pem", pem, sizeof pem - 1);
    fixture_path(&settings->root, fixture.folder);
    expect_problem("bad.pem", true);
}
END_TEST

START_TEST(a_truncated_pem_block_is_damage)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    fixture_path(&settings->root, fixture_file(&fixture, "cut.pem", pem, sizeof pem - 1));
    expect_problem("cannot be decoded", true);
}
END_TEST

START_TEST(a_folder_counts_only_files_with_a_known_ending)
{
    (void)fixture_file(&fixture, "a.CRT", root.cert->der, root.cert->der_len);
    (void)fixture_file(&fixture, ".hidden.pem", "x", 1);
    (void)fixture_file(&fixture, "README.txt", "x", 1);
    (void)fixture_file(&fixture, "key.pem.old", "x", 1);
    fixture_path(&settings->root, fixture.folder);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &ca), OUTCOME_OK);
    ck_assert_uint_eq(fixture.errors.errors, 0); /* what is passed over is named, once */
    ck_assert_uint_eq(fixture.errors.count, 1);
    ck_assert_ptr_nonnull(strstr(fixture.errors.entries[0].text, "README.txt, key.pem.old"));
    ck_assert_ptr_null(strstr(fixture.errors.entries[0].text, "hidden"));
}
END_TEST

START_TEST(an_empty_root_folder_is_a_warning_and_refuses_everyone)
{
    fixture_path(&settings->root, fixture.folder);
    expect_problem("every certificate is refused", false);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &ca, &root), OUTCOME_UNTRUSTED_ROOT);
}
END_TEST

START_TEST(a_fifo_is_refused_instead_of_waited_for)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/pipe.pem", fixture.folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    fixture_path(&settings->root, path);
    expect_problem("not a regular file", true);
}
END_TEST

START_TEST(reads_several_certificates_and_keys_from_one_pem_file)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, root.key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509(bio, ca.cert->x509);
    PEM_write_bio_X509(bio, root.cert->x509);
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    fixture_path(&settings->root, fixture_file(&fixture, "both.pem", bytes, (size_t)len));
    BIO_free(bio);
    settings->mode = TRUST_MODE_EXCLUSIVE_CA;
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_OK);
}
END_TEST

/* ---- 10.3: which store is T, and the list ---- */

static bool list_has(const struct made *made)
{
    size_t count = 0;
    const struct trust_issuer_name *names = trust_issuer_list(fixture.trust, &count);
    const unsigned char *der = NULL;
    size_t len = 0;
    X509_NAME_get0_der(made->cert->facts->subject, &der, &len);
    for (size_t i = 0; i < count; i++) {
        if (names[i].len == len && memcmp(names[i].der, der, len) == 0)
            return true;
    }
    return false;
}

START_TEST(chooses_the_issuer_store)
{
    struct made bound = make_root("CN=Bound", 11);
    struct made other = make_root("CN=Other", 12);
    static const struct {
        bool is_bound, has_bound, has_issuers, documented;
        int expected; /* 0 root, 1 bound, 2 client_auth_issuers */
    } rows[] = {
        {true, true, false, false, 1},  {true, true, true, true, 1},
        {true, false, true, false, 0},  {true, false, true, true, 2},
        {false, false, true, false, 0}, {false, false, true, true, 2},
        {false, false, false, true, 0}, {false, false, false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        teardown();
        setup();
        settings->send_trusted_issuer_list = true;
        fixture_store(&fixture, &settings->root, &root, NULL);
        if (rows[i].has_bound)
            fixture_store(&fixture, &settings->trusted_issuers, &bound, NULL);
        settings->trusted_issuers.is_set = rows[i].is_bound;
        if (rows[i].has_issuers)
            fixture_store(&fixture, &settings->client_auth_issuers, &other, NULL);
        fixture.config.compat.client_auth_issuers_documented = rows[i].documented;
        fixture_load(&fixture);
        size_t count = 0;
        (void)trust_issuer_list(fixture.trust, &count);
        const struct made *expected[] = {&root, &bound, &other};
        ck_assert_msg(count == 1 && list_has(expected[rows[i].expected]), "row %zu", i);
        bool warned = fixture.errors.count > 0;
        ck_assert_msg(warned == (rows[i].is_bound && !rows[i].has_bound), "row %zu", i);
    }
}
END_TEST

/* iis-semantics.md 3.3: compat.empty_trusted_issuers: deny */
START_TEST(an_empty_bound_store_can_refuse_everyone)
{
    fixture_store(&fixture, &settings->root, &root, NULL);
    settings->trusted_issuers.is_set = true;
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &ca), OUTCOME_OK);
    fixture.config.compat.empty_trusted_issuers_deny = true;
    fixture_load(&fixture);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &ca), OUTCOME_ISSUER_NOT_LISTED);
}
END_TEST

START_TEST(sends_no_list_unless_told_to)
{
    size_t count = 9;
    fixture_store(&fixture, &settings->root, &root, NULL);
    (void)trust_issuer_list(fixture_load(&fixture), &count);
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* 3.4: of a mixed Root only the certificates that are no roots; in every mode. */
START_TEST(a_mixed_root_store_shrinks_the_list)
{
    settings->send_trusted_issuer_list = true;
    fixture_store(&fixture, &settings->root, &root, &ca, NULL);
    for (int mode = 0; mode <= 2; mode++) {
        settings->mode = (enum config_trust_mode)mode;
        fixture_load(&fixture);
        ck_assert(list_has(&ca) && !list_has(&root));
    }
    fixture.config.compat.root_mix = ROOT_MIX_OFF;
    fixture_load(&fixture);
    ck_assert(list_has(&ca) && list_has(&root));
}
END_TEST

/* 3.4: sorted by SHA-1, each name once, only for client authentication. */
START_TEST(orders_and_filters_the_list)
{
    struct made twin = make_root("CN=Root", 13);
    struct made server = make_cert(&(struct cert_spec){
        .subject = "CN=Server CA", .key = 14, .extensions = {EXT_CA, EXT_SERVER}});
    struct made second = make_root("CN=Second", 15);
    struct made third = make_root("CN=Third", 16);
    settings->send_trusted_issuer_list = true;
    fixture_store(&fixture, &settings->root, &root, &twin, &server, &second, &third, NULL);
    fixture_load(&fixture);
    size_t count = 0;
    const struct trust_issuer_name *names = trust_issuer_list(fixture.trust, &count);
    ck_assert_uint_eq(count, 3);
    ck_assert(list_has(&root) && list_has(&second) && list_has(&third) && !list_has(&server));
    const struct made *first =
        memcmp(second.cert->sha1, third.cert->sha1, 20) < 0 ? &second : &third;
    size_t at[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        const unsigned char *der = NULL;
        size_t len = 0;
        const struct made *pair[] = {first, first == &second ? &third : &second};
        for (size_t j = 0; j < 2; j++) {
            X509_NAME_get0_der(pair[j]->cert->facts->subject, &der, &len);
            if (names[i].len == len && memcmp(names[i].der, der, len) == 0)
                at[j] = i;
        }
    }
    ck_assert_uint_lt(at[0], at[1]);
}
END_TEST

/* 3.4: 16384 octets, the length prefix of each name included; legacy: anchors beyond the cut. */
START_TEST(cuts_the_list_at_16_kib)
{
    char subject[128];
    struct made many[160];
    settings->send_trusted_issuer_list = true;
    for (unsigned i = 0; i < 160; i++) {
        (void)snprintf(subject, sizeof subject, "O=%060u/CN=Root number %030u", i, i);
        many[i] = make_root(subject, 1);
        fixture_store(&fixture, &settings->root, &many[i], NULL);
    }
    fixture_load(&fixture);
    size_t count = 0;
    const struct trust_issuer_name *names = trust_issuer_list(fixture.trust, &count);
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += names[i].len + 2;
    ck_assert_uint_le(total, 16384);
    ck_assert_uint_gt(total + names[0].len + 2, 16384);

    fixture.config.compat.large_root_store = LARGE_ROOT_LEGACY;
    fixture_load(&fixture);
    size_t refused = 0;
    for (unsigned i = 0; i < 160; i++)
        refused += OUTCOME_FOR(&fixture, &many[i]) == OUTCOME_UNTRUSTED_ROOT;
    ck_assert_uint_eq(refused, 160 - count);
}
END_TEST

/* ---- the epoch ---- */

START_TEST(the_epoch_tells_contents_apart_and_nothing_else)
{
    unsigned char first[TRUST_EPOCH_SIZE];
    struct made second = make_root("CN=Second", 11);
    fixture_store(&fixture, &settings->root, &root, &second, NULL);
    memcpy(first, trust_epoch(fixture_load(&fixture)), sizeof first);
    struct config_value swapped = settings->root.items[0];
    settings->root.items[0] = settings->root.items[1];
    settings->root.items[1] = swapped;
    ck_assert_mem_eq(first, trust_epoch(fixture_load(&fixture)), sizeof first);
    settings->check_usage = false;
    ck_assert_mem_ne(first, trust_epoch(fixture_load(&fixture)), sizeof first);
    settings->check_usage = true;
    fixture_store(&fixture, &settings->disallowed, &leaf, NULL);
    ck_assert_mem_ne(first, trust_epoch(fixture_load(&fixture)), sizeof first);
}
END_TEST

START_TEST(crls_change_the_revocation_digest_but_not_the_epoch)
{
    unsigned char epoch[TRUST_EPOCH_SIZE];
    unsigned char digest[TRUST_EPOCH_SIZE];
    fixture_store(&fixture, &settings->root, &root, NULL);
    settings->revocation.check = true;
    memcpy(epoch, trust_epoch(fixture_load(&fixture)), sizeof epoch);
    memcpy(digest, trust_revocation_digest(fixture.trust), sizeof digest);
    fixture_crl(&fixture, &(struct crl_spec){.issuer = &root});
    fixture_load(&fixture);
    ck_assert_mem_eq(epoch, trust_epoch(fixture.trust), sizeof epoch);
    ck_assert_mem_ne(digest, trust_revocation_digest(fixture.trust), sizeof digest);
}
END_TEST

/* ---- 10.4: trust mode x T x chain ---- */

enum { CHAIN_FULL, CHAIN_INCOMPLETE, CHAIN_FOREIGN };

START_TEST(follows_the_decision_table_of_trust_modes)
{
    struct made foreign_root = make_root("CN=Foreign", 21);
    struct made foreign = make_leaf("CN=Mallory", &foreign_root, 22);
    struct made stray = make_ca("CN=Stray CA", &root, 23); /* not in the client's chain */
    const struct {
        int mode;
        const struct made *root[3];
        const struct made *bound[2];
        enum config_root_mix mix;
        int chain;
        enum outcome outcome;
    } rows[] = {
        {0, {&root}, {NULL}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {0, {&root}, {NULL}, ROOT_MIX_STRICT, CHAIN_FOREIGN, OUTCOME_UNTRUSTED_ROOT},
        {0, {&root}, {NULL}, ROOT_MIX_STRICT, CHAIN_INCOMPLETE, OUTCOME_PARTIAL_CHAIN},
        {0, {&root, &stray}, {NULL}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_ROOT_STORE_MIXED},
        {0, {&root, &ca}, {NULL}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_ROOT_STORE_MIXED},
        {0, {&root, &stray}, {NULL}, ROOT_MIX_STRICT, CHAIN_FOREIGN, OUTCOME_UNTRUSTED_ROOT},
        {0, {&root, &ca}, {NULL}, ROOT_MIX_ISSUER_FILTER, CHAIN_FULL, OUTCOME_OK},
        {0, {&root, &stray}, {NULL}, ROOT_MIX_ISSUER_FILTER, CHAIN_FULL, OUTCOME_ROOT_STORE_MIXED},
        {0, {&root, &stray}, {NULL}, ROOT_MIX_OFF, CHAIN_FULL, OUTCOME_OK},
        {0, {&root}, {&root}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {0, {&root}, {&ca}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {0, {&root, &stray}, {&ca}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {0, {&root}, {&stray}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_ISSUER_NOT_LISTED},
        {0, {&root}, {&ca}, ROOT_MIX_STRICT, CHAIN_INCOMPLETE, OUTCOME_PARTIAL_CHAIN},
        {0, {&foreign_root}, {&root}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_UNTRUSTED_ROOT},
        {1, {&foreign_root}, {&root}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {1, {&foreign_root, &stray}, {&root}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {1, {&root}, {&ca}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_UNTRUSTED_ROOT},
        {1, {&root}, {NULL}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {1, {&root, &stray}, {NULL}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_ROOT_STORE_MIXED},
        {2, {&foreign_root}, {&ca}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {2, {&foreign_root}, {&ca}, ROOT_MIX_STRICT, CHAIN_INCOMPLETE, OUTCOME_OK},
        {2, {&root, &ca}, {NULL}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {2, {&root}, {NULL}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_OK},
        {2, {&root}, {&foreign_root}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_UNTRUSTED_ROOT},
        {2, {&root}, {&leaf}, ROOT_MIX_STRICT, CHAIN_FULL, OUTCOME_UNTRUSTED_ROOT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture_clear(&fixture);
        fixture_init(&fixture);
        settings->mode = (enum config_trust_mode)rows[i].mode;
        fixture.config.compat.root_mix = rows[i].mix;
        for (size_t j = 0; j < 3 && rows[i].root[j] != NULL; j++)
            fixture_store(&fixture, &settings->root, rows[i].root[j], NULL);
        if (rows[i].bound[0] != NULL)
            fixture_store(&fixture, &settings->trusted_issuers, rows[i].bound[0], NULL);
        enum outcome outcome;
        if (rows[i].chain == CHAIN_FULL)
            outcome = OUTCOME_FOR(&fixture, &leaf, &ca, &root);
        else if (rows[i].chain == CHAIN_FOREIGN)
            outcome = OUTCOME_FOR(&fixture, &foreign, &foreign_root);
        else
            outcome = OUTCOME_FOR(&fixture, &leaf);
        ck_assert_msg(outcome == rows[i].outcome, "row %zu: %d", i, (int)outcome);
    }
}
END_TEST

/* Profile iis75 knows no trust modes. */
START_TEST(ignores_the_mode_where_it_is_not_honoured)
{
    settings->mode = TRUST_MODE_EXCLUSIVE_CA;
    fixture.config.compat.trust_mode_honoured = false;
    fixture_store(&fixture, &settings->root, &root, NULL);
    fixture_store(&fixture, &settings->trusted_issuers, &ca, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf), OUTCOME_PARTIAL_CHAIN);
}
END_TEST

/* 3.5: the same name with another key is self-issued, not self-signed. */
START_TEST(a_self_issued_certificate_is_not_self_signed)
{
    struct made rollover = make_cert(&(struct cert_spec){
        .subject = "CN=Root", .issuer = &root, .key = 30, .extensions = {EXT_CA}});
    fixture_store(&fixture, &settings->root, &root, &rollover, NULL);
    ck_assert_int_eq(OUTCOME_FOR(&fixture, &leaf, &ca), OUTCOME_ROOT_STORE_MIXED);
    size_t count = 0;
    struct cert *const *misplaced = trust_misplaced_roots(fixture.trust, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_mem_eq(misplaced[0]->sha256, rollover.cert->sha256, 32);
    ck_assert_int_eq(trust_issuer_store(fixture.trust), CERT_STORE_ROOT);
}
END_TEST

/* The answer about one key must never be taken for that about another, nor about other bytes. */
START_TEST(remembers_by_which_key_a_signature_was_verified)
{
    struct made one = make_root("CN=same name", 1);
    struct made two = make_root("CN=same name", 2);
    struct made child = make_ca("CN=child", &one, 3);
    struct made forged = make_cert(
        &(struct cert_spec){.subject = "CN=child", .issuer = &one, .key = 3, .is_damaged = true});
    for (int round = 0; round < 3; round++) {
        ck_assert(!trust_check_signature(child.cert, two.cert));
        ck_assert(trust_check_signature(child.cert, one.cert));
        ck_assert(!trust_check_signature(forged.cert, one.cert));
    }
    struct made renewed = make_ca("CN=same name", &two, 1); /* another certificate of the key */
    ck_assert(trust_check_signature(child.cert, renewed.cert));
}
END_TEST

START_TEST(refuses_a_policy_that_is_no_oid)
{
    fixture_store(&fixture, &settings->root, &root, NULL);
    fixture_path(&settings->policy.initial, "not an oid");
    expect_problem("not an object identifier", true);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trust_store");
    TCase *tcase = tcase_create("trust_store");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_missing_path_is_an_error_with_its_place);
    tcase_add_test(tcase, a_listed_file_without_a_certificate_is_an_error);
    tcase_add_test(tcase, an_empty_file_in_a_folder_is_an_error);
    tcase_add_test(tcase, a_file_that_was_cut_off_is_an_error_wherever_the_cut_is);
    tcase_add_test(tcase, a_damaged_file_in_a_folder_is_an_error_that_names_it);
    tcase_add_test(tcase, a_truncated_pem_block_is_damage);
    tcase_add_test(tcase, a_folder_counts_only_files_with_a_known_ending);
    tcase_add_test(tcase, an_empty_root_folder_is_a_warning_and_refuses_everyone);
    tcase_add_test(tcase, a_fifo_is_refused_instead_of_waited_for);
    tcase_add_test(tcase, reads_several_certificates_and_keys_from_one_pem_file);
    tcase_add_test(tcase, chooses_the_issuer_store);
    tcase_add_test(tcase, an_empty_bound_store_can_refuse_everyone);
    tcase_add_test(tcase, sends_no_list_unless_told_to);
    tcase_add_test(tcase, a_mixed_root_store_shrinks_the_list);
    tcase_add_test(tcase, orders_and_filters_the_list);
    tcase_add_test(tcase, cuts_the_list_at_16_kib);
    tcase_add_test(tcase, the_epoch_tells_contents_apart_and_nothing_else);
    tcase_add_test(tcase, crls_change_the_revocation_digest_but_not_the_epoch);
    tcase_add_test(tcase, follows_the_decision_table_of_trust_modes);
    tcase_add_test(tcase, ignores_the_mode_where_it_is_not_honoured);
    tcase_add_test(tcase, a_self_issued_certificate_is_not_self_signed);
    tcase_add_test(tcase, remembers_by_which_key_a_signature_was_verified);
    tcase_add_test(tcase, refuses_a_policy_that_is_no_oid);
    suite_add_tcase(suite, tcase);
    return suite;
}
