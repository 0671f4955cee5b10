/* Connections that go on without their SSL, against plain OpenSSL on the other side: what it opens
 * proves the sequence number of what was sealed here, and the reverse.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_hooks.h"
#include "unit/tls/handover_fixture.h"

START_TEST(libssl_derives_by_way_of_this_program)
{
    ck_assert(tls_hooks_test().derive);
}
END_TEST

/* ---- numbers of records ------------------------------------------------------------------- */

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
    char groups[] = "ffdhe2048:P-384"; /* the macro casts const away */
    ck_assert_int_eq(SSL_CTX_set1_groups_list(ctx, groups), 1);
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
            if (count > 0)
                tls_transport_offer_session(&link.server);
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

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_handover");
    TCase *tcase = tcase_create("tls_handover");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, libssl_derives_by_way_of_this_program);
    tcase_add_test(tcase, every_cipher_goes_on_with_and_without_a_certificate);
    tcase_add_test(tcase, a_handshake_with_a_retry_goes_on);
    tcase_add_test(tcase, tickets_are_counted);
    tcase_add_test(tcase, a_ticket_of_several_records_is_counted);
    tcase_add_test(tcase, sessions_outlive_the_handover_and_resumed_ones_go_on);
    tcase_add_test(tcase, rest_hands_over_and_gives_ciphers_back);
    tcase_add_test(tcase, half_a_record_keeps_openssl);
    tcase_add_test(tcase, what_is_unusual_stays_with_openssl);
    suite_add_tcase(suite, tcase);
    return suite;
}
