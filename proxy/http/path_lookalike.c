/* SPDX-License-Identifier: MIT */
#include "http/path_lookalike.h"

#include <assert.h>
#include <string.h>

#define IGNORED 0

/* code becomes to + (code - first) % period. */
static const struct {
    uint32_t first;
    uint32_t last;
    char to; /* IGNORED: dropped */
    unsigned char period;
} RANGES[] = {
    {0x00a0, 0x00a0, ' ', 1},     {0x00ad, 0x00ad, '-', 1},     {0x00b2, 0x00b3, '2', 2},
    {0x00b9, 0x00b9, '1', 1},     {0x037e, 0x037e, ';', 1},     {0x2000, 0x200a, ' ', 1},
    {0x200b, 0x200f, IGNORED, 1}, {0x2010, 0x2015, '-', 1},     {0x2024, 0x2024, '.', 1},
    {0x202a, 0x202e, IGNORED, 1}, {0x202f, 0x202f, ' ', 1},     {0x2044, 0x2044, '/', 1},
    {0x205f, 0x205f, ' ', 1},     {0x206a, 0x206f, IGNORED, 1}, {0x2070, 0x2070, '0', 1},
    {0x2074, 0x2079, '4', 10},    {0x2080, 0x2089, '0', 10},    {0x20e5, 0x20e5, '\\', 1},
    {0x212a, 0x212a, 'k', 1},     {0x2212, 0x2212, '-', 1},     {0x2215, 0x2215, '/', 1},
    {0x2216, 0x2216, '\\', 1},    {0x2236, 0x2236, ':', 1},     {0x24b6, 0x24e9, 'a', 26},
    {0x29f5, 0x29f5, '\\', 1},    {0x29f8, 0x29f8, '/', 1},     {0x3000, 0x3000, ' ', 1},
    {0xfe52, 0xfe52, '.', 1},     {0xfe54, 0xfe54, ';', 1},     {0xfe55, 0xfe55, ':', 1},
    {0xfe5f, 0xfe5f, '#', 1},     {0xfe63, 0xfe63, '-', 1},     {0xfe68, 0xfe68, '\\', 1},
    {0xfe6a, 0xfe6a, '%', 1},     {0xfeff, 0xfeff, IGNORED, 1}, {0xff01, 0xff5e, '!', 94},
    {0x1d400, 0x1d6a3, 'a', 26},  {0x1d7ce, 0x1d7ff, '0', 10},
};

/* U+0100 to U+017F without their accents; '.' for those that have no such form. */
static const char LATIN[] = "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii..jjkk."
                            "llllll..llnnnnnn...oooooo..rrrrrrssssssssttttttuuuuuuuuuuuuww"
                            "yyyzzzzzzs";
static_assert(sizeof LATIN == 128 + 1, "a letter for each code point");

/* The ASCII character, IGNORED, or -1. */
static int plain_of(uint32_t code)
{
    if (code >= 0x100 && code < 0x180)
        return LATIN[code - 0x100] == '.' ? -1 : LATIN[code - 0x100];
    for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
        if (code >= RANGES[i].first && code <= RANGES[i].last)
            return RANGES[i].to + (int)((code - RANGES[i].first) % RANGES[i].period);
    }
    return -1;
}

/* Reads one character, overlong or not; returns its bytes, or 0 when there is none. */
static size_t take_code(struct str s, uint32_t *ret_code)
{
    unsigned char first = (unsigned char)s.ptr[0];
    size_t width = first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    if (width == 0 || s.len < width)
        return 0;
    uint32_t code = first & (0x7fu >> width);
    for (size_t i = 1; i < width; i++) {
        unsigned char next = (unsigned char)s.ptr[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (next & 0x3f);
    }
    *ret_code = code;
    return width;
}

size_t path_lookalike_overlong(struct str path, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        uint32_t code = 0;
        size_t width = take_code(str_skip(path, i), &code);
        bool is_overlong = width > 0 && code < 0x80;
        out[len++] = is_overlong ? (char)code : path.ptr[i];
        i += is_overlong ? width - 1 : 0;
    }
    return len;
}

size_t path_lookalike_plain(struct str path, char *out)
{
    size_t len = 0;
    size_t i = 0;
    while (i < path.len) {
        uint32_t code = 0;
        size_t width = take_code(str_skip(path, i), &code);
        int plain = width == 0 ? -1 : plain_of(code);
        if (plain > IGNORED)
            out[len++] = (char)plain;
        else if (plain < 0)
            out[len++] = path.ptr[i];
        i += plain < 0 ? 1 : width;
    }
    return len;
}

size_t path_lookalike_put_utf8(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}
