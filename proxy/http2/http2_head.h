/* http2_head.h - one header block, judged while it is read (RFC 9113 sections 8.2 and 8.3).
 *
 * Pure: takes decoded fields one by one, yields the request, the response or the trailers. The
 * rules for targets, hosts, fields and lengths are those of http/; what HTTP/2 adds is here. Two
 * ways to be wrong: malformed, which RFC 9113 section 8.1.1 answers with a stream error, and
 * refused, which is answered with a status because a client may have meant it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_HEAD_H
#define PROXY_HTTP2_HTTP2_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/http1_head.h"
#include "http/http1_parse.h"
#include "http/message.h"
#include "http/outcome.h"

/* Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, in any case of letters. */
bool http2_is_connection_field(struct str name);

enum http2_head_kind { HTTP2_REQUEST, HTTP2_RESPONSE, HTTP2_TRAILERS };

struct http2_head_limits {
    size_t target_bytes;
    size_t header_bytes; /* counted as HTTP/1.1 would write the head */
    size_t header_count; /* crumbs of a cookie (RFC 9113 section 8.2.3) count as one */
};

struct http2_head { /* start with http2_head_begin */
    enum http2_head_kind kind;
    const struct http2_head_limits *limits; /* borrowed */
    struct arena *arena;                    /* borrowed: where all of it goes */
    struct str method, scheme, authority, path, protocol, status;
    struct http_fields fields;
    size_t cookie_at;          /* its place in fields; 0: none */
    struct http_fields crumbs; /* of the cookie, all but the first */
    struct http1_facts facts;
    struct str priority;   /* the Priority field (RFC 9218 section 5) */
    size_t bytes;          /* so far, also of what is not kept any more */
    bool saw_field;        /* other than a pseudo-header */
    const char *malformed; /* static: the first fault; NULL: none */
    enum outcome refused;  /* the first; OUTCOME_OK: none */
    const char *detail;    /* of the refusal, static */
};

enum http2_head_result {
    HTTP2_HEAD_VALID,
    HTTP2_HEAD_REFUSED,   /* head->refused and head->detail say why */
    HTTP2_HEAD_MALFORMED, /* head->malformed says why */
};

void http2_head_begin(struct http2_head *head, enum http2_head_kind kind,
                      const struct http2_head_limits *limits, struct arena *arena);
/* Takes the next field; both are copied unless name_lasts. False once the block is so far beyond
 * its limit that its sender means harm: nothing more should be decoded for it. */
bool http2_head_add(struct http2_head *head, struct str name, struct str value, bool name_lasts);

/* The block is complete. *ret_request is filled as far as it can be, whatever the result; is_ended:
 * no body follows. */
enum http2_head_result http2_head_request(struct http2_head *head, bool is_ended,
                                          struct http_request *ret_request);
/* The same for a response to that method; never REFUSED. */
enum http2_head_result http2_head_response(struct http2_head *head, enum http_method method,
                                           bool is_ended, struct http_response *ret_response);
/* The same for trailers, which are then in head->fields; never REFUSED. Framing and connection
 * fields in them are malformed. */
enum http2_head_result http2_head_trailers(struct http2_head *head, bool is_ended);

#endif
