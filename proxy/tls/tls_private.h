/* tls_private.h - what the files of this folder share; nobody else includes it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_PRIVATE_H
#define PROXY_TLS_TLS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/attr.h"
#include "base/errors.h"
#include "base/str.h"
#include "base/text.h"
#include "config/config.h"
#include "net/transport.h"
#include "tls/tls_bio.h"
#include "tls/tls_context.h"
#include "tls/tls_failure.h"
#include "tls/tls_keys.h"
#include "tls/tls_store.h"
#include "tls/tls_transport.h"

#define TLS_DIGEST_SIZE     32
#define TLS_SESSION_ID_SIZE 32
/* More certificates, or a longer one, and the session is not resumable. */
#define TLS_PRESENTED_MAX   8
#define TLS_STORED_CERT_MAX 8128 /* 16 pieces, see tls_store.c */

enum { TLS_RECORD_RESUMABLE = 1, TLS_RECORD_ASKED = 2 };

/* What a session carries of ours. In the store it lies as it is, in a ticket encoded: a machine
 * with the same ticket keys may be another one. */
struct tls_record {
    unsigned flags;
    unsigned char policy[TLS_DIGEST_SIZE];
    unsigned char revocation[TLS_DIGEST_SIZE];
    int64_t valid_until;
    int64_t ends_at; /* resumptions included, a full handshake is due from then on */
    unsigned char leaf_sha256[32];
};

struct tls_stored { /* a session in the store */
    struct tls_record record;
    int64_t made_at; /* seconds since 1970, as OpenSSL counts its timeout */
    uint16_t cipher; /* its number in the protocol */
    uint8_t secret_len;
    uint8_t presented_count;
    unsigned char secret[48];
    unsigned char presented[TLS_PRESENTED_MAX][32]; /* SHA-256, leaf first */
};

struct tls_site {
    const struct config_site *config; /* borrowed */
    SSL_CTX *ctx;
    bool ask_certificate;
    bool is_late; /* ... but not in the handshake; its sessions are never resumed */
    unsigned char policy[TLS_DIGEST_SIZE];
    unsigned char revocation[TLS_DIGEST_SIZE];
    unsigned char session_context[TLS_DIGEST_SIZE]; /* of the policy and of when it is asked */
};

struct tls_host {
    struct str host; /* borrowed from the site's configuration */
    struct tls_site *site;
    size_t order; /* of the site in the configuration */
};

struct tls_listener {
    BIO_METHOD *bio_method; /* of the sockets under the connections */
    SSL_CTX *ctx;           /* every connection starts with it; its ticket callbacks count */
    struct tls_host *hosts; /* sorted by host, then order */
    size_t host_count;
    struct tls_site *default_site;
    struct tls_ticket_keys *keys;
    void *own_keys;                     /* memory of keys when they are not shared, else NULL */
    struct tls_store *store;            /* borrowed; NULL: TLS 1.3 has tickets or nothing */
    const struct tls_ticket_file *file; /* borrowed; keys of several machines, or NULL */
    struct tls_suites *suites;          /* NULL: OpenSSL keeps every connection */
    bool has_tickets;                   /* TLS 1.2 */
    bool has_tickets_13;
    int64_t lifetime_s;
};

/* What is noted while OpenSSL carries a connection that may go on without it (tls_handover.c). */
enum tls_side { TLS_SIDE_CLIENT, TLS_SIDE_SERVER, TLS_SIDES };
struct tls_notes {
    unsigned char secrets[TLS_SIDES][TLS_SECRET_MAX]; /* each side's first traffic secret */
    size_t secret_len[TLS_SIDES];                     /* 0: not known yet */
    bool is_finished[TLS_SIDES];                      /* the side's Finished went by */
    uint64_t records[TLS_SIDES]; /* protected ones since then: the next sequence number */
    bool is_unusual;             /* something else went by: OpenSSL keeps the connection */
    bool has_answered;           /* application data was written */
};

enum { TLS_KEY_UPDATE_SIZE = 5 }; /* RFC 8446 section 4.6.3: header and request */

