/* SPDX-License-Identifier: MIT */
#include "unit/tls/tls_fixture.h"

static struct world world;
static struct identity alice;

/* The ways a session can go; each case is tried in all of them. */
enum { TICKETS_12, TICKETS_13, STORE_13, MODE_COUNT };

/* Puts the world into a mode; returns the version the client is to use. */
static int use_mode(size_t mode)
{
    enum config_tickets tickets = mode == TICKETS_13 ? TICKETS_ALL : TICKETS_TLS12;
    if (world.config.sessions.tickets != tickets) {
        world.config.sessions.tickets = tickets;
        world_load(&world);
    }
    return mode == TICKETS_12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

static void setup(void)
{
    static const char *const SECOND[] = {"second.example.test", "other.example.test", NULL};
    world_open(&world);
    (void)world_add_site(&world, "first", NULL);
    (void)world_add_site(&world, "second", SECOND);
    world_load(&world);
    alice = make_plain_identity("alice");
}

static void teardown(void)
{
    identity_free(&alice);
    world_close(&world);
}

/* What the client kept last: in TLS 1.3 a session comes after the handshake. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);
    if (kept == NULL)
        return 0;
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

struct visit {
    int version;
    const struct identity *identity;
    const char *name;     /* SNI, or NULL */
    SSL_SESSION *session; /* offered, or NULL */
    bool is_refused;      /* the verdict */
    int64_t valid_for;
    bool has_no_ems;
    bool is_confused;   /* the owner stores the digest of another leaf */
    X509 *above;        /* sent after the leaf */
    size_t above_count; /* so many times; 0: once */
};

struct visit_result {
    bool is_resumed;
    bool has_leaf;
    bool has_facts;
    unsigned asked;
    size_t presented_count;
    struct tls_session_facts facts;
    SSL_SESSION *kept; /* owned by the caller; NULL: the client was given nothing to resume */
};

