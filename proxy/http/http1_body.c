/* The chunked decoder is a byte-wise state machine for everything between the chunks and yields
 * the chunks themselves as slices.
 *
 * SPDX-License-Identifier: MIT */
#include "http/http1_body.h"

#include <string.h>

#include "http/http1_chars.h"
#include "http/http1_head.h"

/* A size line with its extensions, which nobody uses (RFC 9112 section 7.1.1 asks for a limit), and
 * the whole trailer section. */
#define MAX_SIZE_LINE   1024
#define MAX_TRAILER     8192
#define FIRST_TRAILER   512 /* bytes set aside when one begins */
#define MAX_SIZE_DIGITS 16

enum body_state {
    BODY_DATA, /* of a length, or until the peer closes */
    CHUNK_SIZE_START,
    CHUNK_SIZE,
    EXTENSION_START, /* behind ';' */
    EXTENSION_NAME,
    EXTENSION_NAME_END,    /* blanks behind the name */
    EXTENSION_VALUE_START, /* behind '=' */
    EXTENSION_TOKEN,
    EXTENSION_QUOTED,
    EXTENSION_ESCAPE, /* behind a backslash in a quoted string */
    EXTENSION_END,    /* behind the value */
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START, /* of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    TRAILER_END_LF,
    BODY_DONE,
    BODY_FAILED,
};

static enum http1_body_result fail(struct http1_body *body, enum http1_reason reason)
{
    body->state = BODY_FAILED;
    body->reason = reason;
    return HTTP1_BODY_BAD;
}

void http1_body_init(struct http1_body *body, struct http_body_framing framing, uint64_t max_total)
{
    *body = (struct http1_body){.framing = framing, .max_total = max_total};
    switch (framing.kind) {
    case HTTP_BODY_NONE:
        body->state = BODY_DONE;
        break;
    case HTTP_BODY_LENGTH:
        body->remaining = framing.length;
        body->state = framing.length == 0 ? BODY_DONE : BODY_DATA;
        if (max_total != 0 && framing.length > max_total)
            (void)fail(body, HTTP1_BODY_TOO_LARGE);
        break;
    case HTTP_BODY_CHUNKED:
        body->state = CHUNK_SIZE_START;
        break;
    case HTTP_BODY_UNTIL_CLOSE:
        body->remaining = max_total == 0 ? UINT64_MAX : max_total;
        body->state = BODY_DATA;
        break;
    }
}

void http1_body_keep_trailers(struct http1_body *body, struct arena *arena, size_t max_count)
{
    body->arena = arena;
    body->trailer_max = max_count;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static enum http1_reason go(struct http1_body *body, enum body_state state)
{
    body->state = state;
    return HTTP1_VALID;
}

/* What a byte that does not belong there is called. */
static enum http1_reason refuse(char c, enum http1_reason reason)
{
    return c == '\0' ? HTTP1_NUL : c == '\n' ? HTTP1_BARE_LF : reason;
}

/* RFC 9112 section 7.1: 1*HEXDIG. Blanks around it are read differently by different parsers, and
 * so is what overflows; 15 digits that count are below 2^60. */
static enum http1_reason take_size(struct http1_body *body, char c)
{
    int digit = ascii_hex_value(c);
    if (digit >= 0) {
        if (body->remaining >> 56 != 0 || body->line_bytes > MAX_SIZE_DIGITS)
            return HTTP1_CHUNK_SIZE;
        body->remaining = body->remaining << 4 | (uint64_t)digit;
        return go(body, CHUNK_SIZE);
    }
    if (body->state == CHUNK_SIZE && c == ';')
        return go(body, EXTENSION_START);
    if (body->state == CHUNK_SIZE && c == '\r')
        return go(body, CHUNK_SIZE_LF);
    return refuse(c, HTTP1_CHUNK_SIZE);
}

/* What may follow a name or a value: blanks, the next extension, the end of the line. */
static enum http1_reason take_extension_end(struct http1_body *body, char c, enum body_state blank)
{
    if (is_blank(c))
        return go(body, blank);
    if (c == ';')
        return go(body, EXTENSION_START);
    if (c == '\r')
        return go(body, CHUNK_SIZE_LF);
    return refuse(c, HTTP1_CHUNK_EXTENSION);
}

/* RFC 9112 section 7.1.1: BWS ";" BWS token [BWS "=" BWS (token / quoted-string)] */
static enum http1_reason take_extension_name(struct http1_body *body, char c)
{
    bool is_token = http1_char_is(c, HTTP1_CHAR_TOKEN);
    if (body->state == EXTENSION_START) {
        if (is_blank(c))
            return HTTP1_VALID;
        return is_token ? go(body, EXTENSION_NAME) : refuse(c, HTTP1_CHUNK_EXTENSION);
    }
    if (body->state == EXTENSION_NAME && is_token)
        return HTTP1_VALID;
    if (c == '=')
        return go(body, EXTENSION_VALUE_START);
    return take_extension_end(body, c, EXTENSION_NAME_END);
}

/* RFC 9110 section 5.6.4 for the quoted string. */
static enum http1_reason take_extension_value(struct http1_body *body, char c)
{
    bool is_token = http1_char_is(c, HTTP1_CHAR_TOKEN);
    if (body->state == EXTENSION_VALUE_START) {
        if (is_blank(c))
            return HTTP1_VALID;
        if (c == '"')
            return go(body, EXTENSION_QUOTED);
        return is_token ? go(body, EXTENSION_TOKEN) : refuse(c, HTTP1_CHUNK_EXTENSION);
    }
    if (body->state == EXTENSION_QUOTED) {
        if (c == '"')
            return go(body, EXTENSION_END);
        if (c == '\\')
            return go(body, EXTENSION_ESCAPE);
        return http1_char_is(c, HTTP1_CHAR_QUOTED) ? HTTP1_VALID : refuse(c, HTTP1_CHUNK_EXTENSION);
    }
    if (body->state == EXTENSION_ESCAPE)
        return http1_char_is(c, HTTP1_CHAR_VALUE) ? go(body, EXTENSION_QUOTED)
                                                  : refuse(c, HTTP1_CHUNK_EXTENSION);
    if (body->state == EXTENSION_TOKEN && is_token)
        return HTTP1_VALID;
    return take_extension_end(body, c, EXTENSION_END);
}

static enum http1_reason end_size_line(struct http1_body *body, char c)
{
    if (c != '\n')
        return HTTP1_BARE_CR;
    body->line_bytes = 0;
    if (body->remaining == 0)
        return go(body, TRAILER_START);
    if (body->max_total != 0 && body->remaining > body->max_total - body->total)
        return HTTP1_BODY_TOO_LARGE;
    return go(body, CHUNK_DATA);
}

static enum http1_reason end_chunk(struct http1_body *body, char c)
{
    bool wants_cr = body->state == CHUNK_DATA_CR;
    if (c != (wants_cr ? '\r' : '\n'))
        return HTTP1_CHUNK_DATA_END;
    return go(body, wants_cr ? CHUNK_DATA_LF : CHUNK_SIZE_START);
}

/* RFC 9112 section 7.1.2: field lines and an empty line, under the rules of section 5. */
static enum http1_reason take_trailer(struct http1_body *body, char c)
{
    bool is_token = http1_char_is(c, HTTP1_CHAR_TOKEN);
    switch (body->state) {
    case TRAILER_START:
        if (c == '\r')
            return go(body, TRAILER_END_LF);
        return is_token ? go(body, TRAILER_NAME) : refuse(c, HTTP1_TRAILER);
    case TRAILER_NAME:
        if (c == ':')
            return go(body, TRAILER_VALUE);
        return is_token ? HTTP1_VALID : refuse(c, HTTP1_TRAILER);
    case TRAILER_VALUE:
        if (c == '\r')
            return go(body, TRAILER_LF);
        return http1_char_is(c, HTTP1_CHAR_VALUE) ? HTTP1_VALID : refuse(c, HTTP1_TRAILER);
    case TRAILER_LF:
        return c == '\n' ? go(body, TRAILER_START) : HTTP1_BARE_CR;
    default: /* TRAILER_END_LF */
        return c == '\n' ? go(body, BODY_DONE) : HTTP1_BARE_CR;
    }
}

/* An empty section, which nearly all are, costs nothing. */
static void keep_trailer_byte(struct http1_body *body, char c)
{
    if (body->trailer_len == 0 && (c == '\r' || c == '\n'))
        return;
    if (body->trailer_len == body->trailer_capacity) {
        size_t capacity = body->trailer_capacity == 0 ? FIRST_TRAILER : body->trailer_capacity * 2;
        char *bytes = arena_alloc(body->arena, capacity);
        if (body->trailer_len > 0)
            memcpy(bytes, body->trailer_bytes, body->trailer_len);
        body->trailer_bytes = bytes;
        body->trailer_capacity = capacity;
    }
    body->trailer_bytes[body->trailer_len++] = c;
}

static enum http1_reason read_trailers(struct http1_body *body)
{
    struct http1_facts facts = {0};
    if (body->trailer_len == 0)
        return HTTP1_VALID;
    return http1_read_fields(str_make(body->trailer_bytes, body->trailer_len), body->trailer_max,
                             body->arena, &body->trailers, &facts);
}

/* One byte that is not payload. */
static enum http1_reason take_byte(struct http1_body *body, char c)
{
    if (body->state >= TRAILER_START)
        return ++body->line_bytes > MAX_TRAILER ? HTTP1_TRAILER : take_trailer(body, c);
    if (body->state >= CHUNK_DATA_CR)
        return end_chunk(body, c);
    if (body->state == CHUNK_SIZE_LF)
        return end_size_line(body, c);
    body->line_bytes++;
    if (body->state <= CHUNK_SIZE)
        return take_size(body, c);
    if (body->line_bytes > MAX_SIZE_LINE)
        return HTTP1_CHUNK_EXTENSION;
    return body->state <= EXTENSION_NAME_END ? take_extension_name(body, c)
                                             : take_extension_value(body, c);
}

static enum http1_body_result take_data(struct http1_body *body, struct str *input,
                                        struct str *ret_data)
{
    if (body->remaining == 0) /* only where max_total ends what would go on until the close */
        return fail(body, HTTP1_BODY_TOO_LARGE);
    size_t len = input->len < body->remaining ? input->len : (size_t)body->remaining;
    *ret_data = str_make(input->ptr, len);
    *input = str_skip(*input, len);
    body->total += len;
    body->remaining -= len;
    if (body->remaining == 0 && body->framing.kind == HTTP_BODY_CHUNKED)
        body->state = CHUNK_DATA_CR;
    else if (body->remaining == 0 && body->framing.kind == HTTP_BODY_LENGTH)
        body->state = BODY_DONE;
    return HTTP1_BODY_DATA;
}

enum http1_body_result http1_body_next(struct http1_body *body, struct str *input,
                                       struct str *ret_data)
{
    for (;;) {
        if (body->state == BODY_DONE)
            return HTTP1_BODY_END;
        if (body->state == BODY_FAILED)
            return HTTP1_BODY_BAD;
        if (input->len == 0)
            return HTTP1_BODY_MORE;
        if (body->state == BODY_DATA || body->state == CHUNK_DATA)
            return take_data(body, input, ret_data);
        bool is_kept = body->arena != NULL && body->state >= TRAILER_START;
        enum http1_reason reason = take_byte(body, input->ptr[0]);
        if (is_kept && reason == HTTP1_VALID) {
            keep_trailer_byte(body, input->ptr[0]);
            if (body->state == BODY_DONE)
                reason = read_trailers(body);
        }
        *input = str_skip(*input, 1);
        if (reason != HTTP1_VALID)
            return fail(body, reason);
    }
}

bool http1_body_finish(struct http1_body *body)
{
    if (body->framing.kind == HTTP_BODY_UNTIL_CLOSE && body->state == BODY_DATA)
        body->state = BODY_DONE;
    return body->state == BODY_DONE;
}
