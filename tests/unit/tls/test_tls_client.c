/* SPDX-License-Identifier: MIT */
#include <openssl/x509v3.h>

#include "tls/tls_client.h"
#include "unit/tls/tls_fixture.h"

#define NAME "backend.test"

struct pair { /* the client is a transport, the server plain OpenSSL */
    struct transport client;
    SSL *server;
};

static struct files files;
static struct event_base *base;
static struct identity identity;
static struct config_server_certificate paths;
static SSL_CTX *server_ctx;
static struct tls_client_session session;

static void add_name(X509 *cert, EVP_PKEY *key, const char *names)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ck_assert_int_ne(X509_sign(cert, key, EVP_sha256()), 0);
}

static void setup(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    files_open(&files);
    /* The common name is another one: it must not count. */
    identity = make_plain_identity("common-name.test");
    add_name(identity.cert, identity.key, "DNS:" NAME ",IP:192.0.2.1");
    paths = files_add_identity(&files, &identity, NULL);
    server_ctx = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate(server_ctx, identity.cert), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(server_ctx, identity.key), 1);
    session = (struct tls_client_session){0};
}

static void teardown(void)
{
    tls_client_session_clear(&session);
    SSL_CTX_free(server_ctx);
    identity_free(&identity);
    files_close(&files);
    event_base_free(base);
    clock_freeze(-1);
}

static struct tls_client *client_of(char *ca, bool verify)
{
    struct config_upstream_tls config = {.ca = {.text = ca}, .verify = verify};
    struct error_list errors = {0};
    struct tls_client *client = tls_client_new(&config, &errors);
    ck_assert_ptr_nonnull(client);
    ck_assert_uint_eq(errors.count, 0);
    return client;
}

static void ignore_ready(struct transport *transport, bool can_read, bool can_write, void *arg)
{
    (void)transport;
    (void)can_read;
    (void)can_write;
    (void)arg;
}

static void pair_open(struct pair *pair, const struct tls_client *client, const char *name)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    tls_client_init(&pair->client, base, fds[0], client, name, &session, ignore_ready, NULL);
    pair->server = SSL_new(server_ctx);
    ck_assert_int_eq(SSL_set_fd(pair->server, fds[1]), 1);
    SSL_set_accept_state(pair->server);
}

static enum transport_result pair_shake(struct pair *pair)
{
    enum transport_result result = TRANSPORT_AGAIN;
    for (int i = 0; i < 10; i++) {
        if (result == TRANSPORT_AGAIN)
            result = transport_handshake(&pair->client);
        (void)SSL_do_handshake(pair->server);
    }
    return result;
}

static void pair_close(struct pair *pair)
{
    transport_close(&pair->client);
    int fd = SSL_get_fd(pair->server);
    SSL_free(pair->server);
    (void)close(fd);
}

static enum transport_result read_all(struct pair *pair, char *bytes, size_t size, size_t *ret_len)
{
    enum transport_result result = TRANSPORT_OK;
    *ret_len = 0;
    while (result == TRANSPORT_OK) {
        size_t len = 0;
        result = transport_read(&pair->client, bytes + *ret_len, size - *ret_len, &len);
        *ret_len += len;
    }
    return result;
}

START_TEST(the_certificate_must_name_what_was_asked_for)
{
    static const struct {
        const char *name;
        const char *reason; /* NULL: good */
    } CASES[] = {
        {NAME, NULL},
        {"192.0.2.1", NULL},
        {"other.test", "hostname mismatch"},
        {"common-name.test", "hostname mismatch"}, /* RFC 9525 section 2 */
        {"192.0.2.2", "IP address mismatch"},
    };
    struct tls_client *client = client_of(paths.chain.text, true);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct pair pair;
        pair_open(&pair, client, CASES[i].name);
        enum transport_result result = pair_shake(&pair);
        ck_assert_msg(result == (CASES[i].reason == NULL ? TRANSPORT_OK : TRANSPORT_ERROR), "%s",
                      CASES[i].name);
        if (CASES[i].reason != NULL)
            ck_assert_str_eq(transport_error(&pair.client), CASES[i].reason);
        pair_close(&pair);
    }
    tls_client_free(client);
}
END_TEST

