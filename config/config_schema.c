/* The tables. To add a key: a field in config.h, a row here, a line in docs/reference.md and in
 * proxy.yaml.example (tests/unit/config/test_config_docs.c compares them). To support a word that
 * is planned: drop `.is_planned`.
 *
 * SPDX-License-Identifier: MIT */
#include "config/config_schema.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "config/config.h"
#include "config/config_header.h"
#include "config/config_site.h"

#define ROW(owner, member) \
    .offset = offsetof(struct owner, member), .size = sizeof(((struct owner *)0)->member)
#define COUNT(owner, member) .count_at = offsetof(struct owner, member)
#define TABLE(owner, rows)   .size = sizeof(struct owner), .keys = rows, .key_count = COUNT_OF(rows)
#define COUNT_OF(array)      (sizeof(array) / sizeof(array)[0])

/* clang-format puts each of these on one line or on ten, as it likes; a row is a paragraph. */
/* clang-format off */

enum { MS = 1, SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define TIB ((uint64_t)1 << 40)

/* --- compatibility ---------------------------------------------------------------------------- */

static const struct config_word profile_words[] = {
    {"iis75", PROFILE_IIS75, false}, {"iis8", PROFILE_IIS8, false}, {"iis10", PROFILE_IIS10, false},
    {"iis10-2022", PROFILE_IIS10_2022, false}, {"iis10-2025", PROFILE_IIS10_2025, false}, {0}};
static const struct config_word root_mix_words[] = {
    {"strict", ROOT_MIX_STRICT, false}, {"issuer_filter", ROOT_MIX_ISSUER_FILTER, false},
    {"off", ROOT_MIX_OFF, false}, {0}};
static const struct config_word client_auth_issuers_words[] = {
    {"observed", false, false}, {"documented", true, false}, {0}};
static const struct config_word partial_chain_words[] = {
    {"0x800B0109", 0x800B0109, false}, {"0x800B010A", 0x800B010A, false}, {0}};
static const struct config_word large_root_words[] = {
    {"off", LARGE_ROOT_OFF, false}, {"legacy", LARGE_ROOT_LEGACY, false}, {0}};
static const struct config_word post_handshake_words[] = {
    {"rst", POST_HANDSHAKE_RST, false}, {"500", POST_HANDSHAKE_500, false},
    {"403", POST_HANDSHAKE_403, false}, {0}};
static const struct config_word empty_issuers_words[] = {
    {"unbound", false, false}, {"deny", true, false}, {0}};
static const struct config_word pem_words[] = {
    {"accept", false, false}, {"malformed", true, false}, {0}};
static const struct config_word deny_words[] = {
    {"403.12", false, false}, {"401.1", true, false}, {0}};
static const struct config_word arr_quote_words[] = {
    {"double", false, false}, {"single", true, false}, {0}};
static const struct config_word weak_words[] = {
    {"reject", false, false}, {"allow", true, false}, {0}};

static const struct config_key compat_rows[] = {
    {.name = "root_mix", .type = CONFIG_CHOICE, ROW(config_compat, root_mix),
     .words = root_mix_words, .fallback = "strict",
     .doc = "a certificate in `trust.root` that is not self-signed: refuse everyone, only filter the issuer list, or ignore"},
    {.name = "client_auth_issuers", .type = CONFIG_CHOICE,
     ROW(config_compat, client_auth_issuers_documented),
     .words = client_auth_issuers_words, .fallback = "observed",
     .doc = "whether `trust.client_auth_issuers` counts without being bound"},
    {.name = "partial_chain", .type = CONFIG_CHOICE, ROW(config_compat, partial_chain),
     .words = partial_chain_words, .fallback = "0x800B0109",
     .doc = "win32 code for a chain that cannot be completed"},
    {.name = "large_root_store", .type = CONFIG_CHOICE, ROW(config_compat, large_root_store),
     .words = large_root_words, .fallback = "off",
     .doc = "the 16 KiB limit of the root store of Windows Server 2012"},
    {.name = "post_handshake", .type = CONFIG_CHOICE, ROW(config_compat, post_handshake),
     .words = post_handshake_words, .fallback = "500",
     .doc = "answer when a certificate is asked for late over TLS 1.3 and the client cannot give one"},
    {.name = "empty_trusted_issuers", .type = CONFIG_CHOICE,
     ROW(config_compat, empty_trusted_issuers_deny),
     .words = empty_issuers_words, .fallback = "unbound",
     .doc = "a bound but empty issuer store: as if it were not bound, or refuse everyone"},
    {.name = "pem_in_mapping", .type = CONFIG_CHOICE, ROW(config_compat, pem_in_mapping_malformed),
     .words = pem_words, .fallback = "accept",
     .doc = "PEM armour around a certificate given in place in a one-to-one mapping"},
    {.name = "deny_status", .type = CONFIG_CHOICE, ROW(config_compat, deny_status_401),
     .words = deny_words, .fallback = "403.12",
     .doc = "status of a many-to-one mapping with `permission: deny`"},
    {.name = "arr_quote", .type = CONFIG_CHOICE, ROW(config_compat, arr_quote_single),
     .words = arr_quote_words, .fallback = "double",
     .doc = "quotes in the names that Application Request Routing writes"},
    {.name = "weak", .type = CONFIG_CHOICE, ROW(config_compat, weak_allow),
     .words = weak_words, .fallback = "reject",
     .doc = "weak keys and signatures in a client's chain"},
};
static const struct config_table compat_table = {TABLE(config_compat, compat_rows)};

/* --- trust ------------------------------------------------------------------------------------ */

static const struct config_word trust_mode_words[] = {
    {"machine", TRUST_MODE_MACHINE, false}, {"exclusive_root", TRUST_MODE_EXCLUSIVE_ROOT, false},
    {"exclusive_ca", TRUST_MODE_EXCLUSIVE_CA, false}, {"0", TRUST_MODE_MACHINE, false},
    {"1", TRUST_MODE_EXCLUSIVE_ROOT, false}, {"2", TRUST_MODE_EXCLUSIVE_CA, false}, {0}};
static const struct config_word missing_words[] = {
    {"if_cdp", false, false}, {"always", true, false}, {0}};

static const struct config_key revocation_rows[] = {
    {.name = "check", .type = CONFIG_BOOL, ROW(config_revocation, check), .fallback = "true",
     .doc = "check revocation; `verifyclientcertrevocation` of the binding"},
    {.name = "crls", .type = CONFIG_PATHS, ROW(config_revocation, crls), .fallback = "[]",
     .doc = "CRLs, PEM or DER; files or folders"},
    {.name = "missing", .type = CONFIG_CHOICE, ROW(config_revocation, missing_always),
     .words = missing_words, .fallback = "if_cdp",
     .doc = "whether a missing CRL matters only when the certificate names a CDP or OCSP responder, or always"},
    {.name = "freshness_time", .type = CONFIG_DURATION, ROW(config_revocation, freshness_time_ms),
     .min = 0, .max = 365 * (uint64_t)DAY, .fallback = "0s",
     .doc = "refuse CRLs older than this though still current; 0s: no limit; `revocationfreshnesstime`"},
    {.name = "cached_only", .type = CONFIG_BOOL, ROW(config_revocation, cached_only),
     .fallback = "false",
     .doc = "`verifyrevocationwithcachedclientcertonly`; nothing is downloaded either way"},
};
static const struct config_table revocation_table = {TABLE(config_revocation, revocation_rows)};

static const struct config_key policy_rows[] = {
    {.name = "initial", .type = CONFIG_TEXTS, ROW(config_policy, initial), .fallback = "[]",
     .after = config_oid_after, .doc = "acceptable policies, as dotted OIDs; [] is any policy"},
    {.name = "require_explicit", .type = CONFIG_BOOL, ROW(config_policy, require_explicit),
     .fallback = "false", .doc = "initial-explicit-policy of RFC 5280"},
    {.name = "inhibit_mapping", .type = CONFIG_BOOL, ROW(config_policy, inhibit_mapping),
     .fallback = "false", .doc = "initial-policy-mapping-inhibit of RFC 5280"},
    {.name = "inhibit_any", .type = CONFIG_BOOL, ROW(config_policy, inhibit_any),
     .fallback = "false", .doc = "initial-any-policy-inhibit of RFC 5280"},
};
static const struct config_table policy_table = {TABLE(config_policy, policy_rows)};

static const struct config_key trust_rows[] = {
    {.name = "mode", .type = CONFIG_CHOICE, ROW(config_trust, mode), .words = trust_mode_words,
     .fallback = "machine", .doc = "`ClientAuthTrustMode`: machine or 0, exclusive_root or 1, exclusive_ca or 2"},
    {.name = "root", .type = CONFIG_PATHS, ROW(config_trust, root), .fallback = "[]",
     .doc = "the store `LocalMachine\\Root`: files or folders, PEM or DER"},
    {.name = "intermediate", .type = CONFIG_PATHS, ROW(config_trust, intermediate),
     .fallback = "[]", .doc = "the store `LocalMachine\\CA`"},
    {.name = "trusted_issuers", .type = CONFIG_PATHS, .flags = CONFIG_NULLABLE,
     ROW(config_trust, trusted_issuers), .fallback = "null",
     .doc = "the store that `sslctlstorename` names; null: none bound; []: bound and empty"},
    {.name = "client_auth_issuers", .type = CONFIG_PATHS, ROW(config_trust, client_auth_issuers),
     .fallback = "[]", .doc = "the store `LocalMachine\\ClientAuthIssuer`"},
    {.name = "disallowed", .type = CONFIG_PATHS, ROW(config_trust, disallowed), .fallback = "[]",
     .doc = "the store `LocalMachine\\Disallowed`"},
    {.name = "send_trusted_issuer_list", .type = CONFIG_BOOL,
     ROW(config_trust, send_trusted_issuer_list), .fallback = "false",
     .doc = "`SendTrustedIssuerList`; true under iis75"},
    {.name = "check_usage", .type = CONFIG_BOOL, ROW(config_trust, check_usage),
     .fallback = "true", .doc = "the client authentication purpose is required; `usagecheck`"},
    {.name = "revocation", .type = CONFIG_TABLE, ROW(config_trust, revocation),
     .table = &revocation_table, .doc = "revocation lists"},
    {.name = "policy", .type = CONFIG_TABLE, ROW(config_trust, policy), .table = &policy_table,
     .doc = "certificate policies (RFC 5280 section 6.1.1; IIS has no such setting)"},
};
static const struct config_table trust_table = {TABLE(config_trust, trust_rows)};

/* --- accounts and mappings -------------------------------------------------------------------- */

static const struct config_word account_state_words[] = {
    {"enabled", ACCOUNT_ENABLED, false}, {"disabled", ACCOUNT_DISABLED, false},
    {"password_expired", ACCOUNT_PASSWORD_EXPIRED, false},
    {"logon_type_denied", ACCOUNT_LOGON_TYPE_DENIED, false}, {0}};
static const struct config_word permission_words[] = {
    {"allow", false, false}, {"deny", true, false}, {0}};
static const struct config_word field_words[] = {
    {"subject", CERT_FIELD_SUBJECT, false}, {"issuer", CERT_FIELD_ISSUER, false}, {0}};

static const struct config_key account_rows[] = {
    {.name = "password_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_account, password_file), .fallback = "null",
     .doc = "file with the password that mappings must name; null: none is compared"},
    {.name = "state", .type = CONFIG_CHOICE, ROW(config_account, state),
     .words = account_state_words, .fallback = "enabled",
     .doc = "any other state makes a logon fail with 401.1"},
};
static const struct config_table account_table = {TABLE(config_account, account_rows),
                                                  .name_at = offsetof(struct config_account, user)};

static const struct config_key one_to_one_rows[] = {
    {.name = "user", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED, ROW(config_one_to_one, user),
     .doc = "the account; required"},
    {.name = "certificate", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED | CONFIG_MULTILINE,
     ROW(config_one_to_one, certificate),
     .doc = "a file, the base64 DER in place, or sha256:HEX; required"},
    {.name = "password_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_one_to_one, password_file), .fallback = "null",
     .doc = "file with the password of the account"},
    {.name = "enabled", .type = CONFIG_BOOL, ROW(config_one_to_one, enabled), .fallback = "true",
     .doc = "false: skipped"},
};
static const struct config_table one_to_one_table = {TABLE(config_one_to_one, one_to_one_rows),
                                                     .finish = config_one_to_one_finish};

static const struct config_key rule_rows[] = {
    {.name = "field", .type = CONFIG_CHOICE, .flags = CONFIG_REQUIRED, ROW(config_rule, field),
     .words = field_words, .doc = "`certificateField`: subject or issuer; required"},
    {.name = "subfield", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED,
     ROW(config_rule, subfield), .doc = "`certificateSubField`: CN, O, OU, ... or an OID; required"},
    {.name = "match", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED | CONFIG_EMPTY,
     ROW(config_rule, match), .doc = "`matchCriteria`: `*` stands for any text; required"},
    {.name = "case_sensitive", .type = CONFIG_BOOL, ROW(config_rule, case_sensitive),
     .fallback = "true", .doc = "`compareCaseSensitive`"},
};
static const struct config_table rule_table = {TABLE(config_rule, rule_rows)};

static const struct config_key many_to_one_rows[] = {
    {.name = "name", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED, ROW(config_many_to_one, name),
     .doc = "unique name; required"},
    {.name = "description", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE | CONFIG_EMPTY,
     ROW(config_many_to_one, description), .fallback = "null", .doc = "for people"},
    {.name = "enabled", .type = CONFIG_BOOL, ROW(config_many_to_one, enabled), .fallback = "true",
     .doc = "false: skipped"},
    {.name = "permission", .type = CONFIG_CHOICE, ROW(config_many_to_one, deny),
     .words = permission_words, .fallback = "allow", .doc = "`permissionMode`: allow or deny"},
    {.name = "user", .type = CONFIG_TEXT, ROW(config_many_to_one, user),
     .doc = "the account; required unless `permission: deny`"},
    {.name = "password_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_many_to_one, password_file), .fallback = "null",
     .doc = "file with the password of the account"},
    {.name = "rules", .type = CONFIG_ITEMS, ROW(config_many_to_one, rules),
     COUNT(config_many_to_one, rule_count), .table = &rule_table, .fallback = "[]",
     .doc = "all must match; without rules a mapping never matches"},
};
static const struct config_table many_to_one_table = {TABLE(config_many_to_one, many_to_one_rows),
                                                      .finish = config_many_to_one_finish};

static const struct config_key mapping_rows[] = {
    {.name = "default_logon_domain", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_mapping, default_logon_domain), .fallback = "null",
     .doc = "`defaultLogonDomain`: put before user names that have no domain"},
    {.name = "one_to_one_enabled", .type = CONFIG_BOOL, ROW(config_mapping, one_to_one_enabled),
     .fallback = "true", .doc = "`oneToOneCertificateMappingsEnabled`"},
    {.name = "one_to_one", .type = CONFIG_ITEMS, ROW(config_mapping, one_to_one),
     COUNT(config_mapping, one_to_one_count), .table = &one_to_one_table, .fallback = "[]",
     .doc = "`oneToOneMappings`: a whole certificate to a user"},
    {.name = "one_to_one_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_mapping, one_to_one_file), .fallback = "null",
     .doc = "for very many: lines of the certificate's SHA-256 in hex, a blank, the user"},
    {.name = "many_to_one_enabled", .type = CONFIG_BOOL, ROW(config_mapping, many_to_one_enabled),
     .fallback = "true", .doc = "`manyToOneCertificateMappingsEnabled`"},
    {.name = "many_to_one", .type = CONFIG_ITEMS, ROW(config_mapping, many_to_one),
     COUNT(config_mapping, many_to_one_count), .table = &many_to_one_table, .fallback = "[]",
     .doc = "`manyToOneMappings`: in order, the first match wins"},
};
static const struct config_table mapping_table = {TABLE(config_mapping, mapping_rows),
                                                  .finish = config_mapping_finish};

