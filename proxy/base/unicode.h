/* unicode.h - which characters of foreign text may be shown as they are.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_UNICODE_H
#define PROXY_BASE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/text.h"

/* The character at the start of a text that is not empty: its length in bytes, or 0 when it is no
 * UTF-8 (RFC 3629 section 4). */
size_t unicode_next(struct str text, uint32_t *ret_point);
/* False for what acts instead of being seen: controls (C0, DEL, C1), separators of lines, marks
 * that change the direction of what follows, characters without width, tags, and what is no
 * character at all. The only table of them. */
bool unicode_is_visible(uint32_t point);
/* True when the text is UTF-8 and all of it is visible. */
bool unicode_is_clean(struct str text);
/* Appends the text for a person to read: what is not visible, or no UTF-8, as \xHH byte by byte.
 * Backslashes are kept. */
void unicode_add_shown(struct text *out, struct str text);

#endif
