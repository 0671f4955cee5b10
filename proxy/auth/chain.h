/* chain.h - every candidate path from a certificate up, shortest first.
 *
 * Private to auth/. Issuers are found by name; a path ends at its first anchor; a signature that
 * fails prunes. One pool a verdict: it numbers the certificates, remembers signature checks and
 * holds the budget that bounds what a hostile chain can cost (iis-semantics.md 2.5).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CHAIN_H
#define PROXY_AUTH_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/trust.h"
#include "auth/verdict.h"

#define CHAIN_CANDIDATES_MAX 1024 /* paths begun, in all searches of one verdict */
#define CHAIN_CHECKS_MAX     256  /* signature checks */
#define CHAIN_COST_MAX       256  /* the same in units of time, see cert_facts.verify_cost */

#define CHAIN_NAMES_MAX (1u << 20) /* comparisons of a name with a constraint */

#define CHAIN_MEMO_SIZE 1024 /* a power of two, well above CHAIN_CHECKS_MAX */

/* A certificate of the pool: presented ones first, then the members of the stores. */
typedef uint32_t chain_node;

struct chain_memo {
    chain_node subject;
    chain_node issuer; /* stands for every certificate with the same key */
    bool is_used;
    bool is_good;
};

struct crl;

#define CHAIN_CRL_MEMO_SIZE 64

struct chain_crl_memo { /* whether a certificate's key verifies a CRL */
    const struct crl *crl;
    chain_node issuer;
    bool is_good;
};

#define CHAIN_ASSUMED_MAX 32

/* What is taken for granted about one certificate while a remedy is looked for (remedy.h). */
struct chain_assumption {
    const struct cert *cert;
    bool is_anchor;
    bool is_avoided;   /* no path goes through it */
    bool is_reachable; /* its signature is good, whatever the issuer's key says */
    uint32_t mended;   /* errors of this certificate that do not count, VERDICT_ERROR_BIT */
};
struct chain_assumptions {
    struct chain_assumption certs[CHAIN_ASSUMED_MAX];
    size_t count;
    uint32_t mended;      /* errors of the path as a whole that do not count */
    bool is_exclusive_ca; /* trust.mode exclusive_ca instead of the configured one */
    bool is_any_policy;   /* trust.policy.require_explicit is off */
};

struct chain_pool {
    const struct trust *trust;
    const struct chain_assumptions *assumed; /* borrowed; NULL: none, the verdict that counts */
    struct cert *const *presented;           /* borrowed */
    size_t presented_count;
    chain_node *presented_node; /* owned; a certificate that is a member goes by that number */
    unsigned checks_left;
    unsigned cost_left;
    unsigned candidates_left;
    size_t names_left;
    bool is_exhausted; /* something was not looked at because a limit was reached */
    struct chain_memo memo[CHAIN_MEMO_SIZE];
    struct chain_crl_memo crl_memo[CHAIN_CRL_MEMO_SIZE];
    size_t crl_memo_count;
};

enum chain_end {
    CHAIN_END_ANCHOR,
    CHAIN_END_SELF_SIGNED, /* a root that is no anchor */
    CHAIN_END_INCOMPLETE   /* no issuer known, or too long */
};

struct chain_path {
    chain_node nodes[VERDICT_PATH_MAX]; /* leaf first */
    size_t len;
    enum chain_end end;
    size_t bad_signature; /* element whose signature the next one does not verify; len: none */
};

void chain_pool_init(struct chain_pool *pool, const struct trust *trust,
                     struct cert *const *presented, size_t count);
void chain_pool_clear(struct chain_pool *pool);
struct cert *chain_cert(const struct chain_pool *pool, chain_node node);
/* The store member, or NULL for a certificate that was only presented. */
const struct trust_member *chain_member(const struct chain_pool *pool, chain_node node);
/* What is assumed about this certificate; NULL: nothing. */
const struct chain_assumption *chain_assumed(const struct chain_pool *pool,
                                             const struct cert *cert);
/* The trust mode that counts. */
enum config_trust_mode chain_mode(const struct chain_pool *pool);
/* Takes a signature check off the budget; false: there was nothing left. */
bool chain_charge(struct chain_pool *pool, const struct cert *key_owner);

/* Calls back for every pool certificate with this subject, in pool order, until it returns false.
 */
typedef bool (*chain_visit_fn)(void *context, chain_node node);
void chain_visit_subject(const struct chain_pool *pool, const X509_NAME *name, uint32_t hash,
                         chain_visit_fn visit, void *context);

struct chain_step { /* one certificate of a partial path; the path is read through `below` */
    uint32_t below;
    chain_node node;
    uint8_t depth;
    bool is_bad_signature; /* a dead end, reported if there is nothing better */
};

struct chain_search {
    struct chain_pool *pool;
    struct chain_step *steps; /* owned; a queue that is never shortened */
    size_t step_count;
    size_t step_capacity;
    size_t next;
};

void chain_search_init(struct chain_search *search, struct chain_pool *pool, chain_node leaf);
void chain_search_clear(struct chain_search *search);
/* The next path; false when there are no more, or none that the budget allows to look at
 * (pool->is_exhausted). */
bool chain_next(struct chain_search *search, struct chain_path *ret_path);

#endif
