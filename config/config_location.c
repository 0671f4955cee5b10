/* SPDX-License-Identifier: MIT */
#include "config/config_location.h"

#include <stdlib.h>
#include <string.h>

#include "config/config_yaml.h"

enum { LOCATIONS_MAX = 10000 };

struct pending { /* a location while its neighbours are sorted out */
    struct config_cursor at;
    struct str path;        /* normalised; ptr NULL: unusable */
    const char *folded;     /* what is compared: lower case unless case counts */
    const char *given_path; /* as the administrator wrote it */
    bool anonymous_given;   /* here or in an enclosing location or the site */
    struct config_location location;
};

/* RFC 3986 section 2.3 */
static bool is_unreserved(int c)
{
    return ascii_is_alpha((char)c) || ascii_is_digit((char)c) || (c != 0 && strchr("-._~", c));
}

/* A location is compared with normalised paths only, so one that normalisation would change could
 * never match: whoever relied on it would be unprotected. */
static const char *check_escape(struct str rest)
{
    int high = rest.len > 2 ? ascii_hex_value(rest.ptr[1]) : -1;
    int low = rest.len > 2 ? ascii_hex_value(rest.ptr[2]) : -1;
    if (high < 0 || low < 0)
        return "`%` must be followed by two hexadecimal digits";
    int c = high * 16 + low;
    if (c == 0 || c == '\\')
        return "requests with %00 or %5c in the path are refused, so this never matches";
    if (c < 0x80 && is_unreserved(c))
        return "write letters, digits and -._~ without `%`: paths are compared in that form";
    return NULL;
}

const char *config_location_check_path(struct str path)
{
    if (!str_starts_with(path, STR("/")))
        return "a path must start with `/`";
    if (path.len > 1024)
        return "a path has at most 1024 characters";
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (c <= 0x20 || c > 0x7e)
            return "a path is printable ASCII without blanks; write the rest as %XX";
        if (strchr("?#\\*", c) != NULL)
            return "a path has no `?`, `#`, `*` or backslash";
        const char *problem = c == '%' ? check_escape(str_skip(path, i)) : NULL;
        if (problem != NULL)
            return problem;
    }
    struct str rest = path;
    struct str segment = {0};
    while (str_split(&rest, '/', &segment)) {
        if (str_equal(segment, STR(".")) || str_equal(segment, STR("..")))
            return "dot segments are removed from paths, so this never matches";
        if (segment.len == 0 && segment.ptr != path.ptr && rest.ptr != NULL)
            return "repeated slashes are merged in paths, so this never matches";
    }
    return NULL;
}

static char *fold(const struct config_cursor *at, struct str path, bool is_case_sensitive)
{
    char *folded = config_decode_copy(at, path);
    for (char *c = folded; *c != '\0' && !is_case_sensitive; c++)
        *c = ascii_lower(*c);
    return folded;
}

static void read_path(struct pending *pending, const struct config_site *site)
{
    yaml_node_t *node = config_decode_find(&pending->at, "path");
    if (node == NULL || node->type != YAML_SCALAR_NODE)
        return; /* reported with the other keys */
    struct str path = str_make((const char *)node->data.scalar.value, node->data.scalar.length);
    if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL)
        return;
    const char *problem = config_location_check_path(path);
    if (problem != NULL) {
        struct config_cursor where = pending->at;
        where.parent = &pending->at;
        where.key = STR("path");
        where.node = node;
        config_decode_error(&where, "%s", problem);
        return;
    }
    pending->given_path = path.ptr;
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--; /* whole segments: /a and /a/ are one location */
    pending->folded = fold(&pending->at, path, site->locations_case_sensitive);
    pending->path = path;
}

static int compare_folded(const void *left, const void *right)
{
    const struct pending *a = *(struct pending *const *)left;
    const struct pending *b = *(struct pending *const *)right;
    int order = strcmp(a->folded, b->folded);
    return order != 0 ? order : (a > b) - (a < b);
}

static int compare_length(const void *left, const void *right)
{
    const struct pending *a = *(struct pending *const *)left;
    const struct pending *b = *(struct pending *const *)right;
    if (a->path.len != b->path.len)
        return a->path.len < b->path.len ? -1 : 1;
    return (a > b) - (a < b);
}

static void report_duplicates(struct pending *const *sorted, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->folded, sorted[i]->folded) != 0)
            continue;
        struct mark first = config_cursor_mark(&sorted[i - 1]->at);
        config_decode_error(&sorted[i]->at, "a second location for \"%s\", first at line %u",
                            sorted[i]->given_path, first.line);
    }
}

