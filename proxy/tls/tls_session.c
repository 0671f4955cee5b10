/* What a ticket carries of ours, and when it is honoured.
 *
 * OpenSSL asks the two callbacks of the context a connection started with, never those of the
 * site's context; the site has been chosen by then (tls_hello.c).
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "tls/tls_private.h"

#define RECORD_FORMAT 1
enum { FLAG_RESUMABLE = 1, FLAG_ASKED = 2 };

struct session_record { /* kept inside the sealed ticket; never interpreted under another format */
    unsigned flags;
    unsigned char policy[TLS_DIGEST_SIZE];
    unsigned char revocation[TLS_DIGEST_SIZE];
    int64_t valid_until;
    int64_t ends_at; /* resumptions included, a full handshake is due from then on */
    unsigned char leaf_sha256[32];
};

#define RECORD_SIZE ((size_t)(2 + 2 * TLS_DIGEST_SIZE + 8 + 8 + 32))

static unsigned char *put_bytes(unsigned char *out, const void *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

static const unsigned char *get_bytes(const unsigned char *in, void *ret_bytes, size_t len)
{
    memcpy(ret_bytes, in, len);
    return in + len;
}

static unsigned char *put_time(unsigned char *out, int64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)((uint64_t)value >> (56 - 8 * i));
    }
    return out + 8;
}

static const unsigned char *get_time(const unsigned char *in, int64_t *ret_value)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | in[i];
    }
    *ret_value = (int64_t)value;
    return in + 8;
}

static void record_encode(const struct session_record *record, unsigned char out[RECORD_SIZE])
{
    *out++ = RECORD_FORMAT;
    *out++ = (unsigned char)record->flags;
    out = put_bytes(out, record->policy, sizeof record->policy);
    out = put_bytes(out, record->revocation, sizeof record->revocation);
    out = put_time(out, record->valid_until);
    out = put_time(out, record->ends_at);
    (void)put_bytes(out, record->leaf_sha256, sizeof record->leaf_sha256);
}

static bool record_decode(SSL_SESSION *session, struct session_record *ret_record)
{
    void *bytes = NULL;
    size_t len = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &bytes, &len) != 1 || len != RECORD_SIZE) {
        return false;
    }
    const unsigned char *in = bytes;
    if (*in++ != RECORD_FORMAT) {
        return false;
    }
    ret_record->flags = *in++;
    in = get_bytes(in, ret_record->policy, sizeof ret_record->policy);
    in = get_bytes(in, ret_record->revocation, sizeof ret_record->revocation);
    in = get_time(in, &ret_record->valid_until);
    in = get_time(in, &ret_record->ends_at);
    (void)get_bytes(in, ret_record->leaf_sha256, sizeof ret_record->leaf_sha256);
    return true;
}

static bool is_current(const struct session_record *record, const struct tls_site *site)
{
    int64_t now = clock_wall_s();
    unsigned expected = FLAG_RESUMABLE | (site->ask_certificate ? FLAG_ASKED : 0);
    return record->flags == expected && now < record->valid_until && now < record->ends_at &&
           memcmp(record->policy, site->policy, sizeof record->policy) == 0 &&
           memcmp(record->revocation, site->revocation, sizeof record->revocation) == 0;
}

/* The record was made for exactly the leaf that the session carries, or for none. */
static bool fits_leaf(const struct session_record *record, SSL_SESSION *session)
{
    static const unsigned char NONE[32];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const X509 *leaf = SSL_SESSION_get0_peer(session);
    if (leaf == NULL) {
        return memcmp(record->leaf_sha256, NONE, sizeof NONE) == 0;
    }
    return X509_digest(leaf, EVP_sha256(), digest, &len) == 1 &&
           memcmp(record->leaf_sha256, digest, sizeof record->leaf_sha256) == 0;
}

/* RFC 6066 section 3: no resumption under another name. In TLS 1.3 the name does not belong to the
 * session (RFC 8446 section 4.6.1). */
