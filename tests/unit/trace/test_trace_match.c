/* iis-semantics.md 7: which rule holds, and by which of its conditions.
 *
 * SPDX-License-Identifier: MIT */
#include "trace/trace_match.h"
#include "unit/unit.h"

START_TEST(a_star_stands_for_any_text)
{
    static const struct {
        const char *pattern;
        const char *path;
        bool matches;
    } CASES[] = {
        {"/*", "/", true},
        {"/*", "/a/b", true},
        {"/*", "", false},
        {"*", "", true},
        {"*", "/x", true},
        {"*.aspx", "/a/B.ASPX", true},
        {"*.aspx", "/a.aspx/b", false},
        {"/api/*", "/api", false},
        {"/api*", "/API/x", true},
        {"/a*b*c", "/aXbXbYc", true},
        {"/a*b*c", "/aXbXbY", false},
        {"/a", "/a", true},
        {"/a", "/ab", false},
        {"/a**b", "/ab", true},
        {"*a*", "/bbb", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        ck_assert_msg(trace_path_matches(str_of(CASES[i].pattern), str_of(CASES[i].path)) ==
                          CASES[i].matches,
                      "%s %s", CASES[i].pattern, CASES[i].path);
}
END_TEST

static char any_path[] = "/*";
static char api_path[] = "/api/*";
static struct config_trace_status forbidden[] = {{403, 403, 7}, {500, 599, 0}};
static struct config_trace_rule items[] = {
    {.path = {.text = api_path}, .time_taken_ms = 1000},
    {.path = {.text = any_path}, .statuses = forbidden, .status_count = 2, .time_taken_ms = 5000},
};
static const struct config_trace_rules rules = {.items = items, .count = 2};

START_TEST(the_first_rule_that_holds_is_found)
{
    enum { NONE = -1, FIRST = 0, SECOND = 1 };
    static const struct {
        struct trace_facts facts;
        int rule;
        bool is_by_time;
    } CASES[] = {
        {{STR_INIT("/x"), 403, 7, 1, 1}, SECOND, false},
        {{STR_INIT("/x"), 403, 16, 1, 1}, NONE, false},
        {{STR_INIT("/x"), 500, 0, 1, 1}, SECOND, false},
        {{STR_INIT("/x"), 599, 19, 1, 1}, SECOND, false},
        {{STR_INIT("/x"), 600, 0, 1, 1}, NONE, false},
        {{STR_INIT("/x"), 499, 0, 4999, 4999}, NONE, false},
        {{STR_INIT("/x"), 200, 0, 1, 5000}, SECOND, true},
        {{STR_INIT("/x"), 403, 7, 4999, 6000}, SECOND, false}, /* the status came first */
        {{STR_INIT("/x"), 403, 7, 5000, 6000}, SECOND, true},
        {{STR_INIT("/api/x"), 200, 0, 1, 999}, NONE, false},
        {{STR_INIT("/api/x"), 200, 0, 1, 1000}, FIRST, true},
        {{STR_INIT("/api/x"), 403, 7, 1, 1}, SECOND, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bool is_by_time = false;
        const struct config_trace_rule *found =
            trace_rules_find(&rules, &CASES[i].facts, &is_by_time);
        const struct config_trace_rule *wanted =
            CASES[i].rule == NONE ? NULL : &items[CASES[i].rule];
        ck_assert_msg(found == wanted && is_by_time == CASES[i].is_by_time, "case %zu", i);
    }
}
END_TEST

START_TEST(a_path_that_no_rule_is_about_is_not_collected_for)
{
    static const struct config_trace_rules api = {.items = items, .count = 1};
    static const struct config_trace_rules none = {0};
    ck_assert(trace_rules_may_hold(&rules, STR("/x")));
    ck_assert(!trace_rules_may_hold(&api, STR("/x")));
    ck_assert(trace_rules_may_hold(&api, STR("/API/x")));
    ck_assert(!trace_rules_may_hold(&none, STR("/x")));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trace_match");
    TCase *tcase = tcase_create("match");
    tcase_add_test(tcase, a_star_stands_for_any_text);
    tcase_add_test(tcase, the_first_rule_that_holds_is_found);
    tcase_add_test(tcase, a_path_that_no_rule_is_about_is_not_collected_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
