/* config.h - what the administrator wrote: immutable data, no functions.
 *
 * Filled by config_load, owned by one `struct config` and freed with it. Relative paths are
 * already joined to the folder of the configuration file. Meaning and defaults: docs/reference.md
 * and proxy.yaml.example.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_H
#define PROXY_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

struct config_value { /* a text together with its place, for messages found later */
    char *text;       /* owned; NULL when absent */
    struct mark mark;
};

struct config_list { /* paths, names */
    struct config_value *items;
    size_t count;
    bool is_set; /* the key was given: a bound but empty store differs from none */
    struct mark mark;
};

enum config_profile {
    PROFILE_IIS75,
    PROFILE_IIS8,
    PROFILE_IIS10,
    PROFILE_IIS10_2022,
    PROFILE_IIS10_2025
};
enum config_root_mix { ROOT_MIX_STRICT, ROOT_MIX_ISSUER_FILTER, ROOT_MIX_OFF };
enum config_large_root { LARGE_ROOT_OFF, LARGE_ROOT_LEGACY };
enum config_post_handshake { POST_HANDSHAKE_RST, POST_HANDSHAKE_500, POST_HANDSHAKE_403 };

struct config_compat { /* profile defaults already applied */
    enum config_root_mix root_mix;
    bool client_auth_issuers_documented; /* false is "observed" */
    uint32_t partial_chain;              /* 0x800B0109 or 0x800B010A */
    enum config_large_root large_root_store;
    enum config_post_handshake post_handshake;
    bool empty_trusted_issuers_deny; /* false is "unbound" */
    bool pem_in_mapping_malformed;   /* false is "accept" */
    bool deny_status_401;            /* false is 403.12 */
    bool arr_quote_single;           /* false is "double" */
    bool weak_allow;                 /* false is "reject" */
    bool trust_mode_honoured;        /* not under iis75 */
    bool send_trusted_issuer_list_default;
};

enum config_trust_mode {
    TRUST_MODE_MACHINE = 0,
    TRUST_MODE_EXCLUSIVE_ROOT = 1,
    TRUST_MODE_EXCLUSIVE_CA = 2
};

struct config_revocation {
    bool check;
    struct config_list crls;
    bool missing_always; /* missing: always; false is if_cdp */
    uint64_t freshness_time_ms;
    bool cached_only;
};

struct config_policy { /* RFC 5280 section 6.1.1 inputs */
    struct config_list initial;
    bool require_explicit;
    bool inhibit_mapping;
    bool inhibit_any;
};

struct config_trust {
    enum config_trust_mode mode;
    struct config_list root;
    struct config_list intermediate;
    struct config_list trusted_issuers; /* is_set false: none bound */
    struct config_list client_auth_issuers;
    struct config_list disallowed;
    struct config_value password_file; /* of PKCS#12 files in the stores; text NULL: none */
    bool send_trusted_issuer_list;
    bool check_usage;
    struct config_revocation revocation;
    struct config_policy policy;
    struct mark mark;
};

enum config_account_state {
    ACCOUNT_ENABLED,
    ACCOUNT_DISABLED,
    ACCOUNT_PASSWORD_EXPIRED,
    ACCOUNT_LOGON_TYPE_DENIED
};
struct config_account {
    struct config_value user;
    struct config_value password_file; /* text NULL: none */
    enum config_account_state state;
};

enum config_field { CERT_FIELD_SUBJECT, CERT_FIELD_ISSUER };
struct config_rule {
    enum config_field field;
    struct config_value subfield;
    struct config_value match;
    bool case_sensitive;
};
struct config_one_to_one {
    struct config_value user;
    struct config_value certificate; /* a file, base64 DER in place, or sha256:HEX */
    struct config_value password_file;
    bool enabled;
};
struct config_many_to_one {
    struct config_value name;
    struct config_value description;
    bool enabled;
    bool deny;
    struct config_value user;
    struct config_value password_file;
    struct config_rule *rules;
    size_t rule_count;
};
struct config_mapping {
    bool is_set; /* the key was given */
    struct config_value default_logon_domain;
    bool one_to_one_enabled;
    struct config_one_to_one *one_to_one;
    size_t one_to_one_count;
    struct config_value one_to_one_file;
    bool many_to_one_enabled;
    struct config_many_to_one *many_to_one;
    size_t many_to_one_count;
};

enum config_client_certificate {
    CLIENT_CERT_IGNORE,
    CLIENT_CERT_ACCEPT,
    CLIENT_CERT_REQUIRE,
    CLIENT_CERT_PASS /* judged, and nobody refused for it: the backend is told */
};

/* Presets of forward.identity, a bit set. */
enum config_identity {
    IDENTITY_RFC9440 = 1 << 0,
    IDENTITY_RFC9440_CHAIN = 1 << 1,
    IDENTITY_IIS_ARR = 1 << 2,
    IDENTITY_XFCC = 1 << 3,
    IDENTITY_NGINX = 1 << 4,
    IDENTITY_TRAEFIK = 1 << 5,
    IDENTITY_AWS_ALB = 1 << 6,
    IDENTITY_APACHE = 1 << 7,
};
struct config_header {
    struct config_value name;
    struct config_value template; /* checked against the list of fields */
};
struct config_forward {
    unsigned identity; /* enum config_identity bits */
    struct config_header *headers;
    size_t header_count;
    bool authorization_basic;
    bool host_upstream; /* host: upstream; false is keep */
    bool via;
    bool request_body_buffer; /* request_body: buffer; false is stream */
};

