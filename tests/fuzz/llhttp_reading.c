/* SPDX-License-Identifier: MIT */
#include "fuzz/llhttp_reading.h"

#include <llhttp.h>

void reading_add_field(struct reading *reading, struct str name, struct str value)
{
    text_add(&reading->fields, name);
    text_add_cstr(&reading->fields, ":");
    text_add(&reading->fields, value);
    text_add_cstr(&reading->fields, "\n");
}

void reading_clear(struct reading *reading)
{
    text_clear(&reading->method);
    text_clear(&reading->target);
    text_clear(&reading->fields);
    text_clear(&reading->content);
}

struct reader {
    struct reading *reading;
    struct text name; /* of the field whose value is being read */
    struct text value;
};

static struct reading *reading_of(llhttp_t *parser)
{
    return ((struct reader *)parser->data)->reading;
}

static int on_method(llhttp_t *parser, const char *at, size_t len)
{
    text_add(&reading_of(parser)->method, str_make(at, len));
    return 0;
}

static int on_target(llhttp_t *parser, const char *at, size_t len)
{
    text_add(&reading_of(parser)->target, str_make(at, len));
    return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    text_add(&((struct reader *)parser->data)->name, str_make(at, len));
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    text_add(&((struct reader *)parser->data)->value, str_make(at, len));
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    struct reader *reader = parser->data;
    if (!reader->reading->is_past_head)
        reading_add_field(reader->reading, text_str(&reader->name),
                          str_trim(text_str(&reader->value)));
    text_reset(&reader->name);
    text_reset(&reader->value);
    return 0;
}

static int on_head_complete(llhttp_t *parser)
{
    reading_of(parser)->is_past_head = true;
    return 0;
}

static int on_content(llhttp_t *parser, const char *at, size_t len)
{
    text_add(&reading_of(parser)->content, str_make(at, len));
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    reading_of(parser)->is_whole = true;
    return HPE_PAUSED;
}

void reading_by_llhttp(struct str bytes, struct reading *reading)
{
    llhttp_settings_t settings;
    llhttp_t parser;
    struct reader reader = {.reading = reading};
    llhttp_settings_init(&settings);
    settings.on_method = on_method;
    settings.on_url = on_target;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_field_complete;
    settings.on_headers_complete = on_head_complete;
    settings.on_body = on_content;
    settings.on_message_complete = on_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &reader;
    llhttp_errno_t error = llhttp_execute(&parser, bytes.ptr, bytes.len);
    reading->error = reading->is_whole || error == HPE_OK ? NULL : llhttp_errno_name(error);
    reading->minor = parser.http_minor;
    text_clear(&reader.name);
    text_clear(&reader.value);
}
