/* SPDX-License-Identifier: MIT */
#include "access/route.h"
#include "unit/unit.h"

static char orders[] = "orders.example.test";
static char wild[] = "*.example.test";
static char location_a[] = "/a";
static char location_ab[] = "/a/b";

START_TEST(a_wildcard_is_exactly_one_label)
{
    static const struct {
        const char *host;
        bool matches;
    } cases[] = {
        {"a.example.test", true}, {"a.b.example.test", false}, {"example.test", false},
        {".example.test", false}, {"aexample.test", false},    {"a.", false},
    };
    struct config_value wild_host = {.text = wild};
    struct config_site config = {.hosts = {.items = &wild_host, .count = 1, .is_set = true}};
    struct snapshot_site site = {.config = &config};
    struct snapshot_site *all[] = {&site};
    struct snapshot_binding binding = {
        .sites = all, .site_count = 1, .routes = route_table_new(all, 1)};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg((route_site(&binding, str_of(cases[i].host)) != NULL) == cases[i].matches,
                      "%s", cases[i].host);
    route_table_free(binding.routes);
}
END_TEST

START_TEST(an_exact_host_wins_over_a_wildcard_over_any)
{
    struct config_value exact_host = {.text = orders};
    struct config_value wild_host = {.text = wild};
    struct config_site configs[] = {
        {.hosts = {.is_set = false}},
        {.hosts = {.items = &wild_host, .count = 1, .is_set = true}},
        {.hosts = {.items = &exact_host, .count = 1, .is_set = true}},
    };
    struct snapshot_site sites[] = {
        {.config = &configs[0]}, {.config = &configs[1]}, {.config = &configs[2]}};
    struct snapshot_site *all[] = {&sites[0], &sites[1], &sites[2]};
    struct snapshot_binding binding = {
        .sites = all, .site_count = 3, .routes = route_table_new(all, 3)};
    ck_assert_ptr_eq(route_site(&binding, STR("orders.example.test")), &sites[2]);
    ck_assert_ptr_eq(route_site(&binding, STR("other.example.test")), &sites[1]);
    ck_assert_ptr_eq(route_site(&binding, STR("elsewhere")), &sites[0]);
    ck_assert_ptr_eq(route_site(&binding, STR("")), &sites[0]);
    /* Without a site for any host an unknown one is nobody's, and no host is the first site's. */
    struct snapshot_binding strict = {
        .sites = &all[1], .site_count = 2, .routes = route_table_new(&all[1], 2)};
    ck_assert_ptr_null(route_site(&strict, STR("elsewhere")));
    ck_assert_ptr_eq(route_site(&strict, STR("")), &sites[1]);
    ck_assert_ptr_null(route_site(&strict, STR("a.b.example.test")));
    route_table_free(binding.routes);
    route_table_free(strict.routes);
}
END_TEST

START_TEST(locations_match_whole_segments_the_longest_first)
{
    struct config_location locations[] = {{.path = {.text = location_ab}},
                                          {.path = {.text = location_a}}};
    struct config_site config = {.locations = locations, .location_count = 2};
    struct snapshot_access places[3] = {0};
    struct snapshot_site site = {.config = &config, .places = places};
    static const struct {
        const char *path;
        int place;
        int place_case_sensitive;
    } cases[] = {
        {"/", 0, 0},    {"/ab", 0, 0},  {"/a", 2, 2},     {"/a/", 2, 2},
        {"/a/x", 2, 2}, {"/a/b", 1, 1}, {"/a/b/c", 1, 1}, {"/a/bc", 2, 2},
        {"/A/B", 1, 0}, {"/A", 2, 0},   {"/x/a/b", 0, 0}, {"*", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        config.locations_case_sensitive = false;
        ck_assert_msg(route_location(&site, str_of(cases[i].path)) == &places[cases[i].place], "%s",
                      cases[i].path);
        config.locations_case_sensitive = true;
        ck_assert_msg(route_location(&site, str_of(cases[i].path)) ==
                          &places[cases[i].place_case_sensitive],
                      "%s, case-sensitive", cases[i].path);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("route");
    TCase *tcase = tcase_create("route");
    tcase_add_test(tcase, a_wildcard_is_exactly_one_label);
    tcase_add_test(tcase, an_exact_host_wins_over_a_wildcard_over_any);
    tcase_add_test(tcase, locations_match_whole_segments_the_longest_first);
    suite_add_tcase(suite, tcase);
    return suite;
}
