/* A connection after its handover: what a client must not send, ends, and full sockets.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "unit/tls/handover_fixture.h"

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
        {TLS_ALERT, TLS_ALERT_UNEXPECTED_MESSAGE, 1, {1}},
        {TLS_ALERT, TLS_ALERT_UNEXPECTED_MESSAGE, 3, {1, 0, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 0, {0}},
        {TLS_HANDSHAKE, TLS_ALERT_DECODE_ERROR, 4, {24, 0, 0, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 5, {1, 0, 0, 1, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 5, {4, 0, 0, 1, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 5, {20, 0, 0, 1, 0}},
        {TLS_HANDSHAKE, TLS_ALERT_UNEXPECTED_MESSAGE, 6, {24, 0, 0, 1, 0, 24}},
        {TLS_HANDSHAKE, TLS_ALERT_ILLEGAL_PARAMETER, 5, {24, 0, 0, 2, 0}},
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
        int allowed;
    } ROWS[] = {{TLS_APPLICATION_DATA, 0, {0}, 32},
                {TLS_ALERT, 2, {1, TLS_ALERT_USER_CANCELED}, 4}};
    for (size_t i = 0; i < 2; i++) {
        struct forger forger;
        forger_open(&forger);
        for (int j = 0; j < ROWS[i].allowed; j++) {
            forger_send(&forger, ROWS[i].type, ROWS[i].bytes, ROWS[i].len);
        }
        forger_send(&forger, TLS_APPLICATION_DATA, "x", 1);
        ck_assert_int_eq(forger.link.received[forger.link.received_len - 1], 'x');
        for (int j = 0; j <= ROWS[i].allowed; j++) {
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

/* Fills the server's socket, so that the next byte has to wait; how many bytes that took. */
static size_t fill_socket(int fd)
{
    static const char BLOCK[1024];
    size_t filled = 0;
    ssize_t sent;
    while ((sent = send(fd, BLOCK, sizeof BLOCK, MSG_DONTWAIT)) > 0) {
        filled += (size_t)sent;
    }
    ck_assert_int_eq(errno, EAGAIN);
    return filled;
}

static void empty_socket(int fd, size_t len)
{
    static char block[1024];
    while (len > 0) {
        ssize_t got = recv(fd, block, len < sizeof block ? len : sizeof block, MSG_DONTWAIT);
        ck_assert_int_gt(got, 0);
        len -= (size_t)got;
    }
}

START_TEST(a_goodbye_waits_for_a_full_socket)
{
    struct forger forger;
    char byte;
    forger_open(&forger);
    size_t filled = fill_socket(forger.link.server.fd);
    ck_assert_int_eq(transport_shutdown(&forger.link.server), TRANSPORT_AGAIN);
    ck_assert_int_eq(transport_shutdown(&forger.link.server), TRANSPORT_AGAIN);
    empty_socket(SSL_get_fd(forger.link.client), filled);
    ck_assert_int_eq(transport_shutdown(&forger.link.server), TRANSPORT_OK);
    int n = SSL_read(forger.link.client, &byte, 1);
    ck_assert_int_eq(SSL_get_error(forger.link.client, n), SSL_ERROR_ZERO_RETURN);
    transport_become_plain(&forger.link.server);
    forger_close(&forger);
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

/* RFC 8446 section 5.5: a client that only sends is asked for a new key, too, and one that does not
 * heed it is cut off before the key is worn out. */
START_TEST(a_peer_that_keeps_its_key_is_cut_off)
{
    struct forger forger;
    forger_open(&forger);
    struct tls_lean *lean = ((struct tls_connection *)forger.link.server.tls_connection)->lean;
    lean->update_after = 8;
    while (lean->in.sequence < 8) {
        ck_assert(!lean->awaits_update);
        forger_send(&forger, TLS_APPLICATION_DATA, "x", 1);
    }
    ck_assert(lean->awaits_update);
    while (lean->in.sequence < 32) {
        forger_send(&forger, TLS_APPLICATION_DATA, "x", 1);
        ck_assert_int_ne(forger.link.last, TRANSPORT_ERROR);
    }
    forger_send(&forger, TLS_APPLICATION_DATA, "x", 1);
    expect_refused(&forger, TLS_ALERT_UNEXPECTED_MESSAGE);
    forger_close(&forger);
    SSL_SESSION_free(session);
    session = NULL;
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
        if (len < sizeof bytes)
            break;
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
    Suite *suite = suite_create("tls_lean");
    TCase *tcase = tcase_create("tls_lean");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_must_not_come_is_answered_with_its_alert);
    tcase_add_test(tcase, a_changed_record_ends_the_connection_behind_the_good_ones);
    tcase_add_test(tcase, records_that_bring_nothing_are_bounded);
    tcase_add_test(tcase, a_fatal_alert_of_the_client_takes_the_session_along);
    tcase_add_test(tcase, a_goodbye_is_told_from_a_cut);
    tcase_add_test(tcase, a_goodbye_waits_for_a_full_socket);
    tcase_add_test(tcase, a_key_is_replaced_before_it_has_seen_too_much);
    tcase_add_test(tcase, a_peer_that_keeps_its_key_is_cut_off);
    tcase_add_test(tcase, a_full_socket_is_waited_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
