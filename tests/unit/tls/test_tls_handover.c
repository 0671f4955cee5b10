/* Connections that go on without their SSL, against plain OpenSSL on the other side: what it opens
 * proves the sequence number of what was sealed here, and the reverse.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_private.h"
#include "unit/tls/tls_fixture.h"

static struct world world;
static struct identity alice;
static struct buf_pool pool;

static void setup(void)
{
    world_open(&world);
    world.config.performance.handover = true;
    (void)world_add_site(&world, "default", NULL);
    world_load(&world);
    alice = make_plain_identity("alice");
    buf_pool_init(&pool, 4);
}

static void teardown(void)
{
    buf_pool_clear(&pool);
    identity_free(&alice);
    world_close(&world);
}

static const char *const CIPHERS[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                      "TLS_CHACHA20_POLY1305_SHA256"};
enum { CIPHER_COUNT = 3 };

static unsigned char client_secret[TLS_SECRET_MAX];
static size_t client_secret_len;

static void on_client_secret(const SSL *ssl, const char *line)
{
    static const char LABEL[] = "CLIENT_TRAFFIC_SECRET_0 ";
    (void)ssl;
    if (strncmp(line, LABEL, sizeof LABEL - 1) == 0) {
        ck_assert_int_eq(OPENSSL_hexstr2buf_ex(client_secret, sizeof client_secret,
                                               &client_secret_len, strrchr(line, ' ') + 1, '\0'),
                         1);
    }
}

static SSL_CTX *make_13(const char *cipher, const struct identity *identity)
{
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, identity);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(ctx, cipher), 1);
    SSL_CTX_set_keylog_callback(ctx, on_client_secret);
    return ctx;
}

static bool is_lean(const struct link *link)
{
    return link->server.tls == NULL;
}

static void open_link(struct link *link, SSL_CTX *ctx, SSL_SESSION *session)
{
    link_open(link, &world, ctx);
    tls_transport_use_pool(&link->server, &pool);
    if (session != NULL) {
        ck_assert_int_eq(SSL_set_session(link->client, session), 1);
    }
}

/* The client writes, the server reads. */
static void send_to_server(struct link *link, const char *text)
{
    size_t len = strlen(text);
    size_t before = link->received_len;
    ck_assert_int_eq(SSL_write(link->client, text, (int)len), (int)len);
    transport_want(&link->server, true, false);
    for (int i = 0; i < 20 && link->received_len < before + len; i++) {
        link_turn(link);
    }
    ck_assert_uint_eq(link->received_len, before + len);
    ck_assert_mem_eq(&link->received[before], text, len);
}

static void hand_over(struct link *link)
{
    send_to_server(link, "one");
    ck_assert(!is_lean(link));
    link_answer(link);
    ck_assert(!is_lean(link));
    send_to_server(link, "two");
    ck_assert(is_lean(link));
}

/* ---- numbers of records ------------------------------------------------------------------- */

/* Both directions, with key updates of either kind, in sizes around a record's. */
static void talk(struct link *link)
{
    static char big[100000];
    static char got[sizeof big];
    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = (char)(i * 7 + i / 251);
    }
    for (int round = 0; round < 3; round++) {
        link_answer(link);
        send_to_server(link, "GET / HTTP/1.1");
        size_t sent = 0;
        size_t received = 0;
        while (received < sizeof big) {
            size_t len = 0;
            if (sent < sizeof big && transport_write(&link->server, big + sent, sizeof big - sent,
                                                     &len) == TRANSPORT_OK) {
                sent += len;
            }
            (void)transport_flush(&link->server);
            int n = SSL_read(link->client, got + received, (int)(sizeof got - received));
            ck_assert(n > 0 || SSL_get_error(link->client, n) == SSL_ERROR_WANT_READ);
            received += n > 0 ? (size_t)n : 0;
        }
        ck_assert_mem_eq(got, big, sizeof big);
        ck_assert_int_eq(SSL_key_update(link->client, round % 2 == 0
                                                          ? SSL_KEY_UPDATE_REQUESTED
                                                          : SSL_KEY_UPDATE_NOT_REQUESTED),
                         1);
    }
    send_to_server(link, "the end");
    link_answer(link);
}