/* OpenSSL's client does not report a TLS 1.2 ticket that came with a resumption. */
static SSL_SESSION *take_renewed(SSL *ssl, SSL_SESSION *offered)
{
    const unsigned char *old;
    const unsigned char *new;
    size_t old_len;
    size_t new_len;
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_SESSION_get0_ticket(offered, &old, &old_len);
    SSL_SESSION_get0_ticket(session, &new, &new_len);
    if (old_len == new_len && memcmp(old, new, new_len) == 0) {
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

static struct visit_result visit(const struct visit *visit)
{
    struct link link;
    struct visit_result result = {0};
    SSL_CTX *ctx = make_client(visit->version, visit->identity);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    for (size_t i = 0;
         visit->above != NULL && i < (visit->above_count == 0 ? 1 : visit->above_count); i++) {
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(ctx, visit->above), 1);
    }
    link_open(&link, &world, ctx);
    link.is_refused = visit->is_refused;
    link.is_confused = visit->is_confused;
    link.valid_for = visit->valid_for == 0 ? 3600 : visit->valid_for;
    (void)SSL_set_app_data(link.client, &result.kept);
    if (visit->name != NULL)
        link_set_name(&link, visit->name);
    if (visit->has_no_ems)
        SSL_set_options(link.client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    if (visit->session != NULL)
        ck_assert_int_eq(SSL_set_session(link.client, visit->session), 1);
    ck_assert_msg(link_shake(&link), "%s", transport_error(&link.server));
    if (!visit->is_refused) {
        tls_transport_offer_session(&link.server);
        tls_transport_offer_session(&link.server); /* once is enough */
    }
    link_answer(&link);
    result.is_resumed = tls_transport_is_resumed(&link.server);
    ck_assert_int_eq(SSL_session_reused(link.client), result.is_resumed);
    if (result.is_resumed && visit->version == TLS1_2_VERSION)
        result.kept = take_renewed(link.client, visit->session);
    X509 *leaf = tls_transport_peer_leaf(&link.server);
    result.has_leaf = leaf != NULL;
    ck_assert(leaf == NULL || X509_cmp(leaf, visit->identity->cert) == 0);
    const STACK_OF(X509) *presented = tls_transport_peer_chain(&link.server);
    ck_assert((presented != NULL) == (leaf != NULL));
    ck_assert(presented == NULL || sk_X509_value(presented, 0) == leaf);
    result.presented_count = presented == NULL ? 0 : (size_t)sk_X509_num(presented);
    const struct tls_session_facts *facts = tls_transport_session_facts(&link.server);
    result.has_facts = facts != NULL;
    result.facts = facts != NULL ? *facts : (struct tls_session_facts){0};
    result.asked = link.asked;
    link_close(&link);
    SSL_CTX_free(ctx);
    return result;
}

/* A first visit with a good verdict; the caller owns the session. */
static SSL_SESSION *first_visit(int version, const char *name)
{
    struct visit first = {.version = version, .identity = &alice, .name = name};
    struct visit_result result = visit(&first);
    ck_assert(!result.is_resumed && result.has_leaf && !result.has_facts);
    ck_assert_uint_eq(result.asked, 1);
    ck_assert_ptr_nonnull(result.kept);
    return result.kept;
}

/* True when the session is resumed; frees it. */
static bool is_resumed(int version, const char *name, SSL_SESSION *session)
{
    struct visit again = {.version = version, .identity = &alice, .name = name, .session = session};
    struct visit_result result = visit(&again);
    ck_assert(result.has_leaf);
    ck_assert(result.has_facts == result.is_resumed);
    SSL_SESSION_free(result.kept);
    SSL_SESSION_free(session);
    return result.is_resumed;
}

START_TEST(resumes_after_a_good_verdict_with_the_leaf_and_the_facts)
{
    clock_freeze(clock_wall_ms());
    for (size_t i = 0; i < MODE_COUNT; i++) {
        SSL_SESSION *session = first_visit(use_mode(i), NULL);
        struct visit again = {.version = use_mode(i), .identity = &alice, .session = session};
        struct visit_result result = visit(&again);
        ck_assert(result.is_resumed && result.has_leaf && result.has_facts);
        ck_assert_int_eq(result.facts.valid_until, clock_wall_s() + 3600);
        unsigned char digest[32];
        unsigned len = 0;
        ck_assert_int_eq(X509_digest(alice.cert, EVP_sha256(), digest, &len), 1);
        ck_assert_mem_eq(result.facts.leaf_sha256, digest, sizeof digest);
        /* TLS 1.3 gives a fresh ticket for the next time (RFC 8446 appendix C.4). */
        ck_assert((result.kept != NULL) == (use_mode(i) == TLS1_3_VERSION));
        if (result.kept != NULL)
            ck_assert(is_resumed(use_mode(i), NULL, result.kept));
        SSL_SESSION_free(session);
    }
}
END_TEST

START_TEST(resumes_a_session_without_a_certificate)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        struct visit first = {.version = use_mode(i)};
        struct visit_result result = visit(&first);
        ck_assert(!result.has_leaf && result.kept != NULL);
        struct visit again = {.version = use_mode(i), .session = result.kept};
        struct visit_result second = visit(&again);
        ck_assert(second.is_resumed && !second.has_leaf && second.has_facts);
        SSL_SESSION_free(second.kept);
        SSL_SESSION_free(result.kept);
    }
}
END_TEST

START_TEST(gives_a_refused_certificate_nothing_to_resume)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        struct visit first = {.version = use_mode(i), .identity = &alice, .is_refused = true};
        struct visit_result result = visit(&first);
        if (result.kept != NULL) { /* OpenSSL's client keeps a TLS 1.2 session without a ticket */
            ck_assert(!SSL_SESSION_has_ticket(result.kept));
            ck_assert(!is_resumed(use_mode(i), NULL, result.kept));
        }
    }
}
END_TEST

START_TEST(resumes_nothing_that_went_stale)
{
    enum { POLICY, REVOCATION, NO_LONGER_ASKS, KEYS, VALIDITY, LIFETIME, CASES };
    for (size_t i = 0; i < MODE_COUNT; i++) {
        for (int what = 0; what < CASES; what++) {
            struct site_setup *site = &world.setups[0];
            int64_t now_ms = clock_wall_ms();
            clock_freeze(now_ms);
            SSL_SESSION *session = first_visit(use_mode(i), NULL);
            site->policy[31] ^= what == POLICY;
            site->revocation[0] ^= what == REVOCATION;
            site->asks = what != NO_LONGER_ASKS;
            if (what == KEYS) {
                (void)tls_ticket_keys_init(world.keys);
                world_new_store(&world);
            }
            world_load(&world);
            if (what == VALIDITY) {
                clock_freeze(now_ms + 3600 * 1000);
            } else if (what == LIFETIME) {
                clock_freeze(now_ms + 7200 * 1000);
            }
            struct visit again = {.version = use_mode(i), .identity = &alice, .session = session};
            struct visit_result result = visit(&again);
            ck_assert_msg(!result.is_resumed && !result.has_facts, "case %d", what);
            ck_assert(result.has_leaf == (what != NO_LONGER_ASKS));
            SSL_SESSION_free(result.kept);
            SSL_SESSION_free(session);
            site->asks = true;
            clock_freeze(-1);
            world_load(&world);
        }
    }
}
END_TEST

