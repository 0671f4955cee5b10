/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/engine_state.h"
#include "unit/unit.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_choice.h"
#include "upstreams/upstream_health.h"

#define SERVERS 3

struct fixture {
    char url[8];
    char name[8];
    struct config_upstream config;
    struct config_server servers[SERVERS];
    struct snapshot_server snapshot_servers[SERVERS];
    struct snapshot_upstream snapshot;
    struct engine engine;
    struct upstream_server live[SERVERS];
    struct upstream_group group;
};

/* Weights 5, 1, 1; nothing is open. */
static void prepare(struct fixture *f, enum config_balance balance)
{
    static const unsigned WEIGHTS[SERVERS] = {5, 1, 1};
    *f = (struct fixture){.url = "url", .name = "group"};
    f->config = (struct config_upstream){.balance = balance,
                                         .health_interval_ms = 1000,
                                         .health_fall = 2,
                                         .health_rise = 2,
                                         .servers = f->servers,
                                         .server_count = SERVERS};
    f->snapshot =
        (struct snapshot_upstream){.name = f->name, .config = &f->config, .server_count = SERVERS};
    f->group = (struct upstream_group){
        .engine = &f->engine, .config = &f->snapshot, .servers = f->live, .server_count = SERVERS};
    for (size_t i = 0; i < SERVERS; i++) {
        f->servers[i] = (struct config_server){.url = {.text = f->url}, .weight = WEIGHTS[i]};
        f->snapshot_servers[i].config = &f->servers[i];
        f->live[i].config = &f->snapshot_servers[i];
        f->live[i].group = &f->group;
    }
}

static char choose(struct fixture *f, const bool *tried, uint64_t now_ms)
{
    struct upstream_server *server = NULL;
    switch (upstream_choose(&f->group, tried, false, now_ms, &server)) {
    case UPSTREAM_CHOSEN:
        return (char)('a' + (server - f->live));
    case UPSTREAM_ALL_BUSY:
        return '*';
    case UPSTREAM_NONE_UP:
        return '-';
    }
    return '?';
}

static void expect(struct fixture *f, const bool *tried, uint64_t now_ms, const char *order)
{
    for (size_t i = 0; order[i] != '\0'; i++)
        ck_assert_msg(choose(f, tried, now_ms) == order[i], "choice %zu of %s", i, order);
}

START_TEST(round_robin_spreads_the_heavy_server_between_the_light_ones)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    expect(&f, NULL, 0, "aabacaaaabacaa");
}
END_TEST

START_TEST(a_server_that_was_tried_is_left_out)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    const bool one[SERVERS] = {true, false, false};
    expect(&f, one, 0, "bcbc");
    const bool all[SERVERS] = {true, true, true};
    expect(&f, all, 0, "-");
}
END_TEST

START_TEST(least_connections_counts_by_weight)
{
    struct fixture f;
    prepare(&f, BALANCE_LEAST_CONNECTIONS);
    f.live[0].active_count = 4; /* 0.8 of its weight */
    f.live[1].active_count = 1;
    f.live[2].active_count = 1;
    expect(&f, NULL, 0, "aa");
    f.live[0].active_count = 6;
    expect(&f, NULL, 0, "bcbc");
}
END_TEST

START_TEST(random_takes_the_better_of_two)
{
    struct fixture f;
    prepare(&f, BALANCE_RANDOM);
    /* The worst of all loses against whichever other was drawn. */
    f.live[0].active_count = 1000;
    bool seen[SERVERS] = {false};
    for (int i = 0; i < 500; i++) {
        char chosen = choose(&f, NULL, 0);
        ck_assert(chosen >= 'b' && chosen <= 'c');
        seen[chosen - 'a'] = true;
    }
    ck_assert(seen[1] && seen[2]);
    const bool tried[SERVERS] = {false, true, true};
    expect(&f, tried, 0, "aaa");
}
END_TEST

START_TEST(a_full_server_is_passed_over_and_all_full_is_busy)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    for (size_t i = 0; i < SERVERS; i++) {
        f.servers[i].max_connections = 2;
        f.live[i].open_count = 2;
    }
    expect(&f, NULL, 0, "*");
    ck_assert(upstream_all_busy(&f.group, NULL, false, 0));
    f.live[1].idle_count = 1; /* can be used, or make room */
    expect(&f, NULL, 0, "bb");
    ck_assert(!upstream_all_busy(&f.group, NULL, false, 0));
    f.live[1].idle_count = 0;
    f.live[2].open_count = 1;
    expect(&f, NULL, 0, "c");
}
END_TEST