/* --- what a path may set ---------------------------------------------------------------------- */

static const struct config_word client_certificate_words[] = {
    {"ignore", CLIENT_CERT_IGNORE, false}, {"accept", CLIENT_CERT_ACCEPT, false},
    {"require", CLIENT_CERT_REQUIRE, false}, {0}};
static const struct config_word identity_words[] = {
    {"rfc9440", IDENTITY_RFC9440, false}, {"rfc9440-chain", IDENTITY_RFC9440_CHAIN, false},
    {"iis-arr", IDENTITY_IIS_ARR, true}, {"xfcc", IDENTITY_XFCC, true},
    {"nginx", IDENTITY_NGINX, true}, {"traefik", IDENTITY_TRAEFIK, true},
    {"aws-alb", IDENTITY_AWS_ALB, true}, {"apache", IDENTITY_APACHE, true}, {0}};
static const struct config_word authorization_words[] = {
    {"none", false, false}, {"basic", true, false}, {0}};
static const struct config_word host_words[] = {
    {"keep", false, false}, {"upstream", true, false}, {0}};

static const struct config_table header_table = {
    .size = sizeof(struct config_header), .is_scalar = true,
    .value_at = offsetof(struct config_header, template),
    .name_at = offsetof(struct config_header, name)};

static const struct config_key forward_rows[] = {
    {.name = "identity", .type = CONFIG_FLAGS, ROW(config_forward, identity),
     .words = identity_words, .fallback = "[rfc9440]",
     .doc = "headers that carry the client's certificate: rfc9440 (`Client-Cert`), rfc9440-chain (also `Client-Cert-Chain`)"},
    {.name = "headers", .type = CONFIG_NAMED, ROW(config_forward, headers),
     COUNT(config_forward, header_count), .table = &header_table, .after = config_header_check,
     .fallback = "{}", .doc = "further headers: name to template with fields in braces"},
    {.name = "authorization", .type = CONFIG_CHOICE, ROW(config_forward, authorization_basic),
     .words = authorization_words, .fallback = "none",
     .doc = "basic: the mapped user and password as `Authorization`, for legacy backends"},
    {.name = "host", .type = CONFIG_CHOICE, ROW(config_forward, host_upstream),
     .words = host_words, .fallback = "keep",
     .doc = "the `Host` the backend sees: the client's, or the upstream's own"},
    {.name = "via", .type = CONFIG_BOOL, ROW(config_forward, via), .fallback = "true",
     .doc = "add `Via` (RFC 9110 section 7.6.3)"},
};
static const struct config_table forward_table = {TABLE(config_forward, forward_rows),
                                                  .finish = config_header_check_sources};

