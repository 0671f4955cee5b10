/* iis-semantics.md 10.7: which page a client gets, by mode, place and configured pages.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "access/route.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/connection.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "exchange/exchange.h"
#include "explain/error_page.h"
#include "explain/error_page_files.h"
#include "unit/unit.h"

static char directory[] = "/tmp/error-page-test-XXXXXX";

static char *write_page(const char *name, struct str bytes)
{
    char *path = xasprintf("%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

struct world { /* one client, one request, on a plain binding */
    struct buf_pool pool;
    struct config_site site;
    struct config config;
    struct snapshot_access place;
    struct snapshot_site snapshot_site;
    struct snapshot_site *sites[1];
    struct snapshot_binding binding;
    struct snapshot snapshot;
    struct engine engine;
    struct engine_listener listener;
    struct connection connection;
    struct exchange x;
    char name[8];
};

static void world_init(struct world *world, enum config_error_mode mode,
                       struct config_error_page *pages, size_t count)
{
    struct error_list errors = {0};
    *world = (struct world){.name = "orders"};
    world->site = (struct config_site){
        .name = world->name, .access.errors = {.mode = mode, .pages = pages, .page_count = count}};
    world->config = (struct config){.sites = &world->site, .site_count = 1};
    world->place = (struct snapshot_access){.config = &world->site.access};
    world->snapshot_site = (struct snapshot_site){.config = &world->site, .places = &world->place};
    world->sites[0] = &world->snapshot_site;
    world->binding = (struct snapshot_binding){
        .sites = world->sites, .site_count = 1, .routes = route_table_new(world->sites, 1)};
    world->snapshot = (struct snapshot){
        .config = &world->config, .error_pages = error_page_files_new(&world->config, &errors)};
    ck_assert_uint_eq(errors.count, 0);
    world->engine = (struct engine){.snapshot = &world->snapshot};
    world->listener =
        (struct engine_listener){.engine = &world->engine, .binding = &world->binding};
    world->connection = (struct connection){.listener = &world->listener};
    ck_assert(addr_from_numeric("198.51.100.1", 80, &world->connection.local));
    world->x = (struct exchange){.engine = &world->engine,
                                 .connection = &world->connection,
                                 .site = &world->snapshot_site,
                                 .place = &world->place,
                                 .request = {.method = STR("GET"), .target = STR("/secret")},
                                 .id = "00000000000000aa"};
    buf_pool_init(&world->pool, 4);
    arena_init(&world->x.arena, &world->pool);
}

static void world_clear(struct world *world)
{
    route_table_free(world->binding.routes);
    arena_clear(&world->x.arena);
    buf_pool_clear(&world->pool);
    error_page_files_free(world->snapshot.error_pages);
}

enum { LOCAL, REMOTE };

static struct str page_for(struct world *world, int where, enum outcome outcome)
{
    /* The machine's own address is as local as the loopback. */
    const char *host = where == LOCAL ? "198.51.100.1" : "203.0.113.9";
    ck_assert(addr_from_numeric(host, 40000, &world->connection.peer));
    return error_page_make(&world->x, outcome);
}

static bool contains(struct str page, const char *part)
{
    return memmem(page.ptr, page.len, part, strlen(part)) != NULL;
}

static const char *field(const struct world *world, struct str name)
{
    static char value[256];
    const struct http_field *found = http_fields_find(&world->x.response.fields, name);
    if (found == NULL)
        return NULL;
    (void)snprintf(value, sizeof value, "%.*s", STR_ARG(found->value));
    return value;
}

#define PAGE(code_, sub, path)                                                                \
    {                                                                                         \
        .status = {.text = path}, .file = {.text = path}, .code = (code_), .substatus = (sub) \
    }

enum shown { DETAILED, GENERIC, ANY_PAGE, SUB_PAGE };

