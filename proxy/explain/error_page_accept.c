/* SPDX-License-Identifier: MIT */
#include "explain/error_page_accept.h"

struct preference { /* for one media type, from the most specific range seen so far */
    struct str type;
    struct str subtype;
    unsigned specificity; /* 0: no range matched */
    unsigned quality;     /* thousandths */
};

/* RFC 9110 section 12.4.2: "0" or "1", then at most three decimals; a malformed weight counts as
 * the lowest that is not a refusal, so that it neither wins nor excludes. */
static unsigned parse_quality(struct str text)
{
    bool is_form = text.len > 0 && text.len <= 5 && (text.len == 1 || text.ptr[1] == '.') &&
                   (text.ptr[0] == '0' || text.ptr[0] == '1');
    if (!is_form)
        return 1;
    unsigned value = text.ptr[0] == '1' ? 1000 : 0;
    unsigned unit = 100;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (!ascii_is_digit(text.ptr[i]))
            return 1;
        value += unit * (unsigned)(text.ptr[i] - '0');
    }
    return value > 1000 ? 1 : value;
}

/* The weight among the parameters of a range. */
static unsigned quality_of(struct str parameters)
{
    struct str rest = parameters;
    struct str part;
    while (rest.len > 0 && str_split(&rest, ';', &part)) {
        part = str_trim(part);
        if (str_starts_with_icase(part, STR("q=")))
            return parse_quality(str_skip(part, 2));
    }
    return 1000;
}

static void consider(struct preference *self, struct str type, struct str subtype, unsigned quality)
{
    bool any_type = str_equal(type, STR("*"));
    bool any_subtype = str_equal(subtype, STR("*"));
    if ((!any_type && !str_equal_icase(type, self->type)) ||
        (!any_subtype && !str_equal_icase(subtype, self->subtype)))
        return;
    unsigned specificity = any_type ? 1 : any_subtype ? 2 : 3;
    if (specificity < self->specificity)
        return;
    bool is_better = specificity > self->specificity || quality > self->quality;
    self->specificity = specificity;
    if (is_better)
        self->quality = quality;
}

enum { HTML, PROBLEM, JSON, TEXT, TYPE_COUNT };

static void read_range(struct str range, struct preference preferences[TYPE_COUNT])
{
    size_t semicolon = str_find(range, ';');
    struct str name = str_trim(str_make(range.ptr, semicolon));
    size_t slash = str_find(name, '/');
    if (slash == name.len)
        return;
    struct str parameters = str_skip(range, semicolon);
    unsigned quality = quality_of(parameters);
    for (size_t i = 0; i < TYPE_COUNT; i++)
        consider(&preferences[i], str_make(name.ptr, slash), str_skip(name, slash + 1), quality);
}

static unsigned higher(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

enum error_page_type error_page_accept(const struct http_fields *request)
{
    struct preference preferences[TYPE_COUNT] = {
        [HTML] = {.type = STR("text"), .subtype = STR("html")},
        [PROBLEM] = {.type = STR("application"), .subtype = STR("problem+json")},
        [JSON] = {.type = STR("application"), .subtype = STR("json")},
        [TEXT] = {.type = STR("text"), .subtype = STR("plain")},
    };
    for (size_t i = 0; i < request->count; i++) {
        struct str rest = request->items[i].value;
        struct str range;
        if (!str_equal_icase(request->items[i].name, STR("Accept")))
            continue;
        while (rest.len > 0 && str_split(&rest, ',', &range))
            read_range(str_trim(range), preferences);
    }
    unsigned html = preferences[HTML].quality;
    unsigned json = higher(preferences[PROBLEM].quality, preferences[JSON].quality);
    unsigned text = preferences[TEXT].quality;
    if (json > html && json >= text)
        return ERROR_PAGE_JSON;
    return text > html ? ERROR_PAGE_TEXT : ERROR_PAGE_HTML;
}
