/* SPDX-License-Identifier: MIT */
#include "http/http1_parse.h"

struct reason_info {
    const char *text;
    enum outcome outcome;
};

static const struct reason_info REASONS[HTTP1_REASON_COUNT] = {
    [HTTP1_VALID] = {"valid", OUTCOME_OK},
    /* RFC 9112 section 2.2 */
    [HTTP1_BARE_LF] = {"LF without CR", OUTCOME_BAD_REQUEST},
    [HTTP1_BARE_CR] = {"CR without LF", OUTCOME_BAD_REQUEST},
    /* RFC 9110 section 5.5 */
    [HTTP1_NUL] = {"NUL byte", OUTCOME_BAD_REQUEST},
    [HTTP1_CONTROL_CHARACTER] = {"control character", OUTCOME_BAD_REQUEST},
    /* RFC 9112 sections 3 and 4 */
    [HTTP1_START_LINE] = {"malformed start line", OUTCOME_BAD_REQUEST},
    /* RFC 9110 section 9.1 */
    [HTTP1_METHOD] = {"method is not a token", OUTCOME_BAD_REQUEST},
    /* RFC 9112 section 3.2 */
    [HTTP1_TARGET] = {"invalid byte in the request target", OUTCOME_BAD_TARGET},
    /* RFC 9112 section 2.3 */
    [HTTP1_VERSION] = {"malformed HTTP version", OUTCOME_BAD_REQUEST},
    /* RFC 9110 section 15.6.6 */
    [HTTP1_VERSION_MAJOR] = {"HTTP version not supported", OUTCOME_VERSION_NOT_SUPPORTED},
    /* RFC 9112 section 4 */
    [HTTP1_STATUS_CODE] = {"malformed status code", OUTCOME_BAD_REQUEST},
    /* RFC 9112 section 2.2 */
    [HTTP1_LEADING_SPACE] = {"white space before the first field", OUTCOME_BAD_REQUEST},
    /* RFC 9112 section 5.2 */
    [HTTP1_OBS_FOLD] = {"folded field line", OUTCOME_BAD_REQUEST},
    /* RFC 9112 section 5 */
    [HTTP1_NO_COLON] = {"field line without colon", OUTCOME_BAD_REQUEST},
    /* RFC 9110 section 5.1 */
    [HTTP1_FIELD_NAME] = {"field name is not a token", OUTCOME_BAD_REQUEST},
    /* RFC 9112 section 5.1 */
    [HTTP1_SPACE_BEFORE_COLON] = {"white space before the colon", OUTCOME_BAD_REQUEST},
    /* RFC 9110 section 5.5 */
    [HTTP1_FIELD_VALUE] = {"control character in a field value", OUTCOME_BAD_REQUEST},
    /* RFC 6585 section 5 */
    [HTTP1_TOO_MANY_FIELDS] = {"too many fields", OUTCOME_HEADER_TOO_LARGE},
    /* RFC 9112 section 3 */
    [HTTP1_TARGET_TOO_LONG] = {"request target too long", OUTCOME_URI_TOO_LONG},
    /* RFC 6585 section 5 */
    [HTTP1_HEAD_TOO_LONG] = {"head too long", OUTCOME_HEADER_TOO_LARGE},
    /* RFC 9112 section 3.2 */
    [HTTP1_HOST_MISSING] = {"no Host", OUTCOME_BAD_HOST},
    [HTTP1_HOST_REPEATED] = {"more than one Host", OUTCOME_BAD_HOST},
    [HTTP1_HOST_INVALID] = {"invalid Host", OUTCOME_BAD_HOST},
    /* RFC 9110 section 8.6 */
    [HTTP1_CONTENT_LENGTH_INVALID] = {"invalid Content-Length", OUTCOME_BAD_FRAMING},
    /* RFC 9112 section 6.3 rule 5 */
    [HTTP1_CONTENT_LENGTH_REPEATED] = {"more than one Content-Length", OUTCOME_BAD_FRAMING},
    /* RFC 9112 section 6.3 rule 3 */
    [HTTP1_LENGTH_AND_ENCODING] = {"Content-Length with Transfer-Encoding", OUTCOME_BAD_FRAMING},
    /* RFC 9112 section 6.1 */
    [HTTP1_TRANSFER_ENCODING] = {"Transfer-Encoding that does not end in one chunked",
                                 OUTCOME_BAD_FRAMING},
    [HTTP1_TRANSFER_CODING] = {"a transfer coding other than chunked", OUTCOME_NOT_IMPLEMENTED},
    [HTTP1_TRANSFER_ENCODING_HTTP10] = {"Transfer-Encoding in HTTP/1.0", OUTCOME_BAD_FRAMING},
    /* RFC 9112 section 11.2 */
    [HTTP1_FRAMING_ALIAS] = {"field name like a framing field's", OUTCOME_BAD_FRAMING},
    /* RFC 9110 section 10.1.1 */
    [HTTP1_EXPECTATION] = {"unknown expectation", OUTCOME_EXPECTATION_FAILED},
    /* RFC 9112 section 7.1 */
    [HTTP1_CHUNK_SIZE] = {"invalid chunk size", OUTCOME_BAD_FRAMING},
    /* RFC 9112 section 7.1.1 */
    [HTTP1_CHUNK_EXTENSION] = {"invalid chunk extension", OUTCOME_BAD_FRAMING},
    /* RFC 9112 section 7.1 */
    [HTTP1_CHUNK_DATA_END] = {"no CRLF behind a chunk", OUTCOME_BAD_FRAMING},
    /* RFC 9112 section 7.1.2 */
    [HTTP1_TRAILER] = {"invalid trailer section", OUTCOME_BAD_REQUEST},
    /* RFC 9110 section 15.5.14 */
    [HTTP1_BODY_TOO_LARGE] = {"body too large", OUTCOME_CONTENT_TOO_LARGE},
};

const char *http1_reason_text(enum http1_reason reason)
{
    return (unsigned)reason < HTTP1_REASON_COUNT ? REASONS[reason].text : "unknown reason";
}

enum outcome http1_reason_outcome(enum http1_reason reason)
{
    return (unsigned)reason < HTTP1_REASON_COUNT ? REASONS[reason].outcome : OUTCOME_BAD_REQUEST;
}
