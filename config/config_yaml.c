/* SPDX-License-Identifier: MIT */
#include "config/config_yaml.h"

#include <limits.h>

#include "config/config_text.h"

struct pass { /* the first pass: events only, nothing is kept */
    const char *file;
    struct error_list *errors;
    size_t documents;
    size_t depth;
    size_t anchors;
    size_t aliases;
};

static unsigned count_from_one(size_t zero_based)
{
    return zero_based >= UINT_MAX ? UINT_MAX : (unsigned)zero_based + 1;
}

struct mark config_yaml_mark(const char *file, yaml_mark_t mark)
{
    return (struct mark){file, count_from_one(mark.line), count_from_one(mark.column)};
}

/* The reader stops before a mark exists and gives only the offset of the byte. */
static struct mark mark_of_offset(const char *file, struct str bytes, size_t offset)
{
    size_t line = 0;
    size_t column = 0;
    for (size_t i = 0; i < offset && i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c == '\n') {
            line++;
            column = 0;
        } else if ((c & 0xC0) != 0x80) { /* continuation bytes of UTF-8 are no columns */
            column++;
        }
    }
    return (struct mark){file, count_from_one(line), count_from_one(column)};
}

static void report_parser(const yaml_parser_t *parser, const char *file, struct str bytes,
                          struct error_list *errors)
{
    const char *problem = parser->problem == NULL ? "cannot be read" : parser->problem;
    struct mark mark = config_yaml_mark(file, parser->problem_mark);
    if (parser->error == YAML_READER_ERROR) {
        mark = mark_of_offset(file, bytes, parser->problem_offset);
        errors_add(errors, mark, "not UTF-8 text: %s", problem);
        return;
    }
    const char *hint = config_text_escape_hint(problem);
    if (parser->context == NULL)
        errors_add(errors, mark, "not valid YAML: %s%s", problem, hint);
    else
        errors_add(errors, mark, "not valid YAML: %s (%s at line %u)%s", problem, parser->context,
                   count_from_one(parser->context_mark.line), hint);
}

static bool refuse(struct pass *pass, const yaml_event_t *event, const char *why)
{
    errors_add(pass->errors, config_yaml_mark(pass->file, event->start_mark), "%s", why);
    return false;
}

static bool check_node(struct pass *pass, const yaml_event_t *event, const yaml_char_t *anchor,
                       const yaml_char_t *tag)
{
    if (tag != NULL)
        return refuse(pass, event, "YAML tags are not used in a configuration");
    if (anchor != NULL && ++pass->anchors > CONFIG_ANCHORS_MAX)
        return refuse(pass, event, "more than 1000 YAML anchors");
    return true;
}

static bool check_event(struct pass *pass, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++pass->documents > 1)
            return refuse(pass, event, "a second YAML document; the configuration is one");
        return true;
    case YAML_ALIAS_EVENT:
        if (++pass->aliases > CONFIG_ALIASES_MAX)
            return refuse(pass, event, "more than 10000 YAML aliases");
        return true;
    case YAML_SCALAR_EVENT:
        return check_node(pass, event, event->data.scalar.anchor, event->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (++pass->depth > CONFIG_DEPTH_MAX)
            return refuse(pass, event, "nested deeper than 32 levels");
        if (event->type == YAML_SEQUENCE_START_EVENT)
            return check_node(pass, event, event->data.sequence_start.anchor,
                              event->data.sequence_start.tag);
        return check_node(pass, event, event->data.mapping_start.anchor,
                          event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        pass->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

/* The parser never reads past its input, so the cast only adapts the type. */
static bool parser_open(yaml_parser_t *parser, struct str bytes)
{
    if (!yaml_parser_initialize(parser))
        return false;
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)bytes.ptr, bytes.len);
    return true;
}

static bool check_events(const char *file, struct str bytes, struct error_list *errors)
{
    struct pass pass = {.file = file, .errors = errors};
    yaml_parser_t parser;
    if (!parser_open(&parser, bytes)) {
        errors_add(errors, (struct mark){file, 0, 0}, "libyaml does not start");
        return false;
    }
    bool is_good = true;
    bool is_end = false;
    while (is_good && !is_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            report_parser(&parser, file, bytes, errors);
            is_good = false;
            break;
        }
        is_good = check_event(&pass, &event);
        is_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (is_good && pass.documents == 0) {
        errors_add(errors, (struct mark){file, 1, 1},
                   "the file is empty; at least `sites` is needed");
        return false;
    }
    return is_good;
}

bool config_yaml_load(const char *file, struct str bytes, struct error_list *errors,
                      yaml_document_t *ret_document)
{
    if (bytes.len > CONFIG_FILE_MAX) {
        errors_add(errors, (struct mark){file, 0, 0}, "larger than 16 MiB");
        return false;
    }
    if (bytes.ptr == NULL)
        bytes.ptr = "";
    if (!check_events(file, bytes, errors))
        return false;
    yaml_parser_t parser;
    if (!parser_open(&parser, bytes)) {
        errors_add(errors, (struct mark){file, 0, 0}, "libyaml does not start");
        return false;
    }
    bool is_loaded = yaml_parser_load(&parser, ret_document) != 0;
    if (!is_loaded)
        report_parser(&parser, file, bytes, errors);
    yaml_parser_delete(&parser);
    if (!is_loaded)
        return false;
    if (yaml_document_get_root_node(ret_document) == NULL) {
        yaml_document_delete(ret_document);
        errors_add(errors, (struct mark){file, 1, 1},
                   "the file is empty; at least `sites` is needed");
        return false;
    }
    return true;
}
