/* SPDX-License-Identifier: MIT */
#include "explain/html_text.h"

#include "base/unicode.h"

static void escape_ascii(struct text *out, char c)
{
    switch (c) {
    case '&':
        text_add_cstr(out, "&amp;");
        break;
    case '<':
        text_add_cstr(out, "&lt;");
        break;
    case '>':
        text_add_cstr(out, "&gt;");
        break;
    case '"':
        text_add_cstr(out, "&quot;");
        break;
    case '\'':
        text_add_cstr(out, "&#39;");
        break;
    default:
        text_add_char(out, c);
    }
}

void html_text_add(struct text *out, struct str value)
{
    while (value.len > 0) {
        uint32_t point = 0;
        size_t len = unicode_next(value, &point);
        if (len == 0 || !unicode_is_visible(point))
            text_add_cstr(out, "&#xfffd;");
        else if (len == 1)
            escape_ascii(out, value.ptr[0]);
        else
            text_add(out, str_make(value.ptr, len));
        value = str_skip(value, len == 0 ? 1 : len);
    }
}

void html_text_add_sentence(struct text *out, struct str sentence)
{
    char first = sentence.len > 0 ? sentence.ptr[0] : '\0';
    if (first >= 'a' && first <= 'z') {
        text_add_char(out, (char)(first - 'a' + 'A'));
        sentence = str_skip(sentence, 1);
    }
    html_text_add(out, sentence);
    text_add_char(out, '.');
}
