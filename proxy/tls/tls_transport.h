/* tls_transport.h - the transport over TLS, server side.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_TRANSPORT_H
#define PROXY_TLS_TLS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/buf.h"
#include "net/transport.h"
#include "tls/tls_context.h"
#include "tls/tls_failure.h"

struct tls_certificate {
    const unsigned char *der;
    size_t len;
    const unsigned char *sha256; /* 32 bytes */
};

/* What a session carries from a full handshake to its resumptions. Only sessions with a good
 * verdict are ever resumable. */
struct tls_session_facts {
    int64_t valid_until;           /* seconds since 1970: not resumed from then on */
    unsigned char leaf_sha256[32]; /* all zero: the client presented no certificate */
    /* From session_fn only: everything the client presented, leaf first, kept by the owner until
     * the connection ends. */
    const struct tls_certificate *presented;
    size_t presented_count;
    /* The revocation generation it was resumed under; set by this layer. */
    unsigned char revocation[32];
};

/* Asked when a session is about to be made resumable, after the client's certificate arrived
 * (TLS 1.2: inside the handshake, TLS 1.3: from tls_transport_offer_session). Returns false when
 * the session must not be resumable (a refused certificate). Runs inside an OpenSSL callback: it
 * may ask for the site, the leaf and the chain, but not read, write or close. */
typedef bool (*tls_session_fn)(struct transport *transport, void *arg,
                               struct tls_session_facts *ret_facts);

/* Server side on an accepted fd (ownership moves in). The callback rules are transport.h's; drive
 * it with transport_handshake() until OK. session_fn gets the same arg. */
void tls_transport_init_server(struct transport *transport, struct event_base *base, int fd,
                               const struct tls_listener *listener, transport_cb callback,
                               tls_session_fn session_fn, void *arg);

/* Either side: lets the transport borrow bulk buffers (tls_bio.h), so that long bodies cost fewer
 * system calls. The pool must outlive the transport; at once after the init function. */
void tls_transport_use_pool(struct transport *transport, struct buf_pool *pool);

/* Server side, while nothing is being read or written: the connection is idle, and may give up what
 * memory it can, OpenSSL's included (tls_handover.c). */
void tls_transport_rest(struct transport *transport);

/* After the handshake: */
struct tls_site *tls_transport_site(const struct transport *transport);
bool tls_transport_is_resumed(const struct transport *transport);
/* The facts stored with the session that was resumed; NULL on a full handshake. */
const struct tls_session_facts *tls_transport_session_facts(const struct transport *transport);
/* The client's leaf (borrowed), or NULL: none presented. Also there after a resumption. */
X509 *tls_transport_peer_leaf(const struct transport *transport);
/* What was presented, leaf first (borrowed), in this handshake or, after a resumption, in the full
 * one behind it; NULL without a certificate. */
STACK_OF(X509) * tls_transport_peer_chain(const struct transport *transport);
/* TLS 1.3: stores the session and sends one ticket, in one piece with the next bytes written. Call
 * once, after a good verdict (or without a certificate where none is required). TLS 1.2: does
 * nothing. */
void tls_transport_offer_session(struct transport *transport);
/* Sends it now: no bytes are about to be written. */
void tls_transport_send_session(struct transport *transport);
/* The application protocol that was agreed on is h2 (RFC 7301). After the handshake, before
 * anything was read. */
bool tls_transport_is_http2(const struct transport *transport);
bool tls_transport_is_tls13(const struct transport *transport);
/* The site asks for the certificate late: the handshake asks for none, and no session of it is
 * resumable (tls_transport_offer_session does nothing). */
bool tls_transport_is_late(const struct transport *transport);
/* The client can be asked: TLS 1.3 with post_handshake_auth, TLS 1.2 with secure renegotiation, and
 * only once a connection. */
bool tls_transport_can_ask(const struct transport *transport);
/* Begins to ask; false when that failed and the connection is lost. Then transport_handshake()
 * until OK sends the question, and transport_read() reads the answer among what else the client
 * sends. */
bool tls_transport_ask(struct transport *transport);
/* After tls_transport_ask(): the answer is complete, and leaf and chain are the client's. */
bool tls_transport_is_answered(struct transport *transport);
/* True when the stream ended (TRANSPORT_EOF) without close_notify: what was read may be cut short.
 * The connection can still be written to. Also when a handshake failed by the stream's end. */
bool tls_transport_was_truncated(const struct transport *transport);
/* "TLSv1.3", "TLS_AES_128_GCM_SHA256", 128 and the SNI name ("" when absent). */
const char *tls_transport_version(const struct transport *transport);
const char *tls_transport_cipher(const struct transport *transport);
int tls_transport_cipher_bits(const struct transport *transport);
const char *tls_transport_server_name(const struct transport *transport);

/* Why the handshake failed, after TRANSPORT_ERROR. */
enum tls_failure tls_transport_failure(const struct transport *transport);
/* After a handshake that failed because the peer did not begin with TLS but with a letter: what it
 * sent so far, the caller's from now on; else NULL. */
struct buf *tls_transport_take_clear(struct transport *transport);
/* False when the peer has not sent a single byte: a port check, not a failed handshake. */
bool tls_transport_has_received(const struct transport *transport);

#endif
