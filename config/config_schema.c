/* The tables. To add a key: a field in config.h, a row here, a line in docs/reference.md and in
 * proxy.yaml.example (tests/unit/config/test_config_docs.c compares them). To support a word that
 * is planned: drop `.is_planned`.
 *
 * SPDX-License-Identifier: MIT */
#include "config/config_schema.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "config/config_rows.h"
#include "config/config_scalar.h"

/* A row is a paragraph; the formatter would make it one line or ten. */
/* clang-format off */

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
     .doc = "a certificate in `trust.root` that is not self-signed: refuses everyone, only "
            "chains through it pass, or no effect"},
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
     .doc = "answer when a certificate is asked for late over TLS 1.3 and the client "
            "cannot give one"},
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
     .doc = "MD5 signatures and RSA keys below 1024 bits in a client's chain"},
};
static const struct config_table compat_table = {TABLE(config_compat, compat_rows)};

/* --- the process ------------------------------------------------------------------------------ */

static const struct config_word level_words[] = {
    {"error", LOG_LEVEL_ERROR, false}, {"warn", LOG_LEVEL_WARN, false},
    {"notice", LOG_LEVEL_NOTICE, false}, {"info", LOG_LEVEL_INFO, false},
    {"debug", LOG_LEVEL_DEBUG, false}, {0}};
static const struct config_word error_path_words[] = {{"stderr", 0, false}, {0}};
static const struct config_word error_format_words[] = {
    {"text", false, false}, {"json", true, false}, {0}};
static const struct config_word access_path_words[] = {
    {"stdout", 0, false}, {"stderr", 0, false}, {0}};
static const struct config_word format_words[] = {
    {"w3c", ACCESS_FORMAT_W3C, false}, {"json", ACCESS_FORMAT_JSON, false},
    {"combined", ACCESS_FORMAT_COMBINED, false}, {0}};
static const struct config_word fields_words[] = {{"default", 0, false}, {0}};
static const struct config_word newline_words[] = {
    {"lf", false, false}, {"crlf", true, false}, {0}};

static const struct config_key log_error_rows[] = {
    {.name = "path", .type = CONFIG_PATH, ROW(config_log, error_path), .words = error_path_words,
     .fallback = "stderr", .doc = "stderr or a file"},
    {.name = "level", .type = CONFIG_CHOICE, ROW(config_log, error_level), .words = level_words,
     .fallback = "notice", .doc = "error, warn, notice, info or debug"},
    {.name = "format", .type = CONFIG_CHOICE, ROW(config_log, error_json),
     .words = error_format_words, .fallback = "text",
     .doc = "text: `time level event key=value ...`; json: an object a line"},
};
static const struct config_table log_error_table = {TABLE(config_log, log_error_rows)};

static const struct config_key log_access_rows[] = {
    {.name = "path", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE, ROW(config_log, access_path),
     .words = access_path_words, .fallback = "stdout",
     .doc = "stdout, stderr or a file; null: no access log"},
    {.name = "format", .type = CONFIG_CHOICE, ROW(config_log, access_format),
     .words = format_words, .fallback = "w3c",
     .doc = "w3c: the extended log format of IIS; json: an object a line; combined: as Apache "
            "and nginx write it"},
    {.name = "fields", .type = CONFIG_TEXTS, .flags = CONFIG_NOT_EMPTY,
     ROW(config_log, access_fields), .words = fields_words, .fallback = "default",
     .doc = "`default`, or a list of W3C column names"},
    {.name = "newline", .type = CONFIG_CHOICE, ROW(config_log, access_crlf),
     .words = newline_words, .fallback = "lf", .doc = "lf, or crlf as IIS writes it"},
    {.name = "flush", .type = CONFIG_DURATION, ROW(config_log, access_flush_ms), .min = 10,
     .max = HOUR, .fallback = "1s", .doc = "lines are written at least this often"},
    {.name = "daily", .type = CONFIG_BOOL, ROW(config_log, access_daily), .fallback = "false",
     .doc = "a file for each UTC day: u_ex.log becomes u_exYYMMDD.log"},
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
    {.name = "connections_per_client", .type = CONFIG_NUMBER,
     ROW(config_limits, connections_per_client), .min = 0, .max = 10000000, .fallback = "0",
     .doc = "of them from one address; 0: half of them, at least 100"},
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
    {.name = "buffered_body_bytes", .type = CONFIG_SIZE, ROW(config_limits, buffered_body_bytes),
     .min = 0, .max = 16 * MIB, .fallback = "64k",
     .doc = "of a body that is buffered, kept in memory; the rest goes to `temporary_directory`"},
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
    TIMEOUT(queue, 0, HOUR, "10s", "waiting for a free connection to an upstream, or for one that is away"),
    TIMEOUT(stop, 0, DAY, "30s", "requests in flight may finish when the proxy stops"),
    TIMEOUT(reload_drain, 0, 30 * (uint64_t)DAY, "10m",
            "requests in flight may finish after a reload"),
    TIMEOUT(reload_grace, 0, HOUR, "5s",
            "idle connections of the old configuration live on after a reload"),
    TIMEOUT(tunnel, MS, 30 * (uint64_t)DAY, "1h", "nothing moves on an upgraded connection"),
    TIMEOUT(linger, 0, HOUR, "5s",
            "after the last byte of a connection, a client that still sends: between two reads of "
            "what it sends"),
    TIMEOUT(linger_total, 0, HOUR, "30s", "and for all of it"),
    TIMEOUT(worker, 0, HOUR, "10s",
            "a worker that answers the master nothing for this long is replaced; 0s: never"),
};
static const struct config_table timeouts_table = {TABLE(config_timeouts, timeouts_rows)};

