/* SPDX-License-Identifier: MIT */
#include "http/http1_head.h"

#include "http/http1_chars.h"

/* A length beyond this is refused: even the sum of two stays within a signed 64-bit integer, so no
 * reader behind us wraps around. */
#define MAX_CONTENT_LENGTH (INT64_MAX / 2)

static enum http1_reason control_reason(char c, enum http1_reason other)
{
    return c == '\0' ? HTTP1_NUL : c == '\n' ? HTTP1_BARE_LF : c == '\r' ? HTTP1_BARE_CR : other;
}

static bool starts_with_crlf(struct str s)
{
    return s.len >= 2 && s.ptr[0] == '\r' && s.ptr[1] == '\n';
}

enum http1_reason http1_take_start_line(struct str *rest, struct str *ret_line)
{
    size_t len = http1_find_control(*rest);
    if (len == rest->len)
        return HTTP1_START_LINE;
    struct str end = str_skip(*rest, len);
    /* RFC 9112 section 3: single SP between the parts; HTAB and other white space is refused */
    if (!starts_with_crlf(end))
        return control_reason(end.ptr[0], HTTP1_CONTROL_CHARACTER);
    *ret_line = str_make(rest->ptr, len);
    *rest = str_skip(end, 2);
    return HTTP1_VALID;
}

enum http1_reason http1_read_version(struct str text, unsigned *ret_minor)
{
    /* RFC 9112 section 2.3: HTTP-name is case-sensitive, one digit on each side of the dot */
    if (text.len != 8 || !str_starts_with(text, STR("HTTP/")) || !ascii_is_digit(text.ptr[5]) ||
        text.ptr[6] != '.' || !ascii_is_digit(text.ptr[7]))
        return HTTP1_VERSION;
    if (text.ptr[5] != '1' || text.ptr[7] > '1')
        return HTTP1_VERSION_MAJOR;
    *ret_minor = text.ptr[7] == '1';
    return HTTP1_VALID;
}

/* Why the bytes at the start of a line, of which name_len are token characters, are no field name
 * with its colon. */
static enum http1_reason name_reason(struct str rest, size_t name_len)
{
    struct str after = str_skip(rest, name_len);
    size_t end = http1_find_control(after);
    while (end < after.len && after.ptr[end] == '\t')
        end += 1 + http1_find_control(str_skip(after, end + 1));
    if (end < after.len && !starts_with_crlf(str_skip(after, end)))
        return control_reason(after.ptr[end], HTTP1_CONTROL_CHARACTER);
    after.len = end;
    if (str_find(after, ':') == after.len)
        return HTTP1_NO_COLON;
    /* RFC 9112 section 5.1: white space between name and colon must be refused */
    struct str trimmed = str_trim(after);
    return name_len > 0 && trimmed.ptr[0] == ':' ? HTTP1_SPACE_BEFORE_COLON : HTTP1_FIELD_NAME;
}

/* Takes a value and its CRLF off *rest (RFC 9110 section 5.5). */
static enum http1_reason take_value(struct str *rest, struct str *ret_value)
{
    size_t len = http1_find_control(*rest);
    while (len < rest->len && rest->ptr[len] == '\t')
        len += 1 + http1_find_control(str_skip(*rest, len + 1));
    if (len == rest->len)
        return HTTP1_FIELD_VALUE;
    struct str end = str_skip(*rest, len);
    if (!starts_with_crlf(end))
        return control_reason(end.ptr[0], HTTP1_FIELD_VALUE);
    *ret_value = str_trim(str_make(rest->ptr, len));
    *rest = str_skip(end, 2);
    return HTTP1_VALID;
}

static void note_once(struct str *slot, bool *is_repeated, struct str value)
{
    *is_repeated = slot->ptr != NULL;
    *slot = value;
}

void http1_note_field(struct http1_facts *facts, struct str name, struct str value)
{
    switch (name.len) {
    case 4:
        if (str_equal_icase(name, STR("host")))
            note_once(&facts->host, &facts->is_host_repeated, value);
        return;
    case 6:
        if (str_equal_icase(name, STR("expect")))
            note_once(&facts->expect, &facts->is_expect_repeated, value);
        return;
    case 10:
        if (str_equal_icase(name, STR("connection"))) {
            facts->has_close |= str_list_contains(value, STR("close"));
            facts->has_keep_alive |= str_list_contains(value, STR("keep-alive"));
        }
        return;
    case 14:
        if (str_equal_icase(name, STR("content-length"))) {
            note_once(&facts->content_length, &facts->is_length_repeated, value);
            return;
        }
        break;
    case 17:
        if (str_equal_icase(name, STR("transfer-encoding"))) {
            note_once(&facts->transfer_encoding, &facts->is_encoding_repeated, value);
            return;
        }
        break;
    default:
        break;
    }
    facts->has_framing_alias |= http1_is_framing_alias(name);
}