/* The same keys in a site and in a location; owner.member is a struct config_access. */
#define ACCESS_ROWS(owner, member)                                                                 \
    {.name = "client_certificate", .type = CONFIG_CHOICE, ROW(owner, member.client_certificate),   \
     .words = client_certificate_words, .fallback = "ignore",                                      \
     .doc = "`sslFlags`: ignore, accept (SslNegotiateCert) or require (SslRequireCert)"},          \
    {.name = "require_ssl", .type = CONFIG_BOOL, ROW(owner, member.require_ssl),                   \
     .doc = "`sslFlags` Ssl: plain http gets 403.4; default true when the site requires a certificate, else false"}, \
    {.name = "require_128_bit", .type = CONFIG_BOOL, ROW(owner, member.require_128_bit),           \
     .fallback = "false", .doc = "`sslFlags` Ssl128: weaker ciphers get 403.5"},                   \
    {.name = "anonymous", .type = CONFIG_BOOL, ROW(owner, member.anonymous),                       \
     .doc = "true: without a mapped user the request goes on; false: 401.2; default false when a mapping is configured and certificates are not ignored, else true"}, \
    {.name = "forward", .type = CONFIG_TABLE, ROW(owner, member.forward),                          \
     .table = &forward_table, .doc = "what the backend is told"}

