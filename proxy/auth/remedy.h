/* remedy.h - what would make a refused chain trusted, found by trying.
 *
 * Each step is taken for granted, the chain is judged again under it, and what then stands in the
 * way is the next step, until nothing does: the list is all that is needed, about the certificates
 * that are really at fault. Pure computation without I/O, bounded like one more verdict: all the
 * tries share one budget of signature checks and paths.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_REMEDY_H
#define PROXY_AUTH_REMEDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/client_cert.h"
#include "auth/trust_store.h"
#include "auth/verdict.h"

enum remedy_kind {
    REMEDY_ADD_CERTIFICATE,   /* to `store` */
    REMEDY_MOVE_ROOTS,        /* what is not self-signed, out of Root (trust_misplaced_roots) */
    REMEDY_EXCLUSIVE_CA,      /* trust.mode: the bound store holds a CA of the chain, no root */
    REMEDY_WHOLE_LIST,        /* compat.large_root_store: the root is there and was cut off */
    REMEDY_REMOVE_DISALLOWED, /* from trust.disallowed */
    REMEDY_ADD_CRL,           /* of the issuer of `cert` */
    REMEDY_ANY_POLICY,        /* trust.policy.require_explicit off */
    REMEDY_REPLACE,           /* `cert` itself, because of `errors`: only its issuer can do that */
    REMEDY_PRESENT_FEWER      /* certificates */
};

struct remedy_step {
    enum remedy_kind kind;
    const struct cert *cert; /* what to add, remove or replace; NULL: the issuer of `below`, which
                                is not at hand. Borrowed from what was presented or the trust */
    const struct cert *below;
    enum cert_store store; /* where it is to be, or where it lies */
    uint32_t errors;       /* VERDICT_ERROR_BIT, of REMEDY_REPLACE */
    bool is_authority;     /* REMEDY_REPLACE: not the client's own certificate */
    bool is_other_key;     /* a certificate of this name is at hand, and has another key */
    bool is_usage_only;    /* REMEDY_REPLACE: trust.check_usage: false would do as well */
};

#define REMEDY_STEPS_MAX 24

struct remedy {
    struct remedy_step steps[REMEDY_STEPS_MAX]; /* in order */
    size_t count;
    bool is_complete; /* with these steps the verdict is good; false: the search was given up */
};

/* For a chain that verdict_compute() refuses at the time `now`. count is at least 1. */
void remedy_find(const struct trust *trust, struct cert *const *presented, size_t count,
                 int64_t now, struct remedy *ret_remedy);

#endif
