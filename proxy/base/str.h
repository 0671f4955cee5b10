/* str.h - a slice of bytes somebody else owns; never NUL-terminated by assumption.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_STR_H
#define PROXY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

/* A slice of a string literal. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* The same for a static initialiser. */
#define STR_INIT(literal)              \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
/* For printf: ("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).ptr == NULL ? "" : (s).ptr

static inline struct str str_make(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}
/* NULL gives the empty slice. */
static inline struct str str_of(const char *text)
{
    return (struct str){text, text == NULL ? 0 : strlen(text)};
}
/* Everything from offset on; offset must not exceed the length. */
static inline struct str str_skip(struct str s, size_t offset)
{
    return (struct str){s.ptr + offset, s.len - offset};
}

/* ASCII only, whatever the locale. */
char ascii_lower(char c);
bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);
/* Value of a hexadecimal digit, or -1. */
int ascii_hex_value(char c);

bool str_equal(struct str a, struct str b);
/* ASCII case-insensitive. */
bool str_same_letters(const char *a, const char *b, size_t len);
static inline bool str_equal_icase(struct str a, struct str b)
{
    return a.len == b.len && str_same_letters(a.ptr, b.ptr, a.len);
}
bool str_starts_with(struct str s, struct str prefix);
bool str_starts_with_icase(struct str s, struct str prefix);
bool str_ends_with_icase(struct str s, struct str suffix);
/* Offset of the first c, or s.len when there is none. */
size_t str_find(struct str s, char c);
/* Without leading and trailing SP and HTAB (RFC 9110 section 5.6.3, OWS). */
struct str str_trim(struct str s);
/* Takes the text up to the next separator off *rest; false once *rest is used up. An empty *rest
 * with a pointer yields one empty part; "a," yields "a" and "". Start with rest->ptr not NULL. */
bool str_split(struct str *rest, char separator, struct str *ret_part);
/* Decimal digits only: no sign, no blank, at least one digit; false when the value exceeds max. */
MUST_USE bool str_parse_u64(struct str s, uint64_t max, uint64_t *ret_value);
#define STR_DECIMAL_SIZE 20
/* Writes the value in decimal, without a NUL; returns the place behind it. */
char *str_put_decimal(char at[STR_DECIMAL_SIZE], uint64_t value);
/* True when the comma-separated list contains the token (ASCII case-insensitive, OWS trimmed). */
bool str_list_contains(struct str list, struct str token);

#endif