static void fail_times(struct fixture *f, size_t server, uint64_t now_ms, int times)
{
    while (times-- > 0)
        upstream_health_failed(&f->live[server], now_ms, "test");
}

START_TEST(failures_in_a_row_take_a_server_out_until_its_back_off_is_over)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    f.servers[0].weight = 1;
    fail_times(&f, 0, 0, 1);
    upstream_health_succeeded(&f.live[0]); /* not in a row */
    fail_times(&f, 0, 0, 1);
    ck_assert(!f.live[0].health.is_down);
    fail_times(&f, 0, 0, 1);
    ck_assert(f.live[0].health.is_down);
    expect(&f, NULL, 999, "bcbc");
    /* Then one request at a time. */
    ck_assert(upstream_health_allows(&f.live[0], 1000, false));
    upstream_health_try(&f.live[0]);
    ck_assert(!upstream_health_allows(&f.live[0], 1000, false));
    upstream_health_tried(&f.live[0]);
    upstream_health_succeeded(&f.live[0]);
    ck_assert(!f.live[0].health.is_down);
}
END_TEST

START_TEST(the_back_off_doubles_up_to_eight_times)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    fail_times(&f, 0, 0, 2);
    /* Requests that were under way say nothing new. */
    fail_times(&f, 0, 500, 10);
    static const uint64_t WAITS[] = {1000, 2000, 4000, 8000, 8000};
    uint64_t now_ms = 0;
    for (size_t i = 0; i < sizeof WAITS / sizeof WAITS[0]; i++) {
        ck_assert_uint_eq(f.live[0].health.retry_at_ms, now_ms + WAITS[i]);
        now_ms = f.live[0].health.retry_at_ms;
        fail_times(&f, 0, now_ms, 1);
    }
}
END_TEST

START_TEST(with_every_server_down_one_is_tried_when_its_time_has_come)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    for (size_t i = 0; i < SERVERS; i++)
        fail_times(&f, i, 100 * i, 2);
    expect(&f, NULL, 999, "-");
    const bool first_tried[SERVERS] = {true, false, false};
    expect(&f, first_tried, 1100, "bb"); /* the third is due at 1200 */
}
END_TEST

START_TEST(where_there_are_probes_only_they_bring_a_server_back)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    f.config.health_path.text = f.name;
    upstream_health_probed(&f.live[0], 0, "refused");
    upstream_health_probed(&f.live[0], 0, NULL);
    upstream_health_probed(&f.live[0], 0, "refused");
    ck_assert(!f.live[0].health.is_down);
    upstream_health_probed(&f.live[0], 0, "refused");
    ck_assert(f.live[0].health.is_down);
    expect(&f, NULL, 5000, "bcbc"); /* no request has to find out */
    upstream_health_succeeded(&f.live[0]);
    ck_assert(f.live[0].health.is_down);
    upstream_health_probed(&f.live[0], 0, NULL);
    ck_assert(f.live[0].health.is_down);
    upstream_health_probed(&f.live[0], 0, NULL);
    ck_assert(!f.live[0].health.is_down);
    /* With all of them down a request may go before a probe says so. */
    for (size_t i = 0; i < SERVERS; i++)
        fail_times(&f, i, 10000, 2);
    expect(&f, NULL, 10999, "-");
    ck_assert(choose(&f, NULL, 11000) != '-');
}
END_TEST

START_TEST(the_only_server_is_never_taken_out_by_requests)
{
    struct fixture f;
    prepare(&f, BALANCE_ROUND_ROBIN);
    f.group.server_count = 1;
    fail_times(&f, 0, 0, 100);
    ck_assert(!f.live[0].health.is_down);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("upstream_choice");
    TCase *tcase = tcase_create("upstream_choice");
    tcase_add_test(tcase, round_robin_spreads_the_heavy_server_between_the_light_ones);
    tcase_add_test(tcase, a_server_that_was_tried_is_left_out);
    tcase_add_test(tcase, least_connections_counts_by_weight);
    tcase_add_test(tcase, random_takes_the_better_of_two);
    tcase_add_test(tcase, a_full_server_is_passed_over_and_all_full_is_busy);
    tcase_add_test(tcase, failures_in_a_row_take_a_server_out_until_its_back_off_is_over);
    tcase_add_test(tcase, the_back_off_doubles_up_to_eight_times);
    tcase_add_test(tcase, with_every_server_down_one_is_tried_when_its_time_has_come);
    tcase_add_test(tcase, where_there_are_probes_only_they_bring_a_server_back);
    tcase_add_test(tcase, the_only_server_is_never_taken_out_by_requests);
    suite_add_tcase(suite, tcase);
    return suite;
}