START_TEST(every_cipher_goes_on_with_and_without_a_certificate)
{
    for (size_t i = 0; i < CIPHER_COUNT; i++) {
        for (int has_certificate = 0; has_certificate < 2; has_certificate++) {
            struct link link;
            SSL_CTX *ctx = make_13(CIPHERS[i], has_certificate != 0 ? &alice : NULL);
            open_link(&link, ctx, NULL);
            ck_assert(link_shake(&link));
            int bits = tls_transport_cipher_bits(&link.server);
            hand_over(&link);
            ck_assert_str_eq(tls_transport_cipher(&link.server), CIPHERS[i]);
            ck_assert_str_eq(tls_transport_version(&link.server), "TLSv1.3");
            ck_assert_int_eq(tls_transport_cipher_bits(&link.server), bits);
            ck_assert(tls_transport_is_tls13(&link.server));
            ck_assert(!tls_transport_is_resumed(&link.server));
            ck_assert(!tls_transport_can_ask(&link.server));
            ck_assert(!tls_transport_is_answered(&link.server));
            ck_assert(tls_transport_has_received(&link.server));
            ck_assert_ptr_null(tls_transport_session_facts(&link.server));
            if (has_certificate != 0) {
                ck_assert_int_eq(X509_cmp(tls_transport_peer_leaf(&link.server), alice.cert), 0);
                ck_assert_int_eq(sk_X509_num(tls_transport_peer_chain(&link.server)), 1);
            } else {
                ck_assert_ptr_null(tls_transport_peer_leaf(&link.server));
                ck_assert_ptr_null(tls_transport_peer_chain(&link.server));
            }
            talk(&link);
            link_close(&link);
            SSL_CTX_free(ctx);
        }
    }
}
END_TEST

START_TEST(a_handshake_with_a_retry_goes_on)
{
    struct link link;
    SSL_CTX *ctx = make_13(CIPHERS[0], &alice);
    ck_assert_int_eq(SSL_CTX_set1_groups_list(ctx, "ffdhe2048:P-384"), 1);
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    tls_transport_offer_session(&link.server);
    hand_over(&link);
    talk(&link);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

/* Tickets are written under the application key: each is a record more. */
START_TEST(tickets_are_counted)
{
    for (int count = 0; count < 4; count++) {
        for (int is_stateless = 0; is_stateless < 2; is_stateless++) {
            struct link link;
            world.config.sessions.tickets = is_stateless != 0 ? TICKETS_ALL : TICKETS_TLS12;
            world_load(&world);
            SSL_CTX *ctx = make_13(CIPHERS[count % 3], &alice);
            open_link(&link, ctx, NULL);
            ck_assert(link_shake(&link));
            if (count > 0) {
                tls_transport_offer_session(&link.server);
            }
            for (int i = 1; i < count; i++) {
                ck_assert_int_eq(SSL_new_session_ticket(link.server.tls), 1);
            }
            hand_over(&link);
            talk(&link);
            link_close(&link);
            SSL_CTX_free(ctx);
        }
    }
}
END_TEST

/* A ticket with so many certificates in it that it takes several records. */
START_TEST(a_ticket_of_several_records_is_counted)
{
    struct identity above[6];
    struct link link;
    world.config.sessions.tickets = TICKETS_ALL;
    world_load(&world);
    SSL_CTX *ctx = make_13(CIPHERS[0], &alice);
    SSL_CTX_set_max_cert_list(ctx, 100000);
    for (size_t i = 0; i < 6; i++) {
        above[i] = make_identity("above", EVP_RSA_gen(2048), NULL, EVP_sha256(), -60, 60);
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(ctx, above[i].cert), 1);
    }
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    ck_assert_int_eq(SSL_set_max_send_fragment(link.server.tls, 512), 1);
    tls_transport_offer_session(&link.server);
    hand_over(&link);
    const struct tls_connection *connection = link.server.tls_connection;
    ck_assert(connection->is_offered);
    ck_assert_uint_gt(connection->lean->out.sequence, 5);
    talk(&link);
    link_close(&link);
    for (size_t i = 0; i < 6; i++) {
        identity_free(&above[i]);
    }
    SSL_CTX_free(ctx);
}
END_TEST

static SSL_SESSION *session;
static int on_client_session(SSL *ssl, SSL_SESSION *made)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = made;
    return 1;
}

static SSL_CTX *make_resuming(const char *cipher)
{
    SSL_CTX *ctx = make_13(cipher, &alice);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_client_session);
    return ctx;
}

