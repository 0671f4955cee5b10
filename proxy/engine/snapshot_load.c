/* SPDX-License-Identifier: MIT */
#include "engine/snapshot_load.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "access/authorize.h"
#include "access/place_guard.h"
#include "access/route.h"
#include "access/trusted_proxy.h"
#include "base/mem.h"
#include "config/config_load.h"
#include "config/config_place.h"
#include "engine/server_certificate.h"
#include "exchange/body_buffer.h"
#include "exchange/redirect.h"
#include "explain/error_page_files.h"
#include "forward/header_edit.h"
#include "forward/identity_headers.h"
#include "observe/access_log.h"
#include "tls/tls_ticket.h"
#include "upstreams/upstream_snapshot.h"

/* ---- upstreams ---------------------------------------------------------------------------- */

static size_t find_upstream(const struct snapshot *snapshot, const char *name)
{
    size_t i = 0;
    while (i < snapshot->upstream_count && strcmp(snapshot->upstreams[i].name, name) != 0)
        i++;
    return i;
}

/* A server written in place is a group of one; config_check made sure that anything else is the
 * name of a group or "echo". */
static size_t upstream_index(const struct snapshot *snapshot, const struct config_value *value)
{
    return find_upstream(snapshot, value->text);
}

static void add_upstream(struct snapshot *snapshot, const struct config_upstream *config,
                         struct error_list *errors)
{
    snapshot->upstreams = xreallocarray(snapshot->upstreams, snapshot->upstream_count + 1,
                                        sizeof *snapshot->upstreams);
    struct snapshot_upstream *upstream = &snapshot->upstreams[snapshot->upstream_count++];
    if (snapshot->only_judges)
        *upstream = (struct snapshot_upstream){.name = config->name.text, .config = config};
    else
        snapshot_upstream_init(upstream, config, errors);
}

static void add_upstreams(struct snapshot *snapshot, struct error_list *errors)
{
    const struct config *config = snapshot->config;
    snapshot->upstreams = xcalloc(1, sizeof *snapshot->upstreams);
    snapshot->upstreams[0] = (struct snapshot_upstream){.name = "echo", .is_echo = true};
    snapshot->upstream_count = 1;
    for (size_t i = 0; i < config->upstream_count; i++)
        add_upstream(snapshot, &config->upstreams[i], errors);
}

/* ---- sites -------------------------------------------------------------------------------- */

static bool asks_certificate(const struct config_site *site)
{
    if (site->access.client_certificate != CLIENT_CERT_IGNORE)
        return true;
    for (size_t i = 0; i < site->location_count; i++) {
        if (site->locations[i].access.client_certificate != CLIENT_CERT_IGNORE)
            return true;
    }
    return false;
}

static bool has_https(const struct config_site *site)
{
    for (size_t i = 0; i < site->binding_count; i++) {
        if (site->bindings[i].is_https)
            return true;
    }
    return false;
}

static void digest(unsigned char out[32], const char *label, const struct snapshot_site *site,
                   const char *name)
{
    bool asks = asks_certificate(site->config) && site->trust != NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    (void)EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    (void)EVP_DigestUpdate(context, label, strlen(label) + 1);
    (void)EVP_DigestUpdate(context, &asks, sizeof asks);
    if (asks)
        (void)EVP_DigestUpdate(context, trust_epoch(site->trust), TRUST_EPOCH_SIZE);
    (void)EVP_DigestUpdate(context, name, strlen(name) + 1);
    (void)EVP_DigestFinal_ex(context, out, NULL);
    EVP_MD_CTX_free(context);
}

static void build_tls(struct snapshot_site *site, const struct config *config,
                      struct error_list *errors)
{
    /* Connections are told apart by what is judged, sessions by the site's name as well. */
    unsigned char session_policy[32];
    digest(site->policy, "policy", site, "");
    digest(session_policy, "session", site, site->config->name);
    static const unsigned char no_revocation[TRUST_EPOCH_SIZE];
    size_t issuer_count = 0;
    const struct trust_issuer_name *issuers =
        site->trust == NULL ? NULL : trust_issuer_list(site->trust, &issuer_count);
    struct tls_name *names = xcalloc(issuer_count, sizeof *names);
    for (size_t i = 0; i < issuer_count; i++)
        names[i] = (struct tls_name){issuers[i].der, issuers[i].len};
    struct tls_site_options options = {
        .site = site->config,
        .ask_certificate = asks_certificate(site->config),
        .issuers = names,
        .issuer_count = issuer_count,
        .policy = session_policy,
        .revocation = site->trust == NULL ? no_revocation : trust_revocation_digest(site->trust),
    };
    site->tls = tls_site_new(&options, config, errors);
    free(names);
    X509 *server = site->tls == NULL ? NULL : tls_site_certificate(site->tls);
    if (server != NULL)
        site->server = cert_from_x509(server);
}

