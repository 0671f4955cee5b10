/* cert_table.h - certificates seen before, so that a client that comes back is not parsed again.
 *
 * Interning by content: reading a certificate costs more than judging it, and a thousand
 * connections of one client need one copy. Bounded, least recently used first out; a certificate
 * that leaves the table lives on while somebody holds it. One table a process; not thread-safe.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_TABLE_H
#define PROXY_AUTH_CERT_TABLE_H

#include <stddef.h>

#include <openssl/x509.h>

#include "auth/client_cert.h"

struct cert_table;

/* Remembers at most max certificates; 0: none. */
struct cert_table *cert_table_new(size_t max);
void cert_table_free(struct cert_table *table); /* NULL is allowed */

/* The certificate with this DER, parsed if it is not known; NULL when it cannot be decoded. The
 * caller owns a reference. */
struct cert *cert_table_get(struct cert_table *table, const unsigned char *der, size_t len);
/* The same for a certificate that the TLS library has parsed. */
struct cert *cert_table_get_x509(struct cert_table *table, X509 *x509);

#endif