START_TEST(sessions_outlive_the_handover_and_resumed_ones_go_on)
{
    for (size_t i = 0; i < CIPHER_COUNT; i++) {
        SSL_CTX *ctx = make_resuming(CIPHERS[i]);
        for (int round = 0; round < 4; round++) {
            struct link link;
            open_link(&link, ctx, session);
            ck_assert(link_shake(&link));
            ck_assert_int_eq(tls_transport_is_resumed(&link.server), round > 0);
            tls_transport_offer_session(&link.server);
            hand_over(&link);
            ck_assert_int_eq(tls_transport_is_resumed(&link.server), round > 0);
            ck_assert_int_eq(tls_transport_session_facts(&link.server) != NULL, round > 0);
            ck_assert_int_eq(X509_cmp(tls_transport_peer_leaf(&link.server), alice.cert), 0);
            talk(&link);
            link_close(&link);
        }
        SSL_SESSION_free(session);
        session = NULL;
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* ---- when --------------------------------------------------------------------------------- */

START_TEST(rest_hands_over_and_gives_ciphers_back)
{
    struct link link;
    SSL_CTX *ctx = make_13(CIPHERS[0], &alice);
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    tls_transport_offer_session(&link.server);
    tls_transport_rest(&link.server);
    ck_assert(!is_lean(&link)); /* a ticket waits to be sent */
    send_to_server(&link, "one");
    link_answer(&link);
    tls_transport_rest(&link.server);
    ck_assert(is_lean(&link));
    struct tls_lean *lean = ((struct tls_connection *)link.server.tls_connection)->lean;
    talk(&link);
    ck_assert_ptr_nonnull(lean->in.cipher);
    tls_transport_rest(&link.server);
    ck_assert_ptr_null(lean->in.cipher);
    ck_assert_ptr_null(lean->out.cipher);
    ck_assert_uint_eq(pool.lent, 0);
    talk(&link);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

/* Half a record, or just its header, is OpenSSL's to complete. */
START_TEST(half_a_record_keeps_openssl)
{
    for (size_t part = 1; part < 30; part++) {
        struct link link;
        unsigned char record[64];
        struct tls_suites *suites = tls_suites_new();
        struct tls_keys keys;
        SSL_CTX *ctx = make_13(CIPHERS[0], NULL);
        open_link(&link, ctx, NULL);
        ck_assert(link_shake(&link));
        send_to_server(&link, "one");
        link_answer(&link);
        ck_assert(tls_keys_init(&keys, tls_suites_find(suites, 0x1301), true, client_secret, 1));
        ck_assert(tls_keys_seal(&keys, TLS_APPLICATION_DATA, "12345678", 8, record));
        int fd = SSL_get_fd(link.client);
        ck_assert_int_eq(write(fd, record, part), (ssize_t)part);
        transport_want(&link.server, true, false);
        link_turn(&link);
        tls_transport_rest(&link.server);
        ck_assert_msg(is_lean(&link) == (part == 30), "after %zu bytes", part);
        ck_assert_int_eq(write(fd, record + part, 30 - part), (ssize_t)(30 - part));
        for (int i = 0; i < 10 && link.received_len < 11; i++) {
            link_turn(&link);
        }
        ck_assert_mem_eq(link.received, "one12345678", 11);
        ck_assert(is_lean(&link));
        tls_keys_clear(&keys);
        tls_suites_free(suites);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

static void expect_kept(struct link *link)
{
    for (int i = 0; i < 3; i++) {
        send_to_server(link, "again");
        link_answer(link);
        tls_transport_rest(&link->server);
        ck_assert(!is_lean(link));
    }
}

START_TEST(what_is_unusual_stays_with_openssl)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_2_VERSION, &alice);
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    expect_kept(&link); /* TLS 1.2 */
    link_close(&link);
    SSL_CTX_free(ctx);

    ctx = make_13(CIPHERS[0], &alice);
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    ck_assert_int_eq(SSL_key_update(link.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    expect_kept(&link); /* keys that were changed already */
    link_close(&link);
    SSL_CTX_free(ctx);

    ctx = make_13(CIPHERS[0], &alice);
    ck_assert_int_eq(SSL_CTX_set_tlsext_max_fragment_length(ctx, TLSEXT_max_fragment_length_1024),
                     1);
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    expect_kept(&link); /* small records */
    link_close(&link);
    SSL_CTX_free(ctx);

    ctx = make_13(CIPHERS[0], &alice);
    link_open(&link, &world, ctx);
    ck_assert(link_shake(&link));
    expect_kept(&link); /* no buffers */
    link_close(&link);
    world.config.performance.handover = false;
    world_load(&world);
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    expect_kept(&link); /* not wanted */
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

/* ---- what a client must not send ---------------------------------------------------------- */

/* The client's own keys, to say what OpenSSL would not. */
struct forger {
    struct tls_suites *suites;
    struct tls_keys keys;
    struct link link;
    SSL_CTX *ctx;
};

static void forger_open(struct forger *forger)
{
    forger->ctx = make_resuming(CIPHERS[0]);
    open_link(&forger->link, forger->ctx, session);
    ck_assert(link_shake(&forger->link));
    tls_transport_offer_session(&forger->link.server);
    hand_over(&forger->link);
    forger->suites = tls_suites_new();
    ck_assert(tls_keys_init(&forger->keys, tls_suites_find(forger->suites, 0x1301), true,
                            client_secret, 2));
}

static void forger_close(struct forger *forger)
{
    tls_keys_clear(&forger->keys);
    tls_suites_free(forger->suites);
    link_close(&forger->link);
    SSL_CTX_free(forger->ctx);
}

static void forger_send_raw(struct forger *forger, const void *bytes, size_t len)
{
    ck_assert_int_eq(write(SSL_get_fd(forger->link.client), bytes, len), (ssize_t)len);
    transport_want(&forger->link.server, true, false);
    for (int i = 0; i < 5; i++) {
        link_turn(&forger->link);
    }
}

static void forger_send(struct forger *forger, enum tls_content type, const void *bytes, size_t len)
{
    static unsigned char record[TLS_RECORD_MAX];
    ck_assert(tls_keys_seal(&forger->keys, type, bytes, len, record));
    forger_send_raw(forger, record, len + TLS_RECORD_OVERHEAD);
}

/* The connection ended, the client was told why, and the session is gone (RFC 8446 section 6.2). */
static void expect_refused(struct forger *forger, int alert)
{
    char bytes[16];
    struct tls_connection *connection = forger->link.server.tls_connection;
    struct tls_stored stored;
    ck_assert_int_eq(forger->link.last, TRANSPORT_ERROR);
    ck_assert(connection->lean->has_session);
    ck_assert(!tls_store_get(world.store, connection->lean->session_id, &stored));
    int n = SSL_read(forger->link.client, bytes, sizeof bytes);
    ck_assert_int_eq(SSL_get_error(forger->link.client, n), SSL_ERROR_SSL);
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()), SSL_AD_REASON_OFFSET + alert);
    ck_assert_str_eq(transport_error(&forger->link.server), SSL_alert_desc_string_long(alert));
    size_t len = 0;
    ck_assert_int_eq(transport_write(&forger->link.server, "x", 1, &len), TRANSPORT_ERROR);
    ck_assert_int_eq(transport_read(&forger->link.server, bytes, sizeof bytes, &len),
                     TRANSPORT_ERROR);
}

START_TEST(what_must_not_come_is_answered_with_its_alert)
{
    static const struct {
        int type; /* 0: as it is */
        int alert;
        size_t len;
        unsigned char bytes[8];
    } ROWS[] = {
        {0, TLS_ALERT_UNEXPECTED_MESSAGE, 6, {20, 3, 3, 0, 1, 1}},
        {0, TLS_ALERT_UNEXPECTED_MESSAGE, 7, {21, 3, 3, 0, 2, 2, 40}},
        {0, TLS_ALERT_UNEXPECTED_MESSAGE, 5, {22, 3, 1, 2, 0}},
        {0, TLS_ALERT_RECORD_OVERFLOW, 5, {23, 3, 3, 0x41, 1}},
        {0, TLS_ALERT_BAD_RECORD_MAC, 5, {23, 3, 3, 0, 15}},
        {0, TLS_ALERT_DECODE_ERROR, 5, {23, 3, 4, 0, 40}},
        {TLS_CHANGE_CIPHER_SPEC, TLS_ALERT_UNEXPECTED_MESSAGE, 1, {1}},
        {99, TLS_ALERT_UNEXPECTED_MESSAGE, 1, {1}},
        {TLS_ALERT, TLS_ALERT_UNEXPECTED_MESSAGE, 0, {0}},
        {TLS_ALERT, TLS_ALERT_DECODE_ERROR, 1, {1}},
        {TLS_ALERT, TLS_ALERT_DECODE_ERROR, 3, {1, 0, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 0, {0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 4, {24, 0, 0, 1}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 5, {1, 0, 0, 1, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 5, {4, 0, 0, 1, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 5, {20, 0, 0, 1, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 6, {24, 0, 0, 1, 0, 24}},
        {TLS_HANDSHAKE, TLS_ALERT_DECODE_ERROR, 5, {24, 0, 0, 2, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_ILLEGAL_PARAMETER, 5, {24, 0, 0, 1, 2}},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct forger forger;
        forger_open(&forger);
        if (ROWS[i].type == 0) {
            forger_send_raw(&forger, ROWS[i].bytes, ROWS[i].len);
        } else {
            forger_send(&forger, (enum tls_content)ROWS[i].type, ROWS[i].bytes, ROWS[i].len);
        }
        expect_refused(&forger, ROWS[i].alert);
        forger_close(&forger);
    }
    SSL_SESSION_free(session);
    session = NULL;
}
END_TEST

START_TEST(a_changed_record_ends_the_connection_behind_the_good_ones)
{
    struct forger forger;
    unsigned char records[2][30];
    forger_open(&forger);
    size_t before = forger.link.received_len;
    for (size_t i = 0; i < 2; i++) {
        ck_assert(tls_keys_seal(&forger.keys, TLS_APPLICATION_DATA, "12345678", 8, records[i]));
    }
    records[1][7] ^= 1;
    forger_send_raw(&forger, records, sizeof records);
    ck_assert_uint_eq(forger.link.received_len, before + 8);
    expect_refused(&forger, TLS_ALERT_BAD_RECORD_MAC);
    forger_close(&forger);
    SSL_SESSION_free(session);
    session = NULL;
}
END_TEST

START_TEST(records_that_bring_nothing_are_bounded)
{
    static const struct {
        enum tls_content type;
        size_t len;
        unsigned char bytes[2];
    } ROWS[] = {{TLS_APPLICATION_DATA, 0, {0}}, {TLS_ALERT, 2, {1, TLS_ALERT_USER_CANCELED}}};
    for (size_t i = 0; i < 2; i++) {
        struct forger forger;
        forger_open(&forger);
        for (int j = 0; j < 32; j++) {
            forger_send(&forger, ROWS[i].type, ROWS[i].bytes, ROWS[i].len);
        }
        forger_send(&forger, TLS_APPLICATION_DATA, "x", 1);
        ck_assert_int_eq(forger.link.received[forger.link.received_len - 1], 'x');
        for (int j = 0; j < 33; j++) {
            ck_assert_int_ne(forger.link.last, TRANSPORT_ERROR);
            forger_send(&forger, ROWS[i].type, ROWS[i].bytes, ROWS[i].len);
        }
        expect_refused(&forger, TLS_ALERT_UNEXPECTED_MESSAGE);
        forger_close(&forger);
    }
    SSL_SESSION_free(session);
    session = NULL;
}
END_TEST

START_TEST(a_fatal_alert_of_the_client_takes_the_session_along)
{
    static const unsigned char MESSAGE[] = {2, SSL_AD_INTERNAL_ERROR};
    struct forger forger;
    struct tls_stored stored;
    forger_open(&forger);
    struct tls_lean *lean = ((struct tls_connection *)forger.link.server.tls_connection)->lean;
    ck_assert(tls_store_get(world.store, lean->session_id, &stored));
    forger_send(&forger, TLS_ALERT, MESSAGE, sizeof MESSAGE);
    ck_assert_int_eq(forger.link.last, TRANSPORT_ERROR);
    ck_assert_str_eq(transport_error(&forger.link.server),
                     "the peer sent an alert: internal error");
    ck_assert(!tls_store_get(world.store, lean->session_id, &stored));
    forger_close(&forger);
    SSL_SESSION_free(session);
    session = NULL;
}
END_TEST

/* ---- ends --------------------------------------------------------------------------------- */

START_TEST(a_goodbye_is_told_from_a_cut)
{
    for (int says_goodbye = 0; says_goodbye < 2; says_goodbye++) {
        for (int is_half = 0; is_half < 2; is_half++) {
            struct forger forger;
            static const unsigned char GOODBYE[] = {1, TLS_ALERT_CLOSE_NOTIFY};
            forger_open(&forger);
            if (says_goodbye != 0) {
                forger_send(&forger, TLS_ALERT, GOODBYE, sizeof GOODBYE);
            } else if (is_half != 0) {
                forger_send_raw(&forger, "\x17\x03\x03", 3);
            }
            ck_assert_int_eq(shutdown(SSL_get_fd(forger.link.client), SHUT_WR), 0);
            for (int i = 0; i < 5; i++) {
                link_turn(&forger.link);
            }
            ck_assert_int_eq(forger.link.last, TRANSPORT_EOF);
            ck_assert_int_eq(tls_transport_was_truncated(&forger.link.server), says_goodbye == 0);
            link_answer(&forger.link); /* the other direction is open */
            transport_shutdown(&forger.link.server);
            transport_shutdown(&forger.link.server);
            char byte;
            int n = SSL_read(forger.link.client, &byte, 1);
            ck_assert_int_eq(SSL_get_error(forger.link.client, n), SSL_ERROR_ZERO_RETURN);
            forger_close(&forger);
        }
    }
    SSL_SESSION_free(session);
    session = NULL;
}
END_TEST

/* RFC 8446 section 5.5 */
START_TEST(a_key_is_replaced_before_it_has_seen_too_much)
{
    for (size_t i = 0; i < CIPHER_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_13(CIPHERS[i], NULL);
        open_link(&link, ctx, NULL);
        ck_assert(link_shake(&link));
        hand_over(&link);
        struct tls_lean *lean = ((struct tls_connection *)link.server.tls_connection)->lean;
        lean->update_after = 5;
        for (int j = 0; j < 40; j++) {
            send_to_server(&link, "ping");
            link_answer(&link);
            ck_assert_uint_le(lean->out.sequence, 6);
            ck_assert_uint_le(lean->in.sequence, 7);
        }
        lean->update_after = 1000;
        talk(&link);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* A client that does not read: nothing is lost, and what waits is bounded. */
START_TEST(a_full_socket_is_waited_for)
{
    static char bytes[65536];
    static char got[65536];
    struct link link;
    SSL_CTX *ctx = make_13(CIPHERS[0], NULL);
    open_link(&link, ctx, NULL);
    ck_assert(link_shake(&link));
    hand_over(&link);
    size_t sent = 0;
    size_t received = 0;
    enum transport_result result = TRANSPORT_OK;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i % 251);
    }
    while (result == TRANSPORT_OK) {
        size_t len = 0;
        result = transport_write_more(&link.server, bytes, sizeof bytes, &len);
        for (size_t i = 0; i < len; i++) { /* the next one goes on where this one stopped */
            ck_assert_uint_lt(sent, 100000000);
        }
        sent += len;
        ck_assert_uint_le(transport_held(&link.server), BUF_BULK_SIZE);
        if (len < sizeof bytes) {
            break;
        }
    }
    while (received < sent) {
        int n = SSL_read(link.client, got, sizeof got);
        if (n <= 0) {
            ck_assert_int_eq(SSL_get_error(link.client, n), SSL_ERROR_WANT_READ);
            ck_assert_int_ne(transport_flush(&link.server), TRANSPORT_ERROR);
            continue;
        }
        for (int i = 0; i < n; i++) {
            ck_assert_int_eq(got[i], bytes[(received + (size_t)i) % sizeof bytes]);
        }
        received += (size_t)n;
    }
    ck_assert_uint_eq(transport_held(&link.server), 0);
    ck_assert_uint_eq(pool.lent, 0);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_handover");
    TCase *tcase = tcase_create("tls_handover");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_cipher_goes_on_with_and_without_a_certificate);
    tcase_add_test(tcase, a_handshake_with_a_retry_goes_on);
    tcase_add_test(tcase, tickets_are_counted);
    tcase_add_test(tcase, a_ticket_of_several_records_is_counted);
    tcase_add_test(tcase, sessions_outlive_the_handover_and_resumed_ones_go_on);
    tcase_add_test(tcase, rest_hands_over_and_gives_ciphers_back);
    tcase_add_test(tcase, half_a_record_keeps_openssl);
    tcase_add_test(tcase, what_is_unusual_stays_with_openssl);
    tcase_add_test(tcase, what_must_not_come_is_answered_with_its_alert);
    tcase_add_test(tcase, a_changed_record_ends_the_connection_behind_the_good_ones);
    tcase_add_test(tcase, records_that_bring_nothing_are_bounded);
    tcase_add_test(tcase, a_fatal_alert_of_the_client_takes_the_session_along);
    tcase_add_test(tcase, a_goodbye_is_told_from_a_cut);
    tcase_add_test(tcase, a_key_is_replaced_before_it_has_seen_too_much);
    tcase_add_test(tcase, a_full_socket_is_waited_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
