/* When a connection goes on without OpenSSL, and how it gets there.
 *
 * What is needed is noted as it goes by: the two traffic secrets when libssl derives them
 * (tls_derive.h), and how many protected records each side has sent since its Finished (the message
 * callback sees each of them). Nothing is guessed or read out of OpenSSL's memory. Anything that is
 * not application data or a ticket of ours makes the connection stay.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include "base/log.h"
#include "base/mem.h"
#include "tls/tls_private.h"

/* RFC 8446 section 5.5: AES-GCM is good for 2^24.5 full records under one key. */
#define RECORDS_PER_KEY (UINT64_C(1) << 22)

void tls_handover_forget(struct tls_connection *connection)
{
    if (connection->notes != NULL) {
        OPENSSL_cleanse(connection->notes, sizeof *connection->notes);
        free(connection->notes);
        connection->notes = NULL;
    }
}

/* ---- what goes by ------------------------------------------------------------------------- */

void tls_handover_note_secret(struct tls_connection *connection, enum tls_side side,
                              const unsigned char *secret, size_t len)
{
    struct tls_notes *notes = connection->notes;
    if (notes == NULL)
        return;
    if (notes->secret_len[side] != 0 || len > TLS_SECRET_MAX) {
        notes->is_unusual = true;
        return;
    }
    memcpy(notes->secrets[side], secret, len);
    notes->secret_len[side] = len;
}

static void note_handshake(struct tls_notes *notes, enum tls_side side, int type)
{
    if (type == SSL3_MT_FINISHED && !notes->is_finished[side]) {
        notes->is_finished[side] = true;
        notes->records[side] = 0; /* RFC 8446 section 5.3: from 0 with the new key */
    } else if (notes->is_finished[side] &&
               (side == TLS_SIDE_CLIENT || type != SSL3_MT_NEWSESSION_TICKET)) {
        notes->is_unusual = true;
    }
}

static void on_message(int is_written, int version, int content_type, const void *bytes, size_t len,
                       SSL *ssl, void *arg)
{
    const unsigned char *first = bytes;
    enum tls_side side = is_written != 0 ? TLS_SIDE_SERVER : TLS_SIDE_CLIENT;
    struct tls_notes *notes = tls_connection_of(ssl)->notes;
    (void)version;
    (void)arg;
    if (notes == NULL || len == 0)
        return;
    if (content_type == SSL3_RT_INNER_CONTENT_TYPE) { /* once for every protected record */
        notes->records[side]++;
        notes->is_unusual = notes->is_unusual || first[0] == SSL3_RT_ALERT;
    } else if (content_type == SSL3_RT_HANDSHAKE) {
        note_handshake(notes, side, first[0]);
    }
}

void tls_handover_watch(struct tls_connection *connection, SSL *ssl)
{
    if (connection->listener->suites != NULL) {
        connection->notes = xcalloc(1, sizeof *connection->notes);
        SSL_set_msg_callback(ssl, on_message);
    }
}

/* ---- taking over -------------------------------------------------------------------------- */

static const struct tls_suite *suite_of(const struct tls_connection *connection, const SSL *ssl)
{
    const struct tls_notes *notes = connection->notes;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const struct tls_suite *suite =
        cipher == NULL
            ? NULL
            : tls_suites_find(connection->listener->suites, SSL_CIPHER_get_protocol_id(cipher));
    bool fits = suite != NULL &&
                notes->secret_len[TLS_SIDE_CLIENT] == tls_suite_secret_len(suite) &&
                notes->secret_len[TLS_SIDE_SERVER] == tls_suite_secret_len(suite);
    return fits ? suite : NULL;
}

/* Both directions stand between two records, and OpenSSL has nothing left to say or to read. What
 * lies in the BIO is whole records to be sent, or what the SSL never saw. */
static bool is_between_records(const struct tls_connection *connection, const SSL *ssl)
{
    /* SSL_has_pending() does not see a header whose body has not begun to arrive. */
    return SSL_has_pending(ssl) == 0 && strcmp(SSL_rstate_string(ssl), "RH") == 0 &&
           !connection->bio.owes;
}

