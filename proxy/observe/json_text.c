/* SPDX-License-Identifier: MIT */
#include "observe/json_text.h"

/* Length of the UTF-8 sequence at the start (RFC 3629 section 4); 0 when it is none. */
static size_t sequence_len(struct str text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first >= 0x80 && (first < 0xc2 || first > 0xf4))
        return 0;
    if (first == 0xe0)
        low = 0xa0; /* else overlong */
    else if (first == 0xed)
        high = 0x9f; /* else a surrogate */
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (len > text.len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < low || c > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

static void add_ascii(struct text *out, unsigned char c)
{
    if (c == '"' || c == '\\') {
        text_add_char(out, '\\');
        text_add_char(out, (char)c);
    } else if (c < 0x20 || c == 0x7f) {
        text_addf(out, "\\u%04x", c);
    } else {
        text_add_char(out, (char)c);
    }
}

void json_text_add(struct text *out, struct str value)
{
    text_add_char(out, '"');
    while (value.len > 0) {
        size_t len = sequence_len(value);
        unsigned char second = len == 2 ? (unsigned char)value.ptr[1] : 0;
        if (len == 0)
            text_add(out, STR("\xEF\xBF\xBD"));
        else if (len == 1)
            add_ascii(out, (unsigned char)value.ptr[0]);
        else if (len == 2 && (unsigned char)value.ptr[0] == 0xc2 && second < 0xa0)
            text_addf(out, "\\u%04x", second);
        else
            text_add(out, str_make(value.ptr, len));
        value = str_skip(value, len == 0 ? 1 : len);
    }
    text_add_char(out, '"');
}

struct str json_text_cut(struct str value, size_t max)
{
    if (value.len <= max)
        return value;
    size_t len = max;
    while (len > 0 && max - len < 3 && ((unsigned char)value.ptr[len] & 0xc0) == 0x80)
        len--;
    return str_make(value.ptr, len);
}
