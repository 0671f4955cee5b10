/* tls_intern.h - certificates that are decoded and encoded once, not once a connection.
 *
 * Half the work of a handshake with client certificates is decoding the public keys in them: when
 * they arrive, and again whenever a session with one in it becomes a ticket or comes back from one.
 * All of it goes through libcrypto's template of a certificate, the symbol X509_it, which this
 * program defines itself: during a handshake it is asked for a certificate it knows, byte for byte,
 * and takes a reference instead; and the bytes of one that it knows, for a ticket, are copied, not
 * put together twice over. Everything else goes on to libcrypto's own template. What is known
 * is decided by the owner of the table; nothing here adds to it. If the linker bound the symbol
 * elsewhere (tls_hooks.h), everything works as before, only slower.
 *
 * The hook is the process's, because the symbol is: one table at a time, set by its one event loop.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_INTERN_H
#define PROXY_TLS_TLS_INTERN_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

struct tls_intern_table {
    /* The certificate with exactly this encoding, or this SHA-256; NULL: not known. Borrowed. */
    X509 *(*find_der)(void *arg, const unsigned char *der, size_t len);
    X509 *(*find_sha256)(void *arg, const unsigned char sha256[32]);
    /* The encoding of this very object, borrowed; NULL: not known. */
    const unsigned char *(*find_encoding)(void *arg, const X509 *x509, size_t *ret_len);
    void *arg;
};

/* The table to ask from now on, borrowed; NULL: none. in_handshakes false: libssl decodes for
 * itself, only sessions are completed from the table. */
void tls_intern_use(const struct tls_intern_table *table, bool in_handshakes);
/* Around a call of libssl that may decode certificates. */
void tls_intern_begin(void);
void tls_intern_end(void);
/* A new reference; NULL when it is not known. */
X509 *tls_intern_get(const unsigned char sha256[32]);
/* A new reference to the known one, or decoded; NULL when it is not exactly one certificate. */
X509 *tls_intern_decode(const unsigned char *der, size_t len);

#endif