struct tls_lean { /* a connection without SSL (tls_lean.c) */
    struct tls_keys in, out;
    uint64_t update_after; /* records under one key */
    size_t plain_start;    /* in bio.in: opened where it lay, and not yet taken */
    size_t plain_len;
    unsigned empty;                             /* records in a row without content */
    unsigned warnings;                          /* user_canceled in a row */
    unsigned char message[TLS_KEY_UPDATE_SIZE]; /* a handshake message, so far */
    size_t message_len;
    bool owes_update;   /* the peer asked for a KeyUpdate */
    bool awaits_update; /* we did */
    bool said_goodbye;  /* close_notify was sent */
    bool is_resumed;    /* what was asked of the SSL */
    bool has_session;   /* the store knows a session by: */
    unsigned char session_id[TLS_SESSION_ID_SIZE];
    const char *cipher; /* static */
    int cipher_bits;
};

struct tls_connection {                        /* the SSL's application data */
    const struct tls_listener *listener;       /* NULL on the client side */
    struct tls_client_session *client_session; /* NULL on the server side; borrowed */
    struct transport *transport;
    struct tls_bio bio;      /* under the SSL */
    struct tls_notes *notes; /* owned; NULL: OpenSSL keeps the connection */
    struct tls_lean *lean;   /* owned; NULL: OpenSSL has the connection */
    struct tls_site *site;   /* NULL until the first ClientHello */
    tls_session_fn session_fn;
    char *server_name;        /* owned, normalised; NULL: absent */
    const char *reason;       /* why a callback of ours failed the handshake; static */
    enum tls_failure failure; /* why it failed, as a word of the log */
    struct text error;
    STACK_OF(X509) * presented;   /* owned; built when first asked for, or by a resumption */
    STACK_OF(X509) * found_chain; /* owned; of the stored session that was offered last */
    struct tls_record found;      /* its record, if has_found */
    unsigned char found_id[TLS_SESSION_ID_SIZE];
    struct tls_session_facts facts;   /* of the resumed session */
    struct tls_session_facts offered; /* of the session being made */
    int64_t ends_at;    /* when the full handshake behind the session is too old to resume */
    bool is_name_known; /* the site was found by name */
    bool is_stateful;   /* TLS 1.3 through the store, no tickets */
    bool resumes_13;    /* TLS 1.3: either way is open, and the client can use it */
    bool has_found;
    bool has_master_secret;       /* TLS 1.2: the client offers the extended master secret */
    bool has_post_handshake_auth; /* TLS 1.3: the client can be asked for a certificate late */
    bool is_asked;                /* ... and was, or with TLS 1.2 by renegotiation */
    bool is_answered;             /* TLS 1.3: the client's Finished after that was read */
    bool is_established;
    bool is_offer_due; /* TLS 1.3: with what is written next */
    bool is_offered;
    bool is_refused;  /* TLS 1.2: the ticket being made must be empty */
    bool is_drained;  /* the last read found nothing complete */
    bool is_broken;   /* after a fatal error no SSL call is allowed but SSL_free */
    bool has_goodbye; /* close_notify arrived */
    bool is_truncated;
    enum transport_result untold; /* how the last read ended behind the bytes it yielded */
};

static inline struct tls_connection *tls_connection_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* tls_session.c: makes the ticket that tls_transport_offer_session() asked for, if any. */
void tls_session_offer_due(struct tls_connection *connection, SSL *ssl);

/* tls_transport.c: takes the connection and the fd over; NULL: broken, which the first handshake
 * call says. */
SSL *tls_transport_begin(struct transport *transport, struct event_base *base, int fd,
                         struct tls_connection *connection, SSL_CTX *ctx, const BIO_METHOD *method,
                         transport_cb callback, void *arg);

/* After this nothing but transport_close() does anything; reason NULL: OpenSSL's. */
enum transport_result tls_transport_broken(struct transport *transport, const char *reason);
/* The socket's end: EOF or, where that may be somebody else's doing, ERROR. */
enum transport_result tls_transport_ended(struct transport *transport);
/* Sends what was collected. */
enum transport_result tls_transport_flush(struct transport *transport);
size_t tls_transport_held(const struct transport *transport);
void tls_transport_clear(struct transport *transport);

/* tls_handover.c: from here on the connection is watched; within the client-hello callback, for TLS
 * 1.3. */
void tls_handover_watch(struct tls_connection *connection, SSL *ssl);
void tls_handover_note_secret(struct tls_connection *connection, enum tls_side side,
                              const unsigned char *secret, size_t len);
/* Takes the connection from OpenSSL if nothing stands against it. */
void tls_handover_try(struct transport *transport);
/* Forgets the secrets: OpenSSL keeps the connection. */
void tls_handover_forget(struct tls_connection *connection);

