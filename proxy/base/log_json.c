/* SPDX-License-Identifier: MIT */
#include "base/log_json.h"

#include <stdbool.h>

#include "base/json_text.h"

#define KEYS_MAX       24
#define DIGITS_MAX     15 /* every reader takes a number of so many for an integer */
#define NOT_A_HEX_CHAR 16

struct pair {
    struct str key;
    struct str value;
    bool is_quoted;
    bool is_cut; /* "..." behind the quotes */
};

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_';
}

/* The value in quotes, with its escapes, from the first quote on; false when it does not end. */
static bool take_quoted(struct str *rest, struct str *ret_value)
{
    for (size_t i = 1; i < rest->len; i++) {
        if (rest->ptr[i] == '\\') {
            i++;
        } else if (rest->ptr[i] == '"') {
            *ret_value = str_make(rest->ptr + 1, i - 1);
            *rest = str_skip(*rest, i + 1);
            return true;
        }
    }
    return false;
}

/* One pair off the start; *rest is untouched when there is none. */
static bool take_pair(struct str *rest, struct pair *ret_pair)
{
    struct str left = *rest;
    size_t len = 0;
    while (len < left.len && is_key_char(left.ptr[len]))
        len++;
    if (len == 0 || len == left.len || left.ptr[len] != '=')
        return false;
    struct pair pair = {.key = str_make(left.ptr, len)};
    left = str_skip(left, len + 1);
    pair.is_quoted = left.len > 0 && left.ptr[0] == '"';
    if (pair.is_quoted) {
        if (!take_quoted(&left, &pair.value))
            return false;
        pair.is_cut = str_starts_with(left, STR("..."));
        left = str_skip(left, pair.is_cut ? 3 : 0);
    } else {
        pair.value = str_make(left.ptr, str_find(left, ' '));
        left = str_skip(left, pair.value.len);
    }
    if (left.len > 0 && left.ptr[0] != ' ')
        return false;
    *rest = str_skip(left, left.len > 0);
    *ret_pair = pair;
    return true;
}

static unsigned hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : NOT_A_HEX_CHAR;
}

static void unescape(struct str value, struct text *out)
{
    for (size_t i = 0; i < value.len; i++) {
        bool is_escape = value.ptr[i] == '\\' && i + 1 < value.len;
        bool is_byte = is_escape && value.ptr[i + 1] == 'x' && i + 3 < value.len &&
                       hex_of(value.ptr[i + 2]) < 16 && hex_of(value.ptr[i + 3]) < 16;
        if (is_byte) {
            text_add_char(out, (char)(hex_of(value.ptr[i + 2]) << 4 | hex_of(value.ptr[i + 3])));
            i += 3;
        } else {
            i += is_escape;
            text_add_char(out, value.ptr[i]);
        }
    }
}

static bool is_number(struct str value)
{
    if (value.len == 0 || value.len > DIGITS_MAX || (value.len > 1 && value.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (!ascii_is_digit(value.ptr[i]))
            return false;
    }
    return true;
}

static void add_pair(struct text *out, const struct pair *pair)
{
    text_add_cstr(out, ",\"");
    text_add(out, pair->key);
    text_add_cstr(out, "\":");
    if (!pair->is_quoted && is_number(pair->value)) {
        text_add(out, pair->value);
        return;
    }
    struct text value = {0};
    if (pair->is_quoted)
        unescape(pair->value, &value);
    else
        text_add(&value, pair->value);
    if (pair->is_cut)
        text_add_cstr(&value, "...");
    json_text_add(out, text_str(&value));
    text_clear(&value);
}

static bool is_taken(const struct str *keys, size_t count, struct str key)
{
    static const struct str OURS[] = {STR_INIT("time"), STR_INIT("level"), STR_INIT("event"),
                                      STR_INIT("message")};
    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++) {
        if (str_equal(OURS[i], key))
            return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (str_equal(keys[i], key))
            return true;
    }
    return false;
}

void log_json_add(struct text *out, struct str pairs)
{
    struct str keys[KEYS_MAX];
    size_t count = 0;
    while (pairs.len > 0) {
        struct str rest = pairs;
        struct pair pair;
        if (count == KEYS_MAX || !take_pair(&rest, &pair) || is_taken(keys, count, pair.key)) {
            text_add_cstr(out, ",\"message\":");
            json_text_add(out, pairs);
            return;
        }
        keys[count++] = pair.key;
        add_pair(out, &pair);
        pairs = rest;
    }
}
