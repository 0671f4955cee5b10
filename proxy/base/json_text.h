/* json_text.h - strings of JSON (RFC 8259 section 7) from bytes nobody vouches for.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_JSON_TEXT_H
#define PROXY_BASE_JSON_TEXT_H

#include "base/str.h"
#include "base/text.h"

/* Appends value as a JSON string with its quotes. What is not UTF-8 becomes U+FFFD, one for each
 * byte; what unicode_is_visible() does not call visible is escaped, so the result is one line and
 * safe to show on a terminal. */
void json_text_add(struct text *out, struct str value);
/* A prefix of at most max bytes that does not end within a UTF-8 sequence. */
struct str json_text_cut(struct str value, size_t max);

#endif
