/* handover_fixture.h - a world whose connections are handed over, and clients that get them there.
 * Code in a header, because a unit test is one object file.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_TLS_HANDOVER_FIXTURE_H
#define TESTS_UNIT_TLS_HANDOVER_FIXTURE_H

#include "tls/tls_private.h"
#include "unit/tls/tls_fixture.h"

static struct world world;
static struct identity alice;
static struct buf_pool pool;

static inline void setup(void)
{
    world_open(&world);
    world.config.performance.handover = true;
    (void)world_add_site(&world, "default", NULL);
    world_load(&world);
    alice = make_plain_identity("alice");
    buf_pool_init(&pool, 4);
    pool.bulk_max = 64;
}

static inline void teardown(void)
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

static inline void on_client_secret(const SSL *ssl, const char *line)
{
    static const char LABEL[] = "CLIENT_TRAFFIC_SECRET_0 ";
    (void)ssl;
    if (strncmp(line, LABEL, sizeof LABEL - 1) == 0) {
        ck_assert_int_eq(OPENSSL_hexstr2buf_ex(client_secret, sizeof client_secret,
                                               &client_secret_len, strrchr(line, ' ') + 1, '\0'),
                         1);
    }
}

static inline SSL_CTX *make_13(const char *cipher, const struct identity *identity)
{
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, identity);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(ctx, cipher), 1);
    SSL_CTX_set_keylog_callback(ctx, on_client_secret);
    return ctx;
}

static inline bool is_lean(const struct link *link)
{
    return link->server.tls == NULL;
}

static inline void open_link(struct link *link, SSL_CTX *ctx, SSL_SESSION *session)
{
    link_open(link, &world, ctx);
    tls_transport_use_pool(&link->server, &pool);
    if (session != NULL)
        ck_assert_int_eq(SSL_set_session(link->client, session), 1);
}

/* The client writes, the server reads. */
static inline void send_to_server(struct link *link, const char *text)
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

static inline void hand_over(struct link *link)
{
    send_to_server(link, "one");
    ck_assert(!is_lean(link));
    link_answer(link);
    ck_assert(!is_lean(link));
    send_to_server(link, "two");
    ck_assert(is_lean(link));
}

static SSL_SESSION *session;
static inline int on_client_session(SSL *ssl, SSL_SESSION *made)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = made;
    return 1;
}

static inline SSL_CTX *make_resuming(const char *cipher)
{
    SSL_CTX *ctx = make_13(cipher, &alice);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_client_session);
    return ctx;
}

/* Both directions, with key updates of either kind, in sizes around a record's. */
static inline void talk(struct link *link)
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

#endif