static const struct config_key location_rows[] = {
    {.name = "path", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED, ROW(config_location, path),
     .doc = "starts with `/`; covers itself and everything below, whole segments; required"},
    ACCESS_ROWS(config_location, access),
    {.name = "upstream", .type = CONFIG_TEXT, ROW(config_location, access.upstream),
     .doc = "as for the site"},
};
const struct config_table config_schema_location = {TABLE(config_location, location_rows)};

/* --- sites ------------------------------------------------------------------------------------ */

static const struct config_word negotiate_words[] = {
    {"handshake", false, false}, {"late", true, true}, {0}};
static const struct config_word version_words[] = {
    {"1.2", 0x0303, false}, {"1.3", 0x0304, false}, {0}};
static const struct config_word alpn_words[] = {{"http/1.1", 0, false}, {"h2", 1, true}, {0}};
static const struct config_word slash_words[] = {
    {"refuse", false, false}, {"keep", true, false}, {0}};

static const struct config_table binding_table = {
    .size = sizeof(struct config_binding), .is_scalar = true,
    .value_at = offsetof(struct config_binding, url)};

static const struct config_key server_certificate_rows[] = {
    {.name = "chain", .type = CONFIG_PATH, .flags = CONFIG_REQUIRED,
     ROW(config_server_certificate, chain), .doc = "PEM: the certificate, then its issuers; required"},
    {.name = "key", .type = CONFIG_PATH, .flags = CONFIG_REQUIRED,
     ROW(config_server_certificate, key), .doc = "PEM: the private key; required"},
};
static const struct config_table server_certificate_table = {
    TABLE(config_server_certificate, server_certificate_rows)};