static const struct authorize *add_authorize(struct snapshot_site *site,
                                             const struct config_access *access,
                                             struct error_list *errors)
{
    for (size_t i = 0; i < site->authorize_count; i++) {
        if (site->authorizes[i].config == access->authorize)
            return site->authorizes[i].compiled;
    }
    site->authorizes =
        xreallocarray(site->authorizes, site->authorize_count + 1, sizeof *site->authorizes);
    struct snapshot_authorize *added = &site->authorizes[site->authorize_count++];
    added->config = access->authorize;
    added->compiled = authorize_new(access, errors);
    return added->compiled;
}

static void add_places(const struct snapshot *snapshot, struct snapshot_site *site)
{
    const struct config_site *config = site->config;
    site->places = xcalloc(1 + config->location_count, sizeof *site->places);
    site->places[0].config = &config->access;
    for (size_t i = 0; i < config->location_count; i++)
        site->places[1 + i].config = &config->locations[i].access;
    for (size_t i = 0; i <= config->location_count; i++) {
        struct snapshot_access *place = &site->places[i];
        place->upstream = upstream_index(snapshot, &place->config->upstream);
        place->shows_chain = identity_shows_chain(place->config);
    }
}

static void build_site(struct snapshot *snapshot, struct snapshot_site *site,
                       const struct config_site *config, struct error_list *errors)
{
    site->config = config;
    add_places(snapshot, site);
    for (size_t i = 0; i <= config->location_count; i++)
        site->places[i].authorize = add_authorize(site, site->places[i].config, errors);
    site->guard = place_guard_new(site);
    site->map = cert_map_new(config, snapshot->config, errors);
    bool hears_of_certificates =
        snapshot->config->trusted_proxies.client_certificate != FORWARDED_CERT_NONE &&
        asks_certificate(config);
    if (has_https(config) || hears_of_certificates)
        site->trust = trust_new(config, snapshot->config, errors);
    /* Also without a trust: its certificates may be wrong as well, and all errors are told. */
    if (has_https(config) && snapshot->only_judges)
        site->server = server_certificate_read(config);
    else if (has_https(config))
        build_tls(site, snapshot->config, errors);
}

/* ---- bindings ----------------------------------------------------------------------------- */

static struct snapshot_binding *find_binding(struct snapshot *snapshot, const struct addr *addr)
{
    /* Two bindings that leave the port to the kernel are two sockets. */
    if (addr_port(addr) == 0)
        return NULL;
    for (size_t i = 0; i < snapshot->binding_count; i++) {
        if (addr_equal(&snapshot->bindings[i].addr, addr))
            return &snapshot->bindings[i];
    }
    return NULL;
}

static void bind_site(struct snapshot *snapshot, struct snapshot_site *site,
                      const struct config_binding *config, struct error_list *errors)
{
    struct addr addr;
    if (!addr_from_numeric(config->host, config->port, &addr)) {
        errors_add(errors, config->url.mark, "`%s` is not a numeric address", config->host);
        return;
    }
    struct snapshot_binding *binding = find_binding(snapshot, &addr);
    if (binding == NULL) {
        snapshot->bindings = xreallocarray(snapshot->bindings, snapshot->binding_count + 1,
                                           sizeof *snapshot->bindings);
        binding = &snapshot->bindings[snapshot->binding_count++];
        *binding = (struct snapshot_binding){
            .addr = addr,
            .is_https = config->is_https,
            .url = config->url.text,
            .mark = config->url.mark,
        };
    }
    binding->sites = xreallocarray(binding->sites, binding->site_count + 1, sizeof *binding->sites);
    binding->sites[binding->site_count++] = site;
}