static bool may_hand_over(const struct tls_connection *connection, const SSL *ssl)
{
    const struct tls_notes *notes = connection->notes;
    return connection->is_established && !connection->is_broken && !connection->has_goodbye &&
           !connection->is_asked && !connection->is_offer_due &&
           connection->untold == TRANSPORT_OK && connection->bio.pool != NULL &&
           SSL_version(ssl) == TLS1_3_VERSION && !notes->is_unusual &&
           notes->is_finished[TLS_SIDE_CLIENT] && notes->is_finished[TLS_SIDE_SERVER] &&
           SSL_is_init_finished(ssl) == 1 && SSL_get_shutdown(ssl) == 0 &&
           SSL_get_key_update_type(ssl) == SSL_KEY_UPDATE_NONE &&
           is_between_records(connection, ssl);
}

/* Never again, whatever happens. */
static bool is_ruled_out(const struct tls_connection *connection, const SSL *ssl)
{
    /* RFC 6066 section 4: such a client takes smaller records. */
    return connection->notes->is_unusual || SSL_version(ssl) != TLS1_3_VERSION ||
           SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl)) !=
               TLSEXT_max_fragment_length_DISABLED;
}

/* What is asked of the SSL later on. */
static void keep_facts(struct transport *transport, struct tls_lean *lean)
{
    const struct tls_connection *connection = transport->tls_connection;
    SSL *ssl = transport->tls;
    unsigned id_len = 0;
    const unsigned char *id = SSL_SESSION_get_id(SSL_get_session(ssl), &id_len);
    (void)tls_transport_peer_chain(transport); /* stays in the connection */
    lean->is_resumed = SSL_session_reused(ssl) == 1;
    lean->cipher = SSL_get_cipher_name(ssl);
    lean->cipher_bits = SSL_get_cipher_bits(ssl, NULL);
    lean->has_session = connection->is_stateful && id_len == sizeof lean->session_id;
    if (lean->has_session)
        memcpy(lean->session_id, id, sizeof lean->session_id);
}

static bool make_keys(const struct tls_connection *connection, const struct tls_suite *suite,
                      struct tls_lean *lean)
{
    const struct tls_notes *notes = connection->notes;
    return tls_keys_init(&lean->in, suite, false, notes->secrets[TLS_SIDE_CLIENT],
                         notes->records[TLS_SIDE_CLIENT]) &&
           tls_keys_init(&lean->out, suite, true, notes->secrets[TLS_SIDE_SERVER],
                         notes->records[TLS_SIDE_SERVER]);
}

void tls_handover_try(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    SSL *ssl = transport->tls;
    if (connection->notes == NULL || !connection->is_established)
        return;
    const struct tls_suite *suite = suite_of(connection, ssl);
    if (suite == NULL || is_ruled_out(connection, ssl)) {
        tls_handover_forget(connection);
        return;
    }
    if (!may_hand_over(connection, ssl))
        return;
    struct tls_lean *lean = xcalloc(1, sizeof *lean);
    if (!make_keys(connection, suite, lean)) {
        tls_keys_clear(&lean->in);
        free(lean);
        tls_handover_forget(connection);
        return;
    }
    lean->update_after = RECORDS_PER_KEY;
    keep_facts(transport, lean);
    tls_handover_forget(connection);
    /* Otherwise SSL_free() takes the connection for a broken one, and its session with it. */
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
    transport->tls = NULL;
    transport->ops = &TLS_LEAN_OPS;
    transport->read_needs_write = transport->write_needs_read = false;
    connection->lean = lean;
    log_debug("tls.handover", "cipher=%s read=%llu written=%llu", lean->cipher,
              (unsigned long long)lean->in.sequence, (unsigned long long)lean->out.sequence);
}

void tls_transport_rest(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (transport->tls != NULL)
        tls_handover_try(transport);
    if (connection->lean != NULL) {
        tls_keys_rest(&connection->lean->in);
        tls_keys_rest(&connection->lean->out);
    }
}
