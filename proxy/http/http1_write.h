/* http1_write.h - serialises heads and chunks from their parsed form (RFC 9112).
 *
 * Never a byte of an incoming head is passed on: this is the only place that makes one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_HTTP1_WRITE_H
#define PROXY_HTTP_HTTP1_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/message.h"

/* "METHOD target HTTP/1.1" and the fields, in the arena. A name or value that could break the
 * framing (CR, LF, NUL) is a bug: asserted. */
struct str http1_write_request_head(struct arena *arena, struct str method, struct str target,
                                    const struct http_fields *fields);
/* "HTTP/1.1 status reason" and the fields, in the arena. An empty reason gets the standard one. */
struct str http1_write_response_head(struct arena *arena, unsigned status, struct str reason,
                                     const struct http_fields *fields);

/* Room for a chunk's size line and for what closes it and the body. */
#define HTTP1_CHUNK_OVERHEAD 32
/* "<hex>CRLF" for a chunk of size bytes (not 0); returns its length, at most 18. */
size_t http1_write_chunk_size(uint64_t size, char ret_line[HTTP1_CHUNK_OVERHEAD]);
#define HTTP1_CHUNK_END  STR("\r\n")
#define HTTP1_LAST_CHUNK STR("0\r\n\r\n")
/* The last chunk with trailer fields behind it (RFC 9112 section 7.1.2), in the arena. */
struct str http1_write_last_chunk(struct arena *arena, const struct http_fields *trailers);

/* The registered reason phrase of a status, or "Unknown". */
const char *http_status_text(unsigned status);

#endif
