/* SPDX-License-Identifier: MIT */
#include "unit/tls/tls_fixture.h"

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
enum { VERSION_COUNT = 2 };

static struct world world;

static void setup(void)
{
    world_open(&world);
}

static void teardown(void)
{
    world_close(&world);
}

static void add_sites(void)
{
    static const char *const WILD[] = {"*.example.test", NULL};
    static const char *const EXACT[] = {"www.example.test", "shop.test", NULL};
    static const char *const LATE[] = {"www.example.test", "*.deep.example.test", NULL};
    (void)world_add_site(&world, "wild", WILD);
    (void)world_add_site(&world, "exact", EXACT);
    (void)world_add_site(&world, "any", NULL);
    (void)world_add_site(&world, "late", LATE);
}

START_TEST(chooses_the_site_by_name)
{
    static const struct {
        const char *name;
        const char *site;
    } CASES[] = {
        {"www.example.test", "exact"}, /* exact before wildcard, first of the configuration */
        {"WWW.Example.Test", "exact"},
        {"www.example.test.", "exact"},
        {"shop.test", "exact"},
        {"a.example.test", "wild"},
        {"deep.example.test", "wild"},
        {"a.deep.example.test", "late"},
        {"a.b.example.test", "any"}, /* RFC 6125 section 6.4.3: one label */
        {"example.test", "any"},
        {".example.test", "any"},
        {"*.example.test", "any"},
        {"www.example.testing", "any"},
        {"hop.test", "any"},
        {"127.0.0.1", "any"},
        {NULL, "any"},
    };
    add_sites();
    world_load(&world);
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        SSL_CTX *ctx = make_client(VERSIONS[v], NULL);
        for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
            struct link link;
            char name[64];
            link_open(&link, &world, ctx);
            if (CASES[i].name != NULL)
                link_set_name(&link, CASES[i].name);
            ck_assert_msg(link_shake(&link), "%s", transport_error(&link.server));
            const struct config_site *site = tls_site_config(tls_transport_site(&link.server));
            ck_assert_msg(strcmp(site->name, CASES[i].site) == 0, "%s", CASES[i].name);
            ck_assert_str_eq(link_server_name(&link, name), CASES[i].site);
            link_close(&link);
        }
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(falls_back_to_the_first_site_when_all_have_hosts)
{
    static const char *const ONE[] = {"one.test", NULL};
    static const char *const TWO[] = {"two.test", NULL};
    struct link link;
    char name[64];
    (void)world_add_site(&world, "one", ONE);
    (void)world_add_site(&world, "two", TWO);
    world_load(&world);
    SSL_CTX *ctx = make_client(0, NULL);
    link_open(&link, &world, ctx);
    link_set_name(&link, "three.test");
    ck_assert(link_shake(&link));
    ck_assert_str_eq(link_server_name(&link, name), "one");
    ck_assert_str_eq(tls_transport_server_name(&link.server), "three.test");
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(applies_every_setting_of_the_chosen_site)
{
    static const char *const STRICT[] = {"strict.test", NULL};
    struct identity root = make_plain_identity("a trusted root");
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(X509_get_subject_name(root.cert), &der);
    const struct tls_name issuer = {der, (size_t)len};
    struct site_setup *open_site = world_add_site(&world, "open", NULL);
    struct site_setup *strict = world_add_site(&world, "strict", STRICT);
    open_site->asks = false;
    strict->config.tls.min_version = TLS1_3_VERSION;
    char suite[] = "TLS_AES_256_GCM_SHA384";
    strict->config.tls.ciphersuites.text = suite;
    strict->issuers = &issuer;
    strict->issuer_count = 1;
    world_load(&world);
    struct identity alice = make_plain_identity("alice");
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        for (int is_strict = 0; is_strict < 2; is_strict++) {
            struct link link;
            SSL_CTX *ctx = make_client(VERSIONS[v], &alice);
            bool may_connect = !is_strict || VERSIONS[v] == TLS1_3_VERSION;
            link_open(&link, &world, ctx);
            if (is_strict)
                link_set_name(&link, "strict.test");
            ck_assert(link_shake(&link) == may_connect);
            if (may_connect) {
                const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(link.client);
                ck_assert((tls_transport_cipher_bits(&link.server) == 256) == is_strict);
                ck_assert_int_eq(names == NULL ? 0 : sk_X509_NAME_num(names), is_strict);
                ck_assert((tls_transport_peer_leaf(&link.server) != NULL) == is_strict);
                ck_assert(!is_strict || X509_NAME_cmp(sk_X509_NAME_value(names, 0),
                                                      X509_get_subject_name(root.cert)) == 0);
            }
            link_close(&link);
            SSL_CTX_free(ctx);
        }
    }
    OPENSSL_free(der);
    identity_free(&alice);
    identity_free(&root);
}
END_TEST

