/* SPDX-License-Identifier: MIT */
#include "base/unicode.h"

static const struct {
    uint32_t first, last;
} HIDDEN[] = {
    {0x0000, 0x001f},      /* C0 */
    {0x007f, 0x009f},      /* DEL, C1: terminals obey them */
    {0x00ad, 0x00ad},      /* soft hyphen */
    {0x034f, 0x034f},      /* combining grapheme joiner */
    {0x061c, 0x061c},      /* Arabic letter mark */
    {0x115f, 0x1160},      /* Hangul fillers */
    {0x17b4, 0x17b5},      /* Khmer vowels without a form */
    {0x180b, 0x180f},      /* Mongolian selectors */
    {0x200b, 0x200f},      /* no width; direction marks */
    {0x2028, 0x202e},      /* line and paragraph separator; embeddings and overrides */
    {0x2060, 0x206f},      /* no width; isolates */
    {0x3164, 0x3164},      /* Hangul filler */
    {0xd800, 0xdfff},      /* surrogates */
    {0xfe00, 0xfe0f},      /* variation selectors */
    {0xfeff, 0xfeff},      /* byte order mark */
    {0xffa0, 0xffa0},      /* Hangul filler */
    {0xfff0, 0xfffb},      /* interlinear annotation */
    {0xfffe, 0xffff},      /* no characters */
    {0x1bca0, 0x1bca3},    /* shorthand controls */
    {0x1d173, 0x1d17a},    /* musical controls */
    {0xe0000, 0xe0fff},    /* tags, variation selectors */
    {0xf0000, UINT32_MAX}, /* private planes, and beyond Unicode */
};

bool unicode_is_visible(uint32_t point)
{
    size_t low = 0;
    size_t high = sizeof HIDDEN / sizeof HIDDEN[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point < HIDDEN[middle].first)
            high = middle;
        else if (point > HIDDEN[middle].last)
            low = middle + 1;
        else
            return false;
    }
    return true;
}

size_t unicode_next(struct str text, uint32_t *ret_point)
{
    unsigned char first = (unsigned char)text.ptr[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if ((first >= 0x80 && (first < 0xc2 || first > 0xf4)) || len > text.len)
        return 0;
    if (first == 0xe0)
        low = 0xa0; /* else overlong */
    else if (first == 0xed)
        high = 0x9f; /* else a surrogate */
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    uint32_t point = len == 1 ? first : first & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < low || c > high)
            return 0;
        point = point << 6 | (c & 0x3fU);
        low = 0x80;
        high = 0xbf;
    }
    *ret_point = point;
    return len;
}

/* The length of what is at the start and can be shown; 0 when it cannot. */
static size_t shown_len(struct str text)
{
    uint32_t point = 0;
    size_t len = unicode_next(text, &point);
    return len > 0 && unicode_is_visible(point) ? len : 0;
}

bool unicode_is_clean(struct str text)
{
    size_t len = 1;
    for (; text.len > 0 && len > 0; text = str_skip(text, len))
        len = shown_len(text);
    return len > 0;
}

void unicode_add_shown(struct text *out, struct str text)
{
    while (text.len > 0) {
        uint32_t point = 0;
        size_t shown = shown_len(text);
        size_t len = shown > 0 ? shown : unicode_next(text, &point);
        if (len == 0)
            len = 1;
        if (shown > 0)
            text_add(out, str_make(text.ptr, shown));
        for (size_t i = shown; i < len; i++)
            text_addf(out, "\\x%02x", (unsigned char)text.ptr[i]);
        text = str_skip(text, len);
    }
}
