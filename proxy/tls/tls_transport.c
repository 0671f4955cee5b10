/* SPDX-License-Identifier: MIT */
#include "tls/tls_transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "tls/tls_derive.h"
#include "tls/tls_error.h"
#include "tls/tls_intern.h"
#include "tls/tls_private.h"

/* TLS 1.2 chooses a cipher by what can sign for it, and then blames the cipher. */
static enum tls_failure blame(const struct transport *transport, unsigned long code)
{
    enum tls_failure failure = tls_failure_of(code);
    if (failure == TLS_FAILURE_CIPHER &&
        SSL_get_sigalgs(transport->tls, 0, NULL, NULL, NULL, NULL, NULL) > 0 &&
        SSL_get_shared_sigalgs(transport->tls, 0, NULL, NULL, NULL, NULL, NULL) == 0) {
        return TLS_FAILURE_SIGNATURE;
    }
    return failure;
}

enum transport_result tls_transport_broken(struct transport *transport, const char *reason)
{
    struct tls_connection *connection = transport->tls_connection;
    connection->is_broken = true;
    (void)tls_bio_flush(&connection->bio); /* the last of it may be the alert */
    tls_bio_drop(&connection->bio);
    text_reset(&connection->error);
    enum tls_failure failure = TLS_FAILURE_INTERNAL;
    if (reason != NULL) {
        text_add_cstr(&connection->error, reason);
    } else {
        failure = blame(transport, tls_error_take(&connection->error));
    }
    if (connection->failure == TLS_FAILURE_NONE)
        connection->failure = failure;
    ERR_clear_error();
    transport->error = connection->error.ptr;
    return TRANSPORT_ERROR;
}

enum transport_result tls_transport_ended(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (!connection->is_established) {
        connection->is_truncated = true;
        connection->failure = TLS_FAILURE_CLOSED;
        return tls_transport_broken(transport,
                                    "the peer closed the connection during the handshake");
    }
    /* RFC 8446 section 6.1: an end without close_notify may be somebody else's doing. Of a server's
     * answer it may be the only sign that something is missing. */
    connection->is_truncated = !connection->has_goodbye;
    if (connection->is_truncated && connection->listener == NULL)
        return tls_transport_broken(transport, "the peer closed without close_notify");
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
        return tls_transport_ended(transport);
    case SSL_ERROR_SYSCALL:
        if (error_number == 0)
            return tls_transport_ended(transport);
        transport->error_number = error_number;
        connection->failure = TLS_FAILURE_CLOSED;
        return tls_transport_broken(transport, strerrordesc_np(error_number));
    default:
        tls_stateful_discard(connection, transport->tls);
        return tls_transport_broken(transport, connection->reason);
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
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    errno = 0;
}

static enum transport_result tls_handshake(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    bool needs_write = false;
    if (!may_call(transport))
        return TRANSPORT_ERROR;
    prepare_call();
    tls_derive_begin(connection);
    int status = SSL_do_handshake(transport->tls);
    tls_derive_end();
    enum transport_result result = result_of(transport, status, &needs_write);
    if (connection->bio.clear != NULL) {
        connection->failure = TLS_FAILURE_BAD_RECORD;
        return tls_transport_broken(transport, "clear text instead of TLS");
    }
    if (result != TRANSPORT_ERROR && connection->bio.error != 0) {
        transport->error_number = connection->bio.error;
        connection->failure = TLS_FAILURE_CLOSED;
        return tls_transport_broken(transport, strerrordesc_np(connection->bio.error));
    }
    transport->read_needs_write = result == TRANSPORT_AGAIN && needs_write;
    transport->write_needs_read = result == TRANSPORT_AGAIN && !needs_write;
    if (result == TRANSPORT_OK && !connection->is_established) {
        connection->is_established = true;
        if (connection->listener != NULL && !tls_session_load(connection, transport->tls))
            return tls_transport_broken(transport, "a resumed session without a record");
        tls_stateful_forget(connection);
    }
    return result;
}

/* Bytes above the socket. SSL_pending() does not see records read ahead; SSL_has_pending() also
 * sees half a record, which no read can deliver: after a read that found nothing whole, only the
 * socket can bring more. */
static bool has_bytes(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return may_call(transport) && connection->is_established && !connection->is_drained &&
           (SSL_has_pending(transport->tls) == 1 || tls_bio_pending(&connection->bio) > 0);
}

/* An end that was met behind bytes: the socket may never become readable again to say so. */
static bool tls_has_pending(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->untold != TRANSPORT_OK || has_bytes(transport);
}

/* Either OpenSSL reads ahead, a record at a time, or the BIO does, as much as there is: without a
 * second copy in OpenSSL's buffer, which it moves for every record. */
