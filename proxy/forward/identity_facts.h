/* identity_facts.h - what identity headers are made from.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_IDENTITY_FACTS_H
#define PROXY_FORWARD_IDENTITY_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/client_cert.h"
#include "config/config.h"

struct identity_facts { /* of one request; slices live as long as the request */
    const struct config_forward *forward;
    struct cert *leaf;         /* NULL: none to show */
    struct cert *const *chain; /* validated chain without the leaf, issuer first */
    size_t chain_count;
    const struct cert *anchor; /* which the chain does not have; NULL: unknown */
    const struct cert *server; /* the site's own certificate; NULL: no TLS */
    const char *user;          /* NULL: none */
    const char *password;
    const char *verdict; /* static: identity_verdict_word() */
    const char *reason;  /* static: why the certificate failed and is not shown; NULL: it did not */
    const char *tls_version;
    const char *cipher;
    int cipher_bits; /* 0: not known */
    const char *client_ip;
    const char *request_id;
    bool arr_quote_single;
};

/* A longer value is left out, and the header named in X-Identity-Omitted: half a certificate or
 * half a name would be worse than none. */
#define IDENTITY_VALUE_MAX ((size_t)32 * 1024)

#endif
