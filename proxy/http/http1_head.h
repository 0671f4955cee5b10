/* http1_head.h - what requests and responses have in common: lines, fields, framing fields;
 * private to http/ and http2/.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_HTTP1_HEAD_H
#define PROXY_HTTP_HTTP1_HEAD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/http1_parse.h"
#include "http/message.h"

/* What the fields say about framing and the connection; slices have a NULL pointer when absent. */
struct http1_facts {
    struct str host;
    struct str content_length;
    struct str transfer_encoding;
    struct str expect;
    bool is_host_repeated;
    bool is_length_repeated;
    bool is_encoding_repeated;
    bool is_expect_repeated;
    bool has_close;
    bool has_keep_alive;
    bool has_framing_alias;
};

/* Takes the first line off *rest, without its CRLF. */
enum http1_reason http1_take_start_line(struct str *rest, struct str *ret_line);
/* "HTTP/1.0" or "HTTP/1.1", nothing else (RFC 9112 section 2.3). */
enum http1_reason http1_read_version(struct str text, unsigned *ret_minor);
/* Reads all field lines and the empty line that must end rest. */
enum http1_reason http1_read_fields(struct str rest, size_t max_count, struct arena *arena,
                                    struct http_fields *fields, struct http1_facts *facts);
/* What a field means to framing, host and connection. */
void http1_note_field(struct http1_facts *facts, struct str name, struct str value);
/* RFC 9110 section 9.1: methods are case-sensitive. */
enum http_method http1_method_id(struct str method);
/* What the fields of a request add up to: body, host, expectation. minor is set before. */
enum http1_reason http1_settle_request(const struct http1_facts *facts,
                                       struct http_request *request);
/* RFC 9112 sections 6.1 to 6.3 as far as both kinds of message agree: the body is chunked, has a
 * length, or (HTTP_BODY_NONE) neither field is there. */
enum http1_reason http1_read_framing(const struct http1_facts *facts, unsigned minor,
                                     struct http_body_framing *ret_framing);

#endif
