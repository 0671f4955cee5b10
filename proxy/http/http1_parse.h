/* http1_parse.h - strict reading of HTTP/1.1 heads (RFC 9112).
 *
 * Two steps: a resumable scan finds the end of the head and refuses at once what can never become
 * a valid one; a pure function over the contiguous head yields the message or the reason why not.
 * Whatever two parsers might read differently is refused: the message framing is the product.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_HTTP1_PARSE_H
#define PROXY_HTTP_HTTP1_PARSE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"
#include "http/message.h"
#include "http/outcome.h"

/* Why a message is refused. Each value's comment in the .c table cites its clause. */
enum http1_reason {
    HTTP1_VALID,
    HTTP1_BARE_LF,
    HTTP1_BARE_CR,
    HTTP1_NUL,
    HTTP1_CONTROL_CHARACTER,
    HTTP1_START_LINE,
    HTTP1_METHOD,
    HTTP1_TARGET,
    HTTP1_VERSION,       /* malformed */
    HTTP1_VERSION_MAJOR, /* well-formed but not HTTP/1.0 or HTTP/1.1: 505 */
    HTTP1_STATUS_CODE,
    HTTP1_LEADING_SPACE, /* white space before the first field */
    HTTP1_OBS_FOLD,
    HTTP1_NO_COLON,
    HTTP1_FIELD_NAME,
    HTTP1_SPACE_BEFORE_COLON,
    HTTP1_FIELD_VALUE,
    HTTP1_TOO_MANY_FIELDS, /* 431 */
    HTTP1_TARGET_TOO_LONG, /* 414 */
    HTTP1_HEAD_TOO_LONG,   /* 431 */
    HTTP1_HOST_MISSING,
    HTTP1_HOST_REPEATED,
    HTTP1_HOST_INVALID,
    HTTP1_CONTENT_LENGTH_INVALID,
    HTTP1_CONTENT_LENGTH_REPEATED,
    HTTP1_LENGTH_AND_ENCODING, /* Content-Length with Transfer-Encoding */
    HTTP1_TRANSFER_ENCODING,   /* anything but a single "chunked": 501 for an unknown coding */
    HTTP1_TRANSFER_CODING,     /* a coding that is not known, with chunked last: 501 */
    HTTP1_TRANSFER_ENCODING_HTTP10,
    HTTP1_FRAMING_ALIAS, /* content_length and the like: a backend may fold it */
    HTTP1_EXPECTATION,   /* 417 */
    HTTP1_CHUNK_SIZE,
    HTTP1_CHUNK_EXTENSION,
    HTTP1_CHUNK_DATA_END,
    HTTP1_TRAILER,
    HTTP1_BODY_TOO_LARGE, /* 413 */
    HTTP1_REASON_COUNT
};

/* One short English phrase, for logs; never NULL. */
const char *http1_reason_text(enum http1_reason reason);
/* How a request refused for that reason ends; OUTCOME_OK for HTTP1_VALID. */
enum outcome http1_reason_outcome(enum http1_reason reason);

enum http1_scan_result { HTTP1_SCAN_MORE, HTTP1_SCAN_END, HTTP1_SCAN_BAD };

struct http1_scan { /* start from {0}; may be fed one byte at a time */
    size_t offset;  /* bytes already looked at */
    size_t line_start;
    enum http1_reason reason; /* for HTTP1_SCAN_BAD */
};

/* Looks at bytes[0..len), of which scan->offset were seen before. END: *ret_len is the length of
 * the head with its empty line. BAD: a bare CR or LF, a NUL or another control character
 * but HTAB, a folded line: no further byte can mend these.
 * Empty lines before a request line are not part of the head: skip them with http1_skip_blank. */
enum http1_scan_result http1_scan_head(struct http1_scan *scan, const char *bytes, size_t len,
                                       size_t *ret_len);
/* How many bytes of leading CRLF to drop before a request line (RFC 9112 section 2.2), at most one
 * CRLF; a lone CR at the end counts as not yet known and is kept. */
size_t http1_skip_blank(const char *bytes, size_t len);

struct http1_limits {
    size_t target_bytes;
    size_t field_count;
};

/* Parses a whole head that http1_scan_head delimited. The slices in *ret_request point into head;
 * field storage comes from the arena. On a reason other than HTTP1_VALID *ret_request is
 * undefined.*/
enum http1_reason http1_parse_request(struct str head, const struct http1_limits *limits,
                                      struct arena *arena, struct http_request *ret_request);
/* The same for a response to request_method; RFC 9112 section 6.3 settles the body (HEAD, 1xx,
 * 204, 304: none). 101 is returned as parsed: the caller decides. */
enum http1_reason http1_parse_response(struct str head, const struct http1_limits *limits,
                                       enum http_method request_method, struct arena *arena,
                                       struct http_response *ret_response);

#endif
