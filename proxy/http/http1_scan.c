/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "http/http1_chars.h"
#include "http/http1_parse.h"

static enum http1_scan_result scan_bad(struct http1_scan *scan, enum http1_reason reason)
{
    scan->reason = reason;
    return HTTP1_SCAN_BAD;
}

/* Takes the line end at scan->offset, a CR. MORE when the LF has not come yet or when another line
 * follows: the offset tells them apart. */
static enum http1_scan_result take_line_end(struct http1_scan *scan, const char *bytes, size_t len,
                                            size_t *ret_len)
{
    if (scan->offset + 1 == len)
        return HTTP1_SCAN_MORE;
    /* RFC 9112 section 2.2: a bare CR is invalid or must be replaced; it is never forwarded */
    if (bytes[scan->offset + 1] != '\n')
        return scan_bad(scan, HTTP1_BARE_CR);
    bool is_empty = scan->offset == scan->line_start;
    scan->offset += 2;
    scan->line_start = scan->offset;
    if (!is_empty)
        return HTTP1_SCAN_MORE;
    *ret_len = scan->offset;
    return HTTP1_SCAN_END;
}

/* RFC 9112 sections 2.2 and 5.2: a line behind the first one must not begin with white space. */
static bool is_blank_line_start(const struct http1_scan *scan, const char *bytes, size_t len)
{
    return scan->offset == scan->line_start && scan->offset > 0 && scan->offset < len &&
           (bytes[scan->offset] == ' ' || bytes[scan->offset] == '\t');
}

enum http1_scan_result http1_scan_head(struct http1_scan *scan, const char *bytes, size_t len,
                                       size_t *ret_len)
{
    for (;;) {
        if (is_blank_line_start(scan, bytes, len)) {
            bool is_first = memchr(bytes, '\n', scan->offset - 1) == NULL;
            return scan_bad(scan, is_first ? HTTP1_LEADING_SPACE : HTTP1_OBS_FOLD);
        }
        scan->offset += http1_find_control(str_make(bytes + scan->offset, len - scan->offset));
        if (scan->offset == len)
            return HTTP1_SCAN_MORE;
        char c = bytes[scan->offset];
        if (c == '\t') {
            scan->offset++;
            continue;
        }
        if (c == '\0')
            return scan_bad(scan, HTTP1_NUL);
        /* RFC 9112 section 2.2 lets a recipient take a bare LF; refusing it leaves one reading */
        if (c == '\n')
            return scan_bad(scan, HTTP1_BARE_LF);
        /* RFC 9110 section 5.5: control characters are dangerous in every part of a head */
        if (c != '\r')
            return scan_bad(scan, HTTP1_CONTROL_CHARACTER);
        size_t before = scan->offset;
        enum http1_scan_result result = take_line_end(scan, bytes, len, ret_len);
        if (result != HTTP1_SCAN_MORE || scan->offset == before)
            return result;
    }
}

size_t http1_skip_blank(const char *bytes, size_t len)
{
    return len >= 2 && bytes[0] == '\r' && bytes[1] == '\n' ? 2 : 0;
}
