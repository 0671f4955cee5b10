/* SPDX-License-Identifier: MIT */
#include "tls/tls_transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "tls/tls_error.h"
#include "tls/tls_intern.h"
#include "tls/tls_private.h"

static enum transport_result broken(struct transport *transport, const char *reason)
{
    struct tls_connection *connection = transport->tls_connection;
    connection->is_broken = true;
    text_reset(&connection->error);
    if (reason != NULL) {
        text_add_cstr(&connection->error, reason);
    } else {
        tls_error_take(&connection->error);
    }
    ERR_clear_error();
    transport->error = connection->error.ptr;
    return TRANSPORT_ERROR;
}

static enum transport_result ended(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (!connection->is_established) {
        return broken(transport, "the peer closed the connection during the handshake");
    }
    /* RFC 8446 section 6.1: an end without close_notify may be somebody else's doing. Of a server's
     * answer it may be the only sign that something is missing. */
    connection->is_truncated = !connection->has_goodbye;
    if (connection->is_truncated && connection->listener == NULL) {
        return broken(transport, "the peer closed without close_notify");
    }
    return TRANSPORT_EOF;
}

/* What the SSL call that returned `status` means; *ret_needs_write for AGAIN. errno must be that of
 * the call. */
static enum transport_result result_of(struct transport *transport, int status,
                                       bool *ret_needs_write)
{
    struct tls_connection *connection = transport->tls_connection;
    int error_number = errno;
    tls_intern_end();
    switch (SSL_get_error(transport->tls, status)) {
    case SSL_ERROR_NONE:
        return TRANSPORT_OK;
    case SSL_ERROR_WANT_READ:
        *ret_needs_write = false;
        return TRANSPORT_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *ret_needs_write = true;
        return TRANSPORT_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return ended(transport);
    case SSL_ERROR_SYSCALL:
        if (error_number == 0) {
            return ended(transport);
        }
        transport->error_number = error_number;
        return broken(transport, strerrordesc_np(error_number));
    default:
        tls_stateful_discard(connection, transport->tls);
        return broken(transport, connection->reason);
    }
}

static bool may_call(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return transport->tls != NULL && !connection->is_broken;
}

static void prepare_call(void)
{
    tls_intern_begin();
    /* SSL_get_error() reads the queue, which nearly always is empty; looking is cheaper than
     * clearing its sixteen slots. */
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
    errno = 0;
}

static enum transport_result tls_handshake(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    bool needs_write = false;
    if (!may_call(transport)) {
        return TRANSPORT_ERROR;
    }
    prepare_call();
    int status = SSL_do_handshake(transport->tls);
    enum transport_result result = result_of(transport, status, &needs_write);
    transport->read_needs_write = result == TRANSPORT_AGAIN && needs_write;
    transport->write_needs_read = result == TRANSPORT_AGAIN && !needs_write;
    if (result == TRANSPORT_OK && !connection->is_established) {
        connection->is_established = true;
        if (connection->listener != NULL && !tls_session_load(connection, transport->tls)) {
            return broken(transport, "a resumed session without a record");
        }
        tls_stateful_forget(connection);
    }
    return result;
}

static enum transport_result tls_read(struct transport *transport, char *bytes, size_t size,
                                      size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    bool needs_write = false;
    size_t len = 0;
    if (!may_call(transport)) {
        return TRANSPORT_ERROR;
    }
    prepare_call();
    int status = SSL_read_ex(transport->tls, bytes, size, &len);
    enum transport_result result = result_of(transport, status, &needs_write);
    transport->read_needs_write = result == TRANSPORT_AGAIN && needs_write;
    connection->is_drained = result != TRANSPORT_OK;
    if (result == TRANSPORT_OK) {
        *ret_len = len;
    }
    return result;
}

static enum transport_result tls_write(struct transport *transport, const char *bytes, size_t len,
                                       size_t *ret_len)
{
    bool needs_write = false;
    size_t written = 0;
    if (!may_call(transport)) {
        return TRANSPORT_ERROR;
    }
    prepare_call();
    int status = SSL_write_ex(transport->tls, bytes, len, &written);
    enum transport_result result = result_of(transport, status, &needs_write);
    transport->write_needs_read = result == TRANSPORT_AGAIN && !needs_write;
    if (result == TRANSPORT_OK) {
        *ret_len = written;
    }
    return result;
}

