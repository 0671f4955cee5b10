/* message.h - the parsed form of heads: what the rest of the proxy works with.
 *
 * All slices point into the head buffer or the exchange's arena and live as long as the exchange.
 * Sources: RFC 9110, RFC 9112.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_MESSAGE_H
#define PROXY_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_CONNECT,
    HTTP_TRACE,
    HTTP_METHOD_OTHER, /* any other token; its text is in http_request.method */
};

/* RFC 9110 section 9.2.2: GET HEAD PUT DELETE OPTIONS (TRACE is never forwarded). */
bool http_method_is_idempotent(enum http_method method);

struct http_field {
    struct str name;  /* as received */
    struct str value; /* without the surrounding blanks */
};

struct http_fields { /* start from {0}; storage in the arena */
    struct http_field *items;
    size_t count;
    size_t capacity;
};

/* Makes room for one more. */
void http_fields_grow(struct http_fields *fields, struct arena *arena);
static inline void http_fields_add(struct http_fields *fields, struct arena *arena, struct str name,
                                   struct str value)
{
    if (fields->count == fields->capacity)
        http_fields_grow(fields, arena);
    fields->items[fields->count++] = (struct http_field){name, value};
}
/* The first field of that name (ASCII case-insensitive), or NULL. */
const struct http_field *http_fields_find(const struct http_fields *fields, struct str name);
/* Removes every field of that name; returns how many there were. */
size_t http_fields_remove(struct http_fields *fields, struct str name);
/* True when any field of that name, read as a comma-separated list, has the token. */
bool http_fields_list_contains(const struct http_fields *fields, struct str name, struct str token);

enum http_body_kind {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,      /* Content-Length */
    HTTP_BODY_CHUNKED,     /* Transfer-Encoding: chunked */
    HTTP_BODY_UNTIL_CLOSE, /* responses only */
};

struct http_body_framing {
    enum http_body_kind kind;
    uint64_t length; /* for HTTP_BODY_LENGTH */
};

struct http_request {
    struct str method;
    enum http_method method_id;
    struct str target; /* as received */
    unsigned minor;    /* HTTP/1.minor: 0 or 1; 1 for HTTP/2, which can do what HTTP/1.1 can */
    bool is_http2;
    struct str protocol; /* of an extended CONNECT (RFC 8441); else empty */
    struct str host;     /* the Host field's value; empty when absent (HTTP/1.0 only) */
    struct http_fields fields;
    struct http_body_framing body;
    bool keep_alive;      /* RFC 9112 section 9.3 */
    bool expect_continue; /* Expect: 100-continue on an HTTP/1.1 request that has a body */
};

struct http_response {
    unsigned status; /* 100 to 599 */
    struct str reason;
    unsigned minor;
    struct http_fields fields;
    struct http_body_framing body; /* already settled by the request's method and the status */
    bool keep_alive;
};

#endif
