/* SPDX-License-Identifier: MIT */
#include "http2/http2_head.h"

#include <string.h>

#include "http/http1_chars.h"
#include "http/uri.h"

/* As HTTP/1.1 would write them: blanks, version and line ends of the first line, and the empty
 * line;
 * ": " and CRLF of a field; "; " before a crumb. */
#define FIRST_LINE_OVERHEAD 14
#define FIELD_OVERHEAD      4
#define CRUMB_OVERHEAD      2
/* A block this many times as long as allowed is no mistake. */
#define FAR_BEYOND 8
/* Browsers send each cookie as a crumb of its own. */
#define CRUMBS_PER_FIELD 4

void http2_head_begin(struct http2_head *head, enum http2_head_kind kind,
                      const struct http2_head_limits *limits, struct arena *arena)
{
    *head = (struct http2_head){
        .kind = kind,
        .limits = limits,
        .arena = arena,
        .bytes = FIRST_LINE_OVERHEAD,
    };
    if (kind == HTTP2_REQUEST) /* its place, whether it comes as :authority or as Host */
        http_fields_add(&head->fields, arena, STR("host"), (struct str){NULL, 0});
}

static void malformed(struct http2_head *head, const char *why)
{
    if (head->malformed == NULL)
        head->malformed = why;
}

static void refuse_as(struct http2_head *head, enum outcome outcome, const char *detail)
{
    if (head->refused != OUTCOME_OK)
        return;
    head->refused = outcome;
    head->detail = detail;
}

static void refuse(struct http2_head *head, enum http1_reason reason)
{
    if (reason != HTTP1_VALID)
        refuse_as(head, http1_reason_outcome(reason), http1_reason_text(reason));
}

/* ---- one field ---------------------------------------------------------------------------- */

