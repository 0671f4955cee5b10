/* SPDX-License-Identifier: MIT */
#include "forward/trailers.h"

#include "config/config_header.h"
#include "core/exchange_state.h"
#include "core/snapshot.h"
#include "forward/headers.h"
#include "forward/identity_headers.h"

/* RFC 9110 section 6.5.1: fields that are needed before the body is read, or say how. */
static const struct str HEAD_ONLY[] = {
    /* framing and routing */
    STR_INIT("Content-Length"),
    STR_INIT("Host"),
    STR_INIT("Max-Forwards"),
    STR_INIT("Trailer"),
    STR_INIT("Via"),
    STR_INIT("Proxy"),
    STR_INIT("Location"),
    STR_INIT("Origin"),
    STR_INIT("Referer"),
    /* authentication, and what stands for it */
    STR_INIT("Authorization"),
    STR_INIT("Authentication-Info"),
    STR_INIT("Proxy-Authentication-Info"),
    STR_INIT("WWW-Authenticate"),
    STR_INIT("Cookie"),
    STR_INIT("Set-Cookie"),
    /* modifiers of requests */
    STR_INIT("Cache-Control"),
    STR_INIT("Expect"),
    STR_INIT("If-Match"),
    STR_INIT("If-Modified-Since"),
    STR_INIT("If-None-Match"),
    STR_INIT("If-Range"),
    STR_INIT("If-Unmodified-Since"),
    STR_INIT("Pragma"),
    STR_INIT("Range"),
    STR_INIT("X-HTTP-Method"),
    STR_INIT("X-HTTP-Method-Override"),
    STR_INIT("X-Method-Override"),
    /* control data of responses */
    STR_INIT("Age"),
    STR_INIT("Date"),
    STR_INIT("Expires"),
    STR_INIT("Retry-After"),
    STR_INIT("Strict-Transport-Security"),
    STR_INIT("Vary"),
    STR_INIT("Warning"),
    /* how to read the body */
    STR_INIT("Content-Disposition"),
    STR_INIT("Content-Encoding"),
    STR_INIT("Content-Range"),
    STR_INIT("Content-Type"),
};

static bool belongs_in_front(struct str name)
{
    for (size_t i = 0; i < sizeof HEAD_ONLY / sizeof HEAD_ONLY[0]; i++) {
        if (config_header_same(name, HEAD_ONLY[i]))
            return true;
    }
    return headers_is_hop_by_hop(name) || config_header_same(name, STR("Transfer-Encoding"));
}

/* What is set or removed in the head must not come behind it. */
static bool is_edited(const struct config_header_edit *edit, struct str name)
{
    for (size_t i = 0; i < edit->remove.count; i++) {
        if (config_header_same(name, str_of(edit->remove.items[i].text)))
            return true;
    }
    for (size_t i = 0; i < edit->set_count; i++) {
        if (config_header_same(name, str_of(edit->set[i].name.text)))
            return true;
    }
    return false;
}

/* names: NULL for responses. */
static void copy(struct exchange *x, const struct http_fields *from,
                 const struct identity_names *names, const struct config_header_edit *edit,
                 struct http_fields *to)
{
    *to = (struct http_fields){0};
    for (size_t i = 0; i < from->count; i++) {
        const struct http_field *field = &from->items[i];
        if (belongs_in_front(field->name) || is_edited(edit, field->name) ||
            (names != NULL && identity_names_contain(names, field->name)))
            continue;
        http_fields_add(to, &x->arena, arena_copy(&x->arena, field->name),
                        arena_copy(&x->arena, field->value));
    }
}

void trailers_for_upstream(struct exchange *x, const struct http_fields *trailers)
{
    copy(x, trailers, x->engine->snapshot->identity_names, &x->place->config->request_headers,
         &x->request_trailers);
}

void trailers_for_client(struct exchange *x, const struct http_fields *trailers)
{
    copy(x, trailers, NULL, &x->place->config->response_headers, &x->response_trailers);
}
