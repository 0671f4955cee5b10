/* tls_bio.h - the socket under an SSL: several records leave in one send and arrive in one read.
 *
 * While `holds` is set, what the SSL writes is collected; otherwise it goes to the socket at once,
 * behind what was collected before, so nothing ever overtakes: alerts, key updates and handshake
 * messages keep their place. While `reads_ahead` is set a read takes what the socket has, beyond
 * what the SSL asked for. The buffers come from the pool and are kept only while bytes are in them;
 * without a pool, or when it has no bulk buffer left, every call goes to the socket.
 *
 * After a send that failed what is written is dropped, and the SSL is not told: its owner looks at
 * `error`, and can still read what the peer had sent before it went.
 *
 * While `expects_clear` is set a first byte that is a letter (a record begins with 20 to 24) keeps
 * everything from the SSL: it lies in `clear`, and no read succeeds any more.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_BIO_H
#define PROXY_TLS_TLS_BIO_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/bio.h>

#include "base/buf.h"

struct tls_bio {
    int fd;                /* borrowed */
    struct buf_pool *pool; /* borrowed, or NULL */
    struct buf *out;       /* sealed and not yet sent; NULL: nothing */
    struct buf *in;        /* received and not yet asked for; NULL: nothing */
    int error;             /* errno of the send that failed; 0: none */
    bool holds;
    bool owes; /* less than all of the last write was taken: the SSL will bring the rest again */
    bool reads_ahead;
    bool expects_clear; /* nothing was read yet, and clear text is to be told from TLS */
    struct buf *clear;  /* the first bytes, when they begin no record but a word; NULL: they do */
};

/* The caller frees it with BIO_meth_free(), after the last connection; NULL when OpenSSL fails. */
BIO_METHOD *tls_bio_method_new(void);
/* A BIO over *bio, which lives longer and was set up by the caller (fd, pool); NULL when OpenSSL
 * fails. */
BIO *tls_bio_new(const BIO_METHOD *method, struct tls_bio *bio);
/* Gives the buffers back, with what is in them; idempotent. */
void tls_bio_clear(struct tls_bio *bio);
/* Sends what was collected. 0 when nothing is left, else a negative errno; -EAGAIN: the rest has to
 * wait until the socket is writable. */
int tls_bio_flush(struct tls_bio *bio);
/* Drops what was collected: the connection is broken. */
void tls_bio_drop(struct tls_bio *bio);

static inline size_t tls_bio_held(const struct tls_bio *bio)
{
    return bio->out == NULL ? 0 : buf_len(bio->out);
}
static inline size_t tls_bio_pending(const struct tls_bio *bio)
{
    return bio->in == NULL ? 0 : buf_len(bio->in);
}

#endif
