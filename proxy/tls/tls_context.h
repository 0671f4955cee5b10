/* tls_context.h - TLS configuration of the sites that share a listening address.
 *
 * The listener's own SSL_CTX owns the ticket callbacks (OpenSSL takes them from the first context
 * of a connection, never from the one switched to); the site is chosen by SNI in the client-hello
 * callback, which runs before a ticket is opened. Built in the master, inherited by fork.
 * The handshake always completes: the certificate a client presents is kept, not judged.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_CONTEXT_H
#define PROXY_TLS_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

#include "base/attr.h"
#include "base/errors.h"
#include "config/config.h"

struct tls_name { /* a DER-encoded Name for certificate_authorities */
    const unsigned char *der;
    size_t len;
};

struct tls_site_options {
    const struct config_site *site; /* outlives the context */
    bool ask_certificate;           /* send a CertificateRequest in the handshake */
    const struct tls_name *issuers; /* certificate_authorities; copied */
    size_t issuer_count;
    /* A session is resumed only under the same two digests (32 bytes each; copied): the policy
     * (site, trust epoch) and the revocation generation. */
    const unsigned char *policy;
    const unsigned char *revocation;
};

struct tls_site; /* the context of one site */
/* Loads chains and keys. NULL when errors were added (a key that does not fit, not readable, ...).
 */
struct tls_site *tls_site_new(const struct tls_site_options *options, const struct config *config,
                              struct error_list *errors);
void tls_site_free(struct tls_site *site);
/* Another revocation generation (32 bytes, copied): sessions of the one before are not resumed. */
void tls_site_set_revocation(struct tls_site *site, const unsigned char *revocation);
const struct config_site *tls_site_config(const struct tls_site *site);
/* The site's certificate (borrowed): of several the RSA one, the same for every connection. */
X509 *tls_site_certificate(const struct tls_site *site);

struct tls_ticket_keys; /* in memory all workers share, see tls_ticket.h */
struct tls_ticket_file;

struct tls_listener;
/* sites: those on this address, in the order of the configuration (borrowed, must outlive it);
 * without SNI, or when none matches, the one without hosts is taken, else the first. keys: shared
 * ticket keys and session store, NULL for keys of its own and no store. */
struct tls_listener *tls_listener_new(struct tls_site *const *sites, size_t count,
                                      const struct config *config, struct tls_ticket_keys *keys);
/* Session keys that several machines share encrypt and open tickets instead; borrowed. */
void tls_listener_use_file(struct tls_listener *listener, const struct tls_ticket_file *file);
void tls_listener_free(struct tls_listener *listener);

/* Upstream side: verification is done by OpenSSL against ca (NULL: the system's). */
struct tls_client;

#endif
