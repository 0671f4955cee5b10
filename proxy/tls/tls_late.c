/* Asking for the certificate after the handshake: renegotiation (RFC 5246 section 7.4.1.1) or
 * post-handshake authentication (RFC 8446 section 4.6.2).
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls/tls_error.h"
#include "tls/tls_private.h"

#define EXTENSION_POST_HANDSHAKE_AUTH 49 /* RFC 8446 section 4.2 */

void tls_late_on_client_hello(struct tls_connection *connection, SSL *ssl)
{
    const unsigned char *bytes;
    size_t len;
    connection->has_post_handshake_auth =
        SSL_client_hello_get0_ext(ssl, EXTENSION_POST_HANDSHAKE_AUTH, &bytes, &len) == 1;
}

bool tls_transport_is_tls13(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->lean != NULL || SSL_version(transport->tls) >= TLS1_3_VERSION;
}

bool tls_transport_is_late(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->is_established && connection->site->is_late;
}

bool tls_transport_can_ask(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    if (!tls_transport_is_late(transport) || connection->is_asked || connection->is_broken)
        return false;
    /* RFC 5746 section 1: a renegotiation that is not bound to the handshake before it joins the
     * certificate of one peer to the request of another. */
    return tls_transport_is_tls13(transport)
               ? connection->has_post_handshake_auth
               : SSL_get_secure_renegotiation_support(transport->tls) == 1;
}

/* Tells when the client's whole answer was read: nothing else in the API does for TLS 1.3. */
static void on_message(int is_written, int version, int content_type, const void *bytes, size_t len,
                       SSL *ssl, void *arg)
{
    const unsigned char *message = bytes;
    (void)version;
    (void)arg;
    if (is_written == 0 && content_type == SSL3_RT_HANDSHAKE && len > 0 &&
        message[0] == SSL3_MT_FINISHED) {
        tls_connection_of(ssl)->is_answered = true;
    }
}

bool tls_transport_ask(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    SSL *ssl = transport->tls;
    if (!tls_transport_can_ask(transport))
        return false;
    connection->is_asked = true;
    ERR_clear_error();
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    bool is_begun;
    if (tls_transport_is_tls13(transport)) {
        SSL_set_msg_callback(ssl, on_message);
        is_begun = SSL_verify_client_post_handshake(ssl) == 1;
    } else {
        /* Allowed for just this once; a client that begins one itself is refused all the same. */
        SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
        is_begun = SSL_renegotiate(ssl) == 1;
    }
    if (!is_begun) {
        text_reset(&connection->error);
        (void)tls_error_take(&connection->error);
        transport->error = connection->error.ptr;
    }
    ERR_clear_error();
    return is_begun;
}

bool tls_transport_is_answered(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    SSL *ssl = transport->tls;
    if (!connection->is_asked || connection->is_broken || SSL_in_init(ssl) == 1)
        return false;
    if (tls_transport_is_tls13(transport) ? !connection->is_answered
                                          : SSL_renegotiate_pending(ssl) == 1) {
        return false;
    }
    SSL_set_msg_callback(ssl, NULL);
    SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    return true;
}
