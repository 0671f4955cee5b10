/* The rows of the upstreams.
 *
 * SPDX-License-Identifier: MIT */
#include "config/config_rows.h"
#include "config/config_schema.h"

/* clang-format off */

static const struct config_key server_rows[] = {
    {.name = "url", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED, ROW(config_server, url),
     .doc = "http://host:port, https://host:port or unix:/path"},
    {.name = "weight", .type = CONFIG_NUMBER, ROW(config_server, weight), .min = 1, .max = 1000,
     .fallback = "1", .doc = "share of the requests"},
    {.name = "max_connections", .type = CONFIG_NUMBER, ROW(config_server, max_connections),
     .min = 0, .max = 1000000, .fallback = "0",
     .doc = "connections to it, per worker; more requests wait; 0: unlimited"},
};
const struct config_table config_server_table = {TABLE(config_server, server_rows)};

static const struct config_key keepalive_rows[] = {
    {.name = "connections", .type = CONFIG_NUMBER, ROW(config_upstream, keepalive_connections),
     .min = 0, .max = 100000, .fallback = "32",
     .doc = "idle connections kept, per worker; 0: none"},
    {.name = "idle", .type = CONFIG_DURATION, ROW(config_upstream, keepalive_idle_ms),
     .min = MS, .max = DAY, .fallback = "60s", .doc = "an idle connection is closed after this"},
    {.name = "requests", .type = CONFIG_NUMBER, ROW(config_upstream, keepalive_requests),
     .min = 1, .max = 1000000000, .fallback = "10000",
     .doc = "a connection is closed after this many requests"},
    {.name = "ping", .type = CONFIG_DURATION, ROW(config_upstream, keepalive_ping_ms), .min = 0,
     .max = DAY, .fallback = "0s",
     .doc = "HTTP/2: a server that has requests and says nothing for this long gets a PING; without "
            "an answer within `timeouts.connect` the connection is lost; 0s: none is sent"},
};
static const struct config_table keepalive_table = {TABLE(config_upstream, keepalive_rows)};

static const struct config_key health_rows[] = {
    {.name = "path", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_upstream, health_path), .after = config_health_path_after, .fallback = "null",
     .doc = "asked for by GET, by each worker; 200 to 399 within `timeouts.response` is good; "
            "null: servers are judged by their answers to requests alone"},
    {.name = "interval", .type = CONFIG_DURATION, ROW(config_upstream, health_interval_ms),
     .min = 10 * (uint64_t)MS, .max = DAY, .fallback = "5s",
     .doc = "between two probes; also the first back-off of a server that is left out, which doubles "
            "up to eight times that"},
    {.name = "fall", .type = CONFIG_NUMBER, ROW(config_upstream, health_fall), .min = 1,
     .max = 1000, .fallback = "3",
     .doc = "failures in a row after which a server is left out; requests alone never take out the "
            "only server of a group"},
    {.name = "rise", .type = CONFIG_NUMBER, ROW(config_upstream, health_rise), .min = 1,
     .max = 1000, .fallback = "2",
     .doc = "good probes in a row that bring it back; without probes, one request that it answers"},
};
static const struct config_table health_table = {TABLE(config_upstream, health_rows)};

static const struct config_key tls_rows[] = {
    {.name = "ca", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE, ROW(config_upstream_tls, ca),
     .fallback = "null",
     .doc = "who may have issued the servers' certificates: a file or folder; null: whom the "
            "system trusts"},
    {.name = "server_name", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_upstream_tls, server_name), .after = config_server_name_after, .fallback = "null",
     .doc = "the name asked for and demanded of the certificate; null: the host of the URL"},
    {.name = "certificate", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_upstream_tls, certificate), .fallback = "null",
     .doc = "shown to servers that ask: PEM, PKCS#7 or PKCS#12, with the chain; null: none"},
    {.name = "key", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE, ROW(config_upstream_tls, key),
     .fallback = "null",
     .doc = "the private key of `certificate`; not needed when that is a .p12 or .pfx file"},
    {.name = "password_file", .type = CONFIG_PATH, .flags = CONFIG_NULLABLE,
     ROW(config_upstream_tls, password_file), .fallback = "null",
     .doc = "one line: the password of an encrypted `key`, or of PKCS#12 files"},
    {.name = "verify", .type = CONFIG_BOOL, ROW(config_upstream_tls, verify), .fallback = "true",
     .doc = "false: any certificate will do, which leaves the connection open to anybody between"},
};
static const struct config_table tls_table = {
    TABLE(config_upstream_tls, tls_rows), .finish = config_upstream_tls_finish};