/* One rule of authorize. Every condition that is given must hold; of a list, any value. */
struct config_authorize {
    struct mark mark;
    bool deny;
    struct config_list user;
    struct config_list mapping;
    struct config_list issuer;   /* RFC 4514 */
    struct config_rule *subject; /* all must match; field is not used */
    size_t subject_count;
    struct config_list san_dns;
    struct config_list san_email;
    struct config_list san_uri;
    struct config_list san_ip; /* addresses and networks */
    struct config_list upn;
    struct config_list eku;    /* dotted OIDs */
    struct config_list sha256; /* hex */
};

enum config_preflight { PREFLIGHT_DENY, PREFLIGHT_FORWARD, PREFLIGHT_ANSWER };
struct config_cors { /* how preflights are answered */
    struct config_list origins;
    struct config_list methods;
    struct config_list headers;
    uint64_t max_age_ms;
};

enum config_error_mode { ERRORS_DETAILED_LOCAL_ONLY, ERRORS_CUSTOM, ERRORS_DETAILED };
struct config_error_page {
    struct config_value status; /* as written: "403.7" or "403" */
    struct config_value file;   /* a joined path */
    unsigned code;              /* 400 to 599 */
    int substatus;              /* -1: any */
};
struct config_errors {
    enum config_error_mode mode;
    struct config_error_page *pages;
    size_t page_count;
};

struct config_trace_status { /* what a rule of `tracing` names */
    unsigned first;          /* 100 to 999; a single status is a range of one */
    unsigned last;
    unsigned substatus; /* 0: any */
};
struct config_trace_rule {
    struct config_value status; /* as written; text NULL: not by status */
    struct config_value path;   /* with `*`; without regard to case */
    struct config_trace_status *statuses;
    size_t status_count;
    uint64_t time_taken_ms; /* 0: not by time */
};
struct config_trace_rules {
    struct config_trace_rule *items; /* in order, the first that holds */
    size_t count;
};

struct config_redirect {
    struct config_value to; /* "https", "https:443", a URL or a path; text NULL: no redirect */
    unsigned status;        /* 0: not given */
};
struct config_rewrite { /* canonical prefixes without a slash at the end; text NULL: none */
    struct config_value strip_prefix;
    struct config_value add_prefix;
    bool redirects_keep; /* redirects: keep; false is map */
};
struct config_header_edit {
    struct config_header *set;
    size_t set_count;
    struct config_header *add;
    size_t add_count;
    struct config_list remove;
};

/* What a path may set; a site is the outermost one. Every value is already inherited from the
 * nearest enclosing location, then the site. */
struct config_access {
    enum config_client_certificate client_certificate;
    bool require_ssl;
    bool require_128_bit;
    bool anonymous;
    struct config_authorize *authorize; /* in order; none: everybody who got this far */
    size_t authorize_count;
    enum config_preflight preflight;
    struct config_cors cors;
    struct config_forward forward;
    struct config_value upstream; /* "echo", a URL, or the name of an upstream */
    struct config_errors errors;
    struct config_trace_rules tracing;
    struct config_redirect redirect;
    struct config_rewrite rewrite;
    struct config_header_edit request_headers;  /* values are templates */
    struct config_header_edit response_headers; /* values are plain text */
};
struct config_location {
    struct config_value path;
    struct config_access access;
};

struct config_binding {
    struct config_value url;
    bool is_https;
    char *host; /* numeric address; owned */
    unsigned port;
};

struct config_server_certificate {
    struct config_value chain;
    struct config_value key;           /* text NULL: in the file of `chain` */
    struct config_value password_file; /* text NULL: none */
};

struct config_tls {
    int min_version; /* TLS1_2_VERSION 0x0303 or TLS1_3_VERSION 0x0304 */
    int max_version;
    struct config_value ciphers;
    struct config_value ciphersuites;
    struct config_list alpn;
};

struct config_site {
    char *name; /* owned; unique */
    struct mark mark;
    struct config_list hosts; /* lower case; "*.example.test" is one label; is_set false: any */
    struct config_binding *bindings;
    size_t binding_count;
    struct config_server_certificate *server_certificates;
    size_t server_certificate_count;
    bool negotiate_late; /* negotiate_client_certificate: late */
    struct config_tls tls;
    struct config_trust trust;
    bool accounts_set;
    struct config_account *accounts;
    size_t account_count;
    struct config_mapping mapping;
    struct config_access access;
    struct config_location *locations; /* longest path first */
    size_t location_count;
    bool locations_case_sensitive;
    bool encoded_slash_keep;
    bool ambiguous_path_keep;
};

