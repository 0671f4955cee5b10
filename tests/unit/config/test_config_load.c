/* What a good file becomes. Clauses: interface.md 3 and 3.1, iis-semantics.md 0.3.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "config/config_load.h"
#include "unit/unit.h"

#define SITE                                   \
    "sites:\n"                                 \
    "  - bindings: [\"http://127.0.0.1:0\"]\n" \
    "    upstream: echo\n"
#define HTTPS                                        \
    "sites:\n"                                       \
    "  - bindings: [\"https://127.0.0.1:0\"]\n"      \
    "    server_certificate: { chain: a, key: b }\n" \
    "    trust: { root: [r] }\n"                     \
    "    upstream: echo\n"

static struct config *parse_as(const char *file, const char *yaml, size_t warnings)
{
    struct error_list errors = {0};
    struct config *config = config_parse(file, yaml, strlen(yaml), &errors);
    ck_assert_msg(config != NULL, "%u:%u: %s", errors.entries[0].line, errors.entries[0].column,
                  errors.entries[0].text);
    ck_assert_uint_eq(errors.count, warnings);
    errors_clear(&errors);
    return config;
}

static struct config *parse(const char *yaml)
{
    return parse_as("conf/p.yaml", yaml, 0);
}

START_TEST(the_process_has_the_documented_defaults)
{
    struct config *config = parse(SITE);
    ck_assert_uint_eq(config->workers, 0);
    ck_assert_uint_eq(config->workers_mark.line, 1);
    ck_assert_ptr_null(config->user.text);
    ck_assert_ptr_null(config->pid_file.text);
    ck_assert_str_eq(config->file, "conf/p.yaml");
    ck_assert_str_eq(config->log.error_path.text, "stderr");
    ck_assert_int_eq(config->log.error_level, LOG_LEVEL_NOTICE);
    ck_assert_str_eq(config->log.access_path.text, "stdout");
    ck_assert(!config->log.access_fields.is_set);
    ck_assert(!config->log.access_crlf);
    ck_assert_uint_eq(config->log.access_flush_ms, 1000);
    ck_assert_uint_eq(config->limits.connections, 10000);
    ck_assert_uint_eq(config->limits.connections_per_client, 0);
    ck_assert_uint_eq(config->limits.target_bytes, 8192);
    ck_assert_uint_eq(config->limits.header_bytes, 32768);
    ck_assert_uint_eq(config->limits.header_count, 100);
    ck_assert_uint_eq(config->limits.body_bytes, 0);
    ck_assert_uint_eq(config->limits.chain_bytes, 32768);
    ck_assert_uint_eq(config->limits.read_ahead_bytes, 49152);
    ck_assert_uint_eq(config->limits.buffered_body_bytes, 65536);
    ck_assert_str_eq(config->temporary_directory.text, "/var/tmp");
    ck_assert_uint_eq(config->timeouts.handshake, 10000);
    ck_assert_uint_eq(config->timeouts.header, 10000);
    ck_assert_uint_eq(config->timeouts.body, 60000);
    ck_assert_uint_eq(config->timeouts.idle, 75000);
    ck_assert_uint_eq(config->timeouts.connect, 5000);
    ck_assert_uint_eq(config->timeouts.response, 60000);
    ck_assert_uint_eq(config->timeouts.queue, 10000);
    ck_assert_uint_eq(config->timeouts.stop, 30000);
    ck_assert_uint_eq(config->timeouts.reload_drain, 600000);
    ck_assert_uint_eq(config->timeouts.reload_grace, 5000);
    ck_assert_uint_eq(config->timeouts.tunnel, 3600000);
    ck_assert_uint_eq(config->timeouts.linger, 5000);
    ck_assert_uint_eq(config->timeouts.linger_total, 30000);
    ck_assert_uint_eq(config->timeouts.worker, 10000);
    ck_assert_uint_eq(config->sessions.store, 20000);
    ck_assert_uint_eq(config->sessions.lifetime_ms, 7200000);
    ck_assert_int_eq(config->sessions.tickets, TICKETS_TLS12);
    ck_assert_ptr_null(config->sessions.ticket_keys.text);
    config_free(config);
}
END_TEST

START_TEST(a_site_has_the_documented_defaults)
{
    struct config *config = parse(SITE);
    const struct config_site *site = &config->sites[0];
    ck_assert_uint_eq(config->site_count, 1);
    ck_assert_str_eq(site->name, "default");
    ck_assert_uint_eq(site->mark.line, 2);
    ck_assert(!site->hosts.is_set);
    ck_assert_int_eq(site->access.client_certificate, CLIENT_CERT_IGNORE);
    ck_assert(!site->access.require_ssl && !site->access.require_128_bit);
    ck_assert(site->access.anonymous);
    ck_assert_uint_eq(site->access.forward.identity, IDENTITY_RFC9440);
    ck_assert_uint_eq(site->access.forward.header_count, 0);
    ck_assert(!site->access.forward.authorization_basic && !site->access.forward.host_upstream);
    ck_assert(site->access.forward.via && !site->access.forward.request_body_buffer);
    ck_assert_str_eq(site->access.upstream.text, "echo");
    ck_assert(!site->negotiate_late);
    ck_assert_int_eq(site->tls.min_version, 0x0303);
    ck_assert_int_eq(site->tls.max_version, 0x0304);
    ck_assert_ptr_null(site->tls.ciphers.text);
    ck_assert_ptr_null(site->tls.ciphersuites.text);
    ck_assert_uint_eq(site->tls.alpn.count, 2);
    ck_assert_str_eq(site->tls.alpn.items[0].text, "h2");
    ck_assert_str_eq(site->tls.alpn.items[1].text, "http/1.1");
    ck_assert_int_eq(site->trust.mode, TRUST_MODE_MACHINE);
    ck_assert(!site->trust.root.is_set && !site->trust.trusted_issuers.is_set);
    ck_assert(!site->trust.send_trusted_issuer_list && site->trust.check_usage);
    ck_assert(site->trust.revocation.check && !site->trust.revocation.missing_always);
    ck_assert_uint_eq(site->trust.revocation.freshness_time_ms, 0);
    ck_assert(!site->trust.policy.require_explicit && !site->trust.policy.inhibit_any);
    ck_assert(!site->accounts_set && !site->mapping.is_set);
    ck_assert(site->mapping.one_to_one_enabled && site->mapping.many_to_one_enabled);
    ck_assert(!site->locations_case_sensitive && !site->encoded_slash_keep);
    ck_assert(!site->ambiguous_path_keep);
    config_free(config);
}
END_TEST

START_TEST(the_name_of_a_site_is_its_first_host_unless_given)
{
    struct config *config = parse(SITE "    hosts: [WWW.Example.test., '*.example.test']\n");
    ck_assert_str_eq(config->sites[0].name, "www.example.test");
    ck_assert_uint_eq(config->sites[0].hosts.count, 2);
    ck_assert_str_eq(config->sites[0].hosts.items[1].text, "*.example.test");
    config_free(config);
    config = parse(SITE "    hosts: [a.test]\n    name: Orders\n");
    ck_assert_str_eq(config->sites[0].name, "Orders");
    config_free(config);
}
END_TEST

START_TEST(bindings_are_canonical_addresses)
{
    struct config *config =
        parse("sites: [{ upstream: echo, server_certificate: [{ chain: a, key: b }, "
              "{ chain: /c, key: d }], bindings: ['https://0.0.0.0:8443', "
              "'http://[0:0::1]', 'https://[::]:0', 'http://[::]:0', "
              "HTTPS://127.0.0.1] }]\n");
    const struct config_binding *bindings = config->sites[0].bindings;
    ck_assert_uint_eq(config->sites[0].binding_count, 5);
    ck_assert(bindings[0].is_https && bindings[0].port == 8443);
    ck_assert_str_eq(bindings[0].host, "0.0.0.0");
    ck_assert(!bindings[1].is_https && bindings[1].port == 80);
    ck_assert_str_eq(bindings[1].host, "::1");
    ck_assert(bindings[2].is_https && bindings[2].port == 0);
    ck_assert(!bindings[3].is_https && bindings[3].port == 0);
    ck_assert(bindings[4].is_https && bindings[4].port == 443);
    ck_assert_uint_eq(config->sites[0].server_certificate_count, 2);
    ck_assert_str_eq(config->sites[0].server_certificates[0].chain.text, "conf/a");
    ck_assert_str_eq(config->sites[0].server_certificates[1].chain.text, "/c");
    config_free(config);
}
END_TEST

/* A PKCS#12 file holds the key as well; what else is not given is NULL. */
START_TEST(passwords_come_from_files)
{
    struct config *config =
        parse("sites:\n"
              "  - bindings: ['https://127.0.0.1:0']\n"
              "    server_certificate: [{ chain: a.PFX, password_file: p }, { chain: b, key: c }]\n"
              "    trust: { root: [r.p12], password_file: /q }\n"
              "    upstream: u\n"
              "upstreams: { u: { servers: [{ url: 'https://x' }], tls: { certificate: c.p12, "
              "password_file: s } } }\n");
    const struct config_server_certificate *pairs = config->sites[0].server_certificates;
    ck_assert_str_eq(pairs[0].password_file.text, "conf/p");
    ck_assert_ptr_null(pairs[0].key.text);
    ck_assert_ptr_null(pairs[1].password_file.text);
    ck_assert_str_eq(config->sites[0].trust.password_file.text, "/q");
    ck_assert_str_eq(config->upstreams[0].tls.password_file.text, "conf/s");
    ck_assert_ptr_null(config->upstreams[0].tls.key.text);
    config_free(config);
}
END_TEST