START_TEST(refuses_a_name_that_is_none)
{
    static const char *const NAMES[] = {".", "a b", "\xc3\xa4.test", "a\x7f"};
    (void)world_add_site(&world, "any", NULL);
    world_load(&world);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(0, NULL);
        link_open(&link, &world, ctx);
        link_set_name(&link, NAMES[i]);
        ck_assert_msg(!link_shake(&link), "case %zu", i);
        ck_assert_str_eq(transport_error(&link.server), "a malformed server name");
        ck_assert_str_eq(tls_transport_server_name(&link.server), "");
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(refuses_another_name_after_a_hello_retry_request)
{
    static const char *const OTHER[] = {"other.test", "also.test", NULL};
    static const struct {
        const char *first;
        const char *second;
        bool is_good;
    } CASES[] = {
        {"other.test", "other.test", true}, {"other.test", "OTHER.test.", true},
        {"other.test", "also.test", false}, {"other.test", "any.test", false},
        {"any.test", "other.test", false},
    };
    (void)world_add_site(&world, "any", NULL);
    (void)world_add_site(&world, "other", OTHER);
    world_load(&world);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct link link;
        char groups[] = "ffdhe2048:X25519"; /* the share is of a group the server has not */
        SSL_CTX *ctx = make_client(TLS1_3_VERSION, NULL);
        ck_assert_int_eq(SSL_CTX_set1_groups_list(ctx, groups), 1);
        link_open(&link, &world, ctx);
        link_set_name(&link, CASES[i].first);
        ck_assert_int_eq(SSL_do_handshake(link.client), -1);
        link_turn(&link);
        ck_assert(!link.is_ready);
        /* RFC 8446 section 4.1.2 */
        link_set_name(&link, CASES[i].second);
        ck_assert_msg(link_shake(&link) == CASES[i].is_good, "case %zu", i);
        if (!CASES[i].is_good) {
            ck_assert_str_eq(transport_error(&link.server),
                             "the second ClientHello names another server");
        }
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(selects_http_1_1_or_refuses_what_it_does_not_speak)
{
    static const struct {
        const char *offer;
        unsigned len;
        bool is_good;
        const char *selected;
    } CASES[] = {
        {"", 0, true, ""}, /* no ALPN at all */
        {"\x08http/1.1", 9, true, "http/1.1"},
        {"\x02h2\x08http/1.1", 12, true, "http/1.1"},
        {"\x02h2", 3, false, ""}, /* RFC 7301 section 3.2 */
        {"\x08http/1.0", 9, false, ""},
        {"\x09http/1.1x", 10, false, ""},
        {"\x08HTTP/1.1", 9, false, ""},
    };
    (void)world_add_site(&world, "site", NULL);
    world_load(&world);
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
            struct link link;
            SSL_CTX *ctx = make_client(VERSIONS[v], NULL);
            link_open(&link, &world, ctx);
            const unsigned char *selected = NULL;
            unsigned len = 0;
            const unsigned char *offer = (const unsigned char *)CASES[i].offer;
            ck_assert_int_eq(SSL_set_alpn_protos(link.client, offer, CASES[i].len), 0);
            ck_assert_msg(link_shake(&link) == CASES[i].is_good, "case %zu", i);
            SSL_get0_alpn_selected(link.client, &selected, &len);
            ck_assert(str_equal(str_make((const char *)selected, len), str_of(CASES[i].selected)));
            if (!CASES[i].is_good)
                ck_assert_str_eq(transport_error(&link.server), "no protocol in common (ALPN)");
            link_close(&link);
            SSL_CTX_free(ctx);
        }
    }
}
END_TEST