/* RFC 9113 section 8.2.1; NULL when the name is one. */
static const char *name_problem(struct str name)
{
    if (!http1_is_all(name, HTTP1_CHAR_TOKEN))
        return "field name is not a token";
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            return "upper case in a field name";
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool has_control(struct str value)
{
    size_t len = http1_find_control(value);
    while (len < value.len && value.ptr[len] == '\t')
        len += 1 + http1_find_control(str_skip(value, len + 1));
    return len < value.len;
}

static const char *value_problem(struct str value)
{
    if (has_control(value))
        return "control character in a field value";
    /* RFC 9113 section 8.2.1: neither at its start nor at its end */
    if (value.len > 0 && (is_blank(value.ptr[0]) || is_blank(value.ptr[value.len - 1])))
        return "white space around a field value";
    return NULL;
}

/* RFC 9113 section 8.2.2: they say something about a connection of HTTP/1.1. */
bool http2_is_connection_field(struct str name)
{
    switch (name.len) {
    case 7:
        return str_equal_icase(name, STR("upgrade"));
    case 10:
        return str_equal_icase(name, STR("connection")) || str_equal_icase(name, STR("keep-alive"));
    case 16:
        return str_equal_icase(name, STR("proxy-connection"));
    case 17:
        return str_equal_icase(name, STR("transfer-encoding"));
    default:
        return false;
    }
}

/* NULL when the field may be there. */
static const char *connection_problem(struct str name, struct str value)
{
    if (name.len == 2 && str_equal(name, STR("te")))
        return str_equal_icase(value, STR("trailers")) ? NULL : "te other than trailers";
    return http2_is_connection_field(name) ? "connection-specific field" : NULL;
}

static struct str *pseudo_slot(struct http2_head *head, struct str name)
{
    if (head->kind == HTTP2_RESPONSE)
        return str_equal(name, STR(":status")) ? &head->status : NULL;
    switch (name.len) {
    case 5:
        return str_equal(name, STR(":path")) ? &head->path : NULL;
    case 7:
        if (str_equal(name, STR(":method")))
            return &head->method;
        return str_equal(name, STR(":scheme")) ? &head->scheme : NULL;
    case 9:
        return str_equal(name, STR(":protocol")) ? &head->protocol : NULL;
    case 10:
        return str_equal(name, STR(":authority")) ? &head->authority : NULL;
    default:
        return NULL;
    }
}

/* RFC 9113 section 8.3 */
static void add_pseudo(struct http2_head *head, struct str name, struct str value)
{
    if (head->kind == HTTP2_TRAILERS) {
        malformed(head, "pseudo-header in trailers");
        return;
    }
    struct str *slot = pseudo_slot(head, name);
    if (slot == NULL)
        malformed(head, "unknown pseudo-header");
    else if (slot->ptr != NULL)
        malformed(head, "repeated pseudo-header");
    else if (head->saw_field)
        malformed(head, "pseudo-header behind a field");
    else if (has_control(value))
        malformed(head, "control character in a field value");
    else
        *slot = arena_copy(head->arena, value);
}

static bool is_framing(struct str name)
{
    return str_equal(name, STR("content-length")) || str_equal(name, STR("host"));
}

static void keep_field(struct http2_head *head, struct str name, struct str value)
{
    const struct http2_head_limits *limits = head->limits;
    bool is_cookie = name.len == 6 && str_equal(name, STR("cookie"));
    if (is_cookie && head->cookie_at > 0) {
        if (head->crumbs.count == limits->header_count * CRUMBS_PER_FIELD)
            refuse(head, HTTP1_TOO_MANY_FIELDS);
        else
            http_fields_add(&head->crumbs, head->arena, name, value);
        return;
    }
    http1_note_field(&head->facts, name, value);
    if (head->kind == HTTP2_REQUEST && name.len == 4 && str_equal(name, STR("host")))
        return;
    if (head->fields.count == limits->header_count) {
        refuse(head, HTTP1_TOO_MANY_FIELDS);
        return;
    }
    if (is_cookie)
        head->cookie_at = head->fields.count;
    http_fields_add(&head->fields, head->arena, name, value);
    if (name.len == 8 && str_equal(name, STR("priority")))
        head->priority = value;
}

static void add_field(struct http2_head *head, struct str name, struct str value, bool name_lasts)
{
    head->saw_field = true;
    const char *problem = name_lasts ? NULL : name_problem(name);
    if (problem == NULL)
        problem = value_problem(value);
    if (problem == NULL)
        problem = connection_problem(name, value);
    if (problem == NULL && head->kind == HTTP2_TRAILERS && is_framing(name))
        problem = "framing field in trailers";
    if (problem != NULL) {
        malformed(head, problem);
        return;
    }
    keep_field(head, name_lasts ? name : arena_copy(head->arena, name),
               arena_copy(head->arena, value));
}

bool http2_head_add(struct http2_head *head, struct str name, struct str value, bool name_lasts)
{
    bool is_pseudo = name.len > 0 && name.ptr[0] == ':';
    if (head->kind == HTTP2_REQUEST && value.len > head->limits->target_bytes &&
        str_equal(name, STR(":path")))
        refuse(head, HTTP1_TARGET_TOO_LONG);
    head->bytes += is_pseudo ? value.len : name.len + value.len + FIELD_OVERHEAD;
    if (head->bytes > head->limits->header_bytes) {
        refuse(head, HTTP1_HEAD_TOO_LONG);
        return head->bytes / FAR_BEYOND <= head->limits->header_bytes;
    }
    if (head->malformed != NULL)
        return true;
    if (is_pseudo)
        add_pseudo(head, name, value);
    else
        add_field(head, name, value, name_lasts);
    return true;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* RFC 9113 section 8.2.3: before the request is passed on as anything else. */
static void join_cookie(struct http2_head *head)
{
    if (head->crumbs.count == 0)
        return;
    struct http_field *cookie = &head->fields.items[head->cookie_at];
    size_t len = cookie->value.len;
    for (size_t i = 0; i < head->crumbs.count; i++)
        len += CRUMB_OVERHEAD + head->crumbs.items[i].value.len;
    char *joined = arena_alloc(head->arena, len);
    char *at = joined;
    for (size_t i = 0; i <= head->crumbs.count; i++) {
        struct str part = i == 0 ? cookie->value : head->crumbs.items[i - 1].value;
        if (i > 0) {
            *at++ = ';';
            *at++ = ' ';
        }
        memcpy(at, part.ptr, part.len);
        at += part.len;
    }
    cookie->value = str_make(joined, len);
}

static bool is_there(struct str s)
{
    return s.ptr != NULL;
}

/* RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4: which there must be and must not. */
static const char *pseudo_problem(const struct http2_head *head)
{
    if (!is_there(head->method))
        return "no :method";
    bool is_connect = str_equal(head->method, STR("CONNECT"));
    if (is_there(head->protocol) && !is_connect)
        return ":protocol without CONNECT";
    if (is_connect && !is_there(head->protocol)) {
        if (is_there(head->scheme) || is_there(head->path))
            return "pseudo-header that CONNECT must not have";
        return is_there(head->authority) ? NULL : "no :authority";
    }
    if (!is_there(head->scheme))
        return "no :scheme";
    if (!is_there(head->path))
        return "no :path";
    if (head->path.len == 0)
        return "empty :path";
    return is_there(head->protocol) && !is_there(head->authority) ? "no :authority" : NULL;
}

static void read_target(struct http2_head *head, struct http_request *request)
{
    struct str target = request->method_id == HTTP_CONNECT && !is_there(head->protocol)
                            ? head->authority
                            : head->path;
    if (target.len > head->limits->target_bytes) {
        refuse(head, HTTP1_TARGET_TOO_LONG);
        return;
    }
    if (!http1_is_all(target, HTTP1_CHAR_TARGET)) {
        refuse(head, HTTP1_TARGET);
        return;
    }
    request->target = target;
    /* RFC 9113 section 8.3.1: an absolute URI has no place there, "*" is for OPTIONS alone */
    bool is_path =
        target.ptr[0] == '/' || (request->method_id == HTTP_OPTIONS && str_equal(target, STR("*")));
    if (is_there(head->path) && !is_path)
        refuse_as(head, OUTCOME_BAD_TARGET, ":path does not begin with a slash");
    if (is_there(head->scheme) && !str_equal_icase(head->scheme, STR("https")) &&
        !str_equal_icase(head->scheme, STR("http")))
        refuse_as(head, OUTCOME_BAD_TARGET, "a scheme other than https and http");
    if (is_there(head->protocol) && !str_equal(head->protocol, STR("websocket")))
        refuse_as(head, OUTCOME_NOT_IMPLEMENTED, "a protocol other than websocket");
}

/* RFC 9113 section 8.3.1: Host is made from :authority; both may be there when they agree. */
static void read_authority(struct http2_head *head)
{
    struct http1_facts *facts = &head->facts;
    if (!is_there(facts->host))
        facts->host = head->authority;
    else if (is_there(head->authority) && !str_equal_icase(facts->host, head->authority))
        refuse_as(head, OUTCOME_BAD_HOST, "Host differs from :authority");
    head->fields.items[0].value = facts->host;
}

/* The length of a body is that of its DATA frames; Content-Length may only agree. */
static void settle_body(struct http2_head *head, bool is_ended, struct http_body_framing *body)
{
    if (is_ended) {
        if (body->kind == HTTP_BODY_LENGTH && body->length > 0)
            malformed(head, "content-length does not match the body");
    } else if (body->kind == HTTP_BODY_NONE) {
        body->kind = HTTP_BODY_CHUNKED;
    }
}

static enum http2_head_result result_of(const struct http2_head *head)
{
    return head->malformed != NULL       ? HTTP2_HEAD_MALFORMED
           : head->refused != OUTCOME_OK ? HTTP2_HEAD_REFUSED
                                         : HTTP2_HEAD_VALID;
}

enum http2_head_result http2_head_request(struct http2_head *head, bool is_ended,
                                          struct http_request *ret_request)
{
    struct http_request request = {.minor = 1, .is_http2 = true, .keep_alive = true};
    /* What was cut short may lack anything: that is not the client's fault then. */
    const char *problem = head->bytes > head->limits->header_bytes ? NULL : pseudo_problem(head);
    if (problem != NULL)
        malformed(head, problem);
    if (http1_is_all(head->method, HTTP1_CHAR_TOKEN))
        request.method = head->method;
    else
        refuse(head, HTTP1_METHOD);
    request.method_id = http1_method_id(request.method);
    if (head->malformed == NULL)
        read_target(head, &request);
    if (result_of(head) == HTTP2_HEAD_VALID) {
        read_authority(head);
        refuse(head, http1_settle_request(&head->facts, &request));
        if (request.method_id == HTTP_CONNECT && request.body.kind != HTTP_BODY_NONE)
            malformed(head, "content-length with CONNECT");
        settle_body(head, is_ended, &request.body);
        request.expect_continue = request.expect_continue && !is_ended;
        request.protocol = head->protocol;
        join_cookie(head);
        request.fields = head->fields;
    }
    *ret_request = request;
    return result_of(head);
}

/* RFC 9110 section 6.4.1: these have no content, whatever their fields say. */
static bool has_no_body(unsigned status, enum http_method method)
{
    return method == HTTP_HEAD || status < 200 || status == 204 || status == 304;
}

enum http2_head_result http2_head_response(struct http2_head *head, enum http_method method,
                                           bool is_ended, struct http_response *ret_response)
{
    struct http_response response = {.minor = 1, .keep_alive = true};
    uint64_t status = 0;
    if (head->refused != OUTCOME_OK)
        malformed(head, head->detail);
    if (head->status.len != 3 || !str_parse_u64(head->status, 599, &status) || status < 100)
        malformed(head, is_there(head->status) ? "malformed status code" : "no :status");
    response.status = (unsigned)status;
    if (status == 101) /* RFC 9113 section 8.6 */
        malformed(head, "101 in HTTP/2");
    if (status < 200 && is_ended)
        malformed(head, "an interim response that ends the stream");
    enum http1_reason reason = http1_read_framing(&head->facts, 1, &response.body);
    if (reason != HTTP1_VALID)
        malformed(head, http1_reason_text(reason));
    if (has_no_body(response.status, method))
        response.body = (struct http_body_framing){.kind = HTTP_BODY_NONE};
    else
        settle_body(head, is_ended, &response.body);
    response.fields = head->fields;
    *ret_response = response;
    return result_of(head);
}

enum http2_head_result http2_head_trailers(struct http2_head *head, bool is_ended)
{
    if (head->refused != OUTCOME_OK)
        malformed(head, head->detail);
    /* RFC 9113 section 8.1 */
    if (!is_ended)
        malformed(head, "trailers that do not end the stream");
    return result_of(head);
}
