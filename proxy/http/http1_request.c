/* SPDX-License-Identifier: MIT */
#include "http/http1_chars.h"
#include "http/http1_head.h"
#include "http/http1_parse.h"
#include "http/uri.h"

enum http_method http1_method_id(struct str method)
{
    switch (method.len) {
    case 3:
        if (str_equal(method, STR("GET")))
            return HTTP_GET;
        return str_equal(method, STR("PUT")) ? HTTP_PUT : HTTP_METHOD_OTHER;
    case 4:
        if (str_equal(method, STR("POST")))
            return HTTP_POST;
        return str_equal(method, STR("HEAD")) ? HTTP_HEAD : HTTP_METHOD_OTHER;
    case 5:
        if (str_equal(method, STR("PATCH")))
            return HTTP_PATCH;
        return str_equal(method, STR("TRACE")) ? HTTP_TRACE : HTTP_METHOD_OTHER;
    case 6:
        return str_equal(method, STR("DELETE")) ? HTTP_DELETE : HTTP_METHOD_OTHER;
    case 7:
        if (str_equal(method, STR("OPTIONS")))
            return HTTP_OPTIONS;
        return str_equal(method, STR("CONNECT")) ? HTTP_CONNECT : HTTP_METHOD_OTHER;
    default:
        return HTTP_METHOD_OTHER;
    }
}

/* RFC 9112 section 3: method SP request-target SP HTTP-version, and no laxer reading. */
static enum http1_reason read_request_line(struct str line, size_t max_target,
                                           struct http_request *request)
{
    size_t len = http1_span(line, HTTP1_CHAR_TOKEN);
    if (len == line.len)
        return HTTP1_START_LINE;
    if (len == 0 || line.ptr[len] != ' ')
        return HTTP1_METHOD;
    request->method = str_make(line.ptr, len);
    request->method_id = http1_method_id(request->method);

    line = str_skip(line, len + 1);
    len = http1_span(line, HTTP1_CHAR_TARGET);
    if (len > max_target)
        return HTTP1_TARGET_TOO_LONG;
    if (len == line.len)
        return HTTP1_START_LINE; /* HTTP/0.9, or nothing */
    if (line.ptr[len] != ' ')
        return HTTP1_TARGET;
    if (len == 0)
        return HTTP1_START_LINE;
    request->target = str_make(line.ptr, len);

    line = str_skip(line, len + 1);
    if (str_find(line, ' ') != line.len)
        return HTTP1_START_LINE;
    return http1_read_version(line, &request->minor);
}

/* RFC 9112 section 3.2: exactly one valid Host in HTTP/1.1, at most one in HTTP/1.0. An empty one
 * is good for no target we take (RFC 9110 section 4.2.1). */
static enum http1_reason read_host(const struct http1_facts *facts, struct http_request *request)
{
    if (facts->host.ptr == NULL)
        return request->minor == 0 ? HTTP1_VALID : HTTP1_HOST_MISSING;
    if (facts->is_host_repeated)
        return HTTP1_HOST_REPEATED;
    if (!uri_is_authority(facts->host))
        return HTTP1_HOST_INVALID;
    request->host = facts->host;
    return HTTP1_VALID;
}

/* RFC 9110 section 10.1.1: an expectation other than 100-continue gets 417; HTTP/1.0 has none, and
 * there is nothing to wait for without content. */
static enum http1_reason read_expectation(const struct http1_facts *facts,
                                          struct http_request *request)
{
    if (facts->expect.ptr == NULL)
        return HTTP1_VALID;
    if (facts->is_expect_repeated || !str_equal_icase(facts->expect, STR("100-continue")))
        return HTTP1_EXPECTATION;
    bool has_content = request->body.kind == HTTP_BODY_CHUNKED ||
                       (request->body.kind == HTTP_BODY_LENGTH && request->body.length > 0);
    request->expect_continue = has_content && request->minor == 1;
    return HTTP1_VALID;
}

enum http1_reason http1_settle_request(const struct http1_facts *facts,
                                       struct http_request *request)
{
    enum http1_reason reason = http1_read_framing(facts, request->minor, &request->body);
    if (reason == HTTP1_VALID)
        reason = read_host(facts, request);
    return reason == HTTP1_VALID ? read_expectation(facts, request) : reason;
}

enum http1_reason http1_parse_request(struct str head, const struct http1_limits *limits,
                                      struct arena *arena, struct http_request *ret_request)
{
    struct http_request request = {0};
    struct http1_facts facts = {0};
    struct str line;
    enum http1_reason reason = http1_take_start_line(&head, &line);
    if (reason == HTTP1_VALID)
        reason = read_request_line(line, limits->target_bytes, &request);
    if (reason == HTTP1_VALID)
        reason = http1_read_fields(head, limits->field_count, arena, &request.fields, &facts);
    if (reason == HTTP1_VALID)
        reason = http1_settle_request(&facts, &request);
    if (reason != HTTP1_VALID)
        return reason;
    /* RFC 9112 section 9.3: close wins over keep-alive, which HTTP/1.0 must ask for */
    request.keep_alive = !facts.has_close && (request.minor == 1 || facts.has_keep_alive);
    *ret_request = request;
    return HTTP1_VALID;
}
