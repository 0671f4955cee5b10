/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "unit/tls/tls_fixture.h"

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
enum { VERSION_COUNT = 2 };

static struct world world;
static struct identity alice;

static void setup(void)
{
    world_open(&world);
    (void)world_add_site(&world, "default", NULL);
    world_load(&world);
    alice = make_plain_identity("alice");
}

static void teardown(void)
{
    identity_free(&alice);
    world_close(&world);
}

START_TEST(completes_a_handshake_and_keeps_what_the_client_presented)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        struct identity above = make_plain_identity("above");
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(ctx, above.cert), 1);
        link_open(&link, &world, ctx);
        ck_assert(link_shake(&link));
        ck_assert_str_eq(tls_transport_version(&link.server), SSL_get_version(link.client));
        ck_assert_str_eq(tls_transport_cipher(&link.server), SSL_get_cipher_name(link.client));
        ck_assert_int_eq(tls_transport_cipher_bits(&link.server), 128); /* AES-128 first */
        ck_assert_str_eq(tls_transport_server_name(&link.server), "");
        ck_assert(!tls_transport_is_resumed(&link.server));
        ck_assert_ptr_null(tls_transport_session_facts(&link.server));
        ck_assert_ptr_eq(tls_transport_site(&link.server), world.setups[0].site);
        ck_assert_int_eq(X509_cmp(tls_transport_peer_leaf(&link.server), alice.cert), 0);
        STACK_OF(X509) *chain = tls_transport_peer_chain(&link.server);
        ck_assert_int_eq(sk_X509_num(chain), 2);
        ck_assert_int_eq(X509_cmp(sk_X509_value(chain, 0), alice.cert), 0);
        ck_assert_int_eq(X509_cmp(sk_X509_value(chain, 1), above.cert), 0);
        ck_assert_ptr_eq(tls_transport_peer_chain(&link.server), chain);
        link_close(&link);
        identity_free(&above);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(completes_a_handshake_without_a_client_certificate)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], NULL);
        link_open(&link, &world, ctx);
        ck_assert(link_shake(&link));
        ck_assert_ptr_null(tls_transport_peer_leaf(&link.server));
        ck_assert_ptr_null(tls_transport_peer_chain(&link.server));
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* What is weak or out of date is for the verdict to refuse, in HTTP. */
START_TEST(completes_a_handshake_with_certificates_that_only_a_verdict_may_refuse)
{
    struct identity weak[] = {
        make_identity("rsa-1024", EVP_RSA_gen(1024), NULL, EVP_sha256(), -60, 60),
        make_identity("sha-1", make_ec_key(), NULL, EVP_sha1(), -60, 60),
        make_identity("sha-1 of another", EVP_RSA_gen(1024), &alice, EVP_sha1(), -60, 60),
        make_identity("md5", EVP_RSA_gen(2048), NULL, EVP_md5(), -60, 60),
        make_identity("expired", make_ec_key(), NULL, EVP_sha256(), -7200, -3600),
        make_identity("early", make_ec_key(), NULL, EVP_sha256(), 3600, 7200),
    };
    for (size_t n = 0; n < sizeof weak / sizeof *weak; n++) {
        for (size_t i = 0; i < VERSION_COUNT; i++) {
            struct link link;
            SSL_CTX *ctx = make_client(VERSIONS[i], &weak[n]);
            link_open(&link, &world, ctx);
            ck_assert_msg(link_shake(&link), "%zu: %s", n, transport_error(&link.server));
            ck_assert_int_eq(X509_cmp(tls_transport_peer_leaf(&link.server), weak[n].cert), 0);
            link_close(&link);
            SSL_CTX_free(ctx);
        }
        identity_free(&weak[n]);
    }
}
END_TEST

/* Copies between the two ends of a second pair, to the server one byte a step. */
struct trickle {
    int client_side, server_side;
};

