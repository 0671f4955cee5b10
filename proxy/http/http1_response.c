/* SPDX-License-Identifier: MIT */
#include "http/http1_chars.h"
#include "http/http1_head.h"
#include "http/http1_parse.h"

/* RFC 9112 section 4: HTTP-version SP status-code SP [reason-phrase]. The second SP may be missing
 * together with the phrase, as many servers have it: there is no second way to read that. */
static enum http1_reason read_status_line(struct str line, struct http_response *response)
{
    size_t len = str_find(line, ' ');
    if (len == line.len)
        return HTTP1_START_LINE;
    enum http1_reason reason = http1_read_version(str_make(line.ptr, len), &response->minor);
    if (reason != HTTP1_VALID)
        return reason;

    line = str_skip(line, len + 1);
    struct str code = str_make(line.ptr, str_find(line, ' '));
    uint64_t status;
    /* RFC 9110 section 15: three digits, 100 to 599 */
    if (code.len != 3 || !str_parse_u64(code, 599, &status) || status < 100)
        return HTTP1_STATUS_CODE;
    response->status = (unsigned)status;
    response->reason = str_skip(line, line.len == code.len ? code.len : code.len + 1);
    return HTTP1_VALID;
}

/* RFC 9112 section 6.3 rules 1 and 2: these end with their head, whatever their fields say. */
static bool has_no_body(unsigned status, enum http_method request_method)
{
    return request_method == HTTP_HEAD || status < 200 || status == 204 || status == 304 ||
           (request_method == HTTP_CONNECT && status < 300);
}

/* RFC 9110 section 8.6, RFC 9112 section 6.1: a 1xx or 204 response must not announce content. A
 * server that does may send it as well; nothing behind it on that connection can be trusted. */
static bool announces_forbidden_content(const struct http_response *response)
{
    if (response->status >= 200 && response->status != 204)
        return false;
    return response->body.kind == HTTP_BODY_CHUNKED ||
           (response->body.kind == HTTP_BODY_LENGTH && response->body.length > 0);
}

enum http1_reason http1_parse_response(struct str head, const struct http1_limits *limits,
                                       enum http_method request_method, struct arena *arena,
                                       struct http_response *ret_response)
{
    struct http_response response = {0};
    struct http1_facts facts = {0};
    struct str line;
    enum http1_reason reason = http1_take_start_line(&head, &line);
    if (reason == HTTP1_VALID)
        reason = read_status_line(line, &response);
    if (reason == HTTP1_VALID)
        reason = http1_read_fields(head, limits->field_count, arena, &response.fields, &facts);
    if (reason == HTTP1_VALID)
        reason = http1_read_framing(&facts, response.minor, &response.body);
    if (reason != HTTP1_VALID)
        return reason;

    /* RFC 9112 section 9.3 */
    response.keep_alive = !facts.has_close && (response.minor == 1 || facts.has_keep_alive);
    if (has_no_body(response.status, request_method)) {
        response.keep_alive = response.keep_alive && !announces_forbidden_content(&response);
        response.body = (struct http_body_framing){.kind = HTTP_BODY_NONE};
    } else if (response.body.kind == HTTP_BODY_NONE) {
        /* RFC 9112 section 6.3 rule 8 */
        response.body.kind = HTTP_BODY_UNTIL_CLOSE;
        response.keep_alive = false;
    }
    *ret_response = response;
    return HTTP1_VALID;
}