START_TEST(names_go_into_sni_and_addresses_do_not)
{
    /* RFC 6066 section 3 */
    struct tls_client *client = client_of(paths.chain.text, true);
    struct pair pair;
    pair_open(&pair, client, NAME);
    ck_assert_int_eq(pair_shake(&pair), TRANSPORT_OK);
    ck_assert_str_eq(SSL_get_servername(pair.server, TLSEXT_NAMETYPE_host_name), NAME);
    pair_close(&pair);
    pair_open(&pair, client, "192.0.2.1");
    ck_assert_int_eq(pair_shake(&pair), TRANSPORT_OK);
    ck_assert_ptr_null(SSL_get_servername(pair.server, TLSEXT_NAMETYPE_host_name));
    pair_close(&pair);
    tls_client_free(client);
}
END_TEST

START_TEST(nobody_is_believed_whom_no_authority_vouches_for)
{
    struct identity other = make_plain_identity("other");
    struct config_server_certificate others = files_add_identity(&files, &other, NULL);
    struct tls_client *client = client_of(others.chain.text, true);
    struct pair pair;
    pair_open(&pair, client, NAME);
    ck_assert_int_eq(pair_shake(&pair), TRANSPORT_ERROR);
    ck_assert_ptr_nonnull(strstr(transport_error(&pair.client), "self"));
    pair_close(&pair);
    tls_client_free(client);
    client = client_of(others.chain.text, false);
    pair_open(&pair, client, "anything.test");
    ck_assert_int_eq(pair_shake(&pair), TRANSPORT_OK);
    pair_close(&pair);
    tls_client_free(client);
    identity_free(&other);
}
END_TEST

/* RFC 8446 section 6.1 */
START_TEST(an_end_without_close_notify_is_an_error)
{
    static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_client *client = client_of(paths.chain.text, true);
    for (int i = 0; i < 4; i++) {
        bool says_goodbye = i % 2 == 0;
        char bytes[64];
        size_t len = 0;
        struct pair pair;
        ck_assert_int_eq(SSL_CTX_set_max_proto_version(server_ctx, VERSIONS[i / 2]), 1);
        pair_open(&pair, client, NAME);
        ck_assert_int_eq(pair_shake(&pair), TRANSPORT_OK);
        ck_assert_int_eq(SSL_write(pair.server, "hello", 5), 5);
        if (says_goodbye)
            (void)SSL_shutdown(pair.server);
        ck_assert_int_eq(shutdown(SSL_get_fd(pair.server), SHUT_WR), 0);
        ck_assert_int_eq(read_all(&pair, bytes, sizeof bytes, &len),
                         says_goodbye ? TRANSPORT_EOF : TRANSPORT_ERROR);
        ck_assert_mem_eq(bytes, "hello", len);
        ck_assert_uint_eq(len, 5);
        if (!says_goodbye)
            ck_assert_str_eq(transport_error(&pair.client), "the peer closed without close_notify");
        pair_close(&pair);
    }
    tls_client_free(client);
}
END_TEST

static bool resumes(const struct tls_client *client)
{
    struct pair pair;
    char bytes[64];
    size_t len = 0;
    pair_open(&pair, client, NAME);
    ck_assert_int_eq(pair_shake(&pair), TRANSPORT_OK);
    /* TLS 1.3 brings its tickets with the first bytes. */
    ck_assert_int_eq(SSL_write(pair.server, "x", 1), 1);
    ck_assert_int_eq(read_all(&pair, bytes, sizeof bytes, &len), TRANSPORT_AGAIN);
    bool is_resumed = tls_transport_is_resumed(&pair.client);
    pair_close(&pair); /* without close_notify */
    return is_resumed;
}

