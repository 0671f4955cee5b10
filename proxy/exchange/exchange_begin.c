/* SPDX-License-Identifier: MIT */
#include "exchange/exchange_begin.h"

#include <string.h>

#include "access/access.h"
#include "access/cors.h"
#include "access/forwarded_cert.h"
#include "access/place_guard.h"
#include "access/route.h"
#include "auth/verdict_cache.h"
#include "base/clock.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/body_buffer.h"
#include "exchange/exchange.h"
#include "exchange/redirect.h"
#include "forward/rewrite.h"
#include "http/path_reading.h"
#include "http/tunnel_upgrade.h"
#include "tls/tls_transport.h"
#include "trace/trace.h"

static const struct config_limits *limits(const struct exchange *x)
{
    return &x->engine->snapshot->config->limits;
}

static struct exchange *exchange_new(struct client_end end, struct arena *arena)
{
    struct exchange *x = arena_calloc(arena, 1, sizeof *x);
    x->arena = *arena;
    x->engine = end.engine;
    x->connection = end.connection;
    x->client_ops = end.ops;
    x->client = end.client;
    x->started_ms = clock_monotonic_ms();
    x->started_wall_s = clock_wall_s();
    engine_request_id(x->engine, x->id);
    return x;
}

static void refuse(struct exchange *x, enum outcome outcome, const char *detail)
{
    x->detail = detail;
    exchange_refuse(x, outcome);
}

/* Refuses what makes the rest of the connection unreadable. */
static void refuse_and_close(struct exchange *x, enum outcome outcome, const char *detail)
{
    x->must_close = true;
    x->is_deaf = true;
    x->request_ended = true;
    refuse(x, outcome, detail);
}

/* Clear text where TLS was to be: that it is no proper HTTP either is not what its sender needs to
 * know. */
static void refuse_unread(struct exchange *x, enum outcome outcome, const char *detail)
{
    if (x->connection->is_plain_on_https && outcome != OUTCOME_REQUEST_TIMEOUT)
        refuse_and_close(x, OUTCOME_HTTP_ON_HTTPS, NULL);
    else
        refuse_and_close(x, outcome, detail);
}

/* RFC 9112 section 3.2.2: the authority of an absolute target is the host; a Host field that says
 * otherwise is ambiguous and refused. */
static bool read_host(struct exchange *x)
{
    unsigned port;
    struct str authority = x->uri.form == URI_ABSOLUTE ? x->uri.authority : x->request.host;
    if (authority.len == 0)
        return x->request.minor == 0 && x->uri.form != URI_ABSOLUTE;
    if (!uri_parse_authority(authority, &x->arena, &x->host, &port))
        return false;
    return x->uri.form != URI_ABSOLUTE || x->request.host.len == 0 ||
           str_equal_icase(x->request.host, authority);
}

static bool read_target(struct exchange *x)
{
    if (x->request.method_id == HTTP_CONNECT || x->request.method_id == HTTP_TRACE) {
        exchange_refuse(x, OUTCOME_METHOD_NOT_ALLOWED);
        return false;
    }
    /* Which site is asked decides about an escaped slash, so it is kept until then. */
    if (uri_parse_target(x->request.target, x->request.method_id, true, &x->arena, &x->uri) !=
        URI_VALID) {
        refuse_and_close(x, OUTCOME_BAD_TARGET, NULL);
        return false;
    }
    if (!read_host(x)) {
        refuse_and_close(x, OUTCOME_BAD_HOST, NULL);
        return false;
    }
    return true;
}

static bool same_policy(const struct snapshot_site *a, const struct snapshot_site *b)
{
    return memcmp(a->policy, b->policy, sizeof a->policy) == 0;
}

