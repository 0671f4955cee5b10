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
#include "http/outcome.h"

struct client;
struct remedy;
struct engine;
struct tls_certificate;
struct snapshot_site;
struct tls_session_facts;

struct identity {            /* start from {0} */
    struct cert **presented; /* leaf first; owned references; NULL: no certificate */
    size_t presented_count;
    struct tls_certificate *offered; /* the same for the TLS layer; owned; NULL: not asked for */
    const struct verdict *verdict;   /* reference held; NULL: none yet, or resumed and still good */
    enum outcome outcome;            /* the verdict's, when is_judged */
    int64_t valid_until;             /* seconds since 1970 */
    unsigned char revocation[TRUST_EPOCH_SIZE]; /* the generation it was reached under */
    bool is_judged;
    struct remedy *remedy;       /* what would mend the verdict; owned; NULL: nobody asked */
    struct cert_map_memo mapped; /* of the leaf */
};

/* The certificates an engine remembers, and the TLS layer's way to them; once each. */
void identity_start(struct engine *engine);
void identity_stop(struct engine *engine);
/* Takes the certificates from the finished handshake. */
void identity_from_handshake(struct client *client);
void identity_clear(struct identity *identity);
static inline bool identity_has_certificate(const struct identity *identity)
{
    return identity->presented_count > 0;
}
/* The verdict at this time (seconds since 1970) for a request to this site, which has the policy of
 * the handshake's but may have CRLs of its own; reached again when it is due or when the CRLs are
 * others. Call only with a certificate. */
enum outcome identity_judge(struct client *client, const struct snapshot_site *site, int64_t now);
/* What would make a refused identity trusted at this site; NULL when the certificate is not at
 * fault. Found once for a verdict; lives as long as that. */
const struct remedy *identity_remedy(struct identity *identity, const struct snapshot_site *site);
/* What a session of this connection may carry; false when it must not be resumable. */
bool identity_session_facts(struct client *client, struct tls_session_facts *ret_facts);
/* The verdict whose path is the validated chain, for forwarding that: after a resumption it is
 * reached again. NULL without a certificate, or when there is no good path. */
const struct verdict *identity_path(struct client *client);
/* The certificate that the validated chain ends in; NULL without one, or when it is the leaf. */
const struct cert *identity_anchor(const struct verdict *verdict);
/* The chain above the leaf for forwarding, issuer first, in the arena: the validated path, without
 * the anchor. verdict may be NULL: empty. */
void identity_chain(const struct verdict *verdict, struct arena *arena,
                    struct cert *const **ret_chain, size_t *ret_count);

#endif
