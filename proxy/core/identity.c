/* SPDX-License-Identifier: MIT */
#include "core/identity.h"

#include <stdlib.h>
#include <string.h>

#include "auth/cert_table.h"
#include "auth/remedy.h"
#include "auth/verdict_cache.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client.h"
#include "core/identity_headers.h"
#include "core/snapshot.h"
#include "tls/tls_hooks.h"
#include "tls/tls_transport.h"

/* Sets of identity headers remembered, 1 to 2 KiB each with one certificate in it. */
#define KNOWN_RENDERINGS 1024

static X509 *find_der(void *arg, const unsigned char *der, size_t len)
{
    return cert_table_find_der(arg, der, len);
}

static X509 *find_sha256(void *arg, const unsigned char sha256[32])
{
    return cert_table_find_sha256(arg, sha256);
}

static const unsigned char *find_encoding(void *arg, const X509 *x509, size_t *ret_len)
{
    return cert_table_find_encoding(arg, x509, ret_len);
}

void identity_start(struct engine *engine)
{
    const struct config_performance *performance = &engine->snapshot->config->performance;
    bool is_wanted = performance->intern_certificates && performance->certificate_table > 0;
    engine->certs = cert_table_new((size_t)performance->certificate_table);
    engine->intern = (struct tls_intern_table){find_der, find_sha256, find_encoding, engine->certs};
    engine->renderings = identity_renderings_new(KNOWN_RENDERINGS);
    bool is_effective = tls_hooks_test().intern;
    tls_intern_use(&engine->intern, is_wanted && is_effective);
    if (is_wanted && !is_effective)
        log_notice("tls.intern", "effective=no reason=\"" TLS_HOOKS_BOUND_ELSEWHERE "\"");
}

void identity_stop(struct engine *engine)
{
    tls_intern_use(NULL, false);
    identity_renderings_free(engine->renderings);
    cert_table_free(engine->certs);
}

void identity_clear(struct identity *identity)
{
    for (size_t i = 0; i < identity->presented_count; i++)
        cert_unref(identity->presented[i]);
    free(identity->presented);
    free(identity->offered);
    verdict_unref(identity->verdict);
    free(identity->remedy);
    *identity = (struct identity){0};
}

/* The leaf and whatever the client sent with it, now or in the handshake behind the session. */
static void take_presented(struct client *client, STACK_OF(X509) * chain)
{
    struct identity *identity = &client->identity;
    int count = sk_X509_num(chain);
    identity->presented = xcalloc((size_t)count, sizeof(struct cert *));
    for (int i = 0; i < count; i++) {
        X509 *x509 = sk_X509_value(chain, i);
        struct cert *cert = cert_table_get(client->engine->certs, x509);
        identity->presented[identity->presented_count++] =
            cert != NULL ? cert : cert_from_x509(x509);
    }
}

/* Inside a TLS 1.2 handshake this runs before the handshake is over: the ticket is written then. */
static void load(struct client *client)
{
    const struct identity *identity = &client->identity;
    STACK_OF(X509) *chain = tls_transport_peer_chain(&client->stream.transport);
    if (chain != NULL && identity->presented_count == 0)
        take_presented(client, chain);
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

static void judge(struct client *client, const struct trust *trust, int64_t now)
{
    struct identity *identity = &client->identity;
    memcpy(identity->revocation, trust_revocation_digest(trust), sizeof identity->revocation);
    verdict_unref(identity->verdict);
    free(identity->remedy);
    identity->remedy = NULL;
    identity->verdict = verdict_cache_get(client->engine->verdicts, trust, identity->presented,
                                          identity->presented_count, now);
    identity->outcome = identity->verdict->outcome;
    identity->valid_until = identity->verdict->valid_until;
    identity->is_judged = true;
    if (identity->outcome != OUTCOME_OK)
        return;
    for (size_t i = 0; i < identity->presented_count; i++)
        cert_table_add(client->engine->certs, identity->presented[i]);
}

enum outcome identity_judge(struct client *client, const struct snapshot_site *site, int64_t now)
{
    struct identity *identity = &client->identity;
    if (!is_current(identity, site->trust, now))
        judge(client, site->trust, now);
    return identity->outcome;
}

const struct remedy *identity_remedy(struct identity *identity, const struct snapshot_site *site)
{
    if (identity->verdict == NULL || identity->verdict->outcome == OUTCOME_OK)
        return NULL;
    if (identity->remedy == NULL) {
        identity->remedy = xmalloc(sizeof *identity->remedy);
        remedy_find(site->trust, identity->presented, identity->presented_count, clock_wall_s(),
                    identity->remedy);
    }
    return identity->remedy;
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
    offer_presented(identity, ret_facts);
    return true;
}

const struct verdict *identity_path(struct client *client)
{
    struct identity *identity = &client->identity;
    /* A resumed session brings the outcome, but the path has to be found by this worker. */
    if (identity->verdict == NULL && identity_has_certificate(identity))
        judge(client, client->tls_site->trust, clock_wall_s());
    return identity->verdict != NULL && identity->verdict->outcome == OUTCOME_OK ? identity->verdict
                                                                                 : NULL;
}

const struct cert *identity_anchor(const struct verdict *verdict)
{
    if (verdict == NULL || verdict->path_len < 2)
        return NULL;
    const struct verdict_element *last = &verdict->path[verdict->path_len - 1];
    return last->is_anchor ? last->cert : NULL;
}

void identity_chain(const struct verdict *verdict, struct arena *arena,
                    struct cert *const **ret_chain, size_t *ret_count)
{
    *ret_chain = NULL;
    *ret_count = 0;
    if (verdict == NULL || verdict->path_len < 2)
        return;
    struct cert **chain = arena_alloc(arena, verdict->path_len * sizeof *chain);
    for (size_t i = 1; i < verdict->path_len; i++) {
        if (!verdict->path[i].is_anchor)
            chain[(*ret_count)++] = verdict->path[i].cert;
    }
    *ret_chain = chain;
}