static bool find_place(struct exchange *x)
{
    const struct connection *connection = x->connection;
    x->site = route_site(connection->listener->binding, x->host);
    if (x->site == NULL) {
        exchange_refuse(x, OUTCOME_UNKNOWN_HOST);
        return false;
    }
    /* RFC 9110 section 7.4: a connection made under one policy says nothing under another. */
    if (connection->tls_site != NULL && !same_policy(connection->tls_site, x->site)) {
        x->place = &x->site->places[0];
        trace_begin(x);
        exchange_refuse(x, OUTCOME_MISDIRECTED);
        return false;
    }
    struct place_found found;
    enum outcome outcome = place_find(x->site, x->uri.path, &x->arena, &found);
    x->place = found.place;
    trace_begin(x);
    if (outcome != OUTCOME_OK)
        exchange_refuse(x, outcome);
    return outcome == OUTCOME_OK;
}

/* What a trusted proxy hands on replaces what its own connection presented: that would be the
 * proxy's certificate, which must never pass for the client's. */
static bool read_forwarded(struct exchange *x)
{
    const struct config *config = x->engine->snapshot->config;
    enum config_forwarded_cert form = config->trusted_proxies.client_certificate;
    struct forwarded_cert found = {0};
    const char *reason = NULL;
    if (!x->connection->is_behind_proxy || form == FORWARDED_CERT_NONE ||
        x->place->config->client_certificate == CLIENT_CERT_IGNORE)
        return true;
    x->is_forwarded = true;
    if (!forwarded_cert_read(form, &x->request.fields, x->engine->certs, limits(x)->chain_bytes,
                             &found, &reason)) {
        refuse(x, OUTCOME_BAD_FORWARDED, reason);
        return false;
    }
    x->forwarded.presented = found.certs;
    x->forwarded.presented_count = found.count;
    return true;
}

static enum outcome find_verdict(struct exchange *x)
{
    struct identity *forwarded = &x->forwarded;
    if (x->is_forwarded) {
        forwarded->verdict =
            verdict_cache_get(x->engine->verdicts, x->site->trust, forwarded->presented,
                              forwarded->presented_count, clock_wall_s());
        for (size_t i = 0;
             forwarded->verdict->outcome == OUTCOME_OK && i < forwarded->presented_count; i++)
            cert_table_add(x->engine->certs, forwarded->presented[i]);
        return forwarded->verdict->outcome;
    }
    return connection_judge(x->connection, x->site, clock_wall_s());
}

static enum outcome judge(void *arg)
{
    struct exchange *x = arg;
    enum outcome outcome = find_verdict(x);
    trace_step(x, TRACE_JUDGED, outcome_info(outcome)->reason);
    return outcome;
}

enum preflight_step { PREFLIGHT_ORDINARY, PREFLIGHT_GOES_ON, PREFLIGHT_ANSWERED };

/* A preflight comes before any certificate: what is not about certificates and users still holds,
 * and nothing of the client is told to the backend. */
static enum preflight_step try_preflight(struct exchange *x, struct access_facts facts)
{
    const struct config_access *access = x->place->config;
    bool is_answered = access->preflight == PREFLIGHT_ANSWER;
    if (access->preflight == PREFLIGHT_DENY || !cors_is_preflight(&x->request) ||
        (is_answered && !cors_allows_origin(&access->cors, &x->request)))
        return PREFLIGHT_ORDINARY;
    struct config_access open = *access;
    open.client_certificate = CLIENT_CERT_IGNORE;
    open.anonymous = true;
    facts.access = &open;
    facts.authorize = NULL;
    if (access_decide(&facts).outcome != OUTCOME_OK)
        return PREFLIGHT_ORDINARY;
    if (!is_answered)
        return PREFLIGHT_GOES_ON;
    cors_answer(x);
    return PREFLIGHT_ANSWERED;
}

/* Where nobody is refused for a certificate, a client that cannot be asked has none. */
static bool may_ask(const struct exchange *x)
{
    bool passes = x->place->config->client_certificate == CLIENT_CERT_PASS;
    return !x->is_forwarded && connection_may_ask(x->connection) &&
           (!passes || tls_transport_can_ask(x->connection->transport));
}

