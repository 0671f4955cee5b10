/* SPDX-License-Identifier: MIT */
#include "core/error_page.h"

#include "base/clock.h"
#include "core/exchange.h"
#include "http/http1_write.h"

static struct str page_text(struct exchange *x, unsigned status)
{
    const char *phrase = http_status_text(status);
    return arena_printf(&x->arena,
                        "<!DOCTYPE html>\n"
                        "<html lang=\"en\">\n"
                        "<head><meta charset=\"utf-8\"><title>%u - %s</title></head>\n"
                        "<body>\n"
                        "<h1>%u - %s</h1>\n"
                        "<p>The request was not served. The reason is in the server's log, under "
                        "the id %s.</p>\n"
                        "</body>\n"
                        "</html>\n",
                        status, phrase, status, phrase, x->id);
}

struct str error_page_make(struct exchange *x, enum outcome outcome)
{
    unsigned status = outcome_info(outcome)->status;
    struct str page = page_text(x, status);
    bool has_body = x->request.method_id != HTTP_HEAD || x->request.method.len == 0;
    x->response = (struct http_response){
        .status = status,
        .minor = 1,
        .body = {.kind = has_body ? HTTP_BODY_LENGTH : HTTP_BODY_NONE, .length = page.len},
        .keep_alive = true,
    };
    struct http_fields *fields = &x->response.fields;
    char date[CLOCK_TEXT_SIZE];
    http_fields_add(fields, &x->arena, STR("Date"),
                    arena_copy(&x->arena, clock_format_http(clock_wall_s(), date)));
    http_fields_add(fields, &x->arena, STR("Content-Type"), STR("text/html; charset=utf-8"));
    /* RFC 9110 section 15.5.6 and 10.2.1 */
    if (status == 405)
        http_fields_add(fields, &x->arena, STR("Allow"),
                        STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    http_fields_add(fields, &x->arena, STR("Cache-Control"), STR("no-store"));
    if (!has_body)
        http_fields_add(fields, &x->arena, STR("Content-Length"),
                        arena_printf(&x->arena, "%zu", page.len));
    return page;
}