START_TEST(shows_the_certificate_that_fits_the_client)
{
    struct site_setup *site = world_add_site(&world, "ec", NULL);
    struct identity rsa = make_identity("rsa", EVP_RSA_gen(2048), NULL, EVP_sha256(), -3600, 3600);
    site->certificates[1] = files_add_identity(&world.files, &rsa, NULL);
    site->config.server_certificate_count = 2;
    world_load(&world);
    static const char *const CIPHERS[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                          "ECDHE-RSA-AES128-GCM-SHA256"};
    static const char *const NAMES[] = {"ec", "rsa"};
    for (size_t i = 0; i < 2; i++) {
        struct link link;
        char name[64];
        SSL_CTX *ctx = make_client(TLS1_2_VERSION, NULL);
        ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, CIPHERS[i]), 1);
        link_open(&link, &world, ctx);
        ck_assert(link_shake(&link));
        ck_assert_str_eq(link_server_name(&link, name), NAMES[i]);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
    identity_free(&rsa);
}
END_TEST

START_TEST(offers_no_weak_cipher_and_prefers_chacha_only_with_the_client)
{
    static const struct {
        const char *ciphers;
        const char *chosen; /* NULL: no handshake */
    } CASES[] = {
        {"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
         "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
         "ECDHE-ECDSA-CHACHA20-POLY1305"},
        {"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305",
         "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384", NULL},
        {"AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256", NULL},
        {"aNULL:eNULL", NULL},
    };
    (void)world_add_site(&world, "site", NULL);
    world_load(&world);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(TLS1_2_VERSION, NULL);
        ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, CASES[i].ciphers), 1);
        link_open(&link, &world, ctx);
        ck_assert_msg(link_shake(&link) == (CASES[i].chosen != NULL), "case %zu", i);
        if (CASES[i].chosen != NULL)
            ck_assert_str_eq(tls_transport_cipher(&link.server), CASES[i].chosen);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* The last message of a load that fails, or (is_good) of one that only warns. */
static void expect_message(struct site_setup *site, bool is_good, unsigned line, const char *text)
{
    errors_clear(&world.errors);
    struct tls_site *loaded = setup_load(&world, site);
    ck_assert(is_good == (loaded != NULL));
    ck_assert(is_good == (world.errors.errors == 0));
    ck_assert_uint_eq(world.errors.count, 1);
    const struct error_entry *entry = &world.errors.entries[0];
    ck_assert_msg(strstr(entry->text, text) != NULL, "%s", entry->text);
    ck_assert_uint_eq(entry->line, line);
    tls_site_free(loaded);
}

