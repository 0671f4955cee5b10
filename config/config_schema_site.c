/* The rows of a site: certificates, trust, mappings, locations.
 *
 * SPDX-License-Identifier: MIT */
#include "config/config_header.h"
#include "config/config_pages.h"
#include "config/config_rows.h"

/* A row is a paragraph; the formatter would make it one line or ten. */
/* clang-format off */

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
     .doc = "CRLs, PEM or DER; files or folders; read again when they change; a list that is gone "
            "without a newer one stays in use"},
    {.name = "missing", .type = CONFIG_CHOICE, ROW(config_revocation, missing_always),
     .words = missing_words, .fallback = "if_cdp",
     .doc = "whether a missing CRL matters only when the certificate names a CDP or OCSP "
            "responder, or always"},
    {.name = "freshness_time", .type = CONFIG_DURATION, ROW(config_revocation, freshness_time_ms),
     .min = 0, .max = 365 * (uint64_t)DAY, .fallback = "0s",
     .doc = "read the CRLs again, changed or not, when one is older than this; 0s: never; "
            "`revocationfreshnesstime`"},
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
     .fallback = "machine",
     .doc = "`ClientAuthTrustMode`: machine or 0, exclusive_root or 1, exclusive_ca or 2"},
    {.name = "root", .type = CONFIG_PATHS, ROW(config_trust, root), .fallback = "[]",
     .doc = "the store `LocalMachine\\Root`: files or folders; PEM, DER, PKCS#7 or PKCS#12"},
    {.name = "intermediate", .type = CONFIG_PATHS, ROW(config_trust, intermediate),
     .fallback = "[]", .doc = "the store `LocalMachine\\CA`"},
    {.name = "trusted_issuers", .type = CONFIG_PATHS, .flags = CONFIG_NULLABLE,
     ROW(config_trust, trusted_issuers), .fallback = "null",
     .doc = "the store that `sslctlstorename` names; null: none bound; []: bound and empty"},
    {.name = "client_auth_issuers", .type = CONFIG_PATHS, ROW(config_trust, client_auth_issuers),
     .fallback = "[]", .doc = "the store `LocalMachine\\ClientAuthIssuer`"},
    {.name = "disallowed", .type = CONFIG_PATHS, ROW(config_trust, disallowed), .fallback = "[]",
     .doc = "the store `LocalMachine\\Disallowed`"},
    {.name = "password_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_trust, password_file), .fallback = "null",
     .doc = "one line: the password of PKCS#12 files in the stores"},
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
     .doc = "the account"},
    {.name = "certificate", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED | CONFIG_MULTILINE,
     ROW(config_one_to_one, certificate),
     .doc = "a file, the base64 DER in place, or sha256:HEX"},
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
     .words = field_words, .doc = "`certificateField`: subject or issuer"},
    {.name = "subfield", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED,
     ROW(config_rule, subfield), .doc = "`certificateSubField`: CN, O, OU, ... or an OID"},
    {.name = "match", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED | CONFIG_EMPTY,
     ROW(config_rule, match), .doc = "`matchCriteria`: `*` stands for any text"},
    {.name = "case_sensitive", .type = CONFIG_BOOL, ROW(config_rule, case_sensitive),
     .fallback = "true", .doc = "`compareCaseSensitive`"},
};
static const struct config_table rule_table = {TABLE(config_rule, rule_rows)};

static const struct config_key many_to_one_rows[] = {
    {.name = "name", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED, ROW(config_many_to_one, name),
     .doc = "unique name"},
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
    {"require", CLIENT_CERT_REQUIRE, false}, {"pass", CLIENT_CERT_PASS, false}, {0}};
static const struct config_word identity_words[] = {
    {"rfc9440", IDENTITY_RFC9440, false}, {"rfc9440-chain", IDENTITY_RFC9440_CHAIN, false},
    {"iis-arr", IDENTITY_IIS_ARR, false}, {"xfcc", IDENTITY_XFCC, false},
    {"nginx", IDENTITY_NGINX, false}, {"traefik", IDENTITY_TRAEFIK, false},
    {"aws-alb", IDENTITY_AWS_ALB, false}, {"apache", IDENTITY_APACHE, false}, {0}};
