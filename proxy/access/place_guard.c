/* SPDX-License-Identifier: MIT */
#include "access/place_guard.h"

#include <stdlib.h>
#include <string.h>

#include "access/route.h"
#include "base/mem.h"
#include "http/path_reading.h"

enum { SHORT_NAME_MAX = 8 }; /* of a name without its extension, as MS-DOS has it */

struct image { /* one spelling of a location's path */
    struct str path;
    size_t place;
};

struct place_guard {
    const struct snapshot_site *site;
    size_t *rules; /* by place: the first place with the same rules */
    struct image *images;
    size_t image_count;
    bool is_for_all_paths; /* a location has several readings itself: no path is beyond doubt */
    struct buf_pool pool;
    struct arena arena; /* of the images */
};

/* ---- rules -------------------------------------------------------------------------------- */

static bool same_text(const struct config_value *a, const struct config_value *b)
{
    return str_equal(str_of(a->text), str_of(b->text));
}

/* Lists are inherited as they are, so the same list is the same memory. */
static bool same_list(const void *a, size_t a_count, const void *b, size_t b_count)
{
    return a_count == b_count && (a_count == 0 || a == b);
}

static bool same_values(const struct config_list *a, const struct config_list *b)
{
    return same_list(a->items, a->count, b->items, b->count);
}

static bool same_edit(const struct config_header_edit *a, const struct config_header_edit *b)
{
    return same_list(a->set, a->set_count, b->set, b->set_count) &&
           same_list(a->add, a->add_count, b->add, b->add_count) &&
           same_values(&a->remove, &b->remove);
}

static bool same_cors(const struct config_access *a, const struct config_access *b)
{
    return a->preflight == b->preflight && same_values(&a->cors.origins, &b->cors.origins) &&
           same_values(&a->cors.methods, &b->cors.methods) &&
           same_values(&a->cors.headers, &b->cors.headers);
}

static bool same_forward(const struct config_forward *a, const struct config_forward *b)
{
    return a->identity == b->identity && a->authorization_basic == b->authorization_basic &&
           a->host_upstream == b->host_upstream &&
           same_list(a->headers, a->header_count, b->headers, b->header_count);
}

/* Who may come, where the request goes, and what the backend is told; not how a page looks. */
static bool same_rules(const struct snapshot_access *left, const struct snapshot_access *right)
{
    const struct config_access *a = left->config;
    const struct config_access *b = right->config;
    return left->upstream == right->upstream && left->authorize == right->authorize &&
           a->client_certificate == b->client_certificate && a->require_ssl == b->require_ssl &&
           a->require_128_bit == b->require_128_bit && a->anonymous == b->anonymous &&
           same_cors(a, b) && same_text(&a->redirect.to, &b->redirect.to) &&
           same_text(&a->rewrite.strip_prefix, &b->rewrite.strip_prefix) &&
           same_text(&a->rewrite.add_prefix, &b->rewrite.add_prefix) &&
           same_forward(&a->forward, &b->forward) &&
           same_edit(&a->request_headers, &b->request_headers);
}

static int certificate_rank(enum config_client_certificate value)
{
    switch (value) {
    case CLIENT_CERT_IGNORE:
        return 0;
    case CLIENT_CERT_PASS:
        return 1;
    case CLIENT_CERT_ACCEPT:
        return 2;
    case CLIENT_CERT_REQUIRE:
        return 3;
    }
    return 0;
}

/* True when one may get into `place` who would not get into `other`. */
static bool asks_less(const struct snapshot_access *place, const struct snapshot_access *other)
{
    const struct config_access *a = place->config;
    const struct config_access *b = other->config;
    return certificate_rank(a->client_certificate) < certificate_rank(b->client_certificate) ||
           (!a->require_ssl && b->require_ssl) || (!a->require_128_bit && b->require_128_bit) ||
           (a->anonymous && !b->anonymous) ||
           (place->authorize != other->authorize && other->authorize != NULL);
}