START_TEST(resumes_up_to_the_last_second_of_validity)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        int64_t now_ms = clock_wall_ms() / 1000 * 1000;
        clock_freeze(now_ms);
        SSL_SESSION *session = first_visit(use_mode(i), NULL);
        world_load(&world); /* a reload that changes nothing */
        clock_freeze(now_ms + 3600 * 1000 - 1);
        ck_assert(is_resumed(use_mode(i), NULL, session));
        clock_freeze(-1);
    }
}
END_TEST

START_TEST(renews_no_session_beyond_the_lifetime_of_its_full_handshake)
{
    int64_t now_ms = clock_wall_ms();
    clock_freeze(now_ms);
    SSL_SESSION *session = first_visit(TLS1_3_VERSION, NULL);
    /* Resumed every half hour with a verdict that holds for an hour each time. */
    for (int minutes = 30; minutes <= 120; minutes += 30) {
        clock_freeze(now_ms + minutes * 60000);
        struct visit again = {.version = TLS1_3_VERSION, .identity = &alice, .session = session};
        struct visit_result result = visit(&again);
        ck_assert_int_eq(result.is_resumed, minutes < 120);
        SSL_SESSION_free(session);
        session = result.kept;
    }
    SSL_SESSION_free(session);
}
END_TEST

START_TEST(resumes_no_session_of_another_site)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        SSL_SESSION *session = first_visit(use_mode(i), NULL);
        ck_assert(!is_resumed(use_mode(i), "second.example.test", session));
        session = first_visit(use_mode(i), "second.example.test");
        ck_assert(!is_resumed(use_mode(i), NULL, session));
        session = first_visit(use_mode(i), "second.example.test");
        ck_assert(is_resumed(use_mode(i), "SECOND.example.test.", session));
    }
}
END_TEST

START_TEST(resumes_under_another_name_of_the_site_only_where_the_name_is_free)
{
    /* RFC 6066 section 3: not before TLS 1.3; RFC 8446 section 4.6.1: up to the client after. */
    for (size_t i = 0; i < MODE_COUNT; i++) {
        SSL_SESSION *session = first_visit(use_mode(i), "second.example.test");
        ck_assert(is_resumed(use_mode(i), "other.example.test", session) ==
                  (use_mode(i) == TLS1_3_VERSION));
    }
}
END_TEST

START_TEST(keeps_opening_tickets_through_one_rotation_but_not_two)
{
    for (size_t i = 0; i < STORE_13; i++) {
        for (int rotations = 0; rotations <= 2; rotations++) {
            SSL_SESSION *session = first_visit(use_mode(i), NULL);
            for (int n = 0; n < rotations; n++) {
                tls_ticket_keys_rotate(world.keys);
            }
            ck_assert_int_eq(is_resumed(use_mode(i), NULL, session), rotations < 2);
        }
    }
}
END_TEST

START_TEST(renews_a_ticket_whose_key_is_on_its_way_out)
{
    SSL_SESSION *session = first_visit(TLS1_2_VERSION, NULL);
    tls_ticket_keys_rotate(world.keys);
    struct visit again = {.version = TLS1_2_VERSION, .identity = &alice, .session = session};
    struct visit_result result = visit(&again);
    ck_assert(result.is_resumed && result.kept != NULL);
    ck_assert_uint_eq(result.asked, 0); /* the record goes on as it is */
    tls_ticket_keys_rotate(world.keys);
    ck_assert(is_resumed(TLS1_2_VERSION, NULL, result.kept));
    SSL_SESSION_free(session);
}
END_TEST

