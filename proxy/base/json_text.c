/* SPDX-License-Identifier: MIT */
#include "base/json_text.h"

#include "base/unicode.h"

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

/* RFC 8259 section 7: beyond the first plane as a pair of surrogates. */
static void add_point(struct text *out, uint32_t point)
{
    if (point < 0x10000)
        text_addf(out, "\\u%04x", point);
    else
        text_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
}

void json_text_add(struct text *out, struct str value)
{
    text_add_char(out, '"');
    while (value.len > 0) {
        uint32_t point = 0;
        size_t len = unicode_next(value, &point);
        if (len == 0)
            text_add(out, STR("\xEF\xBF\xBD"));
        else if (len == 1)
            add_ascii(out, (unsigned char)value.ptr[0]);
        else if (!unicode_is_visible(point))
            add_point(out, point);
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
