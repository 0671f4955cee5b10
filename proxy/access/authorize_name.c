/* SPDX-License-Identifier: MIT */
#include "access/authorize_name.h"

#include <string.h>

#include <openssl/err.h>

#include "base/text.h"

struct parser {
    struct str rest;
    X509_NAME *name;
    const char *problem; /* NULL: none so far */
};

static bool is_blank(char c)
{
    return c == ' ';
}

static void skip_blanks(struct parser *parser)
{
    while (parser->rest.len > 0 && is_blank(parser->rest.ptr[0]))
        parser->rest = str_skip(parser->rest, 1);
}

/* A name of letters, or an OID: numbers with single dots between them, which OpenSSL would not
 * insist on. */
static bool is_type(struct str text)
{
    struct str part;
    uint64_t value = 0;
    bool is_good = true;
    if (!ascii_is_digit(text.ptr[0]))
        return true;
    while (is_good && str_split(&text, '.', &part))
        is_good = str_parse_u64(part, UINT64_MAX, &value);
    return is_good;
}

/* The attribute type up to its '='; NULL when it is not known. */
static ASN1_OBJECT *read_type(struct parser *parser)
{
    char type[64];
    size_t equals = str_find(parser->rest, '=');
    struct str text = str_trim(str_make(parser->rest.ptr, equals));
    if (equals == parser->rest.len || text.len == 0 || text.len >= sizeof type) {
        parser->problem = "expected parts such as CN=name, separated by commas";
        return NULL;
    }
    memcpy(type, text.ptr, text.len);
    type[text.len] = '\0';
    parser->rest = str_skip(parser->rest, equals + 1);
    ASN1_OBJECT *object = is_type(text) ? OBJ_txt2obj(type, 0) : NULL;
    if (object == NULL)
        parser->problem = "an attribute type is not known; write it as an OID";
    return object;
}

/* RFC 4514 section 2.4: a backslash and two hex digits are a byte, a backslash and anything else
 * is that character. */
static void read_escape(struct parser *parser, struct text *value)
{
    struct str rest = parser->rest;
    int high = rest.len > 1 ? ascii_hex_value(rest.ptr[1]) : -1;
    int low = rest.len > 2 ? ascii_hex_value(rest.ptr[2]) : -1;
    if (rest.len < 2 || (high >= 0 && low < 0)) {
        parser->problem = "a backslash is followed by a character or two hexadecimal digits";
        return;
    }
    text_add_char(value, high >= 0 ? (char)(high * 16 + low) : rest.ptr[1]);
    parser->rest = str_skip(rest, high >= 0 ? 3 : 2);
}

/* The value up to an unescaped ',' or '+'; blanks at the end that are not escaped do not count. */
static void read_value(struct parser *parser, struct text *value)
{
    size_t significant = 0;
    skip_blanks(parser);
    if (parser->rest.len > 0 && parser->rest.ptr[0] == '#')
        parser->problem = "values in hexadecimal DER are not supported";
    while (parser->problem == NULL && parser->rest.len > 0) {
        char c = parser->rest.ptr[0];
        if (c == ',' || c == '+')
            break;
        if (c == '\\') {
            read_escape(parser, value);
            significant = value->len;
            continue;
        }
        if (strchr("\"<>;", c) != NULL)
            parser->problem = "the characters \"<>; are written with a backslash in front";
        text_add_char(value, c);
        if (!is_blank(c))
            significant = value->len;
        parser->rest = str_skip(parser->rest, 1);
    }
    value->len = significant;
    if (parser->problem == NULL && value->len == 0)
        parser->problem = "a value is empty";
}

/* Parts come most specific first, so each goes in front; joins: of the same RDN as the one before.
 */
static void read_part(struct parser *parser, bool joins)
{
    struct text value = {0};
    skip_blanks(parser);
    ASN1_OBJECT *type = read_type(parser);
    if (type != NULL)
        read_value(parser, &value);
    if (parser->problem == NULL &&
        X509_NAME_add_entry_by_OBJ(parser->name, type, MBSTRING_UTF8,
                                   (const unsigned char *)value.ptr, (int)value.len, 0,
                                   joins ? 1 : 0) != 1)
        parser->problem = "a value does not fit its attribute type";
    ASN1_OBJECT_free(type);
    text_clear(&value);
}

X509_NAME *authorize_name_parse(struct str text, const char **ret_problem)
{
    struct parser parser = {.rest = text, .name = X509_NAME_new()};
    bool joins = false;
    for (;;) {
        read_part(&parser, joins);
        if (parser.problem != NULL || parser.rest.len == 0)
            break;
        joins = parser.rest.ptr[0] == '+';
        parser.rest = str_skip(parser.rest, 1);
    }
    ERR_clear_error();
    if (parser.problem == NULL)
        return parser.name;
    X509_NAME_free(parser.name);
    *ret_problem = parser.problem;
    return NULL;
}