/* interface.md 3.1: anonymous is false when a mapping is configured, true where certificates are
 * ignored; require_ssl is true when the site requires a certificate. */
START_TEST(defaults_follow_from_client_certificate_and_mapping)
{
    static const struct {
        const char *yaml;
        bool require_ssl;
        bool anonymous;
    } cases[] = {
        {HTTPS, false, true},
        {HTTPS "    client_certificate: accept\n", false, true},
        {HTTPS "    client_certificate: require\n", true, true},
        {HTTPS "    client_certificate: require\n    require_ssl: false\n", false, true},
        {HTTPS "    client_certificate: require\n    mapping: {}\n", true, false},
        {HTTPS "    client_certificate: accept\n    mapping: {}\n", false, false},
        {HTTPS "    client_certificate: ignore\n    mapping: {}\n", false, true},
        {HTTPS "    client_certificate: pass\n    mapping: {}\n", false, true},
        {HTTPS "    client_certificate: pass\n    mapping: {}\n    anonymous: false\n", false,
         false},
        {HTTPS "    client_certificate: ignore\n    anonymous: false\n", false, false},
        {HTTPS "    client_certificate: require\n    mapping: {}\n    anonymous: true\n", true,
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = parse(cases[i].yaml);
        ck_assert_msg(config->sites[0].access.require_ssl == cases[i].require_ssl, "ssl %zu", i);
        ck_assert_msg(config->sites[0].access.anonymous == cases[i].anonymous, "anonymous %zu", i);
        config_free(config);
    }
}
END_TEST

START_TEST(profiles_set_compat_and_explicit_keys_win)
{
    struct config *config = parse("compatibility: iis75\n" HTTPS);
    ck_assert_int_eq(config->compat.root_mix, ROOT_MIX_OFF);
    ck_assert(!config->compat.trust_mode_honoured);
    ck_assert(config->sites[0].trust.send_trusted_issuer_list);
    config_free(config);
    config = parse("compat: { root_mix: strict }\ncompatibility: iis75\n" SITE
                   "    trust: { send_trusted_issuer_list: false }\n");
    ck_assert_int_eq(config->compat.root_mix, ROOT_MIX_STRICT);
    ck_assert(!config->sites[0].trust.send_trusted_issuer_list);
    config_free(config);
    config = parse("compatibility: iis8\n" SITE);
    ck_assert_int_eq(config->compat.large_root_store, LARGE_ROOT_LEGACY);
    config_free(config);
    config = parse("compatibility: iis10-2022\n" SITE);
    ck_assert_int_eq(config->compat.post_handshake, POST_HANDSHAKE_RST);
    config_free(config);
    config =
        parse("compat: { partial_chain: 0x800b010a, post_handshake: '403', deny_status: 401.1, "
              "client_auth_issuers: documented, empty_trusted_issuers: deny, "
              "pem_in_mapping: malformed, arr_quote: single, weak: allow, "
              "large_root_store: legacy, root_mix: issuer_filter }\n" SITE);
    ck_assert_uint_eq(config->compat.partial_chain, 0x800B010A);
    ck_assert_int_eq(config->compat.post_handshake, POST_HANDSHAKE_403);
    ck_assert(config->compat.deny_status_401 && config->compat.client_auth_issuers_documented);
    ck_assert(config->compat.empty_trusted_issuers_deny && config->compat.weak_allow);
    ck_assert(config->compat.pem_in_mapping_malformed && config->compat.arr_quote_single);
    ck_assert_int_eq(config->compat.large_root_store, LARGE_ROOT_LEGACY);
    ck_assert_int_eq(config->compat.root_mix, ROOT_MIX_ISSUER_FILTER);
    ck_assert(config->compat.trust_mode_honoured);
    config_free(config);
}
END_TEST

START_TEST(a_named_default_profile_is_the_default_profile)
{
    struct config *named = parse("compatibility: iis10-2025\n" SITE);
    struct config *unnamed = parse(SITE);
    ck_assert_int_eq(named->profile, unnamed->profile);
    ck_assert_int_eq(named->compat.root_mix, unnamed->compat.root_mix);
    ck_assert_int_eq(named->compat.post_handshake, unnamed->compat.post_handshake);
    ck_assert_int_eq(named->compat.large_root_store, unnamed->compat.large_root_store);
    ck_assert(unnamed->compat.trust_mode_honoured && named->compat.trust_mode_honoured);
    ck_assert_uint_eq(unnamed->compat.partial_chain, 0x800B0109);
    config_free(named);
    config_free(unnamed);
}
END_TEST

START_TEST(a_trust_mode_under_iis75_is_a_warning)
{
    struct config *config = parse_as(
        "p.yaml", "compatibility: iis75\n" SITE "    trust: { mode: exclusive_root, root: [r] }\n",
        1);
    ck_assert_int_eq(config->sites[0].trust.mode, TRUST_MODE_EXCLUSIVE_ROOT);
    config_free(config);
}
END_TEST

/* iis-semantics.md 3.3: a bound but empty store differs from none. */
START_TEST(a_bound_but_empty_issuer_store_differs_from_none)
{
    struct config *config = parse(SITE "    trust: { trusted_issuers: [] }\n");
    ck_assert(config->sites[0].trust.trusted_issuers.is_set);
    ck_assert_uint_eq(config->sites[0].trust.trusted_issuers.count, 0);
    config_free(config);
    config = parse(SITE "    trust: { trusted_issuers: null }\n");
    ck_assert(!config->sites[0].trust.trusted_issuers.is_set);
    config_free(config);
}
END_TEST

START_TEST(an_exclusive_mode_takes_the_bound_store_for_anchors)
{
    struct config *config = parse("sites: [{ bindings: ['http://127.0.0.1:0'], upstream: echo, "
                                  "client_certificate: require, trust: { mode: 2, "
                                  "trusted_issuers: [cas/] } }]\n");
    ck_assert_int_eq(config->sites[0].trust.mode, TRUST_MODE_EXCLUSIVE_CA);
    ck_assert_str_eq(config->sites[0].trust.trusted_issuers.items[0].text, "conf/cas/");
    config_free(config);
}
END_TEST

static const struct config_access *find_location(const struct config *config, const char *path)
{
    for (size_t i = 0; i < config->sites[0].location_count; i++) {
        if (strcmp(config->sites[0].locations[i].path.text, path) == 0)
            return &config->sites[0].locations[i].access;
    }
    ck_abort_msg("no location %s", path);
}

START_TEST(locations_inherit_from_the_nearest_enclosing_one)
{
    struct config *config = parse(
        HTTPS "    client_certificate: require\n"
              "    mapping: {}\n"
              "    forward: { headers: { X-User: '{user}' }, via: false, request_body: buffer }\n"
              "    locations:\n"
              "      - { path: /a/b/c/d, require_128_bit: true }\n"
              "      - { path: /A/b/, upstream: 'http://x', forward: { host: upstream } }\n"
              "      - { path: /a, client_certificate: ignore }\n"
              "      - { path: /ab }\n"
              "      - { path: /z, anonymous: true }\n"
              "      - { path: /z/y, client_certificate: accept }\n");
    ck_assert_uint_eq(config->sites[0].location_count, 6);
    ck_assert_str_eq(config->sites[0].locations[0].path.text, "/a/b/c/d");
    const struct config_access *deep = find_location(config, "/a/b/c/d");
    ck_assert_int_eq(deep->client_certificate, CLIENT_CERT_IGNORE);
    ck_assert_str_eq(deep->upstream.text, "http://x");
    ck_assert(deep->require_128_bit && deep->require_ssl && deep->anonymous);
    ck_assert(deep->forward.host_upstream && !deep->forward.via);
    ck_assert(deep->forward.request_body_buffer);
    ck_assert_uint_eq(deep->forward.header_count, 1);
    const struct config_access *a = find_location(config, "/a");
    ck_assert(!a->forward.host_upstream && !a->require_128_bit && a->anonymous);
    const struct config_access *beside = find_location(config, "/ab");
    ck_assert_int_eq(beside->client_certificate, CLIENT_CERT_REQUIRE);
    ck_assert(!beside->anonymous);
    ck_assert(find_location(config, "/z/y")->anonymous);
    for (size_t i = 1; i < config->sites[0].location_count; i++)
        ck_assert_uint_ge(strlen(config->sites[0].locations[i - 1].path.text),
                          strlen(config->sites[0].locations[i].path.text));
    config_free(config);
}
END_TEST

START_TEST(the_root_location_encloses_every_other)
{
    struct config *config =
        parse(SITE "    locations: [{ path: /x }, { path: /, require_ssl: true }]\n");
    ck_assert(find_location(config, "/x")->require_ssl);
    ck_assert_str_eq(config->sites[0].locations[1].path.text, "/");
    config_free(config);
}
END_TEST

/* A location that asks for a certificate below a site that does not must not fall back to
 * anonymous access when there is a mapping. */
START_TEST(a_location_that_requires_a_certificate_is_not_anonymous_under_a_mapping)
{
    struct config *config =
        parse(HTTPS "    mapping: {}\n"
                    "    locations: [{ path: /s, client_certificate: require }]\n");
    ck_assert(config->sites[0].access.anonymous);
    ck_assert(!find_location(config, "/s")->anonymous);
    config_free(config);
}
END_TEST

START_TEST(paths_may_be_passed_on_as_they_are)
{
    struct config *config = parse(SITE "    ambiguous_path: keep\n    encoded_slash: keep\n");
    ck_assert(config->sites[0].ambiguous_path_keep && config->sites[0].encoded_slash_keep);
    config_free(config);
}
END_TEST

START_TEST(case_sensitive_locations_differ_by_case)
{
    struct config *config = parse(SITE "    locations_case_sensitive: true\n"
                                       "    locations: [{ path: /a }, { path: /A }]\n");
    ck_assert_uint_eq(config->sites[0].location_count, 2);
    config_free(config);
}
END_TEST

START_TEST(mappings_keep_every_value)
{
    struct config *config = parse(
        SITE "    accounts: { 'C\\alice': { password_file: a.secret, state: disabled }, bob: {} }\n"
             "    mapping:\n"
             "      default_logon_domain: C\n"
             "      one_to_one_enabled: false\n"
             "      one_to_one_file: many.map\n"
             "      one_to_one:\n"
             "        - { user: alice, certificate: alice.pem, password_file: p, enabled: false }\n"
             "        - { user: bob, certificate: 'sha256:"
             "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF' }\n"
             "        - user: carol\n"
             "          certificate: |\n"
             "            MIIBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
             "            AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"
             "      many_to_one:\n"
             "        - { name: n, permission: deny, rules: [{ field: issuer, subfield: CN, "
             "match: '', case_sensitive: false }] }\n");
    const struct config_site *site = &config->sites[0];
    ck_assert(site->accounts_set && site->mapping.is_set && !site->mapping.one_to_one_enabled);
    ck_assert_uint_eq(site->account_count, 2);
    ck_assert_str_eq(site->accounts[0].user.text, "C\\alice");
    ck_assert_str_eq(site->accounts[0].password_file.text, "conf/a.secret");
    ck_assert_int_eq(site->accounts[0].state, ACCOUNT_DISABLED);
    ck_assert_ptr_null(site->accounts[1].password_file.text);
    ck_assert_str_eq(site->mapping.one_to_one_file.text, "conf/many.map");
    ck_assert_uint_eq(site->mapping.one_to_one_count, 3);
    ck_assert_str_eq(site->mapping.one_to_one[0].certificate.text, "conf/alice.pem");
    ck_assert(!site->mapping.one_to_one[0].enabled && site->mapping.one_to_one[1].enabled);
    ck_assert_uint_eq(strlen(site->mapping.one_to_one[1].certificate.text), 71);
    ck_assert_int_eq(strncmp(site->mapping.one_to_one[2].certificate.text, "MIIB", 4), 0);
    const struct config_many_to_one *many = &site->mapping.many_to_one[0];
    ck_assert(many->deny && many->enabled && many->rule_count == 1);
    ck_assert_int_eq(many->rules[0].field, CERT_FIELD_ISSUER);
    ck_assert_str_eq(many->rules[0].match.text, "");
    ck_assert(!many->rules[0].case_sensitive);
    config_free(config);
}
END_TEST

START_TEST(upstreams_keep_every_value)
{
    struct config *config =
        parse(SITE "upstreams:\n"
                   "  a: { servers: [{ url: 'http://[::1]:81', weight: 0x10 }, "
                   "{ url: 'unix:/run/a.sock' }, { url: 'http://host' }], "
                   "keepalive: { connections: 0, idle: 2m }, retry_wait: 10ms }\n"
                   "  b: { servers: [{ url: 'http://127.0.0.1' }] }\n");
    ck_assert_uint_eq(config->upstream_count, 2);
    const struct config_upstream *a = &config->upstreams[0];
    ck_assert_str_eq(a->name.text, "a");
    ck_assert_uint_eq(a->server_count, 3);
    ck_assert_str_eq(a->servers[0].host, "::1");
    ck_assert(a->servers[0].port == 81 && a->servers[0].weight == 16);
    ck_assert(a->servers[1].is_unix && a->servers[1].weight == 1);
    ck_assert_str_eq(a->servers[1].host, "/run/a.sock");
    ck_assert(a->servers[2].port == 80 && !a->servers[2].is_https);
    ck_assert(a->keepalive_connections == 0 && a->keepalive_idle_ms == 120000);
    ck_assert_uint_eq(a->retry_wait_ms, 10);
    ck_assert_uint_eq(config->upstreams[1].retry_wait_ms, 250);
    ck_assert_uint_eq(a->keepalive_requests, 10000);
    ck_assert_uint_eq(config->upstreams[1].keepalive_connections, 32);
    config_free(config);
}
END_TEST

START_TEST(the_process_keeps_every_value)
{
    struct config *config =
        parse("workers: 4\nuser: www\npid_file: /run/p.pid\n" SITE
              "log: { error: { path: e.log, level: debug }, access: { path: null, fields: [date, "
              "time], newline: crlf, flush: 500ms } }\n"
              "limits: { connections: 1, target_bytes: 64, header_bytes: 1m, body_bytes: 2g, "
              "connections_per_client: 10000000 }\n"
              "timeouts: { handshake: 1ms, stop: 0, reload_grace: 0s, tunnel: 2d,"
              " linger: 0s, linger_total: 1h, worker: 0s }\n"
              "sessions: { store: 0, lifetime: 1s, tickets: all, ticket_keys: t.keys }\n");
    ck_assert_uint_eq(config->workers, 4);
    ck_assert_uint_eq(config->workers_mark.column, 10);
    ck_assert_str_eq(config->user.text, "www");
    ck_assert_str_eq(config->pid_file.text, "/run/p.pid");
    ck_assert_str_eq(config->log.error_path.text, "conf/e.log");
    ck_assert_int_eq(config->log.error_level, LOG_LEVEL_DEBUG);
    ck_assert_ptr_null(config->log.access_path.text);
    ck_assert(config->log.access_fields.is_set && config->log.access_fields.count == 2);
    ck_assert(config->log.access_crlf && config->log.access_flush_ms == 500);
    ck_assert_uint_eq(config->limits.header_bytes, 1 << 20);
    ck_assert_uint_eq(config->limits.connections_per_client, 10000000);
    ck_assert_uint_eq(config->limits.body_bytes, (uint64_t)2 << 30);
    ck_assert_uint_eq(config->timeouts.handshake, 1);
    ck_assert_uint_eq(config->timeouts.stop, 0);
    ck_assert_uint_eq(config->timeouts.tunnel, (uint64_t)2 * 86400000);
    ck_assert_uint_eq(config->timeouts.linger, 0);
    ck_assert_uint_eq(config->timeouts.linger_total, 3600000);
    ck_assert_uint_eq(config->timeouts.worker, 0);
    ck_assert(config->sessions.store == 0 && config->sessions.tickets == TICKETS_ALL);
    ck_assert_str_eq(config->sessions.ticket_keys.text, "conf/t.keys");
    config_free(config);
}
END_TEST

START_TEST(paths_start_from_the_folder_of_the_file)
{
    struct config *config = parse_as("p.yaml", "pid_file: a/b\n" SITE, 0);
    ck_assert_str_eq(config->pid_file.text, "a/b");
    config_free(config);
    config = parse_as("/etc/p.yaml", "pid_file: a/b\n" SITE, 0);
    ck_assert_str_eq(config->pid_file.text, "/etc/a/b");
    config_free(config);
}
END_TEST

START_TEST(aliases_repeat_a_value)
{
    struct config *config =
        parse("sites:\n"
              "  - { name: a, bindings: ['http://127.0.0.1:1'], upstream: echo, "
              "trust: &t { root: [r] } }\n"
              "  - { name: b, bindings: ['http://127.0.0.1:2'], upstream: echo, "
              "trust: *t }\n");
    ck_assert_str_eq(config->sites[1].trust.root.items[0].text, "conf/r");
    config_free(config);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_an_error)
{
    static const struct {
        const char *file;
        const char *text;
    } cases[] = {
        {"/nonexistent/p.yaml", "cannot be read: No such file or directory"},
        {"/", "cannot be read: Is a directory"},
        {"/dev/zero", "larger than 16 MiB"},
        {"/dev/null", "the file is empty; at least `sites` is needed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error_list errors = {0};
        ck_assert_ptr_null(config_load(cases[i].file, &errors));
        ck_assert_uint_eq(errors.errors, 1);
        ck_assert_str_eq(errors.entries[0].file, cases[i].file);
        ck_assert_str_eq(errors.entries[0].text, cases[i].text);
        errors_clear(&errors);
    }
}
END_TEST

START_TEST(a_file_is_loaded_with_paths_from_its_folder)
{
    char folder[] = "/tmp/config_load_XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct text path = {0};
    struct text want = {0};
    text_addf(&path, "%s/p.yaml", folder);
    text_addf(&want, "%s/x.pid", folder);
    FILE *file = fopen(path.ptr, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("pid_file: x.pid\n" SITE, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    struct error_list errors = {0};
    struct config *config = config_load(path.ptr, &errors);
    ck_assert_ptr_nonnull(config);
    ck_assert_str_eq(config->pid_file.text, want.ptr);
    config_free(config);
    errors_clear(&errors);
    (void)unlink(path.ptr);
    (void)rmdir(folder);
    text_clear(&path);
    text_clear(&want);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("config_load");
    TCase *tcase = tcase_create("config_load");
    tcase_add_test(tcase, the_process_has_the_documented_defaults);
    tcase_add_test(tcase, a_site_has_the_documented_defaults);
    tcase_add_test(tcase, the_name_of_a_site_is_its_first_host_unless_given);
    tcase_add_test(tcase, bindings_are_canonical_addresses);
    tcase_add_test(tcase, passwords_come_from_files);
    tcase_add_test(tcase, defaults_follow_from_client_certificate_and_mapping);
    tcase_add_test(tcase, profiles_set_compat_and_explicit_keys_win);
    tcase_add_test(tcase, a_named_default_profile_is_the_default_profile);
    tcase_add_test(tcase, a_trust_mode_under_iis75_is_a_warning);
    tcase_add_test(tcase, a_bound_but_empty_issuer_store_differs_from_none);
    tcase_add_test(tcase, an_exclusive_mode_takes_the_bound_store_for_anchors);
    tcase_add_test(tcase, locations_inherit_from_the_nearest_enclosing_one);
    tcase_add_test(tcase, the_root_location_encloses_every_other);
    tcase_add_test(tcase, a_location_that_requires_a_certificate_is_not_anonymous_under_a_mapping);
    tcase_add_test(tcase, paths_may_be_passed_on_as_they_are);
    tcase_add_test(tcase, case_sensitive_locations_differ_by_case);
    tcase_add_test(tcase, mappings_keep_every_value);
    tcase_add_test(tcase, upstreams_keep_every_value);
    tcase_add_test(tcase, the_process_keeps_every_value);
    tcase_add_test(tcase, paths_start_from_the_folder_of_the_file);
    tcase_add_test(tcase, aliases_repeat_a_value);
    tcase_add_test(tcase, a_file_that_cannot_be_read_is_an_error);
    tcase_add_test(tcase, a_file_is_loaded_with_paths_from_its_folder);
    suite_add_tcase(suite, tcase);
    return suite;
}
