/* cert_table.h - certificates this process knows already, so that they are decoded once.
 *
 * Only certificates of clients that were found good get in: strangers can neither fill it nor push
 * anybody out. Bounded, least recently used first out. Not thread-safe; one an engine.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_TABLE_H
#define PROXY_AUTH_CERT_TABLE_H

#include <stddef.h>

#include "auth/client_cert.h"

struct cert_table;

/* Holds at most max certificates; 0: none. */
struct cert_table *cert_table_new(size_t max);
/* References given out live on. NULL is allowed. */
void cert_table_free(struct cert_table *table);
/* Takes a reference, unless it knows this encoding already. */
void cert_table_add(struct cert_table *table, struct cert *cert);
/* A new reference to the one made of this very X509; NULL: not known. */
struct cert *cert_table_get(struct cert_table *table, const X509 *x509);
/* The decoded form, borrowed until the next call that adds; NULL: not known. */
X509 *cert_table_find_der(struct cert_table *table, const unsigned char *der, size_t len);
X509 *cert_table_find_sha256(struct cert_table *table, const unsigned char sha256[32]);
/* The encoding of this very X509, borrowed as above; NULL: not known. */
const unsigned char *cert_table_find_encoding(struct cert_table *table, const X509 *x509,
                                              size_t *ret_len);

#endif