static void trickle_step(const struct trickle *trickle)
{
    char bytes[4096];
    if (recv(trickle->client_side, bytes, 1, MSG_DONTWAIT) == 1)
        ck_assert_int_eq(send(trickle->server_side, bytes, 1, 0), 1);
    ssize_t len = recv(trickle->server_side, bytes, sizeof bytes, MSG_DONTWAIT);
    if (len > 0)
        ck_assert_int_eq(send(trickle->client_side, bytes, (size_t)len, 0), len);
}

START_TEST(lives_on_one_byte_at_a_time)
{
    static const char MESSAGE[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        struct link link;
        struct trickle trickle;
        int fds[2];
        SSL_CTX *ctx = make_client(VERSIONS[v], &alice);
        link_open(&link, &world, ctx);
        trickle.client_side = dup(link.server.fd);
        /* The server's end moves to a pair of its own; the trickle stands between. */
        transport_close(&link.server);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        trickle.server_side = fds[1];
        tls_transport_init_server(&link.server, world.base, fds[0], world.listener, link_on_ready,
                                  link_on_session, &link);
        transport_want(&link.server, true, false);
        bool is_sent = false;
        for (int i = 0; i < 20000 && link.received_len < sizeof MESSAGE - 1; i++) {
            if (SSL_do_handshake(link.client) == 1 && !is_sent)
                is_sent = SSL_write(link.client, MESSAGE, sizeof MESSAGE - 1) > 0;
            trickle_step(&trickle);
            link_turn(&link);
        }
        ck_assert_int_eq(link.handshake, TRANSPORT_OK);
        ck_assert_mem_eq(link.received, MESSAGE, sizeof MESSAGE - 1);
        /* Half a record in the buffer is not a reason to call back: no busy loop. */
        unsigned calls = link.calls;
        ck_assert_int_gt(SSL_write(link.client, "tail", 4), 0);
        for (int i = 0; i < 10; i++) {
            trickle_step(&trickle);
        }
        for (int i = 0; i < 20; i++) {
            link_turn(&link);
        }
        ck_assert_uint_le(link.calls - calls, 2);
        ck_assert(!transport_has_pending(&link.server));
        link_close(&link);
        (void)close(trickle.client_side);
        (void)close(trickle.server_side);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(delivers_bytes_that_wait_above_the_socket)
{
    struct link link;
    SSL_CTX *ctx = make_client(0, &alice);
    char block[1000];
    memset(block, 'b', sizeof block);
    link_open(&link, &world, ctx);
    ck_assert(link_shake(&link));
    link.read_size = 100;
    /* Three records, which one recv takes all: epoll has nothing left to say. */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(SSL_write(link.client, block, sizeof block), sizeof block);
    }
    link_turn(&link);
    ck_assert_uint_eq(link.received_len, 100);
    ck_assert(transport_has_pending(&link.server));
    transport_want(&link.server, false, false);
    link_turn(&link);
    link_turn(&link);
    ck_assert_uint_eq(link.received_len, 100);
    transport_want(&link.server, true, false);
    for (int i = 0; i < 40; i++) {
        link_turn(&link);
    }
    ck_assert_uint_eq(link.received_len, 3000);
    ck_assert(!transport_has_pending(&link.server));
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(delivers_a_request_that_came_with_the_last_flight)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, &alice);
    link_open(&link, &world, ctx);
    ck_assert_int_eq(SSL_do_handshake(link.client), -1);
    link_turn(&link);
    ck_assert_int_eq(SSL_do_handshake(link.client), 1); /* the server has not seen it yet */
    ck_assert_int_eq(SSL_write(link.client, "early", 5), 5);
    for (int i = 0; i < 4; i++) {
        link_turn(&link);
    }
    ck_assert_int_eq(link.handshake, TRANSPORT_OK);
    ck_assert_uint_eq(link.received_len, 5);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(may_be_closed_inside_its_callback_with_bytes_pending)
{
    struct link link;
    SSL_CTX *ctx = make_client(0, &alice);
    link_open(&link, &world, ctx);
    ck_assert(link_shake(&link));
    link.read_size = 1;
    ck_assert_int_eq(SSL_write(link.client, "xyz", 3), 3);
    link_turn(&link);
    ck_assert_uint_eq(link.received_len, 1);
    link.closes = true;
    unsigned calls = link.calls;
    link_turn(&link);
    link_turn(&link);
    ck_assert_uint_eq(link.calls, calls + 1);
    ck_assert(!transport_is_open(&link.server));
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(tells_a_goodbye_from_a_cut)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        for (int says_goodbye = 0; says_goodbye < 2; says_goodbye++) {
            struct link link;
            size_t len = 0;
            SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
            link_open(&link, &world, ctx);
            ck_assert(link_shake(&link));
            ck_assert_int_eq(SSL_write(link.client, "last", 4), 4);
            if (says_goodbye)
                ck_assert_int_eq(SSL_shutdown(link.client), 0);
            ck_assert_int_eq(shutdown(SSL_get_fd(link.client), SHUT_WR), 0);
            for (int turns = 0; turns < 5; turns++) {
                link_turn(&link);
            }
            ck_assert_uint_eq(link.received_len, 4);
            ck_assert_int_eq(link.last, TRANSPORT_EOF);
            /* RFC 8446 section 6.1 */
            ck_assert(tls_transport_was_truncated(&link.server) == !says_goodbye);
            /* A client that only ended its direction still gets its answer. */
            ck_assert_int_eq(transport_write(&link.server, "bye", 3, &len), TRANSPORT_OK);
            link_close(&link);
            SSL_CTX_free(ctx);
        }
    }
}
END_TEST

