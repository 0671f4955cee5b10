/* Tickets, and which of the two ways a connection's session goes.
 *
 * OpenSSL asks the callbacks of the context a connection started with, never those of the site's
 * context; the site has been chosen by then (tls_hello.c).
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "tls/tls_private.h"

/* The record was made for exactly the leaf that the session carries, or for none. */
static bool fits_leaf(const struct tls_record *record, SSL_SESSION *session)
{
    static const unsigned char NONE[32];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const X509 *leaf = SSL_SESSION_get0_peer(session);
    if (leaf == NULL)
        return memcmp(record->leaf_sha256, NONE, sizeof NONE) == 0;
    return X509_digest(leaf, EVP_sha256(), digest, &len) == 1 &&
           memcmp(record->leaf_sha256, digest, sizeof record->leaf_sha256) == 0;
}

/* RFC 6066 section 3: no resumption under another name. In TLS 1.3 the name does not belong to the
 * session (RFC 8446 section 4.6.1). */
static bool fits_name(const struct tls_connection *connection, const SSL_SESSION *session)
{
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
        return true;
    struct str name = connection->is_name_known ? str_of(connection->server_name) : STR("");
    struct str old = str_of(SSL_SESSION_get0_hostname(session));
    if (old.len > 0 && old.ptr[old.len - 1] == '.')
        old.len--;
    return str_equal_icase(name, old);
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                   size_t key_name_len, SSL_TICKET_STATUS status, void *arg)
{
    struct tls_connection *connection = tls_connection_of(ssl);
    struct tls_record record;
    (void)key_name;
    (void)key_name_len;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (connection->site == NULL || !tls_record_decode(session, &record) ||
        !tls_record_is_current(&record, connection->site) || !fits_leaf(&record, session) ||
        !fits_name(connection, session)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

static bool ask_owner(struct tls_connection *connection)
{
    struct tls_session_facts facts = {0};
    if (connection->site->is_late || connection->session_fn == NULL ||
        !connection->session_fn(connection->transport, connection->transport->arg, &facts) ||
        !(connection->is_stateful ? tls_stateful_fits(&facts) : tls_record_fits_ticket(&facts))) {
        return false;
    }
    connection->offered = facts;
    return true;
}

static bool set_record(const struct tls_connection *connection, SSL *ssl, bool is_resumable)
{
    struct tls_record record = {0}; /* no flag: never honoured */
    struct tls_session_facts none = {0};
    size_t len;
    if (is_resumable)
        tls_record_init(connection, &record);
    unsigned char *bytes =
        tls_record_encode(&record, is_resumable ? &connection->offered : &none, &len);
    bool is_set = SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), bytes, len) == 1;
    free(bytes);
    return is_set;
}

static int on_new_ticket(SSL *ssl, void *arg)
{
    struct tls_connection *connection = tls_connection_of(ssl);
    (void)arg;
    if (connection->is_stateful) {
        return 1; /* the record goes into the store */
    }
    if (SSL_version(ssl) >= TLS1_3_VERSION) {
        /* Asked already, in tls_transport_offer_session. */
        return set_record(connection, ssl, connection->is_offered);
    }
    if (SSL_session_reused(ssl)) {
        return 1; /* the same session under a newer key: its record goes on as it is */
    }
    connection->ends_at = clock_wall_s() + connection->listener->lifetime_s;
    /* RFC 7627 section 5.4: a session without the extended master secret is not bound to its
     * handshake and so to its certificate. */
    bool is_resumable = connection->has_master_secret && ask_owner(connection);
    connection->is_refused = !is_resumable;
    return set_record(connection, ssl, is_resumable);
}

void tls_session_install(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, on_ticket, NULL);
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_ticket_on_key);
}

bool tls_session_load(struct tls_connection *connection, SSL *ssl)
{
    struct tls_record record;
    if (!SSL_session_reused(ssl)) {
        connection->ends_at = clock_wall_s() + connection->listener->lifetime_s;
        return true;
    }
    bool is_loaded = connection->is_stateful ? tls_stateful_load(connection, ssl, &record)
                                             : tls_record_decode(SSL_get_session(ssl), &record) &&
                                                   tls_record_decode_chain(SSL_get_session(ssl),
                                                                           &connection->presented);
    if (!is_loaded)
        return false;
    connection->ends_at = record.ends_at;
    connection->facts.valid_until = record.valid_until;
    memcpy(connection->facts.revocation, record.revocation, sizeof record.revocation);
    memcpy(connection->facts.leaf_sha256, record.leaf_sha256, sizeof record.leaf_sha256);
    return true;
}

void tls_transport_offer_session(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    connection->is_offer_due = transport->tls != NULL && connection->is_established &&
                               !connection->is_offered && !connection->is_broken &&
                               connection->resumes_13 &&
                               SSL_version(transport->tls) >= TLS1_3_VERSION;
}

/* As late as this, for OpenSSL sends a ticket that it has in the next call, be it a read. */
void tls_session_offer_due(struct tls_connection *connection, SSL *ssl)
{
    if (!connection->is_offer_due)
        return;
    connection->is_offer_due = false;
    if (clock_wall_s() < connection->ends_at && ask_owner(connection))
        connection->is_offered = SSL_new_session_ticket(ssl) == 1;
}
