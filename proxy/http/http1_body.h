/* http1_body.h - takes a message body out of the byte stream (RFC 9112 sections 6 and 7).
 *
 * Pure: consumes from a slice, yields slices of it, keeps a few words of state. Trailer fields are
 * checked like header fields, and dropped unless somebody wants them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_HTTP1_BODY_H
#define PROXY_HTTP_HTTP1_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/http1_parse.h"
#include "http/message.h"

enum http1_body_result {
    HTTP1_BODY_MORE, /* all input consumed, the body is not complete */
    HTTP1_BODY_DATA, /* *ret_data is the next piece of payload (not empty) */
    HTTP1_BODY_END,  /* complete; what is left of the input belongs to the next message */
    HTTP1_BODY_BAD,  /* body->reason says why; nothing more may be read from this connection */
};

struct http1_body {
    struct http_body_framing framing;
    uint64_t remaining;  /* of the length, or of the current chunk */
    uint64_t total;      /* payload bytes yielded so far */
    uint64_t max_total;  /* 0: no limit */
    unsigned state;      /* of the chunked decoder, private */
    unsigned line_bytes; /* of the size line or trailer section so far, private */
    enum http1_reason reason;
    struct arena *arena; /* for the trailer section; NULL: it is dropped */
    char *trailer_bytes; /* private */
    size_t trailer_len;
    size_t trailer_capacity;
    size_t trailer_max;          /* fields */
    struct http_fields trailers; /* after END */
};

/* max_total: largest payload accepted in bytes, 0 for any (413 beyond, HTTP1_BODY_TOO_LARGE); a
 * Content-Length above it is reported at the first call. */
void http1_body_init(struct http1_body *body, struct http_body_framing framing, uint64_t max_total);
/* Trailer fields are kept in the arena, `trailers` after END; more than max_count are an error. */
void http1_body_keep_trailers(struct http1_body *body, struct arena *arena, size_t max_count);
/* Consumes from *input; call again until MORE, END or BAD. Safe after END (END again). */
enum http1_body_result http1_body_next(struct http1_body *body, struct str *input,
                                       struct str *ret_data);
/* The peer closed: true when the body is complete thereby (until-close, or already at its end). */
bool http1_body_finish(struct http1_body *body);

#endif