static const struct config_word authorization_words[] = {
    {"none", false, false}, {"basic", true, false}, {0}};
static const struct config_word request_body_words[] = {
    {"stream", false, false}, {"buffer", true, false}, {0}};
static const struct config_word host_words[] = {
    {"keep", false, false}, {"upstream", true, false}, {0}};

static const struct config_table header_table = {
    .size = sizeof(struct config_header), .is_scalar = true,
    .value_at = offsetof(struct config_header, template),
    .name_at = offsetof(struct config_header, name)};

static const struct config_key forward_rows[] = {
    {.name = "identity", .type = CONFIG_FLAGS, ROW(config_forward, identity),
     .words = identity_words, .fallback = "[rfc9440]",
     .doc = "headers that carry the client's certificate, in the form that other proxies use; "
            "see the presets below"},
    {.name = "headers", .type = CONFIG_NAMED, ROW(config_forward, headers),
     COUNT(config_forward, header_count), .max = 64, .table = &header_table,
     .after = config_header_check,
     .fallback = "{}", .doc = "further headers: name to template with fields in braces"},
    {.name = "authorization", .type = CONFIG_CHOICE, ROW(config_forward, authorization_basic),
     .words = authorization_words, .fallback = "none",
     .doc = "basic: the mapped user and password as `Authorization`, for legacy backends"},
    {.name = "host", .type = CONFIG_CHOICE, ROW(config_forward, host_upstream),
     .words = host_words, .fallback = "keep",
     .doc = "the `Host` the backend sees: the client's, or the upstream's own"},
    {.name = "via", .type = CONFIG_BOOL, ROW(config_forward, via), .fallback = "true",
     .doc = "add `Via` (RFC 9110 section 7.6.3)"},
    {.name = "request_body", .type = CONFIG_CHOICE, ROW(config_forward, request_body_buffer),
     .words = request_body_words, .fallback = "stream",
     .doc = "stream: passed on as it comes; buffer: taken whole first, then sent with a "
            "`Content-Length`"},
};
static const struct config_table forward_table = {TABLE(config_forward, forward_rows),
                                                  .finish = config_header_check_sources};

