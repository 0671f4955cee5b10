/* SPDX-License-Identifier: MIT */
#include "http/message.h"

#include <string.h>

/* Most heads fit; the array is copied to one of twice the size when it does not suffice. */
#define FIRST_CAPACITY 32

bool http_method_is_idempotent(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_PUT:
    case HTTP_DELETE:
    case HTTP_OPTIONS:
        return true;
    case HTTP_POST:
    case HTTP_PATCH:
    case HTTP_CONNECT:
    case HTTP_TRACE:
    case HTTP_METHOD_OTHER:
        break;
    }
    return false;
}

void http_fields_grow(struct http_fields *fields, struct arena *arena)
{
    size_t capacity = fields->capacity == 0 ? FIRST_CAPACITY : fields->capacity * 2;
    struct http_field *items = arena_alloc(arena, capacity * sizeof *items);
    if (fields->count > 0)
        memcpy(items, fields->items, fields->count * sizeof *items);
    fields->items = items;
    fields->capacity = capacity;
}

const struct http_field *http_fields_find(const struct http_fields *fields, struct str name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (str_equal_icase(fields->items[i].name, name))
            return &fields->items[i];
    }
    return NULL;
}

size_t http_fields_remove(struct http_fields *fields, struct str name)
{
    size_t kept = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (!str_equal_icase(fields->items[i].name, name))
            fields->items[kept++] = fields->items[i];
    }
    size_t removed = fields->count - kept;
    fields->count = kept;
    return removed;
}

bool http_fields_list_contains(const struct http_fields *fields, struct str name, struct str token)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (str_equal_icase(fields->items[i].name, name) &&
            str_list_contains(fields->items[i].value, token))
            return true;
    }
    return false;
}