static const struct config_key tls_rows[] = {
    {.name = "min_version", .type = CONFIG_CHOICE, ROW(config_tls, min_version),
     .words = version_words, .fallback = "1.2", .doc = "lowest TLS version"},
    {.name = "max_version", .type = CONFIG_CHOICE, ROW(config_tls, max_version),
     .words = version_words, .fallback = "1.3", .doc = "highest TLS version"},
    {.name = "ciphers", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE, ROW(config_tls, ciphers),
     .fallback = "null", .doc = "TLS 1.2 cipher list in OpenSSL's syntax; null: the built-in list"},
    {.name = "ciphersuites", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_tls, ciphersuites), .fallback = "null",
     .doc = "TLS 1.3 cipher suites in OpenSSL's syntax; null: the built-in list"},
    {.name = "alpn", .type = CONFIG_WORDS, .flags = CONFIG_NOT_EMPTY, ROW(config_tls, alpn),
     .words = alpn_words, .fallback = "[http/1.1]", .doc = "application protocols offered"},
};
static const struct config_table tls_table = {TABLE(config_tls, tls_rows)};

static const struct config_key site_rows[] = {
    {.name = "name", .type = CONFIG_TEXT, .flags = CONFIG_LATER,
     .doc = "unique; default the first host, else `default`"},
    {.name = "hosts", .type = CONFIG_TEXTS, .flags = CONFIG_NOT_EMPTY, ROW(config_site, hosts),
     .after = config_host_after, .doc = "names for SNI and Host; `*.` stands for one label; default any"},
    {.name = "bindings", .type = CONFIG_ITEMS, .flags = CONFIG_REQUIRED,
     ROW(config_site, bindings), COUNT(config_site, binding_count), .table = &binding_table,
     .after = config_binding_after,
     .doc = "listening addresses; port 0 is any free port, [::] is IPv6 only; required"},
    {.name = "server_certificate", .type = CONFIG_ITEMS, .flags = CONFIG_ONE_OR_MANY | CONFIG_NOT_EMPTY,
     ROW(config_site, server_certificates), COUNT(config_site, server_certificate_count),
     .table = &server_certificate_table,
     .doc = "one, or a list (RSA and ECDSA); required with an https binding"},
    ACCESS_ROWS(config_site, access),
    {.name = "negotiate_client_certificate", .type = CONFIG_CHOICE,
     ROW(config_site, negotiate_late), .words = negotiate_words, .fallback = "handshake",
     .doc = "when the certificate is asked for; handshake is `clientcertnegotiation=enable`"},
    {.name = "tls", .type = CONFIG_TABLE, ROW(config_site, tls), .table = &tls_table,
     .doc = "protocol versions and ciphers"},
    {.name = "trust", .type = CONFIG_TABLE, ROW(config_site, trust), .table = &trust_table,
     .doc = "the certificate stores and how they are used"},
    {.name = "accounts", .type = CONFIG_NAMED, ROW(config_site, accounts),
     COUNT(config_site, account_count), .table = &account_table,
     .doc = "the users that exist; absent: every mapped logon succeeds"},
    {.name = "mapping", .type = CONFIG_TABLE, ROW(config_site, mapping), .table = &mapping_table,
     .doc = "`iisClientCertificateMappingAuthentication`"},
    {.name = "upstream", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED,
     ROW(config_site, access.upstream),
     .doc = "http://host:port, unix:/path, the name of an upstream, or `echo`; required"},
    {.name = "locations_case_sensitive", .type = CONFIG_BOOL,
     ROW(config_site, locations_case_sensitive), .fallback = "false",
     .doc = "match locations by case; IIS does not"},
    {.name = "encoded_slash", .type = CONFIG_CHOICE, ROW(config_site, encoded_slash_keep),
     .words = slash_words, .fallback = "refuse", .doc = "`%2f` in a path: 400, or passed on as it is"},
    {.name = "locations", .type = CONFIG_ITEMS, .flags = CONFIG_LATER, ROW(config_site, locations),
     COUNT(config_site, location_count), .table = &config_schema_location, .fallback = "[]",
     .doc = "settings of paths; the longest match wins; what is not given comes from the nearest enclosing location, then the site"},
};
static const struct config_table site_table = {TABLE(config_site, site_rows),
                                               .prepare = config_site_prepare,
                                               .finish = config_site_finish};

