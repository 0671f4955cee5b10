/* SPDX-License-Identifier: MIT */
#include "access/cors.h"

#include "base/clock.h"
#include "core/exchange_state.h"
#include "core/snapshot.h"

#define REQUEST_METHOD STR("Access-Control-Request-Method")

static size_t count_of(const struct http_fields *fields, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < fields->count; i++)
        count += str_equal_icase(fields->items[i].name, name) ? 1 : 0;
    return count;
}

bool cors_is_preflight(const struct http_request *request)
{
    return request->method_id == HTTP_OPTIONS && request->body.kind == HTTP_BODY_NONE &&
           count_of(&request->fields, STR("Origin")) == 1 &&
           count_of(&request->fields, REQUEST_METHOD) == 1;
}

bool cors_allows_origin(const struct config_cors *cors, const struct http_request *request)
{
    const struct http_field *origin = http_fields_find(&request->fields, STR("Origin"));
    for (size_t i = 0; origin != NULL && i < cors->origins.count; i++) {
        if (str_equal(origin->value, str_of(cors->origins.items[i].text)))
            return true;
    }
    return false;
}

static void add_list(struct exchange *x, struct str name, const struct config_list *list)
{
    struct str joined = {NULL, 0};
    for (size_t i = 0; i < list->count; i++)
        joined = i == 0 ? str_of(list->items[i].text)
                        : arena_printf(&x->arena, "%.*s, %s", STR_ARG(joined), list->items[i].text);
    if (joined.len > 0)
        http_fields_add(&x->response.fields, &x->arena, name, joined);
}

void cors_answer(struct exchange *x)
{
    const struct config_cors *cors = &x->place->config->cors;
    const struct http_field *origin = http_fields_find(&x->request.fields, STR("Origin"));
    struct http_fields *fields = &x->response.fields;
    char date[CLOCK_TEXT_SIZE];
    x->response =
        (struct http_response){.status = 204, .minor = 1, .body = {.kind = HTTP_BODY_NONE}};
    http_fields_add(fields, &x->arena, STR("Date"),
                    arena_copy(&x->arena, clock_format_http(clock_wall_s(), date)));
    http_fields_add(fields, &x->arena, STR("Access-Control-Allow-Origin"), origin->value);
    /* A request with a certificate is one with credentials, for which "*" counts nowhere. */
    http_fields_add(fields, &x->arena, STR("Access-Control-Allow-Credentials"), STR("true"));
    add_list(x, STR("Access-Control-Allow-Methods"), &cors->methods);
    add_list(x, STR("Access-Control-Allow-Headers"), &cors->headers);
    http_fields_add(fields, &x->arena, STR("Access-Control-Max-Age"),
                    arena_decimal(&x->arena, cors->max_age_ms / 1000));
    http_fields_add(fields, &x->arena, STR("Vary"),
                    STR("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    x->client_ops->start_response(x);
    x->client_ops->end_response(x);
}
