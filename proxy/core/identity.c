/* SPDX-License-Identifier: MIT */
#include "core/identity.h"

#include <stdlib.h>
#include <string.h>

#include "auth/cert_table.h"
#include "auth/verdict_cache.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/client.h"
#include "core/snapshot.h"
#include "tls/tls_transport.h"

void identity_clear(struct identity *identity)
{
    for (size_t i = 0; i < identity->presented_count; i++)
        cert_unref(identity->presented[i]);
    free(identity->presented);
    verdict_unref(identity->verdict);
    *identity = (struct identity){0};
}

/* After a full handshake: the leaf and whatever the client sent with it. */
static void take_presented(struct client *client, STACK_OF(X509) * chain, X509 *leaf)
{
    struct identity *identity = &client->identity;
    struct cert_table *certs = client->engine->certs;
    int count = chain == NULL ? 0 : sk_X509_num(chain);
    identity->presented = xcalloc((size_t)count + 1, sizeof(struct cert *));
    if (count == 0) {
        identity->presented[identity->presented_count++] = cert_table_get_x509(certs, leaf);
        return;
    }
    for (int i = 0; i < count; i++)
        identity->presented[identity->presented_count++] =
            cert_table_get_x509(certs, sk_X509_value(chain, i));
}

/* Inside a TLS 1.2 handshake this runs before the handshake is over: the ticket is written then. */
static void load(struct client *client)
{
    struct identity *identity = &client->identity;
    const struct transport *transport = &client->stream.transport;
    X509 *leaf = tls_transport_peer_leaf(transport);
    if (leaf != NULL && identity->presented_count == 0)
        take_presented(client, tls_transport_peer_chain(transport), leaf);
}

void identity_from_handshake(struct client *client)
{
    struct identity *identity = &client->identity;
    load(client);
    const struct tls_session_facts *facts = tls_transport_session_facts(&client->stream.transport);
    if (facts == NULL || !identity_has_certificate(identity))
        return;
    /* Only a good verdict is ever stored with a session, and the TLS layer has checked that policy,
     * stores and CRLs are those it was reached under. CRLs that came since then are noticed when
     * the verdict is asked for. */
    identity->is_resumed = true;
    memcpy(identity->revocation, facts->revocation, sizeof identity->revocation);
    identity->is_judged = true;
    identity->outcome = OUTCOME_OK;
    identity->valid_until = facts->valid_until;
}

static bool is_current(const struct identity *identity, const struct trust *trust, int64_t now)
{
    return identity->is_judged && now < identity->valid_until &&
           memcmp(identity->revocation, trust_revocation_digest(trust),
                  sizeof identity->revocation) == 0;
}

enum outcome identity_judge(struct client *client, const struct snapshot_site *site, int64_t now)
{
    struct identity *identity = &client->identity;
    const struct trust *trust = site->trust;
    if (is_current(identity, trust, now))
        return identity->outcome;
    memcpy(identity->revocation, trust_revocation_digest(trust), sizeof identity->revocation);
    verdict_unref(identity->verdict);
    identity->verdict = verdict_cache_get(client->engine->verdicts, trust, identity->presented,
                                          identity->presented_count, now);
    identity->outcome = identity->verdict->outcome;
    identity->valid_until = identity->verdict->valid_until;
    identity->is_judged = true;
    /* A resumed session has lost the intermediates the client sent: the verdict over the leaf alone
     * can only be worse, and the next connection makes a full handshake. */
    if (identity->is_resumed && identity->outcome != OUTCOME_OK)
        client->close_after = true;
    return identity->outcome;
}

bool identity_lost_its_chain(const struct identity *identity, const struct trust *trust)
{
    return identity->is_resumed && identity->presented_count == 1 &&
           !trust_knows_issuer(trust, identity->presented[0]);
}

bool identity_session_facts(struct client *client, struct tls_session_facts *ret_facts)
{
    *ret_facts = (struct tls_session_facts){.valid_until = INT64_MAX};
    if (client->tls_site == NULL)
        client->tls_site = client_site_of_handshake(client);
    load(client);
    struct identity *identity = &client->identity;
    if (!identity_has_certificate(identity))
        return true;
    if (identity_judge(client, client->tls_site, clock_wall_s()) != OUTCOME_OK)
        return false;
    ret_facts->valid_until = identity->valid_until;
    memcpy(ret_facts->leaf_sha256, identity->presented[0]->sha256, 32);
    return true;
}

void identity_chain(const struct identity *identity, struct arena *arena,
                    struct cert *const **ret_chain, size_t *ret_count)
{
    *ret_chain = NULL;
    *ret_count = 0;
    const struct verdict *verdict = identity->verdict;
    if (verdict == NULL || verdict->path_len < 2)
        return;
    struct cert **chain = arena_alloc(arena, verdict->path_len * sizeof *chain);
    for (size_t i = 1; i < verdict->path_len; i++) {
        if (!verdict->path[i].is_anchor)
            chain[(*ret_count)++] = verdict->path[i].cert;
    }
    *ret_chain = chain;
}