/* --- upstreams -------------------------------------------------------------------------------- */

static const struct config_key server_rows[] = {
    {.name = "url", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED, ROW(config_server, url),
     .doc = "http://host:port or unix:/path; required"},
    {.name = "weight", .type = CONFIG_NUMBER, ROW(config_server, weight), .min = 1, .max = 1000,
     .fallback = "1", .doc = "share of the requests"},
};
static const struct config_table server_table = {TABLE(config_server, server_rows)};

static const struct config_key keepalive_rows[] = {
    {.name = "connections", .type = CONFIG_NUMBER, ROW(config_upstream, keepalive_connections),
     .min = 0, .max = 100000, .fallback = "32", .doc = "idle connections kept, per worker; 0: none"},
    {.name = "idle", .type = CONFIG_DURATION, ROW(config_upstream, keepalive_idle_ms),
     .min = MS, .max = DAY, .fallback = "60s", .doc = "an idle connection is closed after this"},
    {.name = "requests", .type = CONFIG_NUMBER, ROW(config_upstream, keepalive_requests),
     .min = 1, .max = 1000000000, .fallback = "10000",
     .doc = "a connection is closed after this many requests"},
};
static const struct config_table keepalive_table = {TABLE(config_upstream, keepalive_rows)};

static const struct config_key upstream_rows[] = {
    {.name = "servers", .type = CONFIG_ITEMS, .flags = CONFIG_REQUIRED,
     ROW(config_upstream, servers), COUNT(config_upstream, server_count), .table = &server_table,
     .after = config_server_after, .doc = "the servers; required"},
    /* Its fields lie in the upstream itself: the same base. */
    {.name = "keepalive", .type = CONFIG_TABLE, .offset = 0, .size = sizeof(struct config_upstream),
     .table = &keepalive_table, .doc = "connections kept for the next request"},
};
static const struct config_table upstream_table = {
    TABLE(config_upstream, upstream_rows), .name_at = offsetof(struct config_upstream, name)};

/* --- the process ------------------------------------------------------------------------------ */

static const struct config_word level_words[] = {
    {"error", LOG_LEVEL_ERROR, false}, {"warn", LOG_LEVEL_WARN, false},
    {"notice", LOG_LEVEL_NOTICE, false}, {"info", LOG_LEVEL_INFO, false},
    {"debug", LOG_LEVEL_DEBUG, false}, {0}};
static const struct config_word error_path_words[] = {{"stderr", 0, false}, {0}};
static const struct config_word access_path_words[] = {
    {"stdout", 0, false}, {"stderr", 0, false}, {0}};
static const struct config_word format_words[] = {
    {"w3c", 0, false}, {"json", 1, true}, {"combined", 2, true}, {0}};
static const struct config_word fields_words[] = {{"default", 0, false}, {0}};
static const struct config_word newline_words[] = {{"lf", false, false}, {"crlf", true, false}, {0}};

static const struct config_key log_error_rows[] = {
    {.name = "path", .type = CONFIG_PATH, ROW(config_log, error_path), .words = error_path_words,
     .fallback = "stderr", .doc = "stderr or a file"},
    {.name = "level", .type = CONFIG_CHOICE, ROW(config_log, error_level), .words = level_words,
     .fallback = "notice", .doc = "error, warn, notice, info or debug"},
};
static const struct config_table log_error_table = {TABLE(config_log, log_error_rows)};

