/* Asking for the certificate after the handshake: RFC 5246 section 7.4.1.1, RFC 5746, RFC 8446
 * section 4.6.2.
 *
 * SPDX-License-Identifier: MIT */
#include "unit/tls/tls_fixture.h"

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
enum { VERSION_COUNT = 2 };

static struct world world;
static struct identity alice;

static void setup(void)
{
    static const char *const HOSTS[] = {"late.test", NULL};
    static const char *const OTHERS[] = {"early.test", NULL};
    world_open(&world);
    world_add_site(&world, "late", HOSTS)->config.negotiate_late = true;
    (void)world_add_site(&world, "early", OTHERS);
    world_load(&world);
    alice = make_plain_identity("alice");
}

static void teardown(void)
{
    identity_free(&alice);
    world_close(&world);
}

static void open_late(struct link *link, SSL_CTX *ctx)
{
    SSL_CTX_set_post_handshake_auth(ctx, 1);
    link_open(link, &world, ctx);
    link_set_name(link, "late.test");
}

static bool server_is_lost(const struct link *link)
{
    return link->last == TRANSPORT_ERROR || link->last == TRANSPORT_EOF;
}

/* Runs both ends until the answer is complete; false when the connection broke. */
static bool link_ask(struct link *link)
{
    char byte;
    if (!tls_transport_ask(&link->server) || transport_handshake(&link->server) != TRANSPORT_OK)
        return false;
    transport_want(&link->server, true, false);
    for (int i = 0; i < 200 && !server_is_lost(link); i++) {
        ERR_clear_error();
        (void)SSL_read(link->client, &byte, 1);
        link_turn(link);
        if (tls_transport_is_answered(&link->server))
            return true;
    }
    return false;
}

START_TEST(asks_in_the_handshake_for_nothing_and_later_for_the_chain)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        struct identity above = make_plain_identity("above");
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(ctx, above.cert), 1);
        open_late(&link, ctx);
        ck_assert(link_shake(&link));
        ck_assert(tls_transport_is_late(&link.server));
        ck_assert_ptr_null(tls_transport_peer_leaf(&link.server));
        ck_assert(tls_transport_can_ask(&link.server));
        ck_assert(link_ask(&link));
        ck_assert_int_eq(X509_cmp(tls_transport_peer_leaf(&link.server), alice.cert), 0);
        STACK_OF(X509) *chain = tls_transport_peer_chain(&link.server);
        ck_assert_int_eq(sk_X509_num(chain), 2);
        ck_assert_int_eq(X509_cmp(sk_X509_value(chain, 1), above.cert), 0);
        ck_assert_ptr_null(tls_transport_session_facts(&link.server));
        link_answer(&link);
        link_close(&link);
        identity_free(&above);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(takes_no_certificate_for_an_answer_and_asks_only_once)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], NULL);
        open_late(&link, ctx);
        ck_assert(link_shake(&link));
        ck_assert(!tls_transport_is_answered(&link.server));
        ck_assert(link_ask(&link));
        ck_assert_ptr_null(tls_transport_peer_leaf(&link.server));
        ck_assert(tls_transport_is_late(&link.server));
        ck_assert(!tls_transport_can_ask(&link.server));
        ck_assert(!tls_transport_ask(&link.server));
        link_answer(&link);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(hands_over_what_the_client_sends_before_its_answer)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        open_late(&link, ctx);
        ck_assert(link_shake(&link));
        ck_assert_int_eq(SSL_write(link.client, "before", 6), 6);
        ck_assert(link_ask(&link));
        ck_assert_uint_eq(link.received_len, 6);
        ck_assert_int_eq(memcmp(link.received, "before", 6), 0);
        ck_assert_ptr_nonnull(tls_transport_peer_leaf(&link.server));
        ck_assert_int_eq(SSL_write(link.client, " after", 6), 6);
        for (int n = 0; n < 10; n++)
            link_turn(&link);
        ck_assert_uint_eq(link.received_len, 12);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(knows_a_client_that_cannot_be_asked)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, &alice);
    link_open(&link, &world, ctx);
    link_set_name(&link, "late.test");
    ck_assert(link_shake(&link));
    ck_assert(tls_transport_is_late(&link.server));
    ck_assert(!tls_transport_can_ask(&link.server));
    ck_assert(!tls_transport_ask(&link.server));
    link_answer(&link);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(never_asks_late_on_a_site_that_asks_in_the_handshake)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], NULL);
        SSL_CTX_set_post_handshake_auth(ctx, 1);
        link_open(&link, &world, ctx);
        link_set_name(&link, "early.test");
        ck_assert(link_shake(&link));
        ck_assert(!tls_transport_is_late(&link.server));
        ck_assert(!tls_transport_can_ask(&link.server));
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* IIS: the connection is closed, without a response. */
START_TEST(breaks_when_the_client_refuses_to_renegotiate)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_2_VERSION, &alice);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    open_late(&link, ctx);
    ck_assert(link_shake(&link));
    ck_assert(!link_ask(&link));
    ck_assert_int_eq(link.last, TRANSPORT_ERROR);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

