/* SPDX-License-Identifier: MIT */
#include "explain/grpc_answer.h"

#include "base/text.h"
#include "core/exchange_state.h"

enum grpc_status {
    GRPC_UNKNOWN = 2,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

static bool is_grpc(const struct http_fields *fields)
{
    static const struct str TYPE = {"application/grpc", 16};
    const struct http_field *type = http_fields_find(fields, STR("Content-Type"));
    if (type == NULL || !str_starts_with_icase(type->value, TYPE))
        return false;
    struct str rest = str_skip(type->value, TYPE.len);
    return rest.len == 0 || rest.ptr[0] == '+' || rest.ptr[0] == ';' || rest.ptr[0] == ' ';
}

bool grpc_answer_is_due(const struct exchange *x)
{
    return x->request.is_http2 && is_grpc(&x->request.fields);
}

bool grpc_answer_may_follow(const struct exchange *x)
{
    bool is_open = x->response.body.kind == HTTP_BODY_CHUNKED ||
                   x->response.body.kind == HTTP_BODY_UNTIL_CLOSE;
    return is_open && grpc_answer_is_due(x) && is_grpc(&x->response.fields);
}

unsigned grpc_answer_status(enum outcome outcome)
{
    if (outcome == OUTCOME_CERTIFICATE_REQUIRED || outcome_is_verdict(outcome))
        return GRPC_UNAUTHENTICATED;
    switch (outcome_info(outcome)->status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 413:
    case 431:
        return GRPC_RESOURCE_EXHAUSTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

/* All but printable ASCII, and the percent sign, goes as %XX. */
static struct str encode(struct exchange *x, struct str message)
{
    struct text out = {0};
    for (size_t i = 0; i < message.len; i++) {
        unsigned char c = (unsigned char)message.ptr[i];
        if (c >= ' ' && c <= '~' && c != '%')
            text_add(&out, str_make(message.ptr + i, 1));
        else
            text_addf(&out, "%%%02X", c);
    }
    struct str copy = arena_copy(&x->arena, text_str(&out));
    text_clear(&out);
    return copy;
}

void grpc_answer_add(struct exchange *x, enum outcome outcome, struct str message,
                     struct http_fields *fields)
{
    http_fields_add(fields, &x->arena, STR("grpc-status"),
                    arena_decimal(&x->arena, grpc_answer_status(outcome)));
    http_fields_add(fields, &x->arena, STR("grpc-message"), encode(x, message));
}
