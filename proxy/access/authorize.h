/* authorize.h - may this client, known by now, go here? The rules of `authorize`.
 *
 * Rules in order, first match wins, no match refuses. What cannot be read in a certificate (a NUL
 * in a name, a broken extension) matches every rule that denies and none that allows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_AUTHORIZE_H
#define PROXY_ACCESS_AUTHORIZE_H

#include <stdbool.h>

#include "auth/client_cert.h"
#include "base/errors.h"
#include "config/config.h"

struct authorize;

/* Compiled from access->authorize, which must outlive it; NULL when there are no rules, or when
 * there were errors (added to the list). */
struct authorize *authorize_new(const struct config_access *access, struct error_list *errors);
void authorize_free(struct authorize *authorize); /* NULL is allowed */

struct authorize_facts {
    const struct cert *leaf; /* NULL: no certificate */
    const char *user;        /* NULL: none */
    const char *mapping;     /* NULL: none matched */
};
/* NULL as authorize: everybody may. */
bool authorize_allows(const struct authorize *authorize, const struct authorize_facts *facts);

#endif
