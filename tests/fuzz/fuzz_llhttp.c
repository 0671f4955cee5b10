/* Requests, read by us and by llhttp, the parser of Node.js (strict). What we accept it accepts
 * too, and both see the same: method, target, version, fields, content. What we refuse and it
 * accepts must be on the list of points where we mean to be stricter.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "fuzz/llhttp_reading.h"
#include "http/http1_body.h"
#include "http/http1_parse.h"
#include "http/uri.h"

static const struct http1_limits LIMITS = {.target_bytes = 4096, .field_count = 64};

static enum http1_reason read_content(struct str rest, struct http_body_framing framing,
                                      struct reading *reading)
{
    struct http1_body body;
    struct str piece;
    enum http1_body_result result;
    http1_body_init(&body, framing, 0);
    while ((result = http1_body_next(&body, &rest, &piece)) == HTTP1_BODY_DATA)
        text_add(&reading->content, piece);
    reading->is_whole = result == HTTP1_BODY_END;
    return body.reason;
}

/* VALID when it is whole or more must come. */
static enum http1_reason read_head(struct str head, struct str rest, struct arena *arena,
                                   struct reading *reading)
{
    struct http_request request;
    enum http1_reason reason = http1_parse_request(head, &LIMITS, arena, &request);
    if (reason != HTTP1_VALID)
        return reason;
    struct uri uri;
    if (uri_parse_target(request.target, request.method_id, true, arena, &uri) != URI_VALID)
        return HTTP1_TARGET;
    reading->minor = request.minor;
    reading->has_other_method = request.method_id == HTTP_METHOD_OTHER;
    text_add(&reading->method, request.method);
    text_add(&reading->target, request.target);
    for (size_t i = 0; i < request.fields.count; i++)
        reading_add_field(reading, request.fields.items[i].name, request.fields.items[i].value);
    return read_content(rest, request.body, reading);
}

static enum http1_reason read_ours(struct str bytes, struct reading *reading)
{
    struct buf_pool pool;
    struct arena arena;
    struct http1_scan scan = {0};
    size_t len;
    bytes = str_skip(bytes, http1_skip_blank(bytes.ptr, bytes.len));
    enum http1_scan_result result = http1_scan_head(&scan, bytes.ptr, bytes.len, &len);
    if (result != HTTP1_SCAN_END)
        return scan.reason;
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
    enum http1_reason reason =
        read_head(str_make(bytes.ptr, len), str_skip(bytes, len), &arena, reading);
    arena_clear(&arena);
    buf_pool_clear(&pool);
    return reason;
}

/* Where we mean to be stricter, by our reason. */
static const struct stricter {
    enum http1_reason reason;
    const char *clause;
} STRICTER[] = {
    /* llhttp ends lines at a bare LF here and there, and before the request line skips any number
     * of CR and LF */
    {HTTP1_BARE_LF,
     "RFC 9112 section 2.2: a recipient MAY take a bare LF; no backend of ours has to"},
    {HTTP1_BARE_CR, "RFC 9112 section 2.2: a bare CR is invalid or to be replaced"},
    {HTTP1_CONTROL_CHARACTER, "RFC 9112 section 3.2: no control characters in a target"},
    {HTTP1_START_LINE, "RFC 9112 sections 2.2 and 3: one empty line before, single SP between"},
    {HTTP1_METHOD, "RFC 9112 sections 2.2 and 3: one empty line before, single SP between"},
    {HTTP1_TARGET,
     "RFC 9112 section 3.2: a target of one of the four forms, of the right one for the method"},
    {HTTP1_VERSION_MAJOR, "RFC 9110 section 15.6.6: 505 for what is not HTTP/1.0 or HTTP/1.1"},
    {HTTP1_VERSION, "RFC 9112 section 2.3: HTTP-name is HTTP"},
    {HTTP1_LEADING_SPACE, "RFC 9112 section 2.2: white space before the first field"},
    {HTTP1_OBS_FOLD, "RFC 9112 section 5.2: obs-fold is refused"},
    {HTTP1_NO_COLON, "RFC 9112 section 5: a field line has a colon"},
    {HTTP1_FIELD_NAME, "RFC 9112 section 5: a name is not empty"},
    {HTTP1_SPACE_BEFORE_COLON, "RFC 9112 section 5.1: no white space before the colon"},
    {HTTP1_FIELD_VALUE, "RFC 9110 section 5.5: control characters are invalid"},
    {HTTP1_TOO_MANY_FIELDS, "RFC 6585 section 5: our limit"},
    {HTTP1_TARGET_TOO_LONG, "RFC 9110 section 15.5.15: our limit"},
    {HTTP1_HOST_MISSING, "RFC 9112 section 3.2: 400 without Host"},
    {HTTP1_HOST_REPEATED, "RFC 9112 section 3.2: 400 with more than one Host"},
    {HTTP1_HOST_INVALID, "RFC 9112 section 3.2: 400 with an invalid Host"},
    {HTTP1_CONTENT_LENGTH_INVALID, "RFC 9110 section 8.6: 1*DIGIT; leading zeros may be octal"},
    {HTTP1_LENGTH_AND_ENCODING, "RFC 9112 section 6.3 rule 3: ought to be handled as an error"},
    {HTTP1_TRANSFER_ENCODING, "RFC 9112 section 6.3 rule 4: chunked once and last"},
    {HTTP1_TRANSFER_CODING, "RFC 9112 section 6.1: 501 for a coding that is not known"},
    {HTTP1_TRANSFER_ENCODING_HTTP10, "RFC 9112 section 6.1: faulty framing in HTTP/1.0"},
    {HTTP1_FRAMING_ALIAS, "RFC 9112 section 11.2: a backend may fold the name"},
    {HTTP1_EXPECTATION, "RFC 9110 section 10.1.1: 417 for another expectation"},
    {HTTP1_CHUNK_SIZE, "RFC 9112 section 7.1: 1*HEXDIG and no blank; our limit of digits"},
    {HTTP1_CHUNK_EXTENSION, "RFC 9112 section 7.1.1: a name and a value; our limit of the line"},
    {HTTP1_TRAILER, "RFC 9112 section 7.1.2: as fields; our limit of the section"},
};

