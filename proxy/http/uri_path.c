/* Two passes: decode what may be decoded while checking every byte, then drop the dot segments,
 * which by then are all plain.
 *
 * SPDX-License-Identifier: MIT */
#include "http/uri_path.h"

#include <string.h>

#include "http/http1_chars.h"

/* What the next byte must be for the bytes so far to be the start of valid UTF-8. */
struct utf8 {
    unsigned missing; /* continuation bytes still to come */
    unsigned char low;
    unsigned char high; /* range of the next one */
};

/* RFC 3629 section 4: no overlong form, no surrogate, nothing above U+10FFFF. */
static bool utf8_take(struct utf8 *utf8, unsigned char byte)
{
    if (utf8->missing > 0) {
        bool is_valid = byte >= utf8->low && byte <= utf8->high;
        *utf8 = (struct utf8){utf8->missing - 1, 0x80, 0xbf};
        return is_valid;
    }
    if (byte < 0x80)
        return true;
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    utf8->missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    utf8->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    utf8->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}

/* RFC 3986 section 2.3 */
static bool is_unreserved(int c)
{
    return ascii_is_alpha((char)c) || ascii_is_digit((char)c) || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* The value of the escape at the start of s, or -1 when it is not two hexadecimal digits. */
static int escape_value(struct str s)
{
    if (s.len < 3)
        return -1;
    int high = ascii_hex_value(s.ptr[1]);
    int low = ascii_hex_value(s.ptr[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decodes escaped unreserved characters into out (as large as raw); false for an invalid path. */
static bool decode(struct str raw, bool keep_encoded_slash, char *out, size_t *ret_len)
{
    struct utf8 utf8 = {0};
    size_t len = 0;
    size_t i = 0;
    while (i < raw.len) {
        char c = raw.ptr[i];
        int value = (unsigned char)c;
        size_t width = 1;
        if (c == '%') {
            value = escape_value(str_skip(raw, i));
            width = 3;
            if (value <= 0 || (value == '/' && !keep_encoded_slash))
                return false;
        } else if (c == '#' || value <= 0x20 || value == 0x7f) {
            return false;
        }
        if (value == '\\' || !utf8_take(&utf8, (unsigned char)value))
            return false;
        if (width == 3 && is_unreserved(value)) {
            out[len++] = (char)value;
        } else {
            memcpy(out + len, raw.ptr + i, width);
            len += width;
        }
        i += width;
    }
    *ret_len = len;
    return utf8.missing == 0;
}

static bool is_dots(struct str s)
{
    return str_equal(s, STR(".")) || str_equal(s, STR(".."));
}

/* True for a segment that a backend may turn into a dot segment although it is none: "..;x" (path
 * parameters dropped) and, where encoded slashes are kept, "..%2f". */
static bool is_disguised_dots(struct str segment)
{
    size_t start = 0;
    for (size_t i = 0; i <= segment.len; i++) {
        bool is_slash = segment.len - i >= 3 && segment.ptr[i] == '%' &&
                        escape_value(str_skip(segment, i)) == '/';
        if (i < segment.len && !is_slash)
            continue;
        struct str part = str_make(segment.ptr + start, i - start);
        part.len = str_find(part, ';');
        if (is_dots(part))
            return true;
        start = i + 3;
    }
    return false;
}

/* RFC 3986 section 5.2.4, in place; false when a dot segment leads above the root. */
static bool remove_dot_segments(char *path, size_t *len)
{
    size_t out = 0;
    size_t in = 0;
    while (in < *len) {
        struct str rest = str_make(path + in + 1, *len - in - 1);
        struct str segment = str_make(rest.ptr, str_find(rest, '/'));
        bool is_last = segment.len == rest.len;
        in += 1 + segment.len;
        if (!is_dots(segment)) {
            if (is_disguised_dots(segment))
                return false;
            memmove(path + out, segment.ptr - 1, segment.len + 1);
            out += segment.len + 1;
            continue;
        }
        if (segment.len == 2) {
            if (out == 0)
                return false;
            while (path[--out] != '/')
                ;
        }
        if (is_last)
            path[out++] = '/';
    }
    *len = out;
    return true;
}

/* True when the path is canonical as it stands: visible ASCII without escapes or dot segments. */
static bool is_plain(struct str raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (!http1_char_is(c, HTTP1_CHAR_TARGET) || c == '%' || c == '\\' || c == '#')
            return false;
        if (c == '.' && raw.ptr[i - 1] == '/')
            return false;
    }
    return true;
}

bool uri_canonical_path(struct str raw, bool keep_encoded_slash, struct arena *arena,
                        struct str *ret_path)
{
    if (is_plain(raw)) {
        *ret_path = raw;
        return true;
    }
    char *out = arena_alloc(arena, raw.len);
    size_t len;
    if (!decode(raw, keep_encoded_slash, out, &len) || !remove_dot_segments(out, &len))
        return false;
    *ret_path = str_make(out, len);
    return true;
}