/* Takes one field line off *rest. */
static enum http1_reason take_field(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    size_t name_len = http1_span(*rest, HTTP1_CHAR_TOKEN);
    if (name_len == 0 || name_len == rest->len || rest->ptr[name_len] != ':')
        return name_reason(*rest, name_len);
    *ret_name = str_make(rest->ptr, name_len);
    *rest = str_skip(*rest, name_len + 1);
    return take_value(rest, ret_value);
}

enum http1_reason http1_read_fields(struct str rest, size_t max_count, struct arena *arena,
                                    struct http_fields *fields, struct http1_facts *facts)
{
    while (!starts_with_crlf(rest)) {
        /* RFC 9112 sections 2.2 and 5.2: no white space before the first field, no folded line */
        if (rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t'))
            return fields->count == 0 ? HTTP1_LEADING_SPACE : HTTP1_OBS_FOLD;
        struct str name = {NULL, 0};
        struct str value = {NULL, 0};
        enum http1_reason reason = take_field(&rest, &name, &value);
        if (reason != HTTP1_VALID)
            return reason;
        /* RFC 6585 section 5 */
        if (fields->count == max_count)
            return HTTP1_TOO_MANY_FIELDS;
        http_fields_add(fields, arena, name, value);
        http1_note_field(facts, name, value);
    }
    /* An empty line inside what was delimited as one head would be a second message. */
    return rest.len == 2 ? HTTP1_VALID : HTTP1_NO_COLON;
}

static enum http1_reason read_content_length(struct str value, uint64_t *ret_length)
{
    /* RFC 9110 section 8.6: 1*DIGIT. A list is refused even when its members agree, and so is a
     * leading zero, which some readers take for octal. */
    if (!str_parse_u64(value, MAX_CONTENT_LENGTH, ret_length))
        return HTTP1_CONTENT_LENGTH_INVALID;
    return value.len > 1 && value.ptr[0] == '0' ? HTTP1_CONTENT_LENGTH_INVALID : HTTP1_VALID;
}

/* RFC 9112 section 6.3 rule 4: without chunked at the end, once, the length is unknown;
 * section 6.1: with it, what stands before is a coding we do not know. */
static enum http1_reason coding_reason(struct str codings)
{
    struct str coding = {NULL, 0};
    bool was_chunked = false;
    while (str_split(&codings, ',', &coding)) {
        coding = str_trim(coding);
        if (was_chunked || coding.len == 0 || http1_span(coding, HTTP1_CHAR_TOKEN) != coding.len)
            return HTTP1_TRANSFER_ENCODING;
        was_chunked = str_equal_icase(coding, STR("chunked"));
    }
    return was_chunked ? HTTP1_TRANSFER_CODING : HTTP1_TRANSFER_ENCODING;
}

enum http1_reason http1_read_framing(const struct http1_facts *facts, unsigned minor,
                                     struct http_body_framing *ret_framing)
{
    bool has_length = facts->content_length.ptr != NULL;
    if (facts->has_framing_alias)
        return HTTP1_FRAMING_ALIAS;
    if (facts->transfer_encoding.ptr != NULL) {
        /* RFC 9112 section 6.3 rule 3: both fields are a smuggling attempt */
        if (has_length)
            return HTTP1_LENGTH_AND_ENCODING;
        /* RFC 9112 section 6.1: an HTTP/1.0 message with Transfer-Encoding has faulty framing */
        if (minor == 0)
            return HTTP1_TRANSFER_ENCODING_HTTP10;
        if (facts->is_encoding_repeated)
            return HTTP1_TRANSFER_ENCODING;
        if (!str_equal_icase(facts->transfer_encoding, STR("chunked")))
            return coding_reason(facts->transfer_encoding);
        *ret_framing = (struct http_body_framing){.kind = HTTP_BODY_CHUNKED};
        return HTTP1_VALID;
    }
    struct http_body_framing framing = {.kind = has_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE};
    if (has_length) {
        /* RFC 9112 section 6.3 rule 5 would let us fold equal ones; none of ours reads two */
        if (facts->is_length_repeated)
            return HTTP1_CONTENT_LENGTH_REPEATED;
        enum http1_reason reason = read_content_length(facts->content_length, &framing.length);
        if (reason != HTTP1_VALID)
            return reason;
    }
    *ret_framing = framing;
    return HTTP1_VALID;
}
