/* tls_client.h - the transport over TLS, client side: towards upstream servers.
 *
 * TLS 1.2 or 1.3; the server's certificate is verified by OpenSSL against the configured
 * authorities and the name that was asked for (RFC 9525: alternative names only, the common name
 * never counts). Sessions are resumed, a server and worker at a time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_CLIENT_H
#define PROXY_TLS_TLS_CLIENT_H

#include "base/errors.h"
#include "config/config.h"
#include "net/transport.h"

/* What the connections to one group of servers have in common. Built in the master, inherited by
 * fork. */
struct tls_client;
/* Reads every file there is to read; NULL when errors were added. */
struct tls_client *tls_client_new(const struct config_upstream_tls *config,
                                  struct error_list *errors);
void tls_client_free(struct tls_client *client); /* NULL is allowed */

struct ssl_session_st;
/* The last session of one server: start from {0}; outlives the server's connections. */
struct tls_client_session {
    struct ssl_session_st *session; /* owned */
};
void tls_client_session_clear(struct tls_client_session *session);

/* Client side on a fd that is connected (ownership moves in); drive it with transport_handshake()
 * until OK. name: a host name or a numeric address, for SNI and the check of the certificate. An
 * end of the stream without close_notify is TRANSPORT_ERROR. */
void tls_client_init(struct transport *transport, struct event_base *base, int fd,
                     const struct tls_client *client, const char *name,
                     struct tls_client_session *session, transport_cb callback, void *arg);
/* What ALPN (RFC 7301) offers in place of http/1.1; before the handshake. */
enum tls_client_offer {
    TLS_CLIENT_OFFERS_HTTP2,
    TLS_CLIENT_OFFERS_BOTH, /* h2 is preferred */
};
void tls_client_offer(struct transport *transport, enum tls_client_offer what);

#endif
