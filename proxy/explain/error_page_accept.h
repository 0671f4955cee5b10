/* error_page_accept.h - the media type of an error page (RFC 9110 section 12.5.1).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_ERROR_PAGE_ACCEPT_H
#define PROXY_EXPLAIN_ERROR_PAGE_ACCEPT_H

#include "http/message.h"

enum error_page_type {
    ERROR_PAGE_HTML, /* also when the client does not care, and when nothing suits it */
    ERROR_PAGE_JSON, /* application/problem+json; asked for as that or as application/json */
    ERROR_PAGE_TEXT,
};

enum error_page_type error_page_accept(const struct http_fields *request);

#endif