static bool is_allowed(struct exchange *x)
{
    bool is_tls = connection_is_tls(x->connection);
    trace_step(x, TRACE_DECIDING, NULL);
    if (!read_forwarded(x))
        return false;
    struct identity *identity = exchange_identity(x);
    struct access_facts facts = {
        .site = x->site,
        .access = x->place->config,
        .authorize = x->place->authorize,
        .is_tls = is_tls,
        .cipher_bits = is_tls ? tls_transport_cipher_bits(x->connection->transport) : 0,
        .leaf = identity_has_certificate(identity) ? identity->presented[0] : NULL,
        .mapped = &identity->mapped,
        .may_ask = may_ask(x),
        .judge = judge,
        .judge_arg = x,
    };
    enum preflight_step step = try_preflight(x, facts);
    if (step != PREFLIGHT_ORDINARY)
        return step == PREFLIGHT_GOES_ON;
    struct access_decision decision = access_decide(&facts);
    x->shows_certificate = decision.shows_certificate;
    x->failed = decision.failed;
    x->user = decision.user;
    x->mapping = decision.mapping;
    x->password = decision.password;
    x->awaits_certificate = decision.must_ask;
    if (decision.must_ask) {
        trace_step(x, TRACE_ASKED, NULL);
        return false;
    }
    if (decision.outcome == OUTCOME_OK) {
        trace_step(x, TRACE_DECIDED, NULL);
        return true;
    }
    exchange_refuse(x, decision.outcome);
    return false;
}

static bool rewrite(struct exchange *x)
{
    const struct config_rewrite *config = &x->place->config->rewrite;
    bool is_case_sensitive = x->site->config->locations_case_sensitive;
    struct rewritten rewritten;
    bool is_clear = rewrite_path(config, is_case_sensitive, x->uri.path, &x->arena, &rewritten);
    /* "//api/x" is in the place /api, so its prefix is taken off as well. */
    if (is_clear && config->strip_prefix.text != NULL && !rewritten.is_stripped)
        is_clear = rewrite_path(config, is_case_sensitive,
                                path_merge_slashes(x->uri.path, &x->arena), &x->arena, &rewritten);
    if (!is_clear) {
        refuse(x, OUTCOME_BAD_TARGET, "the rest of the path would start with two slashes");
        return false;
    }
    x->upstream_path = rewritten.path;
    x->is_stripped = rewritten.is_stripped;
    return true;
}

void exchange_authorize(struct exchange *x)
{
    if (redirect_to_https(x) || !is_allowed(x) || redirect_elsewhere(x) || !rewrite(x))
        return;
    x->backend = &x->engine->snapshot->upstreams[x->place->upstream];
    if (body_buffer_begin(x))
        return;
    exchange_start_upstream(x);
}

void exchange_begin(struct client_end end, struct arena *arena, const struct http_request *request,
                    struct exchange **ret_exchange)
{
    struct exchange *x = exchange_new(end, arena);
    *ret_exchange = x;
    x->request = *request;
    if (x->connection->is_plain_on_https) {
        refuse_and_close(x, OUTCOME_HTTP_ON_HTTPS, NULL);
        return;
    }
    x->request_has_body = request->body.kind != HTTP_BODY_NONE;
    x->request_ended = !x->request_has_body;
    x->upgrade_key = tunnel_upgrade_key(&x->request);
    if (x->engine->is_stale) {
        refuse_and_close(x, OUTCOME_UNAVAILABLE, "the configuration changed before this request");
        return;
    }
    if (!read_target(x) || !find_place(x))
        return;
    if (limits(x)->body_bytes > 0 && request->body.kind == HTTP_BODY_LENGTH &&
        request->body.length > limits(x)->body_bytes) {
        refuse_and_close(x, OUTCOME_CONTENT_TOO_LARGE, "the body is longer than allowed");
        return;
    }
    exchange_authorize(x);
}

void exchange_begin_refused(struct client_end end, struct arena *arena,
                            const struct http_request *partial, enum outcome outcome,
                            const char *detail, struct exchange **ret_exchange)
{
    struct exchange *x = exchange_new(end, arena);
    if (partial != NULL)
        x->request = *partial;
    *ret_exchange = x;
    refuse_unread(x, outcome, detail);
}
