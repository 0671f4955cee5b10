/* SPDX-License-Identifier: MIT */
#include "config/config_text.h"

#include <string.h>

#define SHOWN_MAX 64

#define SINGLE_QUOTES \
    "; in double quotes a backslash begins an escape: use single quotes, as in 'CONTOSO\\alice'"

/* U+2018 to U+201F, and the two guillemets */
static size_t quote_at(struct str text, size_t at)
{
    static const char *const guillemets[] = {"\xc2\xab", "\xc2\xbb"};
    struct str rest = str_skip(text, at);
    if (rest.len >= 3 && memcmp(rest.ptr, "\xe2\x80", 2) == 0 &&
        (unsigned char)rest.ptr[2] >= 0x98 && (unsigned char)rest.ptr[2] <= 0x9f)
        return 3;
    for (size_t i = 0; i < 2; i++) {
        if (str_starts_with(rest, str_of(guillemets[i])))
            return 2;
    }
    return 0;
}

static bool has_control(struct str text, bool is_multiline)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_break = c == '\n' || c == '\r' || c == '\t';
        if (c == 0x7f || (c < 0x20 && !(is_break && is_multiline)))
            return true;
    }
    return false;
}

#define NO_BREAK_BLANK "\xc2\xa0" /* \_ */

/* \N, \L and \P: next line and two separators. */
static bool has_invisible(struct str text)
{
    static const char *const invisible[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t i = 0; i < sizeof invisible / sizeof invisible[0]; i++) {
        if (memmem(text.ptr, text.len, invisible[i], strlen(invisible[i])) != NULL)
            return true;
    }
    return false;
}

bool config_text_check(const struct config_cursor *at, bool is_multiline)
{
    struct str text = config_cursor_text(at);
    bool is_escaped = at->node->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    /* NUL would cut the text short; other control characters only ever get in by accident and would
     * end up in logs and headers. */
    if (has_control(text, is_multiline)) {
        config_decode_error(at, "control characters are not allowed%s",
                            is_escaped ? SINGLE_QUOTES : "");
        return false;
    }
    if (is_escaped && has_invisible(text)) {
        config_decode_error(at, "contains a character that nobody sees%s", SINGLE_QUOTES);
        return false;
    }
    if (is_escaped && memmem(text.ptr, text.len, NO_BREAK_BLANK, 2) != NULL)
        config_decode_warn(at, "contains a blank that does not break%s", SINGLE_QUOTES);
    if (config_cursor_is_plain(at) && quote_at(text, 0) > 0) {
        struct text shown = {0};
        config_text_add_quoted(&shown, text);
        config_decode_warn(at, "the text is %s", shown.ptr);
        text_clear(&shown);
    }
    return true;
}

void config_text_add_quoted(struct text *out, struct str value)
{
    struct str shown = str_make(value.ptr, value.len < SHOWN_MAX ? value.len : SHOWN_MAX);
    bool has_quotes = false;
    text_add_char(out, '"');
    for (size_t i = 0; i < shown.len;) {
        size_t len = quote_at(shown, i);
        unsigned char c = (unsigned char)shown.ptr[i];
        if (len > 0)
            text_add(out, str_make(shown.ptr + i, len));
        else if (c == '"' || c == '\\')
            text_addf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            text_addf(out, "\\x%02x", c);
        else
            text_add_char(out, (char)c);
        has_quotes |= len > 0;
        i += len > 0 ? len : 1;
    }
    text_add_char(out, '"');
    if (shown.len < value.len)
        text_add_cstr(out, "...");
    if (has_quotes)
        text_add_cstr(out, " with typographic quotes, which are part of the text; write \" or '");
}

const char *config_text_escape_hint(const char *problem)
{
    bool is_escape =
        strstr(problem, "escape character") != NULL || strstr(problem, "hexdecimal") != NULL ||
        strstr(problem, "hexadecimal") != NULL || strstr(problem, "escape code") != NULL;
    return is_escape ? SINGLE_QUOTES : "";
}