static void choose_reading(struct transport *transport, size_t size)
{
    struct tls_bio *bio = &((struct tls_connection *)transport->tls_connection)->bio;
    bool is_bulk = size > SSL3_RT_MAX_PLAIN_LENGTH && bio->pool != NULL;
    if (bio->reads_ahead != is_bulk) {
        bio->reads_ahead = is_bulk;
        SSL_set_read_ahead(transport->tls, !is_bulk);
    }
}

static enum transport_result read_record(struct transport *transport, char *bytes, size_t size,
                                         size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    bool needs_write = false;
    prepare_call();
    int status = SSL_read_ex(transport->tls, bytes, size, ret_len);
    enum transport_result result = result_of(transport, status, &needs_write);
    transport->read_needs_write = result == TRANSPORT_AGAIN && needs_write;
    connection->is_drained = result != TRANSPORT_OK;
    return result;
}

/* As many as a bulk buffer holds, twice: tiny ones must not hold up everybody else. */
#define RECORDS_PER_READ (2 * BUF_BULK_SIZE / SSL3_RT_MAX_PLAIN_LENGTH)

static enum transport_result tls_read(struct transport *transport, char *bytes, size_t size,
                                      size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    enum transport_result result = connection->untold;
    size_t total = 0;
    connection->untold = TRANSPORT_OK;
    if (result != TRANSPORT_OK)
        return result;
    if (!may_call(transport))
        return TRANSPORT_ERROR;
    choose_reading(transport, size);
    for (size_t records = 0; records < RECORDS_PER_READ && result == TRANSPORT_OK; records++) {
        size_t len = 0;
        result = read_record(transport, bytes + total, size - total, &len);
        total += len;
        if (total == size || !has_bytes(transport))
            break;
    }
    if (total == 0)
        return result;
    *ret_len = total;
    if (result == TRANSPORT_EOF || result == TRANSPORT_ERROR) {
        connection->untold = result;
    } else if (connection->notes != NULL && connection->notes->has_answered) {
        tls_handover_try(transport); /* it has come back for more */
    }
    return TRANSPORT_OK;
}

enum transport_result tls_transport_flush(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (connection->is_broken)
        return TRANSPORT_ERROR;
    int failed = tls_bio_flush(&connection->bio);
    if (failed == 0 || failed == -EAGAIN)
        return failed == 0 ? TRANSPORT_OK : TRANSPORT_AGAIN;
    /* Not broken: a server that answers early and goes has its answer read. */
    transport->error_number = -failed;
    transport->error = strerrordesc_np(-failed);
    return TRANSPORT_ERROR;
}

size_t tls_transport_held(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return tls_bio_held(&connection->bio);
}

/* For a ticket OpenSSL takes buffers as for a handshake, to read into as well; it would keep those
 * until the next read, 16 KiB for each client that waits. It refuses when bytes are in them. */
static void release_buffers(SSL *ssl)
{
    (void)SSL_free_buffers(ssl);
}

static enum transport_result tls_write(struct transport *transport, const char *bytes, size_t len,
                                       bool has_more, size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    bool needs_write = false;
    size_t written = 0;
    if (!may_call(transport))
        return TRANSPORT_ERROR;
    prepare_call();
    tls_session_offer_due(connection, transport->tls);
    /* A ticket that waits for this write leaves in the same send. */
    bool has_ticket = SSL_in_init(transport->tls) == 1;
    connection->bio.holds = has_more || has_ticket;
    int status = SSL_write_ex(transport->tls, bytes, len, &written);
    connection->bio.holds = false;
    enum transport_result result = result_of(transport, status, &needs_write);
    if (has_ticket)
        release_buffers(transport->tls);
    /* What the peer must have before it can answer may be among what is held. */
    bool must_flush = connection->bio.error != 0 || ((!has_more || result == TRANSPORT_AGAIN) &&
                                                     tls_transport_held(transport) > 0);
    if (must_flush) {
        enum transport_result flushed = tls_transport_flush(transport);
        needs_write = needs_write || flushed == TRANSPORT_AGAIN;
        result = flushed == TRANSPORT_ERROR ? flushed : result;
    }
    transport->write_needs_read = result == TRANSPORT_AGAIN && !needs_write;
    if (result == TRANSPORT_OK) {
        *ret_len = written;
        if (connection->notes != NULL)
            connection->notes->has_answered = true;
    }
    return result;
}

void tls_transport_send_session(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (may_call(transport) && connection->is_offer_due) {
        prepare_call();
        tls_session_offer_due(connection, transport->tls);
        (void)transport_handshake(transport);
        release_buffers(transport->tls);
    }
}

