/* tls_failure.h - why a handshake failed: the closed set of interface.md 5.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_FAILURE_H
#define PROXY_TLS_TLS_FAILURE_H

enum tls_failure {
    TLS_FAILURE_NONE,
    TLS_FAILURE_VERSION,      /* no common version */
    TLS_FAILURE_CIPHER,       /* no common cipher suite */
    TLS_FAILURE_SIGNATURE,    /* no common signature algorithm */
    TLS_FAILURE_GROUP,        /* no common key exchange */
    TLS_FAILURE_ALPN,         /* no common application protocol */
    TLS_FAILURE_SERVER_NAME,  /* the name is malformed or was changed */
    TLS_FAILURE_CERTIFICATE,  /* the client's certificates cannot be read, or are too long */
    TLS_FAILURE_PROOF,        /* the client did not prove that it has the key */
    TLS_FAILURE_BAD_RECORD,   /* not TLS, or damaged on the way */
    TLS_FAILURE_CLIENT_ALERT, /* the client ended it, with an alert that says why */
    TLS_FAILURE_CLOSED,       /* the client ended it without a word */
    TLS_FAILURE_TIMEOUT,
    TLS_FAILURE_LATE,     /* a certificate was asked for late, and did not come */
    TLS_FAILURE_PROTOCOL, /* any other breach of the protocol */
    TLS_FAILURE_INTERNAL, /* nothing that the client did */
    TLS_FAILURE_COUNT
};

/* "no_common_version" and so on; never NULL. */
const char *tls_failure_name(enum tls_failure failure);
/* What an entry of OpenSSL's error queue means in a handshake; 0: nothing was in the queue. */
enum tls_failure tls_failure_of(unsigned long code);

#endif
