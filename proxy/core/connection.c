/* SPDX-License-Identifier: MIT */
#include "core/connection.h"

#include <stdlib.h>
#include <string.h>

#include "auth/cert_table.h"
#include "auth/verdict_cache.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "tls/tls_transport.h"

bool connection_is_tls(const struct connection *connection)
{
    return connection->listener->binding->is_https && !connection->is_plain_on_https;
}

bool connection_is_local(const struct connection *connection)
{
    return addr_is_local(&connection->peer, &connection->local);
}

const struct snapshot_site *connection_site_of_handshake(const struct connection *connection)
{
    const struct snapshot_binding *binding = connection->listener->binding;
    const struct tls_site *chosen = tls_transport_site(connection->transport);
    for (size_t i = 0; i < binding->site_count; i++) {
        if (binding->sites[i]->tls == chosen)
            return binding->sites[i];
    }
    return binding->sites[0];
}

bool connection_may_ask(const struct connection *connection)
{
    return connection_is_tls(connection) && tls_transport_is_late(connection->transport) &&
           !connection->was_asked;
}

/* ---- who it is ---------------------------------------------------------------------------- */

/* The leaf and whatever the client sent with it, now or in the handshake behind the session. */
static void take_presented(struct connection *connection, STACK_OF(X509) * chain)
{
    struct identity *identity = &connection->identity;
    int count = sk_X509_num(chain);
    identity->presented = xcalloc((size_t)count, sizeof(struct cert *));
    for (int i = 0; i < count; i++) {
        X509 *x509 = sk_X509_value(chain, i);
        struct cert *cert = cert_table_get(connection->listener->engine->certs, x509);
        identity->presented[identity->presented_count++] =
            cert != NULL ? cert : cert_from_x509(x509);
    }
}

/* Inside a TLS 1.2 handshake this runs before the handshake is over: the ticket is written then. */
static void load(struct connection *connection)
{
    const struct identity *identity = &connection->identity;
    STACK_OF(X509) *chain = tls_transport_peer_chain(connection->transport);
    if (chain != NULL && identity->presented_count == 0)
        take_presented(connection, chain);
}

void connection_identify(struct connection *connection)
{
    struct identity *identity = &connection->identity;
    load(connection);
    const struct tls_session_facts *facts = tls_transport_session_facts(connection->transport);
    if (facts == NULL || !identity_has_certificate(identity))
        return;
    /* Only a good verdict is ever stored with a session, and the TLS layer has checked that policy,
     * stores and CRLs are those it was reached under. CRLs that came since then are noticed when
     * the verdict is asked for. */
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

static void judge(struct connection *connection, const struct trust *trust, int64_t now)
{
    struct identity *identity = &connection->identity;
    memcpy(identity->revocation, trust_revocation_digest(trust), sizeof identity->revocation);
    verdict_unref(identity->verdict);
    free(identity->remedy);
    identity->remedy = NULL;
    identity->verdict = verdict_cache_get(connection->listener->engine->verdicts, trust,
                                          identity->presented, identity->presented_count, now);
    identity->outcome = identity->verdict->outcome;
    identity->valid_until = identity->verdict->valid_until;
    identity->is_judged = true;
    if (identity->outcome != OUTCOME_OK)
        return;
    for (size_t i = 0; i < identity->presented_count; i++)
        cert_table_add(connection->listener->engine->certs, identity->presented[i]);
}

enum outcome connection_judge(struct connection *connection, const struct snapshot_site *site,
                              int64_t now)
{
    struct identity *identity = &connection->identity;
    if (!is_current(identity, site->trust, now))
        judge(connection, site->trust, now);
    return identity->outcome;
}

static void offer_presented(struct identity *identity, struct tls_session_facts *facts)
{
    size_t count = identity->presented_count;
    if (identity->offered == NULL)
        identity->offered = xcalloc(count, sizeof *identity->offered);
    for (size_t i = 0; i < count; i++) {
        const struct cert *cert = identity->presented[i];
        identity->offered[i] = (struct tls_certificate){cert->der, cert->der_len, cert->sha256};
    }
    facts->presented = identity->offered;
    facts->presented_count = count;
}

bool connection_session_facts(struct connection *connection, struct tls_session_facts *ret_facts)
{
    *ret_facts = (struct tls_session_facts){.valid_until = INT64_MAX};
    if (connection->tls_site == NULL)
        connection->tls_site = connection_site_of_handshake(connection);
    load(connection);
    struct identity *identity = &connection->identity;
    if (!identity_has_certificate(identity))
        return true;
    if (connection_judge(connection, connection->tls_site, clock_wall_s()) != OUTCOME_OK)
        return false;
    ret_facts->valid_until = identity->valid_until;
    memcpy(ret_facts->leaf_sha256, identity->presented[0]->sha256, 32);
    offer_presented(identity, ret_facts);
    return true;
}

const struct verdict *connection_path(struct connection *connection)
{
    struct identity *identity = &connection->identity;
    /* A resumed session brings the outcome, but the path has to be found by this worker. */
    if (identity->verdict == NULL && identity_has_certificate(identity))
        judge(connection, connection->tls_site->trust, clock_wall_s());
    return identity->verdict != NULL && identity->verdict->outcome == OUTCOME_OK ? identity->verdict
                                                                                 : NULL;
}