static bool may_be_stricter(enum http1_reason reason)
{
    for (size_t i = 0; i < sizeof STRICTER / sizeof *STRICTER; i++) {
        if (STRICTER[i].reason == reason)
            return true;
    }
    return false;
}

static void check_same_head(const struct reading *ours, const struct reading *theirs)
{
    FUZZ_CHECK(str_equal(text_str(&ours->method), text_str(&theirs->method)));
    FUZZ_CHECK(str_equal(text_str(&ours->target), text_str(&theirs->target)));
    FUZZ_CHECK(ours->minor == theirs->minor);
    FUZZ_CHECK(str_equal(text_str(&ours->fields), text_str(&theirs->fields)));
}

/* Where llhttp is stricter or knows less behind the head, all of which we drop: blanks around and
 * further extensions behind a value (RFC 9112 section 7.1.1), framing fields in the trailer section
 * (RFC 9110 section 6.5.1). */
static const char *const LAXER[] = {"HPE_STRICT", "HPE_INVALID_CHUNK_SIZE",
                                    "HPE_INVALID_TRANSFER_ENCODING", "HPE_INVALID_CONTENT_LENGTH",
                                    "HPE_UNEXPECTED_CONTENT_LENGTH"};

static void check_laxer(const struct reading *ours, const struct reading *theirs)
{
    FUZZ_CHECK(theirs->error != NULL);
    /* RFC 9110 section 9.1: any token is a method; llhttp has a list, and on it some that belong to
     * other protocols (PRI, those of RTSP) and so to other versions */
    if (ours->has_other_method && !theirs->is_past_head)
        return;
    bool is_known = false;
    for (size_t i = 0; i < sizeof LAXER / sizeof *LAXER; i++)
        is_known |= strcmp(theirs->error, LAXER[i]) == 0;
    FUZZ_CHECK(is_known && theirs->is_past_head);
    check_same_head(ours, theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str input = str_make((const char *)bytes, size);
    struct reading ours = {0};
    struct reading theirs = {0};
    enum http1_reason reason = read_ours(input, &ours);
    reading_by_llhttp(input, &theirs);
    if (ours.is_whole && theirs.is_whole) {
        check_same_head(&ours, &theirs);
        FUZZ_CHECK(str_equal(text_str(&ours.content), text_str(&theirs.content)));
    } else if (ours.is_whole) {
        check_laxer(&ours, &theirs);
    } else if (theirs.is_whole) {
        FUZZ_CHECK(may_be_stricter(reason));
    }
    reading_clear(&ours);
    reading_clear(&theirs);
    return 0;
}