static bool refuses_to_be_asked(struct link *link)
{
    char byte;
    ck_assert_int_eq(SSL_renegotiate(link->client), 1);
    bool is_refused = false;
    for (int i = 0; i < 50 && !is_refused; i++) {
        ERR_clear_error();
        int done = i == 0 ? SSL_do_handshake(link->client) : SSL_read(link->client, &byte, 1);
        is_refused = SSL_get_error(link->client, done) == SSL_ERROR_SSL &&
                     ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NO_RENEGOTIATION;
        link_turn(link);
    }
    return is_refused;
}

/* CVE-2009-3555 and cheap exhaustion: only the server may begin one. */
START_TEST(refuses_a_renegotiation_that_the_client_begins)
{
    static const char *const NAMES[] = {"late.test", "late.test", "early.test"};
    for (size_t i = 0; i < 3; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(TLS1_2_VERSION, &alice);
        open_late(&link, ctx);
        link_set_name(&link, NAMES[i]);
        ck_assert(link_shake(&link));
        transport_want(&link.server, true, false);
        if (i == 1) {
            ck_assert(link_ask(&link));
            link_answer(&link);
        }
        ck_assert_msg(refuses_to_be_asked(&link), "%zu", i);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(breaks_when_the_second_handshake_names_another_site)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_2_VERSION, &alice);
    open_late(&link, ctx);
    ck_assert(link_shake(&link));
    link_set_name(&link, "early.test");
    ck_assert(!link_ask(&link));
    ck_assert_int_eq(link.last, TRANSPORT_ERROR);
    ck_assert_ptr_nonnull(strstr(transport_error(&link.server), "another server"));
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

/* The ways a session can be kept: TLS 1.3 in the store, everything in tickets. */
static const enum config_tickets KEPT[] = {TICKETS_TLS12, TICKETS_ALL};
enum { KEPT_COUNT = 2 };

static void keep_sessions(enum config_tickets tickets, bool is_late)
{
    world.config.sessions.tickets = tickets;
    world.setups[0].config.negotiate_late = is_late;
    world_load(&world);
}

/* Takes the session; the next connection must not be resumed with it. */
static void check_not_resumed(SSL_CTX *ctx, SSL_SESSION *session)
{
    struct link link;
    open_late(&link, ctx);
    ck_assert_int_eq(SSL_set_session(link.client, session), 1);
    ck_assert(link_shake(&link));
    ck_assert(!tls_transport_is_resumed(&link.server));
    ck_assert_ptr_null(tls_transport_peer_leaf(&link.server));
    link_close(&link);
    SSL_SESSION_free(session);
}

/* A session would carry what its handshake asked for; this one asked for nothing. _i: TLS version,
 * where sessions are kept, whether the client was asked. */
START_TEST(makes_no_session_resumable)
{
    struct link link;
    SSL_CTX *ctx = make_client(VERSIONS[_i % 2], &alice);
    keep_sessions(KEPT[_i / 2 % 2], true);
    open_late(&link, ctx);
    ck_assert(link_shake(&link));
    tls_transport_offer_session(&link.server);
    if (_i / 4 == 1)
        ck_assert(link_ask(&link));
    tls_transport_offer_session(&link.server);
    link_answer(&link);
    SSL_SESSION *session = SSL_get1_session(link.client);
    ck_assert_int_eq(SSL_SESSION_has_ticket(session), 0);
    ck_assert_uint_eq(link.asked, 0);
    link_close(&link);
    check_not_resumed(ctx, session);
    SSL_CTX_free(ctx);
}
END_TEST

/* A site that turns late under living sessions: what they say is no longer what it asks. */
START_TEST(resumes_no_session_from_before_it_was_late)
{
    struct link link;
    SSL_CTX *ctx = make_client(VERSIONS[_i % 2], &alice);
    keep_sessions(KEPT[_i / 2], false);
    open_late(&link, ctx);
    ck_assert(link_shake(&link));
    tls_transport_offer_session(&link.server);
    link_answer(&link);
    SSL_SESSION *session = SSL_get1_session(link.client);
    ck_assert_int_eq(SSL_SESSION_has_ticket(session), 1);
    link_close(&link);
    keep_sessions(KEPT[_i / 2], true);
    check_not_resumed(ctx, session);
    SSL_CTX_free(ctx);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_late");
    TCase *tcase = tcase_create("tls_late");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, asks_in_the_handshake_for_nothing_and_later_for_the_chain);
    tcase_add_test(tcase, takes_no_certificate_for_an_answer_and_asks_only_once);
    tcase_add_test(tcase, hands_over_what_the_client_sends_before_its_answer);
    tcase_add_test(tcase, knows_a_client_that_cannot_be_asked);
    tcase_add_test(tcase, never_asks_late_on_a_site_that_asks_in_the_handshake);
    tcase_add_test(tcase, breaks_when_the_client_refuses_to_renegotiate);
    tcase_add_test(tcase, refuses_a_renegotiation_that_the_client_begins);
    tcase_add_test(tcase, breaks_when_the_second_handshake_names_another_site);
    tcase_add_loop_test(tcase, makes_no_session_resumable, 0, VERSION_COUNT * KEPT_COUNT * 2);
    tcase_add_loop_test(tcase, resumes_no_session_from_before_it_was_late, 0,
                        VERSION_COUNT * KEPT_COUNT);
    suite_add_tcase(suite, tcase);
    return suite;
}