/* The same keys in a site and in a location; owner.member is a struct config_access. */
#define ACCESS_ROWS(owner, member)                                                                 \
    {.name = "client_certificate", .type = CONFIG_CHOICE, ROW(owner, member.client_certificate),   \
     .words = client_certificate_words, .fallback = "ignore",                                      \
     .doc = "`sslFlags`: ignore, accept (SslNegotiateCert) or require (SslRequireCert); pass: "    \
            "judged like accept, but nobody is refused for it, and the backend is told"},          \
    {.name = "require_ssl", .type = CONFIG_BOOL, ROW(owner, member.require_ssl),                   \
     .doc = "`sslFlags` Ssl: plain http gets 403.4; default true when the site requires a "        \
            "certificate, else false"},                                                            \
    {.name = "require_128_bit", .type = CONFIG_BOOL, ROW(owner, member.require_128_bit),           \
     .fallback = "false", .doc = "`sslFlags` Ssl128: weaker ciphers get 403.5"},                   \
    {.name = "anonymous", .type = CONFIG_BOOL, ROW(owner, member.anonymous),                       \
     .doc = "true: without a mapped user the request goes on; false: 401.2; default false "        \
            "when a mapping is configured and certificates are neither ignored nor passed, else "  \
            "true"},                                                                               \
    {.name = "authorize", .type = CONFIG_ITEMS, .flags = CONFIG_NOT_EMPTY,                         \
     ROW(owner, member.authorize), COUNT(owner, member.authorize_count), .max = 1000,              \
     .table = &config_authorize_table,                                                             \
     .doc = "who may go on, after the certificate and the mapping: rules in order, the first "     \
            "match wins, no match is 403.12; absent: everybody"},                                  \
    {.name = "cors_preflight", .type = CONFIG_CHOICE, ROW(owner, member.preflight),                \
     .words = config_preflight_words, .fallback = "deny",                                          \
     .doc = "CORS preflights, which browsers send without a certificate: deny (the ordinary "      \
            "rules), forward (without identity) or answer (see `cors`)"},                          \
    {.name = "cors", .type = CONFIG_TABLE, ROW(owner, member.cors), .table = &config_cors_table,   \
     .doc = "what `cors_preflight: answer` allows"},                                               \
    {.name = "forward", .type = CONFIG_TABLE, ROW(owner, member.forward),                          \
     .table = &forward_table, .doc = "what the backend is told"},                                  \
    {.name = "errors", .type = CONFIG_TABLE, ROW(owner, member.errors),                            \
     .table = &config_errors_table, .doc = "`httpErrors`: what a refused client is shown"},        \
    {.name = "tracing", .type = CONFIG_TABLE, ROW(owner, member.tracing),                          \
     .table = &config_trace_rules_table,                                                           \
     .doc = "`traceFailedRequests`: rules in place of those above; `rules: []` traces nothing"},   \
    {.name = "redirect", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,                            \
     ROW(owner, member.redirect.to), .words = config_redirect_words, .fallback = "null",           \
     .after = config_redirect_after,                                                               \
     .doc = "https: plain http requests go to the https binding, or to the port in https:PORT; "   \
            "a URL or a path: all requests go there"},                                             \
    {.name = "redirect_status", .type = CONFIG_CHOICE, ROW(owner, member.redirect.status),         \
     .words = config_redirect_status_words,                                                        \
     .doc = "default 308 for https, 302 for a URL or a path"},                                     \
    {.name = "rewrite", .type = CONFIG_TABLE, ROW(owner, member.rewrite),                          \
     .table = &config_rewrite_table, .doc = "the path that the backend sees"},                     \
    {.name = "request_headers", .type = CONFIG_TABLE, ROW(owner, member.request_headers),          \
     .table = &config_request_headers_table, .doc = "changes to what the backend is sent"},        \
    {.name = "response_headers", .type = CONFIG_TABLE, ROW(owner, member.response_headers),        \
     .table = &config_response_headers_table, .doc = "changes to what the client is sent"}

static const struct config_key location_rows[] = {
    {.name = "path", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED, ROW(config_location, path),
     .doc = "starts with `/`; covers itself and everything below, whole segments"},
    ACCESS_ROWS(config_location, access),
    {.name = "upstream", .type = CONFIG_TEXT, ROW(config_location, access.upstream),
     .doc = "as for the site"},
};
const struct config_table config_schema_location = {TABLE(config_location, location_rows)};

/* --- sites ------------------------------------------------------------------------------------ */

static const struct config_word negotiate_words[] = {
    {"handshake", false, false}, {"late", true, false}, {0}};
static const struct config_word version_words[] = {
    {"1.2", 0x0303, false}, {"1.3", 0x0304, false}, {0}};
static const struct config_word alpn_words[] = {{"h2", 0, false}, {"http/1.1", 1, false}, {0}};
static const struct config_word slash_words[] = {
    {"refuse", false, false}, {"keep", true, false}, {0}};

static const struct config_table binding_table = {
    .size = sizeof(struct config_binding), .is_scalar = true,
    .value_at = offsetof(struct config_binding, url)};

static const struct config_key server_certificate_rows[] = {
    {.name = "chain", .type = CONFIG_PATH, .flags = CONFIG_REQUIRED,
     ROW(config_server_certificate, chain),
     .doc = "PEM: the certificate, then its issuers; or PKCS#7 or PKCS#12, in any order"},
    {.name = "key", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_server_certificate, key), .fallback = "null",
     .doc = "PEM or PKCS#12: the private key; not needed when `chain` is a .p12 or .pfx file"},
    {.name = "password_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_server_certificate, password_file), .fallback = "null",
     .doc = "one line: the password of an encrypted key or a PKCS#12 file"},
};
static const struct config_table server_certificate_table = {
    TABLE(config_server_certificate, server_certificate_rows),
    .finish = config_server_certificate_finish};

