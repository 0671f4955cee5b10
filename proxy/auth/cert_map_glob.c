/* SPDX-License-Identifier: MIT */
#include "auth/cert_map_glob.h"

#include <stdlib.h>
#include <string.h>

#include "auth/cert_map.h"
#include "base/mem.h"

struct cert_map_pattern cert_map_pattern_of(struct str text)
{
    size_t first = str_find(text, '*');
    if (first == text.len)
        return (struct cert_map_pattern){.is_literal = true, .head = text};
    size_t last = text.len - 1;
    while (text.ptr[last] != '*')
        last--;
    return (struct cert_map_pattern){
        .head = str_make(text.ptr, first),
        .middle = first == last ? STR("") : str_make(text.ptr + first + 1, last - first - 1),
        .tail = str_skip(text, last + 1),
    };
}

/* Each piece is taken at its leftmost place, which never spoils a match further right. memmem of
 * the C library is linear, and every byte of the value is passed once: no backtracking. */
static bool matches_middle(struct str pieces, struct str value)
{
    struct str piece;
    while (str_split(&pieces, '*', &piece)) {
        if (piece.len == 0)
            continue;
        const char *at = value.len == 0 ? NULL : memmem(value.ptr, value.len, piece.ptr, piece.len);
        if (at == NULL)
            return false;
        value = str_skip(value, (size_t)(at - value.ptr) + piece.len);
    }
    return true;
}

bool cert_map_pattern_matches(const struct cert_map_pattern *pattern, struct str value)
{
    if (pattern->is_literal)
        return str_equal(pattern->head, value);
    if (value.len < pattern->head.len + pattern->tail.len ||
        !str_starts_with(value, pattern->head) ||
        !str_equal(str_skip(value, value.len - pattern->tail.len), pattern->tail))
        return false;
    struct str between =
        str_make(value.ptr + pattern->head.len, value.len - pattern->head.len - pattern->tail.len);
    return matches_middle(pattern->middle, between);
}

char *cert_map_fold(struct str text)
{
    char *copy = xmalloc(text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = ascii_lower(text.ptr[i]);
    copy[text.len] = '\0';
    return copy;
}

bool cert_map_glob(struct str pattern, struct str value, bool case_sensitive)
{
    if (case_sensitive) {
        struct cert_map_pattern parts = cert_map_pattern_of(pattern);
        return cert_map_pattern_matches(&parts, value);
    }
    char *folded_pattern = cert_map_fold(pattern);
    char *folded_value = cert_map_fold(value);
    struct cert_map_pattern parts = cert_map_pattern_of(str_make(folded_pattern, pattern.len));
    bool is_match = cert_map_pattern_matches(&parts, str_make(folded_value, value.len));
    free(folded_pattern);
    free(folded_value);
    return is_match;
}