static const struct config_word tickets_words[] = {
    {"off", TICKETS_OFF, false}, {"tls12", TICKETS_TLS12, false}, {"all", TICKETS_ALL, false}, {0}};

static const struct config_key sessions_rows[] = {
    {.name = "store", .type = CONFIG_NUMBER, ROW(config_sessions, store), .min = 0,
     .max = 10000000, .fallback = "20000",
     .doc = "TLS sessions remembered; 0: none; a change needs a restart"},
    {.name = "lifetime", .type = CONFIG_DURATION, ROW(config_sessions, lifetime_ms), .min = SECOND,
     .max = 7 * (uint64_t)DAY, .fallback = "2h", .doc = "a session can be resumed for this long"},
    {.name = "tickets", .type = CONFIG_CHOICE, ROW(config_sessions, tickets),
     .words = tickets_words, .fallback = "tls12", .doc = "session tickets: off, tls12 or all"},
    {.name = "ticket_keys", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_sessions, ticket_keys), .fallback = "null",
     .doc = "a file with keys that several machines share; null: keys of this machine"},
};
static const struct config_table sessions_table = {TABLE(config_sessions, sessions_rows)};

static const struct config_key performance_rows[] = {
    {.name = "verdict_cache", .type = CONFIG_NUMBER, ROW(config_performance, verdict_cache),
     .min = 0, .max = 1000000, .fallback = "4096",
     .doc = "verdicts that a worker remembers, a few KiB each; 0: none"},
    {.name = "certificate_table", .type = CONFIG_NUMBER,
     ROW(config_performance, certificate_table), .min = 0, .max = 1000000, .fallback = "4096",
     .doc = "certificates of good clients that a worker remembers, some 6 KiB each; 0: none"},
    {.name = "intern_certificates", .type = CONFIG_BOOL,
     ROW(config_performance, intern_certificates), .fallback = "true",
     .doc = "those certificates are decoded once, not in every handshake"},
    {.name = "identity_cache", .type = CONFIG_BOOL, ROW(config_performance, identity_cache),
     .fallback = "true",
     .doc = "identity headers are rendered once a client, not for every request"},
    {.name = "check_stores_at_load", .type = CONFIG_BOOL,
     ROW(config_performance, check_stores_at_load), .fallback = "true",
     .doc = "signatures between certificates of the stores are checked once, at load"},
    {.name = "free_buffers", .type = CONFIG_NUMBER, ROW(config_performance, free_buffers),
     .min = 0, .max = 65536, .fallback = "256",
     .doc = "buffers of 16 KiB that a worker keeps for reuse; 0: none"},
    {.name = "bulk_buffers", .type = CONFIG_NUMBER, ROW(config_performance, bulk_buffers),
     .min = 0, .max = 65536, .fallback = "128",
     .doc = "buffers of 256 KiB that a worker may use at once for long bodies; 0: none"},
    {.name = "handover", .type = CONFIG_BOOL, ROW(config_performance, handover),
     .fallback = "true",
     .doc = "TLS 1.3 connections that are kept go on without OpenSSL's connection object"},
};
static const struct config_table performance_table = {TABLE(config_performance, performance_rows)};

static const struct config_word auto_words[] = {{"auto", 0, false}, {0}};