static void build_listener(const struct snapshot *snapshot, struct snapshot_binding *binding,
                           struct tls_ticket_keys *keys)
{
    struct tls_site **sites = xcalloc(binding->site_count, sizeof *sites);
    for (size_t i = 0; i < binding->site_count; i++)
        sites[i] = binding->sites[i]->tls;
    binding->tls = tls_listener_new(sites, binding->site_count, snapshot->config, keys);
    tls_listener_use_file(binding->tls, snapshot->ticket_file);
    free(sites);
}

static void build_bindings(struct snapshot *snapshot, struct tls_ticket_keys *keys,
                           struct error_list *errors)
{
    for (size_t i = 0; i < snapshot->site_count; i++) {
        const struct config_site *site = snapshot->sites[i].config;
        for (size_t j = 0; j < site->binding_count; j++)
            bind_site(snapshot, &snapshot->sites[i], &site->bindings[j], errors);
    }
    if (errors->errors > 0)
        return;
    for (size_t i = 0; i < snapshot->binding_count; i++) {
        struct snapshot_binding *binding = &snapshot->bindings[i];
        binding->routes = route_table_new(binding->sites, binding->site_count);
        if (binding->is_https && !snapshot->only_judges)
            build_listener(snapshot, &snapshot->bindings[i], keys);
    }
}

/* ---- the whole ---------------------------------------------------------------------------- */

static struct snapshot *build(struct config *config, struct tls_ticket_keys *keys, bool only_judges,
                              struct error_list *errors)
{
    size_t first = errors->count;
    struct snapshot *snapshot = xcalloc(1, sizeof *snapshot);
    snapshot->config = config;
    snapshot->only_judges = only_judges;
    add_upstreams(snapshot, errors);
    snapshot->identity_names = identity_names_new(config);
    snapshot->proxies = trusted_proxies_new(&config->trusted_proxies, errors);
    header_edit_check(snapshot, errors);
    redirect_check(snapshot, errors);
    snapshot->has_buffered_bodies = !only_judges && body_buffer_check(config, errors);
    if (!only_judges)
        snapshot->error_pages = error_page_files_new(config, errors);
    snapshot->access_fields = access_log_configured(&config->log, errors);
    snapshot->sites = xcalloc(config->site_count, sizeof *snapshot->sites);
    snapshot->site_count = config->site_count;
    for (size_t i = 0; i < config->site_count; i++)
        build_site(snapshot, &snapshot->sites[i], &config->sites[i], errors);
    if (!only_judges)
        snapshot->ticket_file = tls_ticket_file_load(&config->sessions, errors);
    build_bindings(snapshot, keys, errors);
    config_place_errors(config, errors, first);
    if (errors->errors > 0) {
        snapshot_free(snapshot);
        return NULL;
    }
    return snapshot;
}

struct snapshot *snapshot_new(struct config *config, struct tls_ticket_keys *keys,
                              struct error_list *errors)
{
    return build(config, keys, false, errors);
}

struct snapshot *snapshot_new_to_judge(struct config *config, struct error_list *errors)
{
    return build(config, NULL, true, errors);
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    for (size_t i = 0; i < snapshot->binding_count; i++) {
        tls_listener_free(snapshot->bindings[i].tls);
        route_table_free(snapshot->bindings[i].routes);
        free(snapshot->bindings[i].sites);
    }
    for (size_t i = 0; i < snapshot->site_count; i++) {
        tls_site_free(snapshot->sites[i].tls);
        cert_unref(snapshot->sites[i].server);
        trust_free(snapshot->sites[i].trust);
        cert_map_free(snapshot->sites[i].map);
        place_guard_free(snapshot->sites[i].guard);
        free(snapshot->sites[i].places);
        for (size_t j = 0; j < snapshot->sites[i].authorize_count; j++)
            authorize_free(snapshot->sites[i].authorizes[j].compiled);
        free(snapshot->sites[i].authorizes);
    }
    for (size_t i = 0; i < snapshot->upstream_count; i++)
        snapshot_upstream_clear(&snapshot->upstreams[i]);
    free(snapshot->bindings);
    free(snapshot->sites);
    free(snapshot->upstreams);
    tls_ticket_file_free(snapshot->ticket_file);
    identity_names_free(snapshot->identity_names);
    error_page_files_free(snapshot->error_pages);
    trusted_proxies_free(snapshot->proxies);
    config_free(snapshot->config);
    free(snapshot);
}