/* tls_lean.c */
extern const struct transport_ops TLS_LEAN_OPS;
void tls_lean_free(struct tls_connection *connection);

/* What every context has in common; never NULL. */
SSL_CTX *tls_context_new_common(const struct config *config);

/* tls_keypair.c: a chain and its key into the context, or errors into the list. */
void tls_keypair_load(SSL_CTX *ctx, const struct config_server_certificate *files,
                      struct error_list *errors);

/* tls_hello.c: the client-hello callback, which chooses the site. */
int tls_hello_on_client_hello(SSL *ssl, int *ret_alert, void *arg);
/* Says in the ServerHello whether the name was used. */
int tls_hello_on_server_name(SSL *ssl, int *ret_alert, void *arg);
#define TLS_NAME_SIZE 256
/* The body of a server_name extension: exactly one host_name, normalised (lower case, without the
 * trailing dot) and NUL-terminated. *ret_alert is set when it is refused. */
MUST_USE bool tls_hello_parse_name(const unsigned char *bytes, size_t len,
                                   char ret_name[TLS_NAME_SIZE], int *ret_alert);
/* The site that answers to a normalised name, NULL when only the default remains. */
struct tls_site *tls_listener_find(const struct tls_listener *listener, struct str name);

/* tls_late.c: notes what the client can do. */
void tls_late_on_client_hello(struct tls_connection *connection, SSL *ssl);

/* tls_site.c: puts the site's settings on the connection. */
MUST_USE bool tls_site_apply(struct tls_site *site, SSL *ssl);

/* tls_ticket.c: the key callback of OpenSSL. */
int tls_ticket_on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int is_encrypting);

/* tls_record.c: for the connection's site and what its owner said of the session. */
void tls_record_init(const struct tls_connection *connection, struct tls_record *ret_record);
/* Same policy, same CRLs, nothing expired. */
MUST_USE bool tls_record_is_current(const struct tls_record *record, const struct tls_site *site);
/* Whether a ticket has room for the certificates. */
MUST_USE bool tls_record_fits_ticket(const struct tls_session_facts *facts);
/* The record and the certificates above the leaf, for a ticket; the caller frees. */
unsigned char *tls_record_encode(const struct tls_record *record,
                                 const struct tls_session_facts *facts, size_t *ret_len);
/* False when the session carries no record of this program's format. */
MUST_USE bool tls_record_decode(SSL_SESSION *session, struct tls_record *ret_record);
/* What was presented when the session was made, leaf first (the caller's); NULL: nothing. False:
 * damaged. */
MUST_USE bool tls_record_decode_chain(SSL_SESSION *session, STACK_OF(X509) * *ret_chain);

/* tls_session.c: makes the context ask about sessions; only listeners' contexts count. */
void tls_session_install(SSL_CTX *ctx);
/* After a handshake: false when a session was resumed whose record cannot be read. */
MUST_USE bool tls_session_load(struct tls_connection *connection, SSL *ssl);

/* tls_stateful.c: the callbacks of the store, on a listener's context. */
void tls_stateful_install(SSL_CTX *ctx);
MUST_USE bool tls_stateful_fits(const struct tls_session_facts *facts);
MUST_USE bool tls_stateful_load(struct tls_connection *connection, SSL *ssl,
                                struct tls_record *ret_record);
/* Drops what was found for a session that is not in use. */
void tls_stateful_forget(struct tls_connection *connection);
/* RFC 8446 section 6.2: after a fatal error the session goes as well. */
void tls_stateful_discard(struct tls_connection *connection, SSL *ssl);

/* tls_store.c: presented is the chain of the session; false when it is not stored. */
bool tls_store_put(struct tls_store *store, const unsigned char id[TLS_SESSION_ID_SIZE],
                   struct tls_stored *stored, const struct tls_certificate *presented,
                   size_t count);
MUST_USE bool tls_store_get(struct tls_store *store, const unsigned char id[TLS_SESSION_ID_SIZE],
                            struct tls_stored *ret_stored);
void tls_store_remove(struct tls_store *store, const unsigned char id[TLS_SESSION_ID_SIZE]);
MUST_USE bool tls_store_certificate(struct tls_store *store, const unsigned char sha256[32],
                                    unsigned char ret_der[TLS_STORED_CERT_MAX], size_t *ret_len);

#endif
