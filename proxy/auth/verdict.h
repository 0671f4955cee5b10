/* verdict.h - judge a client's certificate chain under a site's trust policy.
 *
 * Pure computation, no I/O. Every candidate path is searched, every error on it collected, and the
 * best path's worst error is the verdict, in IIS's priority (iis-semantics.md 2.5, 3.7).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_VERDICT_H
#define PROXY_AUTH_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/client_cert.h"
#include "auth/trust_store.h"
#include "http/outcome.h"

#define VERDICT_PATH_MAX 10

enum cert_store {
    CERT_STORE_PRESENTED,
    CERT_STORE_ROOT,
    CERT_STORE_INTERMEDIATE,
    CERT_STORE_TRUSTED_ISSUERS,
    CERT_STORE_CLIENT_AUTH_ISSUERS,
    CERT_STORE_DISALLOWED
};
const char *cert_store_name(enum cert_store store);
/* The store that names the issuers a client may come from (iis-semantics.md 3.3). */
enum cert_store trust_issuer_store(const struct trust *trust);
/* The store that an anchor has to be in under the trust mode in force. */
enum cert_store trust_anchor_store(const struct trust *trust);

struct verdict_element {
    struct cert *cert; /* reference held by the verdict */
    enum cert_store store;
    bool is_anchor;
    uint32_t errors; /* bit n set: outcome VERDICT_ERROR(n) was found at this element */
};
/* Bit of a verdict outcome in verdict_element.errors. */
#define VERDICT_ERROR_BIT(outcome) (UINT32_C(1) << ((outcome)-OUTCOME_EXPLICIT_DISTRUST))

struct verdict {
    enum outcome outcome;                          /* OUTCOME_OK: trusted */
    struct verdict_element path[VERDICT_PATH_MAX]; /* best path, leaf first */
    size_t path_len;
    size_t fault;        /* index of the element at fault; path_len: the path as a whole */
    int64_t valid_until; /* seconds since 1970: judge again at this time (earliest change of the
                            clock-dependent inputs); for a refusal at most 60 s from now */
    uint32_t errors;     /* all errors of the best path, as bits */
};

/* Judges presented[0] (the leaf) with presented[1..] as candidates, at the time `now`. Fills
 * *ret_verdict, which verdict_clear() empties again. count is at least 1. */
void verdict_compute(const struct trust *trust, struct cert *const *presented, size_t count,
                     int64_t now, struct verdict *ret_verdict);
void verdict_clear(struct verdict *verdict);

#endif
