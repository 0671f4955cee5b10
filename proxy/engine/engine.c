/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <utlist.h>

#include "auth/cert_table.h"
#include "auth/verdict_cache.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "clients/accept.h"
#include "clients/client.h"
#include "clients/crowd.h"
#include "clients/rest.h"
#include "core/engine_state.h"
#include "engine/snapshot_load.h"
#include "explain/refusal_log.h"
#include "forward/identity_headers.h"
#include "tls/tls_hooks.h"
#include "tls/tls_intern.h"
#include "trace/trace_sink.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_resolver.h"

static struct timeval interval(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

/* ---- closing ------------------------------------------------------------------------------ */

static void free_closed(struct engine *engine)
{
    while (engine->closing != NULL) {
        struct client *client = engine->closing;
        engine->closing = client->next;
        client_free(client);
    }
    while (engine->closing_upstreams != NULL) {
        struct upstream_conn *conn = engine->closing_upstreams;
        engine->closing_upstreams = conn->next;
        upstream_conn_free(conn);
    }
}

static void closing_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    free_closed(arg);
}

static void check_drained(struct engine *engine)
{
    if (!engine->is_draining || engine->is_drained || engine->client_count > 0)
        return;
    engine->is_drained = true;
    (void)event_del(&engine->drain_event);
    access_log_flush(engine->access_log);
    engine->drained(engine->drained_arg);
}

static void drain_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct engine *engine = arg;
    if (engine->is_draining && clock_monotonic_ms() >= engine->drain_deadline_ms) {
        struct client *client;
        struct client *next;
        DL_FOREACH_SAFE (engine->clients, client, next) {
            client_close(client);
        }
    }
    check_drained(engine);
}

/* ---- life --------------------------------------------------------------------------------- */

static void ticked(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct engine *engine = arg;
    access_log_flush(engine->access_log);
}

static void second_passed(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct engine *engine = arg;
    crowd_report(engine);
    trim_note(&engine->trim,
              trim_estimate(engine->handshakes, engine->client_count, engine->buffers.most));
    if (!trim_is_due(&engine->trim,
                     trim_estimate(engine->handshakes, engine->client_count, engine->buffers.bytes),
                     clock_monotonic_ms()))
        return;
    engine->buffers.most = engine->buffers.bytes;
    uint64_t begin_ms = clock_monotonic_ms();
    int released = malloc_trim(0);
    log_info("worker.trim", "worker=%u connections=%zu released=%s ms=%llu", engine->slot,
             engine->client_count, released == 1 ? "yes" : "no",
             (unsigned long long)(clock_monotonic_ms() - begin_ms));
}

/* ---- what is remembered of clients --------------------------------------------------------- */

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

static void remember_certificates(struct engine *engine)
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

static void forget_certificates(struct engine *engine)
{
    tls_intern_use(NULL, false);
    identity_renderings_free(engine->renderings);
    cert_table_free(engine->certs);
}

/* ---- beginning and end -------------------------------------------------------------------- */