static char *add_junk(void)
{
    BIO *junk = BIO_new(BIO_s_mem());
    ck_assert_int_gt(
        BIO_puts(junk, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0);
    return files_add(&world.files, "junk.pem", junk);
}

START_TEST(says_what_is_wrong_with_a_file)
{
    struct site_setup *site = world_add_site(&world, "site", NULL);
    struct config_server_certificate *files = &site->certificates[0];
    const struct config_server_certificate good = *files;
    char missing[] = "/nonexistent/server.pem";
    files->key.text = good.chain.text;
    expect_message(site, false, 5, "no PEM private key");
    *files = good;
    files->chain.text = good.key.text;
    expect_message(site, false, 4, "no PEM certificate in it");
    files->chain.text = add_junk();
    expect_message(site, false, 4, "junk.pem: ");
    files->chain.text = missing;
    expect_message(site, false, 4,
                   "cannot read /nonexistent/server.pem: No such file or directory");
    char device[] = "/dev/null";
    files->chain.text = device;
    expect_message(site, false, 4, "Not a regular file");
    files->chain.text = world.files.folder;
    expect_message(site, false, 4, "Is a directory");
    *files = good;
    ck_assert_int_eq(chmod(good.key.text, 0644), 0);
    expect_message(site, true, 5, "everybody can read it");
    ck_assert_int_eq(chmod(good.key.text, 0640), 0);
    world_load(&world);
}
END_TEST

START_TEST(says_what_is_wrong_with_a_certificate_or_key)
{
    struct site_setup *site = world_add_site(&world, "site", NULL);
    struct config_server_certificate *files = &site->certificates[0];
    const struct config_server_certificate good = *files;
    struct identity other = make_plain_identity("other");
    struct identity old = make_identity("old", make_ec_key(), NULL, EVP_sha256(), -7200, -3600);
    struct identity early = make_identity("early", make_ec_key(), NULL, EVP_sha256(), 60, 120);
    struct identity small = make_identity("small", EVP_RSA_gen(1024), NULL, EVP_sha256(), -60, 60);
    const struct config_server_certificate second = files_add_identity(&world.files, &other, NULL);
    files->key = second.key;
    expect_message(site, false, 5, "does not belong to the first certificate in");
    *files = files_add_identity(&world.files, &other, "secret");
    expect_message(site, false, 5, "is encrypted");
    *files = files_add_identity(&world.files, &small, NULL);
    expect_message(site, false, 4, "ee key too small");
    *files = good;
    site->certificates[1] = second;
    site->config.server_certificate_count = 2;
    expect_message(site, false, 4, "already has one with this kind of key");
    site->config.server_certificate_count = 0;
    expect_message(site, false, 2, "no server_certificate");
    site->config.server_certificate_count = 1;
    *files = files_add_identity(&world.files, &old, NULL);
    expect_message(site, true, 4, "has expired");
    *files = files_add_identity(&world.files, &early, NULL);
    expect_message(site, true, 4, "not valid yet");
    identity_free(&other);
    identity_free(&old);
    identity_free(&early);
    identity_free(&small);
}
END_TEST

START_TEST(says_which_cipher_setting_is_wrong)
{
    struct site_setup *site = world_add_site(&world, "site", NULL);
    char nonsense[] = "NONSENSE";
    const struct config_value bad = {nonsense, {"proxy.yaml", 9, 9}};
    site->config.tls.ciphers = bad;
    expect_message(site, false, 9, "tls.ciphers: no cipher match");
    site->config.tls.ciphers = (struct config_value){0};
    site->config.tls.ciphersuites = bad;
    expect_message(site, false, 9, "tls.ciphersuites: no cipher match");
    site->config.tls.ciphersuites = (struct config_value){0};
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_context");
    TCase *tcase = tcase_create("tls_context");
    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, chooses_the_site_by_name);
    tcase_add_test(tcase, falls_back_to_the_first_site_when_all_have_hosts);
    tcase_add_test(tcase, applies_every_setting_of_the_chosen_site);
    tcase_add_test(tcase, refuses_a_name_that_is_none);
    tcase_add_test(tcase, refuses_another_name_after_a_hello_retry_request);
    tcase_add_test(tcase, selects_http_1_1_or_refuses_what_it_does_not_speak);
    tcase_add_test(tcase, shows_the_certificate_that_fits_the_client);
    tcase_add_test(tcase, offers_no_weak_cipher_and_prefers_chacha_only_with_the_client);
    tcase_add_test(tcase, says_what_is_wrong_with_a_file);
    tcase_add_test(tcase, says_which_cipher_setting_is_wrong);
    tcase_add_test(tcase, says_what_is_wrong_with_a_certificate_or_key);
    suite_add_tcase(suite, tcase);
    return suite;
}