START_TEST(resumes_only_in_the_ways_that_are_configured)
{
    static const struct {
        enum config_tickets tickets;
        bool has_store;
        bool resumes[2];    /* TLS 1.2, TLS 1.3 */
        bool has_ticket_13; /* more than the 32 bytes of a name in the store */
    } CASES[] = {
        {TICKETS_OFF, false, {false, false}, false},  {TICKETS_OFF, true, {false, true}, false},
        {TICKETS_TLS12, false, {true, false}, false}, {TICKETS_TLS12, true, {true, true}, false},
        {TICKETS_ALL, false, {true, true}, true},     {TICKETS_ALL, true, {true, true}, true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        world.config.sessions.tickets = CASES[i].tickets;
        tls_ticket_keys_set_store(world.keys, CASES[i].has_store ? world.store : NULL);
        world_load(&world);
        for (int is_13 = 0; is_13 < 2; is_13++) {
            int version = is_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
            struct visit first = {.version = version, .identity = &alice};
            struct visit_result result = visit(&first);
            ck_assert_uint_eq(result.asked, CASES[i].resumes[is_13]);
            const unsigned char *ticket;
            size_t ticket_len = 0;
            if (is_13 && result.kept != NULL) {
                SSL_SESSION_get0_ticket(result.kept, &ticket, &ticket_len);
                ck_assert(CASES[i].has_ticket_13 ? ticket_len > 200 : ticket_len == 32);
            }
            bool resumes = result.kept != NULL && is_resumed(version, NULL, result.kept);
            ck_assert_msg(resumes == CASES[i].resumes[is_13], "case %zu, 1.%d", i, 2 + is_13);
        }
    }
}
END_TEST

START_TEST(never_lets_the_backend_see_that_a_session_was_resumed)
{
    struct identity root = make_plain_identity("root");
    struct identity bob = make_identity("bob", make_ec_key(), &root, EVP_sha256(), -60, 3600);
    for (size_t i = 0; i < MODE_COUNT; i++) {
        SSL_SESSION *session = NULL;
        for (int round = 0; round < 3; round++) {
            struct visit again = {
                .version = use_mode(i), .identity = &bob, .session = session, .above = root.cert};
            struct visit_result result = visit(&again);
            ck_assert_int_eq(result.is_resumed, round > 0);
            ck_assert_uint_eq(result.presented_count, 2);
            if (result.kept != NULL) {
                SSL_SESSION_free(session);
                session = result.kept;
            }
        }
        SSL_SESSION_free(session);
    }
    identity_free(&bob);
    identity_free(&root);
}
END_TEST

START_TEST(makes_no_session_of_a_chain_it_could_not_give_back)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        for (size_t count = 7; count <= 8; count++) { /* with the leaf: 8 and 9 */
            struct visit first = {.version = use_mode(i),
                                  .identity = &alice,
                                  .above = alice.cert,
                                  .above_count = count};
            struct visit_result result = visit(&first);
            bool has_ticket = result.kept != NULL && SSL_SESSION_has_ticket(result.kept);
            ck_assert_int_eq(has_ticket, count == 7);
            SSL_SESSION_free(result.kept);
        }
    }
}
END_TEST

START_TEST(makes_a_full_handshake_when_the_store_has_lost_the_session_or_its_certificate)
{
    int version = use_mode(STORE_13);
    SSL_SESSION *session = first_visit(version, NULL);
    tls_store_cleanse(world.store);
    ck_assert(!is_resumed(version, NULL, session));
    /* As many strangers as the store has room for. */
    session = first_visit(version, NULL);
    for (int i = 0; i <= STORED_SESSIONS; i++) {
        struct visit stranger = {.version = version, .identity = &alice};
        SSL_SESSION_free(visit(&stranger).kept);
    }
    ck_assert(!is_resumed(version, NULL, session));
}
END_TEST

START_TEST(wipes_sessions_that_ended_when_the_keys_rotate)
{
    int version = use_mode(STORE_13);
    int64_t now_ms = clock_wall_ms();
    clock_freeze(now_ms);
    SSL_SESSION *session = first_visit(version, NULL);
    clock_freeze(now_ms + 3600 * 1000);
    tls_ticket_keys_rotate(world.keys);
    clock_freeze(now_ms);
    ck_assert(!is_resumed(version, NULL, session));
    session = first_visit(version, NULL);
    tls_ticket_keys_rotate(world.keys);
    ck_assert(is_resumed(version, NULL, session));
}
END_TEST

