/* connection.h - what is known of a client's connection, whatever protocol it speaks.
 *
 * Exchanges read it and change nothing in it but what is worked out once for the connection: the
 * verdict, the rendered identity headers, and the upstream connection that carries its login.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_CONNECTION_H
#define PROXY_CORE_CONNECTION_H

#include <stdbool.h>

#include "core/identity.h"
#include "net/addr.h"

struct engine_listener;
struct snapshot_site;
struct tls_session_facts;
struct transport;
struct upstream_conn;

struct connection {
    const struct engine_listener *listener;
    struct transport *transport; /* for the facts of TLS alone; never read or written here */
    struct addr peer;            /* who asks: the other end, or who the PROXY protocol says it is */
    struct addr local;           /* the address the peer connected to, never a wildcard */
    bool is_behind_proxy;        /* the other end is a trusted proxy */
    bool is_plain_on_https;      /* http on a binding with https: see clear_text.h */
    bool was_asked;              /* for a certificate after the handshake: never again */
    const struct snapshot_site *tls_site; /* chosen by SNI; NULL without TLS */
    struct identity identity;
    struct identity_cache told;  /* what backends are told of it, rendered */
    struct upstream_conn *bound; /* carries this client's NTLM or Negotiate; owned here */
};

bool connection_is_tls(const struct connection *connection);
/* The peer asked from this machine (IIS's local request). */
bool connection_is_local(const struct connection *connection);
/* The site that the client-hello callback chose. */
const struct snapshot_site *connection_site_of_handshake(const struct connection *connection);
/* A certificate can still be asked for: once, after the handshake, of the connection's only
 * exchange. */
bool connection_may_ask(const struct connection *connection);

/* Takes the certificates from the finished handshake. */
void connection_identify(struct connection *connection);
/* The verdict at this time (seconds since 1970) for a request to this site, which has the policy of
 * the handshake's but may have CRLs of its own; reached again when it is due or when the CRLs are
 * others. Call only with a certificate. */
enum outcome connection_judge(struct connection *connection, const struct snapshot_site *site,
                              int64_t now);
/* What a session of this connection may carry; false when it must not be resumable. */
bool connection_session_facts(struct connection *connection, struct tls_session_facts *ret_facts);
/* The verdict whose path is the validated chain, for forwarding that: after a resumption it is
 * reached again. NULL without a certificate, or when there is no good path. */
const struct verdict *connection_path(struct connection *connection);

#endif
