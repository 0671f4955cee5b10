/* identity_headers.h - what the backend is told about the client, in the dialect it speaks.
 *
 * Sources: RFC 9440; interface.md 4.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_IDENTITY_HEADERS_H
#define PROXY_CORE_IDENTITY_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/client_cert.h"
#include "auth/verdict.h"
#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "http/message.h"

/* Names a client must never get through to a backend: those of every preset and of every
 * configured header, under any spelling a backend might fold together. */
struct identity_names;
struct identity_names *identity_names_new(const struct config *config);
void identity_names_free(struct identity_names *names);
/* Compares with '_' and '.' read as '-', ASCII case-insensitive. */
bool identity_names_contain(const struct identity_names *names, struct str name);

struct identity_facts { /* of one request; slices live as long as the request */
    const struct config_forward *forward;
    const struct cert *leaf;   /* NULL: none to show */
    struct cert *const *chain; /* validated chain without the leaf, issuer first */
    size_t chain_count;
    const char *user; /* NULL: none */
    const char *password;
    const char *verdict;
    const char *tls_version;
    const char *cipher;
    const char *client_ip;
    const char *request_id;
    bool arr_quote_single;
};
/* Appends the identity fields; empty values are left out. */
void identity_headers_add(const struct identity_facts *facts, struct arena *arena,
                          struct http_fields *fields);
/* The value of one template. */
struct str identity_template(const struct identity_facts *facts, struct str template_text,
                             struct arena *arena);

#endif