/* The order is that of decoding: the sites need compat and tracing. */
static const struct config_key root_rows[] = {
    {.name = "workers", .type = CONFIG_NUMBER, ROW(config, workers), .min = 1, .max = 1024,
     .words = auto_words, .fallback = "auto", .after = config_workers_mark,
     .doc = "processes; auto: one per CPU; a change needs a restart"},
    {.name = "user", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE, ROW(config, user),
     .fallback = "null",
     .doc = "user to run as when started as root; null: mtls-proxy, else nobody"},
    {.name = "pid_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE, ROW(config, pid_file),
     .fallback = "null", .doc = "file for the process id of the master; null: none"},
    {.name = "temporary_directory", .type = CONFIG_PATH, ROW(config, temporary_directory),
     .fallback = "/var/tmp",
     .doc = "where bodies that are buffered go when memory should not hold them; as nameless files"},
    {.name = "compatibility", .type = CONFIG_CHOICE, ROW(config, profile), .words = profile_words,
     .fallback = "iis10-2025", .after = config_profile_apply,
     .doc = "the IIS whose behaviour is followed: iis75, iis8, iis10, iis10-2022 or iis10-2025"},
    {.name = "compat", .type = CONFIG_TABLE, ROW(config, compat), .table = &compat_table,
     .doc = "single behaviours; an explicit key wins over `compatibility`"},
    {.name = "tracing", .type = CONFIG_TABLE, ROW(config, tracing), .table = &config_tracing_table,
     .doc = "`traceFailedRequestsLogging`: a file for each request that a rule names"},
    {.name = "sites", .type = CONFIG_ITEMS, .flags = CONFIG_REQUIRED, ROW(config, sites),
     COUNT(config, site_count), .max = 10000, .table = &config_schema_site, .doc = "the sites"},
    {.name = "upstreams", .type = CONFIG_NAMED, ROW(config, upstreams),
     COUNT(config, upstream_count), .table = &config_upstream_table, .after = config_upstream_after,
     .fallback = "{}", .doc = "named groups of servers"},
    {.name = "trusted_proxies", .type = CONFIG_TABLE, ROW(config, trusted_proxies),
     .table = &config_trusted_proxies_table,
     .doc = "load balancers in front of this proxy, and what is believed of them"},
    {.name = "log", .type = CONFIG_TABLE, ROW(config, log), .table = &log_table, .doc = "logs"},
    {.name = "limits", .type = CONFIG_TABLE, ROW(config, limits), .table = &limits_table,
     .doc = "sizes and numbers a client may reach"},
    {.name = "timeouts", .type = CONFIG_TABLE, ROW(config, timeouts), .table = &timeouts_table,
     .doc = "how long things may take"},
    {.name = "sessions", .type = CONFIG_TABLE, ROW(config, sessions), .table = &sessions_table,
     .doc = "TLS session resumption"},
    {.name = "performance", .type = CONFIG_TABLE, ROW(config, performance),
     .table = &performance_table, .doc = "what makes things faster and can be switched off"},
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

static void add_words(struct text *out, const struct config_key *key, const char *quote)
{
    const char *separator = "";
    for (const struct config_word *word = key->words; word != NULL && word->text != NULL; word++) {
        if (word->is_planned)
            continue;
        text_addf(out, "%s%s%s%s", separator, quote, word->text, quote);
        separator = ", ";
    }
}

static void add_range(struct text *out, const struct config_key *key,
                      void (*add)(struct text *, uint64_t))
{
    text_addf(out, "%s, ", config_schema_type(key));
    add(out, key->min);
    text_add_cstr(out, " to ");
    add(out, key->max);
}

static void add_number(struct text *out, uint64_t value)
{
    text_addf(out, "%llu", (unsigned long long)value);
}

void config_schema_add_type(struct text *out, const struct config_key *key, const char *quote)
{
    if (key->type == CONFIG_NUMBER)
        add_range(out, key, add_number);
    else if (key->type == CONFIG_SIZE)
        add_range(out, key, config_scalar_add_size);
    else if (key->type == CONFIG_DURATION)
        add_range(out, key, config_scalar_add_duration);
    else if (key->type != CONFIG_CHOICE)
        text_add_cstr(out, config_schema_type(key));
    if (key->words != NULL) {
        if (key->type == CONFIG_FLAGS || key->type == CONFIG_WORDS)
            text_add_cstr(out, ": ");
        else if (key->type != CONFIG_CHOICE)
            text_add_cstr(out, " or ");
        add_words(out, key, quote);
    }
    if ((key->flags & CONFIG_NULLABLE) != 0)
        text_addf(out, " or %snull%s", quote, quote);
}