struct config_server {
    struct config_value url; /* http://host:port, https://..., unix:/path */
    bool is_https;
    bool is_unix;
    char *host; /* or the socket's path; owned */
    unsigned port;
    unsigned weight;
    uint64_t max_connections; /* per worker; 0: unlimited */
};
struct config_upstream_tls {         /* towards https servers */
    struct config_value ca;          /* a file or folder; NULL: the system's */
    struct config_value server_name; /* NULL: the host of the URL */
    struct config_value certificate;
    struct config_value key;           /* text NULL: in the file of `certificate` */
    struct config_value password_file; /* of ca, certificate and key */
    bool verify;
};
enum config_balance { BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS, BALANCE_RANDOM };
enum config_protocol { PROTOCOL_HTTP1, PROTOCOL_HTTP2, PROTOCOL_AUTO };
struct config_upstream {
    struct config_value name;
    struct config_server *servers;
    size_t server_count;
    enum config_balance balance;
    enum config_protocol protocol;
    unsigned retries;
    uint64_t queue;         /* requests that may wait, per worker */
    uint64_t retry_wait_ms; /* for a server that cannot be reached; 0: not at all */
    uint64_t health_interval_ms;
    unsigned health_fall; /* failures in a row */
    unsigned health_rise;
    struct config_value health_path; /* NULL: no probes */
    struct config_upstream_tls tls;
    uint64_t resolve_ms;          /* names are looked up this often; 0: only at load */
    size_t keepalive_connections; /* per worker */
    uint64_t keepalive_idle_ms;
    uint64_t keepalive_requests;
    uint64_t keepalive_ping_ms; /* of HTTP/2; 0: none */
};

struct config_limits {
    uint64_t connections;
    uint64_t connections_per_client; /* 0: half of connections, at least 100 */
    uint64_t target_bytes;
    uint64_t header_bytes;
    uint64_t header_count;
    uint64_t body_bytes; /* 0: unlimited */
    uint64_t chain_bytes;
    uint64_t read_ahead_bytes;
    uint64_t buffered_body_bytes;
};
struct config_timeouts { /* milliseconds */
    uint64_t handshake, header, body, idle, connect, response, queue, stop, reload_drain,
        reload_grace, tunnel, linger, linger_total, worker;
};
enum config_tickets { TICKETS_OFF, TICKETS_TLS12, TICKETS_ALL };
struct config_sessions {
    uint64_t store;
    uint64_t lifetime_ms;
    enum config_tickets tickets;
    struct config_value ticket_keys;
};
struct config_performance { /* of each worker; 0 or false: as if the lever were not there */
    uint64_t verdict_cache;
    uint64_t certificate_table;
    bool intern_certificates;
    bool identity_cache;
    bool check_stores_at_load;
    uint64_t free_buffers;
    uint64_t bulk_buffers;
    bool handover;
};
enum config_access_format { ACCESS_FORMAT_W3C, ACCESS_FORMAT_JSON, ACCESS_FORMAT_COMBINED };
struct config_log {
    struct config_value error_path; /* "stderr" or a file */
    int error_level;                /* enum log_level */
    bool error_json;
    struct config_value access_path;  /* "stdout", "stderr" or a file; NULL: no access log */
    struct config_list access_fields; /* is_set false: the default list */
    enum config_access_format access_format;
    bool access_crlf;
    bool access_daily; /* the date is part of the file's name */
    uint64_t access_flush_ms;
};

struct config_tracing {            /* of failed requests */
    struct config_value directory; /* a joined path; NULL: nothing is traced */
    unsigned max_files;
    struct config_trace_rules rules; /* of sites that have none of their own */
};

enum config_proxy_protocol { PROXY_PROTOCOL_OFF, PROXY_PROTOCOL_ACCEPT, PROXY_PROTOCOL_REQUIRE };
enum config_forwarded_cert { /* the header in which a trusted proxy hands a certificate on */
                             FORWARDED_CERT_NONE,
                             FORWARDED_CERT_RFC9440,
                             FORWARDED_CERT_X_ARR,
                             FORWARDED_CERT_XFCC,
                             FORWARDED_CERT_AWS_ALB
};
struct config_trusted_proxies { /* who stands in front of us, and what is believed of them */
    struct config_list networks;
    enum config_proxy_protocol proxy_protocol;
    bool forwarded; /* X-Forwarded-For, -Proto and -Host */
    enum config_forwarded_cert client_certificate;
};

struct config {
    char *file;           /* as given; the marks borrow it */
    uint64_t source_hash; /* of the file's bytes (FNV-1a): is this the same text as before? */
    unsigned workers;     /* 0 is auto */
    struct mark workers_mark;
    struct config_value user;
    struct config_value pid_file;
    struct config_value temporary_directory;
    enum config_profile profile;
    struct config_compat compat;
    struct config_site *sites;
    size_t site_count;
    struct config_upstream *upstreams;
    size_t upstream_count;
    struct config_log log;
    struct config_tracing tracing;
    struct config_limits limits;
    struct config_timeouts timeouts;
    struct config_sessions sessions;
    struct config_performance performance;
    struct config_trusted_proxies trusted_proxies;
    int keylog_fd; /* run --keylog: TLS secrets are written there (borrowed); 0: nowhere */
    void *storage; /* everything owned above, private to config_load */
};

#endif
