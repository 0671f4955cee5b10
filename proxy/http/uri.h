/* uri.h - request targets, authorities and canonical paths.
 *
 * One canonical form: the one the locations are matched on is the one the backend receives.
 * Sources: RFC 3986, RFC 9112 section 3.2, RFC 9110 section 4.2; interface.md 3.1 ("Paths").
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_URI_H
#define PROXY_HTTP_URI_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"
#include "http/message.h"

enum uri_form { URI_ORIGIN, URI_ABSOLUTE, URI_AUTHORITY, URI_ASTERISK };

struct uri {
    enum uri_form form;
    struct str authority; /* absolute and authority form: as written; else empty */
    bool is_https;        /* absolute form: the scheme */
    struct str path;      /* canonical, starts with '/'; "*" for the asterisk form */
    struct str query;     /* with its '?'; empty when there is none */
};

enum uri_result { URI_VALID, URI_INVALID, URI_METHOD_MISMATCH };

/* Reads and normalises a target for the method: CONNECT takes only the authority form, OPTIONS
 * alone the asterisk form. Dot segments are removed and escaped unreserved characters decoded,
 * nothing else changes. INVALID: %00, a backslash or %5c, an escape that is not two hex digits,
 * overlong or invalid UTF-8 in escapes or raw bytes, dot segments above the root, a fragment,
 * userinfo in an authority, another scheme than http(s), %2f unless keep_encoded_slash, and what
 * some backends take for a dot segment: "..;x", "..%2f". The query keeps every visible byte.
 * OPTIONS with an absolute form that has neither path nor query gives the path "*". */
enum uri_result uri_parse_target(struct str target, enum http_method method,
                                 bool keep_encoded_slash, struct arena *arena, struct uri *ret_uri);
/* Splits host[:port], IPv6 in brackets, which *ret_host has no more. The host is lower-cased into
 * the arena, a trailing dot is dropped; *ret_port is 0 when absent. False when it is not a valid
 * uri-host [":" port], when the host is empty, has an escape or a zone, or is an IPvFuture. */
MUST_USE bool uri_parse_authority(struct str authority, struct arena *arena, struct str *ret_host,
                                  unsigned *ret_port);
/* What uri_parse_authority answers, without its results: the test of a Host value. */
MUST_USE bool uri_is_authority(struct str authority);

#endif