START_TEST(resumes_one_stored_session_again_and_again)
{
    /* RFC 8446 appendix C.4 advises clients not to; those that open several connections at once
     * do. */
    int version = use_mode(STORE_13);
    SSL_SESSION *session = first_visit(version, NULL);
    for (int i = 0; i < 3; i++) {
        /* OpenSSL's client refuses to use one twice. */
        ck_assert(is_resumed(version, NULL, SSL_SESSION_dup(session)));
    }
    SSL_SESSION_free(session);
}
END_TEST

START_TEST(gives_no_ticket_without_the_extended_master_secret)
{
    /* RFC 7627 section 5.4 */
    struct visit first = {.version = TLS1_2_VERSION, .identity = &alice, .has_no_ems = true};
    struct visit_result result = visit(&first);
    ck_assert_uint_eq(result.asked, 0);
    ck_assert(result.kept == NULL || !SSL_SESSION_has_ticket(result.kept));
    SSL_SESSION_free(result.kept);
}
END_TEST

START_TEST(resumes_no_session_whose_leaf_is_not_the_one_that_was_judged)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        for (int has_leaf = 0; has_leaf < 2; has_leaf++) {
            struct visit first = {
                .version = use_mode(i), .identity = has_leaf ? &alice : NULL, .is_confused = true};
            struct visit_result result = visit(&first);
            ck_assert_ptr_nonnull(result.kept);
            struct visit again = {
                .version = use_mode(i), .identity = first.identity, .session = result.kept};
            struct visit_result second = visit(&again);
            ck_assert(!second.is_resumed);
            SSL_SESSION_free(second.kept);
            SSL_SESSION_free(result.kept);
        }
    }
}
END_TEST

START_TEST(refuses_a_ticket_that_was_tampered_with)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        int version = use_mode(i);
        SSL_SESSION *session = first_visit(version, NULL);
        unsigned char *der = NULL;
        int len = i2d_SSL_SESSION(session, &der);
        const unsigned char *ticket;
        size_t ticket_len;
        SSL_SESSION_get0_ticket(session, &ticket, &ticket_len);
        unsigned char *at = memmem(der, (size_t)len, ticket, ticket_len);
        ck_assert_ptr_nonnull(at);
        at[ticket_len / 2] ^= 1;
        SSL_SESSION_free(session);
        const unsigned char *in = der;
        session = d2i_SSL_SESSION(NULL, &in, len);
        ck_assert(!is_resumed(use_mode(i), NULL, session));
        OPENSSL_free(der);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_session");
    TCase *tcase = tcase_create("tls_session");
    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, resumes_after_a_good_verdict_with_the_leaf_and_the_facts);
    tcase_add_test(tcase, resumes_a_session_without_a_certificate);
    tcase_add_test(tcase, gives_a_refused_certificate_nothing_to_resume);
    tcase_add_test(tcase, resumes_nothing_that_went_stale);
    tcase_add_test(tcase, resumes_up_to_the_last_second_of_validity);
    tcase_add_test(tcase, renews_no_session_beyond_the_lifetime_of_its_full_handshake);
    tcase_add_test(tcase, resumes_no_session_of_another_site);
    tcase_add_test(tcase, resumes_under_another_name_of_the_site_only_where_the_name_is_free);
    tcase_add_test(tcase, keeps_opening_tickets_through_one_rotation_but_not_two);
    tcase_add_test(tcase, renews_a_ticket_whose_key_is_on_its_way_out);
    tcase_add_test(tcase, resumes_only_in_the_ways_that_are_configured);
    tcase_add_test(tcase, never_lets_the_backend_see_that_a_session_was_resumed);
    tcase_add_test(tcase, makes_no_session_of_a_chain_it_could_not_give_back);
    tcase_add_test(tcase,
                   makes_a_full_handshake_when_the_store_has_lost_the_session_or_its_certificate);
    tcase_add_test(tcase, wipes_sessions_that_ended_when_the_keys_rotate);
    tcase_add_test(tcase, resumes_one_stored_session_again_and_again);
    tcase_add_test(tcase, gives_no_ticket_without_the_extended_master_secret);
    tcase_add_test(tcase, resumes_no_session_whose_leaf_is_not_the_one_that_was_judged);
    tcase_add_test(tcase, refuses_a_ticket_that_was_tampered_with);
    suite_add_tcase(suite, tcase);
    return suite;
}
