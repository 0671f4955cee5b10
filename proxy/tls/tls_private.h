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
#include "tls/tls_context.h"
#include "tls/tls_transport.h"

#define TLS_DIGEST_SIZE 32

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
    SSL_CTX *ctx;           /* every connection starts with it; its ticket callbacks count */
    struct tls_host *hosts; /* sorted by host, then order */
    size_t host_count;
    struct tls_site *default_site;
    struct tls_ticket_keys *keys;
    void *own_keys; /* memory of keys when they are not shared, else NULL */
    bool has_tickets;
    int64_t lifetime_s;
};

struct tls_connection { /* the SSL's application data */
    const struct tls_listener *listener;
    struct transport *transport;
    struct tls_site *site; /* NULL until the first ClientHello */
    tls_session_fn session_fn;
    char *server_name;  /* owned, normalised; NULL: absent */
    const char *reason; /* why a callback of ours failed the handshake; static */
    struct text error;
    STACK_OF(X509) * presented;       /* owned; built when first asked for */
    struct tls_session_facts facts;   /* of the resumed session */
    struct tls_session_facts offered; /* of the session being made */
    int64_t ends_at;        /* when the full handshake behind the session is too old to resume */
    bool is_name_known;     /* the site was found by name */
    bool allows_tickets;    /* TLS 1.3: the client can resume with a key exchange */
    bool has_master_secret; /* TLS 1.2: the client offers the extended master secret */
    bool has_post_handshake_auth; /* TLS 1.3: the client can be asked for a certificate late */
    bool is_asked;                /* ... and was, or with TLS 1.2 by renegotiation */
    bool is_answered;             /* TLS 1.3: the client's Finished after that was read */
    bool is_established;
    bool is_offered;
    bool is_refused;  /* TLS 1.2: the ticket being made must be empty */
    bool is_drained;  /* the last read found nothing complete */
    bool is_broken;   /* after a fatal error no SSL call is allowed but SSL_free */
    bool has_goodbye; /* close_notify arrived */
    bool is_truncated;
};

static inline struct tls_connection *tls_connection_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

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

/* tls_session.c: makes the context ask about sessions; only listeners' contexts count. */
void tls_session_install(SSL_CTX *ctx);
/* After a handshake: false when a session was resumed whose record cannot be read. */
MUST_USE bool tls_session_load(struct tls_connection *connection, SSL *ssl);

#endif