START_TEST(sessions_are_resumed_but_not_beyond_the_certificate)
{
    static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct tls_client *client = client_of(paths.chain.text, true);
        ck_assert_int_eq(SSL_CTX_set_max_proto_version(server_ctx, VERSIONS[i]), 1);
        ck_assert(!resumes(client));
        ck_assert(resumes(client));
        ck_assert(resumes(client));
        clock_freeze((int64_t)time(NULL) * 1000 + 3601000); /* it ends in an hour */
        ck_assert(!resumes(client));
        clock_freeze(-1);
        tls_client_session_clear(&session);
        tls_client_free(client);
    }
}
END_TEST

START_TEST(versions_before_1_2_are_refused)
{
    struct tls_client *client = client_of(paths.chain.text, true);
    struct pair pair;
    SSL_CTX_set_security_level(server_ctx, 0);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(server_ctx, TLS1_VERSION), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(server_ctx, TLS1_1_VERSION), 1);
    pair_open(&pair, client, NAME);
    ck_assert_int_eq(pair_shake(&pair), TRANSPORT_ERROR);
    pair_close(&pair);
    tls_client_free(client);
}
END_TEST

static void expect_error(struct config_upstream_tls config, const char *wanted)
{
    struct error_list errors = {0};
    ck_assert_ptr_null(tls_client_new(&config, &errors));
    ck_assert_uint_ge(errors.errors, 1);
    ck_assert_msg(strstr(errors.entries[0].text, wanted) != NULL, "%s", errors.entries[0].text);
    errors_clear(&errors);
}

START_TEST(files_that_cannot_be_used_are_errors)
{
    char missing[] = "/nowhere/ca.pem";
    char empty_folder[] = "/tmp/tls-unit-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(empty_folder));
    BIO *nonsense = BIO_new(BIO_s_mem());
    (void)BIO_puts(nonsense, "nonsense\n");
    char *no_certificate = files_add(&files, "nonsense.pem", nonsense);
    BIO *broken = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_X509(broken, identity.cert), 1);
    (void)BIO_puts(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    char *half = files_add(&files, "half.pem", broken);
    expect_error((struct config_upstream_tls){.verify = true, .ca = {.text = missing}},
                 "cannot read /nowhere/ca.pem: No such file");
    expect_error((struct config_upstream_tls){.verify = true, .ca = {.text = empty_folder}},
                 "holds no certificate");
    expect_error((struct config_upstream_tls){.verify = true, .ca = {.text = no_certificate}},
                 "no certificate in it");
    expect_error((struct config_upstream_tls){.verify = true, .ca = {.text = half}},
                 "cannot be read");
    expect_error((struct config_upstream_tls){.ca = paths.chain,
                                              .certificate = {.text = missing},
                                              .key = paths.key},
                 "cannot read");
    ck_assert_int_eq(rmdir(empty_folder), 0);
}
END_TEST

START_TEST(a_folder_and_der_are_authorities_too)
{
    BIO *der = BIO_new(BIO_s_mem());
    ck_assert_int_eq(i2d_X509_bio(der, identity.cert), 1);
    char *paths_of[] = {files_add(&files, "ca.der", der), files.folder};
    for (size_t i = 0; i < 2; i++) {
        /* The key in the folder ends like a certificate's file. */
        if (i == 1)
            ck_assert_int_eq(unlink(paths.key.text), 0);
        struct tls_client *client = client_of(paths_of[i], true);
        struct pair pair;
        pair_open(&pair, client, NAME);
        ck_assert_int_eq(pair_shake(&pair), TRANSPORT_OK);
        pair_close(&pair);
        tls_client_free(client);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_client");
    TCase *tcase = tcase_create("tls_client");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_certificate_must_name_what_was_asked_for);
    tcase_add_test(tcase, names_go_into_sni_and_addresses_do_not);
    tcase_add_test(tcase, nobody_is_believed_whom_no_authority_vouches_for);
    tcase_add_test(tcase, an_end_without_close_notify_is_an_error);
    tcase_add_test(tcase, sessions_are_resumed_but_not_beyond_the_certificate);
    tcase_add_test(tcase, versions_before_1_2_are_refused);
    tcase_add_test(tcase, files_that_cannot_be_used_are_errors);
    tcase_add_test(tcase, a_folder_and_der_are_authorities_too);
    suite_add_tcase(suite, tcase);
    return suite;
}