struct engine *engine_new(const struct engine_options *options)
{
    const struct snapshot *snapshot = options->snapshot;
    const struct config_log *log = &snapshot->config->log;
    const struct config_performance *performance = &snapshot->config->performance;
    struct engine *engine = xcalloc(1, sizeof *engine);
    engine->base = options->base;
    engine->snapshot = snapshot;
    engine->slot = options->slot;
    engine->upstreams = &UPSTREAMS;
    crowd_init(engine, options->workers);
    buf_pool_init(&engine->buffers, (size_t)performance->free_buffers);
    engine->buffers.bulk_max = (size_t)performance->bulk_buffers;
    spool_init(&engine->spool, options->spool_fd > 0 ? options->spool_fd : -1);
    engine->verdicts = verdict_cache_new((size_t)performance->verdict_cache);
    remember_certificates(engine);
    engine->access_log =
        access_log_new(options->access_log_fd, snapshot->access_fields, log->access_crlf);
    access_log_set_format(engine->access_log, log->access_format);
    if (gethostname(engine->computer, sizeof engine->computer) < 0)
        engine->computer[0] = '\0';
    engine->computer[sizeof engine->computer - 1] = '\0';
    engine->refusals = refusal_log_new(snapshot->site_count);
    engine->traces = trace_sink_new(options->trace_fd);
    if (RAND_bytes((unsigned char *)&engine->next_request_id, sizeof engine->next_request_id) != 1)
        engine->next_request_id = (uint64_t)clock_wall_ms() << 20;
    engine->groups = xcalloc(snapshot->upstream_count, sizeof *engine->groups);
    for (size_t i = 0; i < snapshot->upstream_count; i++)
        upstream_group_init(&engine->groups[i], engine, &snapshot->upstreams[i]);
    engine->resolver = upstream_resolver_new(engine);
    (void)event_assign(&engine->closing_event, engine->base, -1, 0, closing_due, engine);
    rest_init(engine);
    (void)event_assign(&engine->drain_event, engine->base, -1, 0, drain_due, engine);
    (void)event_assign(&engine->tick, engine->base, -1, EV_PERSIST, ticked, engine);
    struct timeval every = interval(log->access_flush_ms == 0 ? 1000 : log->access_flush_ms);
    (void)event_add(&engine->tick, &every);
    (void)event_assign(&engine->every_second, engine->base, -1, EV_PERSIST, second_passed, engine);
    every = interval(1000);
    (void)event_add(&engine->every_second, &every);
    accept_init(engine, options->listen_fds, options->listen_addrs);
    return engine;
}

void engine_accept(struct engine *engine)
{
    accept_set(engine, true);
}

void engine_drain(struct engine *engine, uint64_t grace_ms, uint64_t deadline_ms,
                  engine_drained_cb callback, void *arg)
{
    accept_set(engine, false);
    engine->is_draining = true;
    engine->is_stale = grace_ms == ENGINE_DRAIN_STALE;
    engine->drained = callback;
    engine->drained_arg = arg;
    engine->drain_deadline_ms = clock_monotonic_ms() + deadline_ms;
    struct client *client;
    struct client *next;
    DL_FOREACH_SAFE (engine->clients, client, next) {
        client_drain(client, engine->is_stale ? 0 : grace_ms);
    }
    struct timeval in = interval(deadline_ms);
    (void)event_add(&engine->drain_event, &in);
    if (engine->client_count == 0)
        event_active(&engine->drain_event, EV_TIMEOUT, 0);
}

void engine_set_access_log(struct engine *engine, int fd)
{
    access_log_set_fd(engine->access_log, fd);
}

bool engine_set_crls(struct engine *engine, size_t site, int fd, const char **ret_problem)
{
    const struct snapshot *snapshot = engine->snapshot;
    if (site >= snapshot->site_count || snapshot->sites[site].trust == NULL) {
        *ret_problem = "no such site";
        return false;
    }
    struct crl_index *crls = trust_crls_map(fd, ret_problem);
    if (crls == NULL)
        return false;
    (void)snapshot_site_set_crls(&snapshot->sites[site], crls);
    return true;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    engine->is_drained = true;
    struct client *client;
    struct client *next;
    DL_FOREACH_SAFE (engine->clients, client, next) {
        client_close(client);
    }
    upstream_resolver_free(engine->resolver);
    for (size_t i = 0; i < engine->snapshot->upstream_count; i++)
        upstream_group_clear(&engine->groups[i]);
    free_closed(engine);
    (void)event_del(&engine->closing_event);
    (void)event_del(&engine->drain_event);
    (void)event_del(&engine->rest_event);
    (void)event_del(&engine->tick);
    (void)event_del(&engine->every_second);
    accept_clear(engine);
    free(engine->groups);
    access_log_free(engine->access_log);
    refusal_log_free(engine->refusals);
    trace_sink_free(engine->traces);
    forget_certificates(engine);
    crowd_clear(engine);
    verdict_cache_free(engine->verdicts);
    buf_pool_clear(&engine->buffers);
    spool_clear(&engine->spool);
    free(engine);
}