static bool fits_name(const struct tls_connection *connection, const SSL_SESSION *session)
{
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
        return true;
    }
    struct str name = connection->is_name_known ? str_of(connection->server_name) : STR("");
    struct str old = str_of(SSL_SESSION_get0_hostname(session));
    if (old.len > 0 && old.ptr[old.len - 1] == '.') {
        old.len--;
    }
    return str_equal_icase(name, old);
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                   size_t key_name_len, SSL_TICKET_STATUS status, void *arg)
{
    struct tls_connection *connection = tls_connection_of(ssl);
    struct session_record record;
    (void)key_name;
    (void)key_name_len;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    if (connection->site == NULL || !record_decode(session, &record) ||
        !is_current(&record, connection->site) || !fits_leaf(&record, session) ||
        !fits_name(connection, session)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

static bool ask_owner(struct tls_connection *connection)
{
    struct tls_session_facts facts = {0};
    if (connection->session_fn == NULL ||
        !connection->session_fn(connection->transport, connection->transport->arg, &facts)) {
        return false;
    }
    connection->offered = facts;
    return true;
}

static bool store_record(const struct tls_connection *connection, SSL *ssl, bool is_resumable)
{
    const struct tls_site *site = connection->site;
    struct session_record record = {.flags = (is_resumable ? FLAG_RESUMABLE : 0) |
                                             (site->ask_certificate ? FLAG_ASKED : 0)};
    if (is_resumable) {
        record.valid_until = connection->offered.valid_until;
        record.ends_at = connection->ends_at;
        memcpy(record.leaf_sha256, connection->offered.leaf_sha256, sizeof record.leaf_sha256);
    }
    memcpy(record.policy, site->policy, sizeof record.policy);
    memcpy(record.revocation, site->revocation, sizeof record.revocation);
    unsigned char bytes[RECORD_SIZE];
    record_encode(&record, bytes);
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), bytes, sizeof bytes) == 1;
}

static int on_new_ticket(SSL *ssl, void *arg)
{
    struct tls_connection *connection = tls_connection_of(ssl);
    (void)arg;
    if (SSL_version(ssl) >= TLS1_3_VERSION) {
        /* Asked already, in tls_transport_offer_session. */
        return store_record(connection, ssl, connection->is_offered);
    }
    if (SSL_session_reused(ssl)) {
        return 1; /* the same session under a newer key: its record goes on as it is */
    }
    connection->ends_at = clock_wall_s() + connection->listener->lifetime_s;
    /* RFC 7627 section 5.4: a session without the extended master secret is not bound to its
     * handshake and so to its certificate. */
    bool is_resumable = connection->has_master_secret && ask_owner(connection);
    connection->is_refused = !is_resumable;
    return store_record(connection, ssl, is_resumable);
}

void tls_session_install(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, on_ticket, NULL);
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_ticket_on_key);
}

bool tls_session_load(struct tls_connection *connection, SSL *ssl)
{
    struct session_record record;
    if (!SSL_session_reused(ssl)) {
        connection->ends_at = clock_wall_s() + connection->listener->lifetime_s;
        return true;
    }
    if (!record_decode(SSL_get_session(ssl), &record)) {
        return false;
    }
    connection->ends_at = record.ends_at;
    connection->facts.valid_until = record.valid_until;
    memcpy(connection->facts.revocation, record.revocation, sizeof record.revocation);
    memcpy(connection->facts.leaf_sha256, record.leaf_sha256, sizeof record.leaf_sha256);
    return true;
}

void tls_transport_offer_session(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    SSL *ssl = transport->tls;
    if (!connection->is_established || connection->is_offered || connection->is_broken ||
        !connection->listener->has_tickets || !connection->allows_tickets ||
        SSL_version(ssl) < TLS1_3_VERSION) {
        return;
    }
    if (clock_wall_s() < connection->ends_at && ask_owner(connection)) {
        connection->is_offered = SSL_new_session_ticket(ssl) == 1;
    }
}