static const struct config_key log_access_rows[] = {
    {.name = "path", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE, ROW(config_log, access_path),
     .words = access_path_words, .fallback = "stdout",
     .doc = "stdout, stderr or a file; null: no access log"},
    {.name = "format", .type = CONFIG_CHOICE, .words = format_words, .fallback = "w3c",
     .doc = "w3c: the extended log format of IIS"},
    {.name = "fields", .type = CONFIG_TEXTS, .flags = CONFIG_NOT_EMPTY,
     ROW(config_log, access_fields), .words = fields_words, .fallback = "default",
     .doc = "`default`, or a list of W3C column names"},
    {.name = "newline", .type = CONFIG_CHOICE, ROW(config_log, access_crlf),
     .words = newline_words, .fallback = "lf", .doc = "lf, or crlf as IIS writes it"},
    {.name = "flush", .type = CONFIG_DURATION, ROW(config_log, access_flush_ms), .min = 10,
     .max = HOUR, .fallback = "1s", .doc = "lines are written at least this often"},
};
static const struct config_table log_access_table = {TABLE(config_log, log_access_rows)};

static const struct config_key log_rows[] = {
    {.name = "error", .type = CONFIG_TABLE, .offset = 0, .size = sizeof(struct config_log),
     .table = &log_error_table, .doc = "the operational log"},
    {.name = "access", .type = CONFIG_TABLE, .offset = 0, .size = sizeof(struct config_log),
     .table = &log_access_table, .doc = "one line a request"},
};
static const struct config_table log_table = {TABLE(config_log, log_rows)};

static const struct config_key limits_rows[] = {
    {.name = "connections", .type = CONFIG_NUMBER, ROW(config_limits, connections), .min = 1,
     .max = 10000000, .fallback = "10000", .doc = "client connections of all workers together"},
    {.name = "target_bytes", .type = CONFIG_SIZE, ROW(config_limits, target_bytes), .min = 64,
     .max = MIB, .fallback = "8k", .doc = "request target"},
    {.name = "header_bytes", .type = CONFIG_SIZE, ROW(config_limits, header_bytes), .min = 256,
     .max = MIB, .fallback = "32k", .doc = "head of a request or response"},
    {.name = "header_count", .type = CONFIG_NUMBER, ROW(config_limits, header_count), .min = 1,
     .max = 10000, .fallback = "100", .doc = "header lines of a request or response"},
    {.name = "body_bytes", .type = CONFIG_SIZE, ROW(config_limits, body_bytes), .min = 0,
     .max = 1024 * TIB, .fallback = "0", .doc = "request body; 0: unlimited"},
    {.name = "chain_bytes", .type = CONFIG_SIZE, ROW(config_limits, chain_bytes), .min = KIB,
     .max = MIB, .fallback = "32k", .doc = "certificates a client sends"},
    {.name = "read_ahead_bytes", .type = CONFIG_SIZE, ROW(config_limits, read_ahead_bytes),
     .min = 0, .max = 16 * MIB, .fallback = "48k",
     .doc = "body read ahead while a certificate is asked for late; `uploadReadAheadSize`"},
};
static const struct config_table limits_table = {TABLE(config_limits, limits_rows)};

#define TIMEOUT(key, least, most, standard, text)                                                  \
    {.name = #key, .type = CONFIG_DURATION, ROW(config_timeouts, key), .min = (least),             \
     .max = (most), .fallback = (standard), .doc = (text)}

static const struct config_key timeouts_rows[] = {
    TIMEOUT(handshake, MS, HOUR, "10s", "TLS handshake"),
    TIMEOUT(header, MS, HOUR, "10s", "from the first byte of a request to the end of its head"),
    TIMEOUT(body, MS, DAY, "60s", "between two reads of a request body"),
    TIMEOUT(idle, MS, DAY, "75s", "between two requests of a connection"),
    TIMEOUT(connect, MS, HOUR, "5s", "connecting to an upstream server"),
    TIMEOUT(response, MS, DAY, "60s", "between two reads from an upstream server"),
    TIMEOUT(queue, 0, HOUR, "10s", "waiting for a free connection to an upstream"),
    TIMEOUT(stop, 0, DAY, "30s", "requests in flight may finish when the proxy stops"),
    TIMEOUT(reload_drain, 0, 30 * (uint64_t)DAY, "10m", "requests in flight may finish after a reload"),
    TIMEOUT(reload_grace, 0, HOUR, "5s", "idle connections of the old configuration live on after a reload"),
    TIMEOUT(tunnel, MS, 30 * (uint64_t)DAY, "1h", "between two reads of an upgraded connection"),
};
static const struct config_table timeouts_table = {TABLE(config_timeouts, timeouts_rows)};

static const struct config_word tickets_words[] = {
    {"off", TICKETS_OFF, false}, {"tls12", TICKETS_TLS12, false}, {"all", TICKETS_ALL, false}, {0}};