static const struct config_word balance_words[] = {
    {"round_robin", BALANCE_ROUND_ROBIN, false},
    {"least_connections", BALANCE_LEAST_CONNECTIONS, false}, {"random", BALANCE_RANDOM, false},
    {0}};

static const struct config_word protocol_words[] = {{"http1", PROTOCOL_HTTP1, false},
                                                    {"http2", PROTOCOL_HTTP2, false},
                                                    {"auto", PROTOCOL_AUTO, false},
                                                    {0}};

static const struct config_key upstream_rows[] = {
    {.name = "servers", .type = CONFIG_ITEMS, .flags = CONFIG_REQUIRED,
     ROW(config_upstream, servers), COUNT(config_upstream, server_count), .table = &config_server_table,
     .after = config_server_after, .doc = "the servers"},
    {.name = "balance", .type = CONFIG_CHOICE, ROW(config_upstream, balance),
     .words = balance_words, .fallback = "round_robin",
     .doc = "who is next: in turn, the one with the fewest requests, or the better of two drawn"},
    {.name = "protocol", .type = CONFIG_CHOICE, ROW(config_upstream, protocol),
     .words = protocol_words, .fallback = "http1",
     .doc = "what the servers speak; http2: all of them, over http without asking; auto: https servers "
            "choose (ALPN), others get HTTP/1.1"},
    {.name = "retries", .type = CONFIG_NUMBER, ROW(config_upstream, retries), .min = 0, .max = 10,
     .fallback = "1",
     .doc = "further servers that are tried when one cannot be reached, or is lost before it "
            "answers a request that may be repeated"},
    {.name = "queue", .type = CONFIG_NUMBER, ROW(config_upstream, queue), .min = 0, .max = 1000000,
     .fallback = "100",
     .doc = "requests that may wait while every server is at its limit, per worker; more get 503"},
    {.name = "retry_wait", .type = CONFIG_DURATION, ROW(config_upstream, retry_wait_ms), .min = 0,
     .max = MINUTE, .fallback = "250ms", .after = config_retry_wait_after,
     .doc = "when no server can be reached, a request waits this long and is tried again, up to "
            "`timeouts.queue`; 10ms at least; 0s: it is not"},
    /* Its fields lie in the upstream itself: the same base. */
    {.name = "keepalive", .type = CONFIG_TABLE, .offset = 0, .size = sizeof(struct config_upstream),
     .table = &keepalive_table, .doc = "connections kept for the next request"},
    {.name = "resolve", .type = CONFIG_DURATION, ROW(config_upstream, resolve_ms), .min = 0,
     .max = DAY, .fallback = "30s",
     .doc = "names are looked up this often, at least every two seconds until there is an address; "
            "0s: only at load"},
    {.name = "tls", .type = CONFIG_TABLE, ROW(config_upstream, tls), .table = &tls_table,
     .doc = "towards https servers; TLS 1.2 or 1.3"},
    {.name = "health", .type = CONFIG_TABLE, .offset = 0, .size = sizeof(struct config_upstream),
     .table = &health_table, .doc = "when a server is left out"},
};
const struct config_table config_upstream_table = {
    TABLE(config_upstream, upstream_rows), .name_at = offsetof(struct config_upstream, name)};

/* clang-format on */
