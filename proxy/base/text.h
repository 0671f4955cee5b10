/* text.h - a growing string.
 *
 * For load time and logs; per-request text belongs in the arena. Start from {0}; the contents are
 * always NUL-terminated once anything was added.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_TEXT_H
#define PROXY_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

struct text {
    char *ptr; /* owned; NULL while nothing was added */
    size_t len;
    size_t capacity;
};

void text_add(struct text *text, struct str part);
void text_add_cstr(struct text *text, const char *part);
void text_add_char(struct text *text, char c);
void text_addf(struct text *text, const char *fmt, ...) PRINTF(2, 3);
/* Lower-case hexadecimal. */
void text_add_hex(struct text *text, const unsigned char *bytes, size_t len);
/* In double quotes; quotes, backslashes, control and non-ASCII bytes escaped (\", \\, \xHH). */
void text_add_quoted(struct text *text, struct str part);
/* Keeps the memory, forgets the contents. */
void text_reset(struct text *text);
/* Frees the memory; the text may be used again. */
void text_clear(struct text *text);
/* Hands the string over (never NULL); the text is empty afterwards. */
char *text_take(struct text *text);
static inline struct str text_str(const struct text *text)
{
    return str_make(text->ptr, text->len);
}

#endif