START_TEST(says_goodbye_and_ends_the_stream)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        char byte;
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        link_open(&link, &world, ctx);
        ck_assert(link_shake(&link));
        tls_transport_offer_session(&link.server); /* nothing was written since */
        transport_shutdown(&link.server);
        int status = SSL_read(link.client, &byte, 1);
        ck_assert_int_eq(SSL_get_error(link.client, status), SSL_ERROR_ZERO_RETURN);
        ck_assert_int_eq(recv(SSL_get_fd(link.client), &byte, 1, 0), 0);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
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
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        char byte;
        size_t len = 0;
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        link_open(&link, &world, ctx);
        ck_assert(link_shake(&link));
        size_t filled = fill_socket(link.server.fd);
        ck_assert_int_eq(transport_shutdown(&link.server), TRANSPORT_AGAIN);
        ck_assert_int_eq(transport_shutdown(&link.server), TRANSPORT_AGAIN);
        empty_socket(SSL_get_fd(link.client), filled);
        ck_assert_int_eq(transport_shutdown(&link.server), TRANSPORT_OK);
        int status = SSL_read(link.client, &byte, 1);
        ck_assert_int_eq(SSL_get_error(link.client, status), SSL_ERROR_ZERO_RETURN);
        ck_assert_int_eq(recv(SSL_get_fd(link.client), &byte, 1, 0), 0);
        /* Afterwards the socket's bytes are all there is. */
        transport_become_plain(&link.server);
        ck_assert_ptr_null(link.server.tls);
        ck_assert_int_eq(send(SSL_get_fd(link.client), "raw", 3, 0), 3);
        ck_assert_int_eq(transport_drop(&link.server, &len), TRANSPORT_OK);
        ck_assert_uint_eq(len, 3);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(says_why_a_handshake_failed)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } CASES[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18, "http request (SSL routines)"},
        {"\x16\x03\x01\x00\x02\x05\x00", 7, NULL},
        {"\x15\x03\x03\x00\x02\x02\x30", 7, "unexpected message (SSL routines)"},
        {"", 0, "the peer closed the connection during the handshake"},
        {"\x16\x03\x01", 3, "the peer closed the connection during the handshake"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(0, NULL);
        link_open(&link, &world, ctx);
        int fd = SSL_get_fd(link.client);
        ck_assert_int_eq(send(fd, CASES[i].bytes, CASES[i].len, 0), (ssize_t)CASES[i].len);
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        for (int turns = 0; turns < 5 && !link.is_ready; turns++) {
            link_turn(&link);
        }
        ck_assert_int_eq(link.handshake, TRANSPORT_ERROR);
        ck_assert_str_ne(transport_error(&link.server), "");
        if (CASES[i].why != NULL)
            ck_assert_str_eq(transport_error(&link.server), CASES[i].why);
        /* A broken stream stays broken and is not shut down. */
        ck_assert_int_eq(transport_handshake(&link.server), TRANSPORT_ERROR);
        transport_shutdown(&link.server);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(names_the_alert_that_the_client_sent)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        link_open(&link, &world, ctx);
        ck_assert(!link_shake(&link));
        ck_assert_str_eq(transport_error(&link.server), "tlsv1 alert unknown ca (SSL routines)");
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(refuses_a_chain_beyond_the_limit)
{
    for (int over = 0; over < 2; over++) {
        struct link link;
        SSL_CTX *ctx = make_client(TLS1_2_VERSION, &alice);
        int leaf_len = i2d_X509(alice.cert, NULL);
        /* RFC 5246 section 7.4.2: a list of certificates, three bytes of length each and in all */
        world.config.limits.chain_bytes = (uint64_t)leaf_len + 3 + 3 - (over ? 1 : 0);
        world_load(&world);
        link_open(&link, &world, ctx);
        ck_assert_int_eq(link_shake(&link), !over);
        if (over) {
            ck_assert_str_eq(transport_error(&link.server),
                             "excessive message size (SSL routines)");
        }
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(moves_a_large_answer_through_a_full_socket)
{
    static char block[16384];
    struct link link;
    SSL_CTX *ctx = make_client(0, &alice);
    link_open(&link, &world, ctx);
    ck_assert(link_shake(&link));
    size_t sent = 0;
    size_t received = 0;
    size_t total = 64 * sizeof block;
    while (received < total) {
        size_t len = 0;
        static char moved[sizeof block]; /* SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER */
        char *from = sent / 7 % 2 == 0 ? block : moved;
        size_t rest = total - sent < sizeof block ? total - sent : sizeof block;
        enum transport_result result =
            rest == 0 ? TRANSPORT_AGAIN : transport_write(&link.server, from, rest, &len);
        ck_assert_int_ne(result, TRANSPORT_ERROR);
        sent += result == TRANSPORT_OK ? len : 0;
        if (result == TRANSPORT_AGAIN) {
            static char sink[65536];
            int got = SSL_read(link.client, sink, sizeof sink);
            received += got > 0 ? (size_t)got : 0;
        }
    }
    ck_assert_uint_eq(received, total);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

struct pump { /* an owner that writes whenever it may, and never otherwise */
    struct transport transport;
    size_t sent, total;
    unsigned vain_calls; /* nothing could be written although the callback said so */
    bool is_ready;
};

static void on_pump_ready(struct transport *transport, bool can_read, bool can_write, void *arg)
{
    static char block[16384];
    struct pump *pump = arg;
    (void)can_read;
    if (!pump->is_ready) {
        pump->is_ready = transport_handshake(transport) == TRANSPORT_OK;
        transport_want(transport, !pump->is_ready, pump->is_ready);
        return;
    }
    ck_assert(can_write);
    bool is_vain = true;
    enum transport_result result = TRANSPORT_OK;
    while (result == TRANSPORT_OK && pump->sent < pump->total) {
        size_t len = 0;
        size_t rest = pump->total - pump->sent;
        result = transport_write(transport, block, rest < sizeof block ? rest : sizeof block, &len);
        ck_assert(result == TRANSPORT_OK || result == TRANSPORT_AGAIN);
        pump->sent += len;
        is_vain = is_vain && result == TRANSPORT_AGAIN;
    }
    pump->vain_calls += is_vain;
    transport_want(transport, false, pump->sent < pump->total);
}

START_TEST(writes_when_the_loop_says_so)
{
    struct link link;
    struct pump pump = {.total = 1 << 21};
    SSL_CTX *ctx = make_client(0, &alice);
    link_open(&link, &world, ctx);
    int fd = dup(link.server.fd);
    transport_close(&link.server);
    /* The smallest buffer the kernel has: the handshake itself has to wait for room, too. */
    int size = 1;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    tls_transport_init_server(&pump.transport, world.base, fd, world.listener, on_pump_ready, NULL,
                              &pump);
    transport_want(&pump.transport, true, false);
    size_t received = 0;
    for (int i = 0; i < 100000 && received < pump.total; i++) {
        static char sink[16384];
        int len = SSL_read(link.client, sink, sizeof sink);
        received += len > 0 ? (size_t)len : 0;
        link_turn(&link);
    }
    ck_assert_uint_eq(received, pump.total);
    ck_assert(!pump.transport.write_added);
    /* A socket may have room for less than a record, never for long. */
    ck_assert_uint_lt(pump.vain_calls, 2000);
    transport_close(&pump.transport);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(follows_a_change_of_keys)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, &alice);
    link_open(&link, &world, ctx);
    ck_assert(link_shake(&link));
    for (int i = 0; i < 3; i++) {
        /* RFC 8446 section 4.6.3 */
        ck_assert_int_eq(SSL_key_update(link.client, SSL_KEY_UPDATE_REQUESTED), 1);
        ck_assert_int_eq(SSL_write(link.client, "new", 3), 3);
        link_turn(&link);
        link_turn(&link);
        ck_assert_uint_eq(link.received_len, (size_t)3 * ((size_t)i + 1));
        link_answer(&link);
    }
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(refuses_renegotiation)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_2_VERSION, &alice);
    link_open(&link, &world, ctx);
    ck_assert(link_shake(&link));
    ck_assert_int_eq(SSL_renegotiate(link.client), 1);
    int error = SSL_ERROR_WANT_READ;
    int reason = 0;
    for (int i = 0; i < 10 && error == SSL_ERROR_WANT_READ; i++) {
        ERR_clear_error();
        error = SSL_get_error(link.client, SSL_do_handshake(link.client));
        reason = ERR_GET_REASON(ERR_peek_error());
        link_turn(&link);
    }
    /* RFC 5746 section 4.5: the no_renegotiation alert, which ends OpenSSL's client. */
    ck_assert_int_eq(error, SSL_ERROR_SSL);
    ck_assert_int_eq(reason, SSL_R_NO_RENEGOTIATION);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_transport");
    TCase *tcase = tcase_create("tls_transport");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, completes_a_handshake_and_keeps_what_the_client_presented);
    tcase_add_test(tcase, completes_a_handshake_without_a_client_certificate);
    tcase_add_test(tcase, completes_a_handshake_with_certificates_that_only_a_verdict_may_refuse);
    tcase_add_test(tcase, lives_on_one_byte_at_a_time);
    tcase_add_test(tcase, delivers_bytes_that_wait_above_the_socket);
    tcase_add_test(tcase, delivers_a_request_that_came_with_the_last_flight);
    tcase_add_test(tcase, may_be_closed_inside_its_callback_with_bytes_pending);
    tcase_add_test(tcase, tells_a_goodbye_from_a_cut);
    tcase_add_test(tcase, says_goodbye_and_ends_the_stream);
    tcase_add_test(tcase, says_why_a_handshake_failed);
    tcase_add_test(tcase, names_the_alert_that_the_client_sent);
    tcase_add_test(tcase, refuses_a_chain_beyond_the_limit);
    tcase_add_test(tcase, a_goodbye_waits_for_a_full_socket);
    tcase_add_test(tcase, moves_a_large_answer_through_a_full_socket);
    tcase_add_test(tcase, writes_when_the_loop_says_so);
    tcase_add_test(tcase, follows_a_change_of_keys);
    tcase_add_test(tcase, refuses_renegotiation);
    suite_add_tcase(suite, tcase);
    return suite;
}
