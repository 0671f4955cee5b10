/* path_check.h - what is wrong with the certificates of one path, revocation and trust aside.
 *
 * Private to auth/. The checks that hold for the path of a client and for that of the signer of a
 * CRL alike: RFC 5280 section 6.1 without policies.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_PATH_CHECK_H
#define PROXY_AUTH_PATH_CHECK_H

#include <stdint.h>

#include "auth/chain.h"

struct path_errors {
    uint32_t elements[VERDICT_PATH_MAX]; /* VERDICT_ERROR_BIT, leaf first */
    uint32_t whole;                      /* errors of the path as a whole */
};

/* All errors of all elements, as bits. */
uint32_t path_errors_all(const struct path_errors *errors, size_t len);

/* Distrust, keys, validity, CA and usage rules, critical extensions. Lowers *valid_until to the
 * next moment at which a validity period begins or ends. */
void path_check_basics(const struct chain_pool *pool, const struct chain_path *path, int64_t now,
                       struct path_errors *errors, int64_t *valid_until);
/* Extended key usage or application policies for client authentication (iis-semantics.md 4.3). */
void path_check_usage(const struct chain_pool *pool, const struct chain_path *path,
                      struct path_errors *errors);
/* Name constraints; takes its comparisons off the pool's budget. */
void path_check_names(struct chain_pool *pool, const struct chain_path *path,
                      struct path_errors *errors);

#endif