static const struct config_key sessions_rows[] = {
    {.name = "store", .type = CONFIG_NUMBER, ROW(config_sessions, store), .min = 0,
     .max = 10000000, .fallback = "20000", .doc = "TLS sessions remembered; 0: none"},
    {.name = "lifetime", .type = CONFIG_DURATION, ROW(config_sessions, lifetime_ms), .min = SECOND,
     .max = 7 * DAY, .fallback = "2h", .doc = "a session can be resumed for this long"},
    {.name = "tickets", .type = CONFIG_CHOICE, ROW(config_sessions, tickets),
     .words = tickets_words, .fallback = "tls12", .doc = "session tickets: off, tls12 or all"},
    {.name = "ticket_keys", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_sessions, ticket_keys), .fallback = "null",
     .doc = "a file with keys that several machines share; null: keys of this machine"},
};
static const struct config_table sessions_table = {TABLE(config_sessions, sessions_rows)};

static const struct config_word auto_words[] = {{"auto", 0, false}, {0}};

/* The order is that of decoding: the sites need compat. */
static const struct config_key root_rows[] = {
    {.name = "workers", .type = CONFIG_NUMBER, ROW(config, workers), .min = 1, .max = 1024,
     .words = auto_words, .fallback = "auto", .after = config_workers_mark,
     .doc = "processes; auto: one per CPU; a change needs a restart"},
    {.name = "user", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE, ROW(config, user),
     .fallback = "null", .doc = "user to run as when started as root; null: mtls-proxy, else nobody"},
    {.name = "pid_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE, ROW(config, pid_file),
     .fallback = "null", .doc = "file for the process id of the master; null: none"},
    {.name = "compatibility", .type = CONFIG_CHOICE, ROW(config, profile), .words = profile_words,
     .fallback = "iis10-2025", .after = config_profile_apply,
     .doc = "the IIS whose behaviour is followed: iis75, iis8, iis10, iis10-2022 or iis10-2025"},
    {.name = "compat", .type = CONFIG_TABLE, ROW(config, compat), .table = &compat_table,
     .doc = "single behaviours; an explicit key wins over `compatibility`"},
    {.name = "sites", .type = CONFIG_ITEMS, .flags = CONFIG_REQUIRED, ROW(config, sites),
     COUNT(config, site_count), .table = &site_table, .doc = "the sites; required"},
    {.name = "upstreams", .type = CONFIG_NAMED, ROW(config, upstreams),
     COUNT(config, upstream_count), .table = &upstream_table, .after = config_upstream_after,
     .fallback = "{}", .doc = "named groups of servers"},
    {.name = "log", .type = CONFIG_TABLE, ROW(config, log), .table = &log_table, .doc = "logs"},
    {.name = "limits", .type = CONFIG_TABLE, ROW(config, limits), .table = &limits_table,
     .doc = "sizes and numbers a client may reach"},
    {.name = "timeouts", .type = CONFIG_TABLE, ROW(config, timeouts), .table = &timeouts_table,
     .doc = "how long things may take"},
    {.name = "sessions", .type = CONFIG_TABLE, ROW(config, sessions), .table = &sessions_table,
     .doc = "TLS session resumption"},
};
const struct config_table config_schema = {TABLE(config, root_rows),
                                            .prepare = config_root_prepare};

/* clang-format on */

static void walk(const struct config_table *table, const char *prefix, unsigned depth,
                 config_schema_fn call, void *context)
{
    assert(depth < CONFIG_SCHEMA_DEPTH);
    for (size_t i = 0; i < table->key_count; i++) {
        const struct config_key *key = &table->keys[i];
        char path[CONFIG_SCHEMA_PATH_MAX];
        char below[CONFIG_SCHEMA_PATH_MAX];
        const char *suffix = "";
        if (key->type == CONFIG_ITEMS)
            suffix = "[].";
        else if (key->type == CONFIG_NAMED)
            suffix = ".<name>.";
        else if (key->type == CONFIG_TABLE)
            suffix = ".";
        int len = snprintf(path, sizeof path, "%s%s", prefix, key->name);
        assert(len > 0 && (size_t)len < sizeof path);
        call(path, key, context);
        if (key->table == NULL)
            continue;
        len = snprintf(below, sizeof below, "%s%s", path, suffix);
        assert(len > 0 && (size_t)len < sizeof below);
        walk(key->table, below, depth + 1, call, context);
    }
}

void config_schema_walk(config_schema_fn call, void *context)
{
    walk(&config_schema, "", 0, call, context);
}

const char *config_schema_type(const struct config_key *key)
{
    static const char *const names[] = {
        [CONFIG_BOOL] = "boolean",        [CONFIG_NUMBER] = "number",
        [CONFIG_SIZE] = "size",           [CONFIG_DURATION] = "duration",
        [CONFIG_TEXT] = "text",           [CONFIG_PATH] = "path",
        [CONFIG_CHOICE] = "word",         [CONFIG_FLAGS] = "list of words",
        [CONFIG_WORDS] = "list of words", [CONFIG_TEXTS] = "list of texts",
        [CONFIG_PATHS] = "list of paths", [CONFIG_TABLE] = "mapping",
        [CONFIG_ITEMS] = "list",          [CONFIG_NAMED] = "mapping of names",
    };
    return names[key->type];
}