/* What was said last lies in the BIO, or in the SSL, until the socket takes it. */
static enum transport_result tls_shutdown(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    bool is_blocked = false;
    if (may_call(transport) && connection->is_established) {
        prepare_call();
        tls_session_offer_due(connection, transport->tls);
        if (SSL_in_init(transport->tls)) {
            (void)SSL_do_handshake(transport->tls); /* a session was offered and nothing written */
        }
        /* 0 also says that the peer's goodbye is missing. */
        is_blocked = SSL_shutdown(transport->tls) <= 0 &&
                     BIO_should_write(SSL_get_wbio(transport->tls)) != 0;
        tls_intern_end();
        ERR_clear_error();
    }
    if (!is_blocked && tls_transport_held(transport) > 0)
        is_blocked = tls_transport_flush(transport) == TRANSPORT_AGAIN;
    if (is_blocked)
        return TRANSPORT_AGAIN;
    return shutdown(transport->fd, SHUT_WR) == 0 ? TRANSPORT_OK : TRANSPORT_ERROR;
}

void tls_transport_clear(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    sk_X509_pop_free(connection->presented, X509_free);
    tls_stateful_forget(connection);
    SSL_free(transport->tls);
    tls_handover_forget(connection);
    tls_lean_free(connection);
    tls_bio_clear(&connection->bio);
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
    .flush = tls_transport_flush,
    .held = tls_transport_held,
    .has_pending = tls_has_pending,
    .shutdown = tls_shutdown,
    .clear = tls_transport_clear,
};

SSL *tls_transport_begin(struct transport *transport, struct event_base *base, int fd,
                         struct tls_connection *connection, SSL_CTX *ctx, const BIO_METHOD *method,
                         transport_cb callback, void *arg)
{
    connection->transport = transport;
    connection->bio.fd = fd;
    transport_init(transport, &TLS_OPS, base, fd, callback, arg);
    transport->tls_connection = connection;
    ERR_clear_error();
    SSL *ssl = SSL_new(ctx);
    transport->tls = ssl;
    BIO *bio = tls_bio_new(method, &connection->bio);
    if (ssl == NULL || bio == NULL || SSL_set_app_data(ssl, connection) != 1) {
        BIO_free(bio);
        (void)tls_transport_broken(transport, NULL); /* the first handshake call says so */
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    return ssl;
}

void tls_transport_use_pool(struct transport *transport, struct buf_pool *pool)
{
    struct tls_connection *connection = transport->tls_connection;
    connection->bio.pool = pool;
}

void tls_transport_init_server(struct transport *transport, struct event_base *base, int fd,
                               const struct tls_listener *listener, transport_cb callback,
                               tls_session_fn session_fn, void *arg)
{
    struct tls_connection *connection = xcalloc(1, sizeof *connection);
    connection->listener = listener;
    connection->session_fn = session_fn;
    connection->bio.expects_clear = true;
    SSL *ssl = tls_transport_begin(transport, base, fd, connection, listener->ctx,
                                   listener->bio_method, callback, arg);
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
}

struct tls_site *tls_transport_site(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->site;
}

bool tls_transport_is_resumed(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->lean != NULL ? connection->lean->is_resumed
                                    : SSL_session_reused(transport->tls) == 1;
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
    return connection->presented != NULL || connection->lean != NULL
               ? sk_X509_value(connection->presented, 0)
               : SSL_get0_peer_certificate(transport->tls);
}

STACK_OF(X509) * tls_transport_peer_chain(const struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (connection->presented != NULL || connection->lean != NULL ||
        tls_transport_is_resumed(transport)) {
        return connection->presented;
    }
    X509 *leaf = SSL_get0_peer_certificate(transport->tls);
    if (leaf == NULL)
        return NULL;
    /* On the server side OpenSSL's chain starts above the leaf. */
    STACK_OF(X509) *above = SSL_get_peer_cert_chain(transport->tls);
    STACK_OF(X509) *chain = above == NULL ? sk_X509_new_null() : X509_chain_up_ref(above);
    if (chain != NULL && X509_up_ref(leaf) == 1 && sk_X509_unshift(chain, leaf) == 0)
        X509_free(leaf);
    connection->presented = chain;
    return chain;
}

bool tls_transport_was_truncated(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->is_truncated;
}

bool tls_transport_is_http2(const struct transport *transport)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(transport->tls, &name, &len);
    return str_equal(str_make((const char *)name, len), STR("h2"));
}

const char *tls_transport_version(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->lean != NULL ? "TLSv1.3" : SSL_get_version(transport->tls);
}

const char *tls_transport_cipher(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->lean != NULL ? connection->lean->cipher
                                    : SSL_get_cipher_name(transport->tls);
}

int tls_transport_cipher_bits(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->lean != NULL ? connection->lean->cipher_bits
                                    : SSL_get_cipher_bits(transport->tls, NULL);
}

const char *tls_transport_server_name(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->server_name == NULL ? "" : connection->server_name;
}

bool tls_transport_has_received(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->lean != NULL || BIO_number_read(SSL_get_rbio(transport->tls)) > 0;
}

enum tls_failure tls_transport_failure(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->failure;
}

struct buf *tls_transport_take_clear(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    struct buf *clear = connection->bio.clear;
    connection->bio.clear = NULL;
    return clear;
}