/* ---- building ----------------------------------------------------------------------------- */

static bool has_upper_case(struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (ascii_lower(path.ptr[i]) != path.ptr[i])
            return true;
    }
    return false;
}

/* True when no server reads the path, or a location's, as another one. */
static bool is_beyond_doubt(const struct snapshot_site *site, struct str path)
{
    return path_has_one_reading(path) &&
           !(site->config->locations_case_sensitive && has_upper_case(path));
}

static void add_images(struct place_guard *guard, size_t place, struct str path)
{
    struct path_spellings found;
    guard->is_for_all_paths = guard->is_for_all_paths || !is_beyond_doubt(guard->site, path);
    path_spellings_find(path, &guard->arena, &found);
    guard->images =
        xreallocarray(guard->images, guard->image_count + found.count, sizeof *guard->images);
    for (size_t i = 0; i < found.count; i++) {
        struct str image = found.all[i].path;
        while (image.len > 0 && image.ptr[image.len - 1] == '/')
            image.len--;
        guard->images[guard->image_count++] = (struct image){image, place};
    }
}

/* Numbers the places by their rules; true when there are several. */
static bool compare_rules(const struct snapshot_site *site, size_t count, size_t *rules)
{
    bool differ = false;
    for (size_t i = 0; i < count; i++) {
        while (rules[i] < i && !same_rules(&site->places[rules[i]], &site->places[i]))
            rules[i]++;
        differ = differ || rules[i] > 0;
    }
    return differ;
}

struct place_guard *place_guard_new(const struct snapshot_site *site)
{
    size_t count = 1 + site->config->location_count;
    size_t *rules = xcalloc(count, sizeof *rules);
    if (site->config->ambiguous_path_keep || !compare_rules(site, count, rules)) {
        free(rules);
        return NULL;
    }
    struct place_guard *guard = xcalloc(1, sizeof *guard);
    guard->site = site;
    guard->rules = rules;
    buf_pool_init(&guard->pool, 0);
    arena_init(&guard->arena, &guard->pool);
    for (size_t i = 1; i < count; i++)
        add_images(guard, i, str_of(site->config->locations[i - 1].path.text));
    return guard;
}

void place_guard_free(struct place_guard *guard)
{
    if (guard == NULL)
        return;
    arena_clear(&guard->arena);
    buf_pool_clear(&guard->pool);
    free(guard->images);
    free(guard->rules);
    free(guard);
}

/* ---- asking ------------------------------------------------------------------------------- */

/* The 8.3 name that Windows may have given to a name that is none: two to six of its letters, "~"
 * and a number ("Naming Files, Paths, and Namespaces"). Which number is not known here, and after
 * a few of the same beginning the letters are a hash but for two. */
static bool is_short_name(struct str name, struct str asked)
{
    size_t tilde = str_find(asked, '~');
    if (tilde == 0 || tilde + 1 >= asked.len || tilde >= SHORT_NAME_MAX ||
        !ascii_is_digit(asked.ptr[tilde + 1]))
        return false;
    size_t dot = str_find(name, '.');
    bool has_short_name = dot > SHORT_NAME_MAX || name.len > dot + 4;
    for (size_t i = 0; i < name.len && !has_short_name; i++)
        has_short_name = strchr(" +,;=[]", name.ptr[i]) != NULL && name.ptr[i] != '\0';
    size_t same = tilde < 2 ? tilde : 2;
    return has_short_name && name.len > same && str_same_letters(name.ptr, asked.ptr, same);
}