static void tell_tls(const struct snapshot_site *site)
{
    if (site->tls != NULL)
        tls_site_set_revocation(site->tls, trust_revocation_digest(site->trust));
}

bool snapshot_site_set_crls(struct snapshot_site *site, struct crl_index *crls)
{
    bool is_new = trust_crls_set(site->trust, crls);
    tell_tls(site);
    return is_new;
}

/* By path and not by site: a site that is renamed reads the same files. */
bool snapshot_inherit_crls(struct snapshot *snapshot, const struct snapshot *before,
                           struct error_list *errors)
{
    for (size_t i = 0; i < snapshot->site_count; i++) {
        struct snapshot_site *site = &snapshot->sites[i];
        for (size_t j = 0; j < before->site_count && site->trust != NULL; j++) {
            const struct trust *old = before->sites[j].trust;
            if (old != NULL &&
                !trust_crls_inherit(site->trust, &site->config->trust.revocation, old, errors))
                return false;
        }
        if (site->trust != NULL)
            tell_tls(site);
    }
    return true;
}

static void check_site(const struct snapshot_site *site, const struct snapshot_site *before,
                       struct error_list *errors)
{
    const struct config_value *file = &site->config->mapping.one_to_one_file;
    const struct config_value *old_file = &before->config->mapping.one_to_one_file;
    if (site->trust != NULL && before->trust != NULL)
        trust_check_losses(site->trust, site->config, before->trust, before->config, errors);
    if (site->config->mapping.one_to_one_enabled && file->text != NULL && old_file->text != NULL &&
        strcmp(file->text, old_file->text) == 0 && cert_map_file_count(site->map) == 0 &&
        cert_map_file_count(before->map) > 0)
        errors_add(errors, file->mark,
                   "%s mapped %zu certificates before the reload and maps none now: if that is "
                   "meant, take it out of the configuration",
                   file->text, cert_map_file_count(before->map));
}

void snapshot_check_losses(const struct snapshot *snapshot, const struct snapshot *before,
                           struct error_list *errors)
{
    for (size_t i = 0; i < snapshot->site_count; i++) {
        for (size_t j = 0; j < before->site_count; j++) {
            const struct snapshot_site *site = &snapshot->sites[i];
            if (strcmp(site->config->name, before->sites[j].config->name) == 0)
                check_site(site, &before->sites[j], errors);
        }
    }
}

/* What the configuration's text does not show: the files that mappings and accounts read. */
static bool reads_mapping_files(const struct config_site *site)
{
    return site->mapping.is_set || site->accounts_set;
}

static bool same_site(const struct snapshot_site *a, const struct snapshot_site *b)
{
    if (memcmp(a->policy, b->policy, sizeof a->policy) != 0 || reads_mapping_files(a->config) ||
        (a->trust == NULL) != (b->trust == NULL))
        return false;
    return a->trust == NULL ||
           memcmp(trust_revocation_digest(a->trust), trust_revocation_digest(b->trust), 32) == 0;
}

bool snapshot_same_policy(const struct snapshot *a, const struct snapshot *b)
{
    if (a->config->source_hash != b->config->source_hash || a->site_count != b->site_count)
        return false;
    for (size_t i = 0; i < a->site_count; i++) {
        if (!same_site(&a->sites[i], &b->sites[i]))
            return false;
    }
    return true;
}

bool snapshot_policy(const struct snapshot *snapshot,
                     unsigned char ret_digest[SNAPSHOT_POLICY_SIZE])
{
    bool is_known = true;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    (void)EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    (void)EVP_DigestUpdate(context, &snapshot->config->source_hash,
                           sizeof snapshot->config->source_hash);
    for (size_t i = 0; i < snapshot->site_count; i++) {
        const struct snapshot_site *site = &snapshot->sites[i];
        is_known = is_known && !reads_mapping_files(site->config);
        (void)EVP_DigestUpdate(context, site->policy, sizeof site->policy);
        if (site->trust != NULL)
            (void)EVP_DigestUpdate(context, trust_revocation_digest(site->trust), 32);
    }
    (void)EVP_DigestFinal_ex(context, ret_digest, NULL);
    EVP_MD_CTX_free(context);
    return is_known;
}
