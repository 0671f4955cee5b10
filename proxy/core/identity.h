/* identity.h - who is at the other end of a client connection: chain, verdict, user.
 *
 * The verdict is reached once for a handshake and again whenever one of its inputs may have
 * changed; it is looked at for every request.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_IDENTITY_H
#define PROXY_CORE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/cert_map.h"
#include "auth/client_cert.h"
#include "auth/trust_store.h"
#include "auth/verdict.h"
#include "base/arena.h"
#include "base/clock.h"
#include "http/outcome.h"

struct remedy;
struct tls_certificate;
struct snapshot_site;

/* The leaf in words, for logs. */
struct identity_words {
    char *subject, *issuer, *serial; /* RFC 4514, and hexadecimal; owned */
    char sha1[41], sha256[65], not_after[CLOCK_TEXT_SIZE];
};

struct identity {            /* start from {0} */
    struct cert **presented; /* leaf first; owned references; NULL: no certificate */
    size_t presented_count;
    struct tls_certificate *offered; /* the same for the TLS layer; owned; NULL: not asked for */
    const struct verdict *verdict;   /* reference held; NULL: none yet, or resumed and still good */
    enum outcome outcome;            /* the verdict's, when is_judged */
    int64_t valid_until;             /* seconds since 1970 */
    unsigned char revocation[TRUST_EPOCH_SIZE]; /* the generation it was reached under */
    bool is_judged;
    struct remedy *remedy;        /* what would mend the verdict; owned; NULL: nobody asked */
    struct cert_map_memo mapped;  /* of the leaf */
    struct identity_words *words; /* owned; NULL: nobody asked */
};

/* What backends are told of it, rendered (identity_headers_cache.c). What it points to is the same
 * for the connection's whole life. Start from {0}. */
struct identity_cache {
    struct identity_rendering **entries; /* owned; references */
    size_t count;
};

void identity_clear(struct identity *identity);
static inline bool identity_has_certificate(const struct identity *identity)
{
    return identity->presented_count > 0;
}
/* Put together once. Call only with a certificate. */
const struct identity_words *identity_words(struct identity *identity);
/* What would make a refused identity trusted at this site; NULL when the certificate is not at
 * fault. Found once for a verdict; lives as long as that. */
const struct remedy *identity_remedy(struct identity *identity, const struct snapshot_site *site);
/* The certificate that the validated chain ends in; NULL without one, or when it is the leaf. */
const struct cert *identity_anchor(const struct verdict *verdict);
/* The chain above the leaf for forwarding, issuer first, in the arena: the validated path, without
 * the anchor. verdict may be NULL: empty. */
void identity_chain(const struct verdict *verdict, struct arena *arena,
                    struct cert *const **ret_chain, size_t *ret_count);

#endif