/* SSL_pending() does not see records read ahead; SSL_has_pending() also sees half a record, which
 * no read can deliver: after a read that found nothing whole, only the socket can bring more. */
static bool tls_has_pending(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return may_call(transport) && connection->is_established && !connection->is_drained &&
           SSL_has_pending(transport->tls) == 1;
}

static void tls_shutdown(struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    if (may_call(transport) && connection->is_established) {
        prepare_call();
        if (SSL_in_init(transport->tls)) {
            (void)SSL_do_handshake(transport->tls); /* a session was offered and nothing written */
        }
        (void)SSL_shutdown(transport->tls);
        tls_intern_end();
        ERR_clear_error();
    }
    (void)shutdown(transport->fd, SHUT_WR);
}

static void tls_clear(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    sk_X509_pop_free(connection->presented, X509_free);
    tls_stateful_forget(connection);
    SSL_free(transport->tls);
    free(connection->server_name);
    text_clear(&connection->error);
    free(connection);
    transport->tls = NULL;
    transport->tls_connection = NULL;
    transport->error = NULL;
}

static const struct transport_ops TLS_OPS = {
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .has_pending = tls_has_pending,
    .shutdown = tls_shutdown,
    .clear = tls_clear,
};

SSL *tls_transport_begin(struct transport *transport, struct event_base *base, int fd,
                         struct tls_connection *connection, SSL_CTX *ctx, transport_cb callback,
                         void *arg)
{
    connection->transport = transport;
    transport_init(transport, &TLS_OPS, base, fd, callback, arg);
    transport->tls_connection = connection;
    ERR_clear_error();
    SSL *ssl = SSL_new(ctx);
    transport->tls = ssl;
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set_app_data(ssl, connection) != 1) {
        (void)broken(transport, NULL); /* the first handshake call says so */
        return NULL;
    }
    return ssl;
}

void tls_transport_init_server(struct transport *transport, struct event_base *base, int fd,
                               const struct tls_listener *listener, transport_cb callback,
                               tls_session_fn session_fn, void *arg)
{
    struct tls_connection *connection = xcalloc(1, sizeof *connection);
    connection->listener = listener;
    connection->session_fn = session_fn;
    SSL *ssl = tls_transport_begin(transport, base, fd, connection, listener->ctx, callback, arg);
    if (ssl != NULL) {
        SSL_set_accept_state(ssl);
    }
}

struct tls_site *tls_transport_site(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->site;
}

bool tls_transport_is_resumed(const struct transport *transport)
{
    return SSL_session_reused(transport->tls) == 1;
}

const struct tls_session_facts *tls_transport_session_facts(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    bool is_known = connection->is_established && tls_transport_is_resumed(transport);
    return is_known ? &connection->facts : NULL;
}

X509 *tls_transport_peer_leaf(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->presented != NULL ? sk_X509_value(connection->presented, 0)
                                         : SSL_get0_peer_certificate(transport->tls);
}

STACK_OF(X509) * tls_transport_peer_chain(const struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (connection->presented != NULL || tls_transport_is_resumed(transport)) {
        return connection->presented;
    }
    X509 *leaf = SSL_get0_peer_certificate(transport->tls);
    if (leaf == NULL) {
        return NULL;
    }
    /* On the server side OpenSSL's chain starts above the leaf. */
    STACK_OF(X509) *above = SSL_get_peer_cert_chain(transport->tls);
    STACK_OF(X509) *chain = above == NULL ? sk_X509_new_null() : X509_chain_up_ref(above);
    if (chain != NULL && X509_up_ref(leaf) == 1 && sk_X509_unshift(chain, leaf) == 0) {
        X509_free(leaf);
    }
    connection->presented = chain;
    return chain;
}

bool tls_transport_was_truncated(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->is_truncated;
}

const char *tls_transport_version(const struct transport *transport)
{
    return SSL_get_version(transport->tls);
}

const char *tls_transport_cipher(const struct transport *transport)
{
    return SSL_get_cipher_name(transport->tls);
}

int tls_transport_cipher_bits(const struct transport *transport)
{
    return SSL_get_cipher_bits(transport->tls, NULL);
}

const char *tls_transport_server_name(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->server_name == NULL ? "" : connection->server_name;
}

bool tls_transport_has_received(const struct transport *transport)
{
    return BIO_number_read(SSL_get_rbio(transport->tls)) > 0;
}
