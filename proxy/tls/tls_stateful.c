/* TLS 1.3 sessions in the store (tls_store.h): OpenSSL's stateful tickets.
 *
 * What a client is given is 32 random bytes; the secret stays here. A session is put together anew
 * from its parts for each resumption, without a certificate in it, so that none is decoded: the
 * certificates come from our record.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls_intern.h"
#include "tls/tls_private.h"

bool tls_stateful_fits(const struct tls_session_facts *facts)
{
    if (facts->presented_count > TLS_PRESENTED_MAX)
        return false;
    for (size_t i = 0; i < facts->presented_count; i++) {
        if (facts->presented[i].len > TLS_STORED_CERT_MAX)
            return false;
    }
    return true;
}

/* Seconds since 1970. OpenSSL 3.3 has functions for it that outlive 2038, and 3.4 deprecates the
 * others. */
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
#define session_time(session)              ((int64_t)SSL_SESSION_get_time_ex(session))
#define session_set_time(session, seconds) SSL_SESSION_set_time_ex(session, (time_t)(seconds))
#else
#define session_time(session)              ((int64_t)SSL_SESSION_get_time(session))
#define session_set_time(session, seconds) SSL_SESSION_set_time(session, (long)(seconds))
#endif

/* The store keeps what it needs; OpenSSL keeps the session. */
static int on_new(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_connection *connection = tls_connection_of(ssl);
    unsigned id_len = 0;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_len);
    size_t secret_len = SSL_SESSION_get_master_key(session, NULL, 0);
    struct tls_stored stored;
    if (!connection->is_stateful || !connection->is_offered || id_len != TLS_SESSION_ID_SIZE ||
        secret_len > sizeof stored.secret) {
        return 0;
    }
    stored = (struct tls_stored){
        .made_at = session_time(session),
        .cipher = SSL_CIPHER_get_protocol_id(SSL_SESSION_get0_cipher(session)),
        .secret_len = (uint8_t)secret_len,
    };
    tls_record_init(connection, &stored.record);
    (void)SSL_SESSION_get_master_key(session, stored.secret, secret_len);
    /* Not stored: the next connection makes a full handshake. */
    (void)tls_store_put(connection->listener->store, id, &stored, connection->offered.presented,
                        connection->offered.presented_count);
    OPENSSL_cleanse(&stored, sizeof stored);
    return 0;
}

/* The record was made for exactly the leaf that was presented, or for none. */
static bool fits_leaf(const struct tls_stored *stored)
{
    static const unsigned char NONE[32];
    return memcmp(stored->record.leaf_sha256,
                  stored->presented_count > 0 ? stored->presented[0] : NONE, sizeof NONE) == 0;
}

static SSL_SESSION *rebuild(SSL *ssl, const struct tls_stored *stored, const unsigned char *id)
{
    const struct tls_connection *connection = tls_connection_of(ssl);
    const unsigned char cipher_id[2] = {(unsigned char)(stored->cipher >> 8),
                                        (unsigned char)stored->cipher};
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, cipher_id);
    SSL_SESSION *session = SSL_SESSION_new();
    if (session != NULL && cipher != NULL &&
        SSL_SESSION_set1_id(session, id, TLS_SESSION_ID_SIZE) == 1 &&
        SSL_SESSION_set1_id_context(session, connection->site->session_context, TLS_DIGEST_SIZE) ==
            1 &&
        SSL_SESSION_set1_master_key(session, stored->secret, stored->secret_len) == 1 &&
        SSL_SESSION_set_cipher(session, cipher) == 1 &&
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1 &&
        session_set_time(session, stored->made_at) != 0 &&
        SSL_SESSION_set_timeout(session, connection->listener->lifetime_s) == 1) {
        return session;
    }
    SSL_SESSION_free(session);
    return NULL;
}

/* A new reference: known to this process, or decoded from the store; NULL: it has gone. */
static X509 *certificate(struct tls_store *store, const unsigned char sha256[32])
{
    unsigned char der[TLS_STORED_CERT_MAX];
    size_t len;
    X509 *cert = tls_intern_get(sha256);
    if (cert == NULL && tls_store_certificate(store, sha256, der, &len))
        cert = tls_intern_decode(der, len);
    return cert;
}

static bool load_chain(struct tls_store *store, const struct tls_stored *stored,
                       STACK_OF(X509) * *ret_chain)
{
    *ret_chain = NULL;
    if (stored->presented_count == 0)
        return true;
    STACK_OF(X509) *chain = sk_X509_new_reserve(NULL, stored->presented_count);
    for (size_t i = 0; chain != NULL && i < stored->presented_count; i++) {
        X509 *cert = certificate(store, stored->presented[i]);
        if (cert == NULL) {
            sk_X509_pop_free(chain, X509_free);
            return false;
        }
        (void)sk_X509_push(chain, cert); /* room was reserved */
    }
    *ret_chain = chain;
    return chain != NULL;
}

void tls_stateful_forget(struct tls_connection *connection)
{
    sk_X509_pop_free(connection->found_chain, X509_free);
    connection->found_chain = NULL;
    connection->has_found = false;
}

/* Asked for each session the client names, and again after a HelloRetryRequest: what counts is the
 * last one found. */
static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int id_len, int *ret_copies)
{
    struct tls_connection *connection = tls_connection_of(ssl);
    struct tls_store *store = connection->listener->store;
    struct tls_stored stored;
    SSL_SESSION *session = NULL;
    *ret_copies = 0; /* ours goes to OpenSSL */
    tls_stateful_forget(connection);
    if (!connection->is_stateful || connection->site == NULL || id_len != TLS_SESSION_ID_SIZE ||
        !tls_store_get(store, id, &stored)) {
        return NULL;
    }
    if (tls_record_is_current(&stored.record, connection->site) && fits_leaf(&stored) &&
        load_chain(store, &stored, &connection->found_chain)) {
        session = rebuild(ssl, &stored, id);
    }
    if (session != NULL) {
        connection->has_found = true;
        connection->found = stored.record;
        memcpy(connection->found_id, id, sizeof connection->found_id);
    } else {
        tls_stateful_forget(connection);
    }
    OPENSSL_cleanse(&stored, sizeof stored);
    return session;
}

bool tls_stateful_load(struct tls_connection *connection, SSL *ssl, struct tls_record *ret_record)
{
    unsigned id_len = 0;
    const unsigned char *id = SSL_SESSION_get_id(SSL_get_session(ssl), &id_len);
    /* The session in use is the one that was found for it, not another of those offered. */
    if (!connection->has_found || id_len != TLS_SESSION_ID_SIZE ||
        memcmp(id, connection->found_id, TLS_SESSION_ID_SIZE) != 0) {
        return false;
    }
    *ret_record = connection->found;
    connection->presented = connection->found_chain;
    connection->found_chain = NULL;
    return true;
}

void tls_stateful_discard(struct tls_connection *connection, SSL *ssl)
{
    unsigned id_len = 0;
    const SSL_SESSION *session = SSL_get_session(ssl);
    if (!connection->is_stateful || !connection->is_established || session == NULL)
        return;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_len);
    if (id_len == TLS_SESSION_ID_SIZE)
        tls_store_remove(connection->listener->store, id);
}

void tls_stateful_install(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
                                                  SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_sess_set_new_cb(ctx, on_new);
    SSL_CTX_sess_set_get_cb(ctx, on_get);
}