static struct pending *find_path(struct pending *const *sorted, size_t count, const char *folded,
                                 size_t len)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(sorted[middle]->folded, folded, len);
        if (order == 0 && sorted[middle]->folded[len] != '\0')
            order = 1; /* the longer text sorts behind */
        if (order == 0)
            return sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The longest other location whose whole segments begin the path; NULL: only the site. */
static const struct pending *find_enclosing(const struct pending *self,
                                            struct pending *const *sorted, size_t count)
{
    for (size_t len = self->path.len; len > 1; len--) {
        if (self->folded[len - 1] != '/')
            continue;
        const struct pending *found = find_path(sorted, count, self->folded, len - 1);
        if (found != NULL)
            return found;
    }
    struct pending *top = self->path.len > 1 ? find_path(sorted, count, "/", 1) : NULL;
    return top == self ? NULL : top;
}

void config_location_defaults(struct config_access *access, const struct config_site *site,
                              bool anonymous_given)
{
    if (!anonymous_given)
        access->anonymous = access->client_certificate == CLIENT_CERT_IGNORE ||
                            access->client_certificate == CLIENT_CERT_PASS || !site->mapping.is_set;
}

static void decode_one(struct pending *self, const struct pending *enclosing,
                       const struct config_site *site, bool anonymous_given)
{
    self->location.access = enclosing == NULL ? site->access : enclosing->location.access;
    self->anonymous_given = enclosing == NULL ? anonymous_given : enclosing->anonymous_given;
    config_decode_table(&self->at, &config_schema_location, &self->location);
    if (config_decode_find(&self->at, "anonymous") != NULL)
        self->anonymous_given = true;
    config_location_defaults(&self->location.access, site, self->anonymous_given);
    if (self->path.ptr != NULL)
        self->location.path.text = config_decode_copy(&self->at, self->path);
}

static size_t open_items(const struct config_cursor *list, struct config_site *site,
                         struct pending *pending, size_t count)
{
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        struct pending *self = &pending[filled];
        *self = (struct pending){0};
        self->at = (struct config_cursor){.reader = list->reader, .parent = list, .index = i};
        self->at.node = yaml_document_get_node(list->reader->document,
                                               list->node->data.sequence.items.start[i]);
        if (!config_decode_visit(&self->at))
            break;
        if (self->at.node->type == YAML_MAPPING_NODE)
            read_path(self, site);
        filled++;
    }
    return filled;
}

/* Enclosing locations first, so that there is something to inherit; then longest first. */
static void resolve(const struct config_cursor *at, struct config_site *site,
                    struct pending *pending, size_t count, bool anonymous_given)
{
    struct pending **sorted = arena_calloc(at->reader->arena, count + 1, sizeof *sorted);
    struct pending **by_length = arena_calloc(at->reader->arena, count + 1, sizeof *by_length);
    size_t usable = 0;
    for (size_t i = 0; i < count; i++) {
        if (pending[i].path.ptr == NULL)
            decode_one(&pending[i], NULL, site, anonymous_given);
        else
            sorted[usable++] = &pending[i];
    }
    if (usable == 0)
        return;
    qsort(sorted, usable, sizeof(struct pending *), compare_folded);
    report_duplicates(sorted, usable);
    memcpy(by_length, sorted, usable * sizeof(struct pending *));
    qsort(by_length, usable, sizeof(struct pending *), compare_length);
    for (size_t i = 0; i < usable; i++)
        decode_one(by_length[i], find_enclosing(by_length[i], sorted, usable), site,
                   anonymous_given);
    site->locations = arena_calloc(at->reader->arena, usable, sizeof *site->locations);
    site->location_count = usable;
    for (size_t i = 0; i < usable; i++)
        site->locations[i] = by_length[usable - 1 - i]->location;
}

void config_locations_decode(const struct config_cursor *at, struct config_site *site,
                             bool anonymous_given)
{
    struct config_cursor list = {.reader = at->reader, .parent = at, .key = STR("locations")};
    list.node = config_decode_find(at, "locations");
    if (list.node == NULL || !config_decode_visit(&list))
        return;
    if (list.node->type != YAML_SEQUENCE_NODE) {
        config_decode_error(&list, "expected a list such as [{ path: /health }]");
        return;
    }
    size_t count =
        (size_t)(list.node->data.sequence.items.top - list.node->data.sequence.items.start);
    if (count > LOCATIONS_MAX) {
        config_decode_error(&list, "more than %d items", LOCATIONS_MAX);
        return;
    }
    struct pending *pending = arena_calloc(at->reader->arena, count + 1, sizeof *pending);
    count = open_items(&list, site, pending, count);
    resolve(at, site, pending, count, anonymous_given);
}
