/* trust_probe.h - what a client certificate would meet that has no fault of its own.
 *
 * For each certificate of the stores one is made up that it might have issued: its signature is
 * taken for granted, its time is now, its usage is right. What the verdict then finds fault with
 * lies in the stores, the settings and the CRLs, and is known before any client comes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_TRUST_PROBE_H
#define PROXY_AUTH_TRUST_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/trust_store.h"
#include "auth/verdict.h"
#include "base/errors.h"

struct trust_issuer { /* a certificate of the stores; borrowed from the trust */
    struct cert *cert;
    enum cert_store store; /* where it counts most, and of that: */
    struct mark mark;      /* the item that names the file or its folder */
    const char *path;      /* the file */
    bool is_listed;        /* in the store that names the issuers (iis-semantics.md 3.3) */
    bool is_anchor;
    bool is_self_signed;
    bool is_authority; /* it may issue certificates at all */
    bool is_used;      /* it may be part of a path */
};

/* The certificates of all stores but the disallowed ones, each once. */
size_t trust_issuer_count(const struct trust *trust);
void trust_issuer_get(const struct trust *trust, size_t i, struct trust_issuer *ret_issuer);
/* False when the certificate is in none of these stores. */
bool trust_issuer_find(const struct trust *trust, const struct cert *cert,
                       struct trust_issuer *ret_issuer);
/* Whether some certificate of the stores has the name of this one's issuer. */
bool trust_has_issuer_of(const struct trust *trust, const struct cert *cert);
/* The effective settings. */
enum config_trust_mode trust_mode(const struct trust *trust);
bool trust_has_anchor(const struct trust *trust);
/* Whether the certificates of trust_misplaced_roots() make every verdict a refusal. */
bool trust_mix_refuses_all(const struct trust *trust);

struct trust_prober;
struct trust_prober *trust_prober_new(const struct trust *trust);
void trust_prober_free(struct trust_prober *prober); /* NULL is allowed */
/* The verdict at this time on a client that presents a faultless certificate of the issuer, and
 * the issuer's own. Fills *ret_verdict, which verdict_clear() empties again. */
void trust_probe(const struct trust_prober *prober, struct cert *issuer, int64_t now,
                 struct verdict *ret_verdict);

/* The newest end among the complete CRLs that the holder of this name has issued: INT64_MIN when
 * there is none of them, INT64_MAX when one has no end. */
int64_t trust_crl_end(const struct trust *trust, const X509_NAME *issuer);

#endif