/* Segment by segment, and always without case, as IIS, NTFS and express route. */
static bool covers(struct str image, struct str path)
{
    struct str place_rest = image.len == 0 ? image : str_skip(image, 1);
    struct str path_rest = str_skip(path, 1);
    struct str place = {0};
    struct str asked = {0};
    while (place_rest.len > 0) {
        size_t len = str_find(place_rest, '/');
        place = str_make(place_rest.ptr, len);
        place_rest = str_skip(place_rest, len < place_rest.len ? len + 1 : len);
        len = str_find(path_rest, '/');
        asked = str_make(path_rest.ptr, len);
        path_rest = str_skip(path_rest, len < path_rest.len ? len + 1 : len);
        if (!str_equal_icase(place, asked) && !is_short_name(place, asked))
            return false;
    }
    return true;
}

/* Where servers of that reading find the path: the deepest location that covers it, and of several
 * the one that the path is in anyhow. */
static size_t place_of(const struct place_guard *guard, struct str path, size_t literal)
{
    size_t found = 0;
    size_t depth = 0;
    for (size_t i = 0; i < guard->image_count; i++) {
        const struct image *image = &guard->images[i];
        if (image->path.len < depth || !covers(image->path, path))
            continue;
        if (image->path.len > depth || found == 0 || image->place == literal)
            found = image->place;
        depth = image->path.len;
    }
    return found;
}

static bool has_repeated_slashes(struct str path)
{
    for (size_t i = 1; i < path.len; i++) {
        if (path.ptr[i] == '/' && path.ptr[i - 1] == '/')
            return true;
    }
    return false;
}

static bool is_conflict(const struct place_guard *guard, const struct path_spelling *spelling,
                        size_t literal, size_t other)
{
    if (guard->rules[literal] == guard->rules[other])
        return false;
    /* Slashes that were not merged lead nowhere, but in a program that answers to everything. */
    bool is_loose = spelling->is_loose || has_repeated_slashes(spelling->path);
    return !is_loose || asks_less(&guard->site->places[literal], &guard->site->places[other]);
}

/* How the path as it is written comes to be in another place. */
static const char *phrase_of_itself(struct str path)
{
    if (has_repeated_slashes(path))
        return "its repeated slashes kept";
    return str_find(path, '~') < path.len ? "a short name (8.3) taken for the long one"
                                          : "its case ignored";
}

static bool is_ambiguous(const struct place_guard *guard, struct str path, struct arena *arena,
                         struct place_found *found)
{
    size_t literal = (size_t)(found->place - guard->site->places);
    struct path_spellings spellings;
    path_spellings_find(path, arena, &spellings);
    for (size_t i = 0; i < spellings.count; i++) {
        const struct path_spelling *spelling = &spellings.all[i];
        size_t other = place_of(guard, spelling->path, literal);
        if (!is_conflict(guard, spelling, literal, other))
            continue;
        found->other = &guard->site->places[other];
        found->read_as = spelling->path;
        found->phrase = spelling->phrase == NULL ? phrase_of_itself(path) : spelling->phrase;
        return true;
    }
    return !spellings.is_complete;
}

/* Canonical paths have no other escape of it. */
static bool has_encoded_slash(struct str path)
{
    for (size_t i = 0; i + 2 < path.len; i++) {
        if (path.ptr[i] == '%' && path.ptr[i + 1] == '2' && ascii_lower(path.ptr[i + 2]) == 'f')
            return true;
    }
    return false;
}

enum outcome place_find(const struct snapshot_site *site, struct str path, struct arena *arena,
                        struct place_found *ret_found)
{
    *ret_found =
        (struct place_found){.place = route_location(site, path_merge_slashes(path, arena))};
    if (!site->config->encoded_slash_keep && has_encoded_slash(path))
        return OUTCOME_ENCODED_SLASH;
    const struct place_guard *guard = site->guard;
    bool is_plain = guard == NULL || path.ptr[0] != '/' ||
                    (!guard->is_for_all_paths && is_beyond_doubt(site, path));
    return is_plain || !is_ambiguous(guard, path, arena, ret_found) ? OUTCOME_OK
                                                                    : OUTCOME_AMBIGUOUS_PATH;
}