static const struct config_key tls_rows[] = {
    {.name = "min_version", .type = CONFIG_CHOICE, ROW(config_tls, min_version),
     .words = version_words, .fallback = "1.2", .doc = "lowest TLS version"},
    {.name = "max_version", .type = CONFIG_CHOICE, ROW(config_tls, max_version),
     .words = version_words, .fallback = "1.3", .doc = "highest TLS version"},
    {.name = "ciphers", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE, ROW(config_tls, ciphers),
     .fallback = "null",
     .doc = "TLS 1.2 cipher list in OpenSSL's syntax; null: the built-in list"},
    {.name = "ciphersuites", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_tls, ciphersuites), .fallback = "null",
     .doc = "TLS 1.3 cipher suites in OpenSSL's syntax; null: the built-in list"},
    {.name = "alpn", .type = CONFIG_WORDS, .flags = CONFIG_NOT_EMPTY, ROW(config_tls, alpn),
     .words = alpn_words, .fallback = "[h2, http/1.1]",
     .doc = "application protocols offered, the best first"},
};
static const struct config_table tls_table = {TABLE(config_tls, tls_rows)};

static const struct config_key site_rows[] = {
    {.name = "name", .type = CONFIG_TEXT, .flags = CONFIG_LATER,
     .doc = "unique; default the first host, else `default`"},
    {.name = "hosts", .type = CONFIG_TEXTS, .flags = CONFIG_NOT_EMPTY, ROW(config_site, hosts),
     .max = 10000,
     .after = config_host_after,
     .doc = "names for SNI and Host; `*.` stands for one label; default any"},
    {.name = "bindings", .type = CONFIG_ITEMS, .flags = CONFIG_REQUIRED,
     ROW(config_site, bindings), COUNT(config_site, binding_count), .max = 256,
     .table = &binding_table,
     .after = config_binding_after,
     .doc = "listening addresses; port 0 is any free port, [::] is IPv6 only"},
    {.name = "server_certificate", .type = CONFIG_ITEMS,
     .flags = CONFIG_ONE_OR_MANY | CONFIG_NOT_EMPTY,
     ROW(config_site, server_certificates), COUNT(config_site, server_certificate_count), .max = 16,
     .table = &server_certificate_table,
     .doc = "one, or a list (RSA and ECDSA); required with an https binding"},
    ACCESS_ROWS(config_site, access),
    {.name = "negotiate_client_certificate", .type = CONFIG_CHOICE,
     ROW(config_site, negotiate_late), .words = negotiate_words, .fallback = "handshake",
     .doc = "when the certificate is asked for: in the handshake (`clientcertnegotiation=enable`), or "
            "when a path first needs it"},
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
     .doc = "http://host:port, https://host:port, unix:/path, the name of an upstream, or `echo`"},
    {.name = "locations_case_sensitive", .type = CONFIG_BOOL,
     ROW(config_site, locations_case_sensitive), .fallback = "false",
     .doc = "match locations by case; IIS does not"},
    {.name = "encoded_slash", .type = CONFIG_CHOICE, ROW(config_site, encoded_slash_keep),
     .words = slash_words, .fallback = "refuse",
     .doc = "`%2f` in a path: 400, or passed on as it is"},
    {.name = "ambiguous_path", .type = CONFIG_CHOICE, ROW(config_site, ambiguous_path_keep),
     .words = slash_words, .fallback = "refuse",
     .doc = "a path that some servers read as one of a location with other rules (`/admin;x` for "
            "`/admin`): 400, or passed on as it is"},
    {.name = "locations", .type = CONFIG_ITEMS, .flags = CONFIG_LATER, ROW(config_site, locations),
     COUNT(config_site, location_count), .table = &config_schema_location, .fallback = "[]",
     .doc = "settings of paths; the longest match wins; what is not given comes from the "
            "nearest enclosing location, then the site"},
};
const struct config_table config_schema_site = {TABLE(config_site, site_rows),
                                               .prepare = config_site_prepare,
                                               .finish = config_site_finish};
