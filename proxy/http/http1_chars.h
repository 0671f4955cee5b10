/* http1_chars.h - byte classes of HTTP/1.1 and the loops over them; private to http/.
 *
 * Sources: RFC 9110 sections 5.5, 5.6.2; RFC 9112 section 5.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_HTTP1_CHARS_H
#define PROXY_HTTP_HTTP1_CHARS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum http1_char_class {
    HTTP1_CHAR_TOKEN = 1,  /* tchar */
    HTTP1_CHAR_VALUE = 2,  /* field-vchar, SP, HTAB; obs-text included */
    HTTP1_CHAR_TARGET = 4, /* 0x21 to 0x7e */
    HTTP1_CHAR_QUOTED = 8, /* qdtext */
    HTTP1_CHAR_HOST = 16,  /* unreserved and sub-delims: a reg-name without escapes */
};

extern const unsigned char http1_char_classes[256];

static inline bool http1_char_is(char c, enum http1_char_class wanted)
{
    return (http1_char_classes[(unsigned char)c] & (unsigned)wanted) != 0;
}

/* Length of the run of bytes of that class at the start of s. */
size_t http1_span(struct str s, enum http1_char_class wanted);
/* Offset of the first byte below 0x20 or equal to 0x7f, or s.len; HTAB counts. */
size_t http1_find_control(struct str s);
/* How many bytes are CR, LF or NUL: what could end a line, or a text. */
size_t http1_count_ends(struct str s);
/* True when s is not empty and all its bytes are of that class. */
bool http1_is_all(struct str s, enum http1_char_class wanted);
/* True for a name other than the two itself whose letters alone spell Content-Length or
 * Transfer-Encoding: CGI-like backends fold such names together. */
bool http1_is_framing_alias(struct str name);

#endif
