/* The rows of authorisation and of CORS, the same in a site and in a location, and of what stands
 * in front.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/str.h"
#include "config/config_rows.h"

/* What browsers send as Origin: scheme, host in lower case, a port unless it is the scheme's own.
 */
static void check_origin(const struct config_cursor *at, void *origin)
{
    struct str text = str_of(((struct config_value *)origin)->text);
    struct str host = {NULL, 0};
    if (str_starts_with(text, STR("https://")))
        host = str_skip(text, 8);
    else if (str_starts_with(text, STR("http://")))
        host = str_skip(text, 7);
    bool is_good = host.len > 0;
    for (size_t i = 0; host.ptr != NULL && i < host.len; i++) {
        char c = host.ptr[i];
        bool is_letter = ascii_is_alpha(c) && ascii_lower(c) == c;
        is_good = is_good && (is_letter || ascii_is_digit(c) || strchr("-.:[]", c) != NULL);
    }
    if (!is_good)
        config_decode_error(at, "expected an origin such as https://app.example.test");
}

/* RFC 9110 section 5.6.2; with credentials "*" is no wildcard (Fetch standard). */
static void check_token(const struct config_cursor *at, void *token)
{
    const char *text = ((struct config_value *)token)->text;
    bool is_good = strcmp(text, "*") != 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (!ascii_is_alpha(*c) && !ascii_is_digit(*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            is_good = false;
    }
    if (!is_good)
        config_decode_error(at, "not the name of a method or header");
}

/* A row is a paragraph; the formatter would make it one line or ten. */
/* clang-format off */

static const struct config_word permission_words[] = {
    {"allow", false, false}, {"deny", true, false}, {0}};

static const struct config_key subject_rows[] = {
    {.name = "subfield", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED,
     ROW(config_rule, subfield), .doc = "CN, O, OU, ... or an OID"},
    {.name = "match", .type = CONFIG_TEXT, .flags = CONFIG_REQUIRED | CONFIG_EMPTY,
     ROW(config_rule, match), .doc = "`*` stands for any text"},
    {.name = "case_sensitive", .type = CONFIG_BOOL, ROW(config_rule, case_sensitive),
     .fallback = "true", .doc = "compare by case"},
};
static const struct config_table subject_table = {TABLE(config_rule, subject_rows)};

#define LIST(key, text)                                                                            \
    {.name = #key, .type = CONFIG_TEXTS, .flags = CONFIG_NOT_EMPTY, ROW(config_authorize, key),    \
     .max = 1000, .doc = (text)}

static const struct config_key authorize_rows[] = {
    {.name = "permission", .type = CONFIG_CHOICE, ROW(config_authorize, deny),
     .words = permission_words, .fallback = "allow", .doc = "what a match means: allow or deny"},
    LIST(user, "mapped users; `*` stands for any text, case does not matter"),
    LIST(mapping, "names of many-to-one mappings that led to the user, or `one_to_one`"),
    LIST(issuer, "names of issuers (RFC 4514), compared attribute by attribute"),
    {.name = "subject", .type = CONFIG_ITEMS, .flags = CONFIG_NOT_EMPTY,
     ROW(config_authorize, subject), COUNT(config_authorize, subject_count), .max = 100,
     .table = &subject_table, .doc = "parts of the subject; all must match"},
    LIST(san_dns, "DNS names; `*` stands for any text, case does not matter"),
    LIST(san_email, "mail addresses; `*` stands for any text, case does not matter"),
    LIST(san_uri, "URIs; `*` stands for any text, case matters"),
    LIST(san_ip, "addresses or networks such as 192.0.2.0/24"),
    LIST(upn, "user principal names; `*` stands for any text, case does not matter"),
    {.name = "eku", .type = CONFIG_TEXTS, .flags = CONFIG_NOT_EMPTY, ROW(config_authorize, eku),
     .max = 1000, .after = config_oid_after,
     .doc = "extended key usages as dotted OIDs, one of which the certificate must name itself"},
    LIST(sha256, "SHA-256 of certificates, in hex"),
};
const struct config_table config_authorize_table = {TABLE(config_authorize, authorize_rows),
                                                    .prepare = config_authorize_prepare};

const struct config_word config_preflight_words[] = {
    {"deny", PREFLIGHT_DENY, false}, {"forward", PREFLIGHT_FORWARD, false},
    {"answer", PREFLIGHT_ANSWER, false}, {0}};

static const struct config_key cors_rows[] = {
    {.name = "origins", .type = CONFIG_TEXTS, ROW(config_cors, origins), .max = 1000,
     .after = check_origin, .fallback = "[]",
     .doc = "origins such as https://app.example.test; others get the ordinary rules"},
    {.name = "methods", .type = CONFIG_TEXTS, ROW(config_cors, methods), .max = 100,
     .after = check_token, .fallback = "[]", .doc = "methods allowed besides GET, HEAD and POST"},
    {.name = "headers", .type = CONFIG_TEXTS, ROW(config_cors, headers), .max = 100,
     .after = check_token, .fallback = "[]", .doc = "request headers allowed besides those every origin may send"},
    {.name = "max_age", .type = CONFIG_DURATION, ROW(config_cors, max_age_ms), .min = 0,
     .max = DAY, .fallback = "10m", .doc = "a browser may remember the answer for this long"},
};
const struct config_table config_cors_table = {TABLE(config_cors, cors_rows)};

static const struct config_word proxy_protocol_words[] = {
    {"off", PROXY_PROTOCOL_OFF, false}, {"accept", PROXY_PROTOCOL_ACCEPT, false},
    {"require", PROXY_PROTOCOL_REQUIRE, false}, {0}};
static const struct config_word forwarded_cert_words[] = {
    {"none", FORWARDED_CERT_NONE, false}, {"rfc9440", FORWARDED_CERT_RFC9440, false},
    {"x-arr", FORWARDED_CERT_X_ARR, false}, {"xfcc", FORWARDED_CERT_XFCC, false},
    {"aws-alb", FORWARDED_CERT_AWS_ALB, false}, {0}};

static const struct config_key trusted_proxies_rows[] = {
    {.name = "networks", .type = CONFIG_TEXTS, ROW(config_trusted_proxies, networks), .max = 1000,
     .fallback = "[]", .doc = "their addresses or networks such as 192.0.2.0/24"},
    {.name = "proxy_protocol", .type = CONFIG_CHOICE,
     ROW(config_trusted_proxies, proxy_protocol), .words = proxy_protocol_words, .fallback = "off",
     .doc = "PROXY protocol, version 1 or 2, in front of their connections: off, accept or require"},
    {.name = "forwarded", .type = CONFIG_BOOL, ROW(config_trusted_proxies, forwarded),
     .fallback = "false",
     .doc = "keep their `X-Forwarded-Proto` and `-Host`, append to their `X-Forwarded-For`"},
    {.name = "client_certificate", .type = CONFIG_CHOICE,
     ROW(config_trusted_proxies, client_certificate), .words = forwarded_cert_words,
     .fallback = "none",
     .doc = "the header in which they hand on the client's certificate: none, rfc9440, x-arr, xfcc "
            "or aws-alb"},
};
const struct config_table config_trusted_proxies_table = {
    TABLE(config_trusted_proxies, trusted_proxies_rows)};

/* clang-format on */