START_TEST(mode_place_and_pages_choose_the_page)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    char *any = write_page("403.html", STR("any page"));
    char *sub = write_page("403-16.html", STR("sub page"));
    struct config_error_page pages[] = {PAGE(403, -1, any), PAGE(403, 16, sub)};
    static const struct {
        enum config_error_mode mode;
        int where;
        size_t first, count; /* of pages */
        enum outcome outcome;
        enum shown shown;
    } CASES[] = {
        {ERRORS_DETAILED_LOCAL_ONLY, LOCAL, 0, 0, OUTCOME_UNTRUSTED_ROOT, DETAILED},
        {ERRORS_DETAILED_LOCAL_ONLY, LOCAL, 0, 2, OUTCOME_UNTRUSTED_ROOT, DETAILED},
        {ERRORS_DETAILED_LOCAL_ONLY, REMOTE, 0, 0, OUTCOME_UNTRUSTED_ROOT, GENERIC},
        {ERRORS_DETAILED_LOCAL_ONLY, REMOTE, 0, 2, OUTCOME_UNTRUSTED_ROOT, SUB_PAGE},
        {ERRORS_DETAILED_LOCAL_ONLY, REMOTE, 1, 1, OUTCOME_UNTRUSTED_ROOT, SUB_PAGE},
        {ERRORS_DETAILED_LOCAL_ONLY, REMOTE, 0, 2, OUTCOME_EXPIRED, ANY_PAGE},
        {ERRORS_DETAILED_LOCAL_ONLY, REMOTE, 1, 1, OUTCOME_EXPIRED, GENERIC},
        {ERRORS_CUSTOM, LOCAL, 0, 0, OUTCOME_UNTRUSTED_ROOT, GENERIC},
        {ERRORS_CUSTOM, LOCAL, 0, 2, OUTCOME_UNTRUSTED_ROOT, SUB_PAGE},
        {ERRORS_CUSTOM, REMOTE, 0, 1, OUTCOME_UNTRUSTED_ROOT, ANY_PAGE},
        {ERRORS_CUSTOM, REMOTE, 0, 0, OUTCOME_UNTRUSTED_ROOT, GENERIC},
        {ERRORS_DETAILED, LOCAL, 0, 2, OUTCOME_UNTRUSTED_ROOT, DETAILED},
        {ERRORS_DETAILED, REMOTE, 0, 2, OUTCOME_UNTRUSTED_ROOT, DETAILED},
        {ERRORS_DETAILED, REMOTE, 0, 0, OUTCOME_UPSTREAM_CONNECT, DETAILED},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct world world;
        world_init(&world, CASES[i].mode, pages + CASES[i].first, CASES[i].count);
        struct str page = page_for(&world, CASES[i].where, CASES[i].outcome);
        const char *mark = CASES[i].shown == DETAILED   ? "HTTP Error "
                           : CASES[i].shown == GENERIC  ? "<h1>403 - Forbidden</h1>"
                           : CASES[i].shown == ANY_PAGE ? "any page"
                                                        : "sub page";
        ck_assert_msg(contains(page, mark), "case %zu: %.*s", i, STR_ARG(page));
        if (CASES[i].shown != DETAILED)
            ck_assert_msg(!contains(page, "403.") && !contains(page, "0x800"), "case %zu", i);
        world_clear(&world);
    }
    (void)unlink(any);
    (void)unlink(sub);
    (void)rmdir(directory);
    free(any);
    free(sub);
}
END_TEST

/* iis-semantics.md 10.7, last row */
START_TEST(a_status_without_any_page_is_a_line_of_text)
{
    struct world world;
    world_init(&world, ERRORS_CUSTOM, NULL, 0);
    struct str page = page_for(&world, REMOTE, OUTCOME_UNAVAILABLE);
    ck_assert(str_equal(page, STR("503 Service Unavailable (request 00000000000000aa)\n")));
    ck_assert_str_eq(field(&world, STR("Content-Type")), "text/plain; charset=utf-8");
    ck_assert_str_eq(field(&world, STR("Cache-Control")), "no-store");
    world_clear(&world);
}
END_TEST

/* iis-semantics.md 1.6, wire format */
START_TEST(only_the_detailed_page_is_private)
{
    struct world world;
    world_init(&world, ERRORS_DETAILED_LOCAL_ONLY, NULL, 0);
    (void)page_for(&world, LOCAL, OUTCOME_CERTIFICATE_REQUIRED);
    ck_assert_str_eq(field(&world, STR("Cache-Control")), "private");
    ck_assert_str_eq(field(&world, STR("Content-Type")), "text/html; charset=utf-8");
    ck_assert_ptr_nonnull(field(&world, STR("Content-Security-Policy")));
    (void)page_for(&world, REMOTE, OUTCOME_CERTIFICATE_REQUIRED);
    ck_assert_ptr_null(field(&world, STR("Cache-Control")));
    ck_assert_str_eq(field(&world, STR("Vary")), "Accept");
    world_clear(&world);
}
END_TEST

/* RFC 9110 section 9.3.2 */
START_TEST(head_gets_the_length_and_no_body)
{
    struct world world;
    world_init(&world, ERRORS_CUSTOM, NULL, 0);
    world.x.request.method = STR("HEAD");
    world.x.request.method_id = HTTP_HEAD;
    struct str page = page_for(&world, REMOTE, OUTCOME_CERTIFICATE_REQUIRED);
    char length[32];
    (void)snprintf(length, sizeof length, "%zu", page.len);
    ck_assert_int_eq(world.x.response.body.kind, HTTP_BODY_NONE);
    ck_assert_str_eq(field(&world, STR("Content-Length")), length);
    world_clear(&world);
}
END_TEST

START_TEST(before_a_site_is_found_the_default_site_decides)
{
    struct world world;
    world_init(&world, ERRORS_CUSTOM, NULL, 0);
    world.x.site = NULL;
    world.x.place = NULL;
    world.x.request = (struct http_request){0};
    struct str page = page_for(&world, LOCAL, OUTCOME_BAD_REQUEST);
    ck_assert(contains(page, "400 Bad Request"));
    ck_assert(!contains(page, "HTTP Error"));
    world_clear(&world);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("error_page");
    TCase *tcase = tcase_create("error_page");
    tcase_add_test(tcase, mode_place_and_pages_choose_the_page);
    tcase_add_test(tcase, a_status_without_any_page_is_a_line_of_text);
    tcase_add_test(tcase, only_the_detailed_page_is_private);
    tcase_add_test(tcase, head_gets_the_length_and_no_body);
    tcase_add_test(tcase, before_a_site_is_found_the_default_site_decides);
    suite_add_tcase(suite, tcase);
    return suite;
}
