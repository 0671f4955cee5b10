/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/heartbeat.h"
#include "unit/unit.h"

static struct heartbeat_clock at_ten_seconds(void)
{
    struct heartbeat_clock clock;
    heartbeat_clock_init(&clock, 10000, 5000);
    return clock;
}

/* A tick after so many milliseconds. */
static enum heartbeat_state after(struct heartbeat *heartbeat, struct heartbeat_clock *clock,
                                  uint64_t ms)
{
    uint64_t passed_ms = heartbeat_clock_tick(clock, clock->last_ms + ms);
    return heartbeat_tick(heartbeat, clock, passed_ms);
}

START_TEST(a_process_that_answers_is_asked_again_and_again)
{
    struct heartbeat_clock clock = at_ten_seconds();
    struct heartbeat heartbeat = {0};
    ck_assert_uint_eq(clock.period_ms, 1000);
    ck_assert(!heartbeat_answered(&heartbeat)); /* to what? */
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(after(&heartbeat, &clock, 1000), HEARTBEAT_ASK);
        ck_assert(!heartbeat_is_slow(&heartbeat, &clock));
        ck_assert(heartbeat_answered(&heartbeat));
    }
}
END_TEST

START_TEST(one_that_does_not_is_slow_first_and_hangs_at_the_limit)
{
    struct heartbeat_clock clock = at_ten_seconds();
    struct heartbeat heartbeat = {0};
    ck_assert_int_eq(after(&heartbeat, &clock, 1000), HEARTBEAT_ASK);
    ck_assert_int_eq(after(&heartbeat, &clock, 1000), HEARTBEAT_FINE);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(after(&heartbeat, &clock, 1000), HEARTBEAT_SLOW);
    ck_assert_int_eq(after(&heartbeat, &clock, 999), HEARTBEAT_SLOW);
    ck_assert_int_eq(after(&heartbeat, &clock, 1), HEARTBEAT_HUNG);
    ck_assert(heartbeat_answered(&heartbeat)); /* at last */
    ck_assert(!heartbeat_is_slow(&heartbeat, &clock));
    ck_assert_int_eq(after(&heartbeat, &clock, 1000), HEARTBEAT_ASK);
}
END_TEST

START_TEST(time_in_which_the_master_was_late_does_not_count)
{
    struct heartbeat_clock clock = at_ten_seconds();
    struct heartbeat heartbeat = {0};
    ck_assert_int_eq(after(&heartbeat, &clock, 1000), HEARTBEAT_ASK);
    ck_assert_int_eq(after(&heartbeat, &clock, 3600000), HEARTBEAT_FINE); /* the lid was closed */
    for (int i = 0; i < 1000; i++) /* and here nobody gets much of the processor */
        ck_assert_int_eq(after(&heartbeat, &clock, 2001), HEARTBEAT_FINE);
    for (int i = 0; i < 4; i++)
        ck_assert_int_ne(after(&heartbeat, &clock, 2000), HEARTBEAT_HUNG);
    ck_assert_int_eq(after(&heartbeat, &clock, 2000), HEARTBEAT_HUNG);
}
END_TEST

START_TEST(the_period_follows_the_limit)
{
    static const struct {
        uint64_t limit_ms, real_ms, period_ms;
    } cases[] = {{0, 0, 0},         {1, 100, 10},         {99, 100, 10},           {100, 100, 10},
                 {2000, 2000, 200}, {10000, 10000, 1000}, {3600000, 3600000, 1000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heartbeat_clock clock;
        heartbeat_clock_init(&clock, cases[i].limit_ms, 0);
        ck_assert_uint_eq(clock.limit_ms, cases[i].real_ms);
        ck_assert_uint_eq(clock.period_ms, cases[i].period_ms);
    }
}
END_TEST

START_TEST(tells_who_is_held_by_a_debugger)
{
    ck_assert(!heartbeat_is_traced(0x7fffffff));
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(77);
        (void)raise(SIGSTOP);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    if (WIFEXITED(status))
        return; /* tracing is forbidden here */
    ck_assert(heartbeat_is_traced(child));
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("heartbeat");
    TCase *tcase = tcase_create("heartbeat");
    tcase_add_test(tcase, a_process_that_answers_is_asked_again_and_again);
    tcase_add_test(tcase, one_that_does_not_is_slow_first_and_hangs_at_the_limit);
    tcase_add_test(tcase, time_in_which_the_master_was_late_does_not_count);
    tcase_add_test(tcase, the_period_follows_the_limit);
    tcase_add_test(tcase, tells_who_is_held_by_a_debugger);
    suite_add_tcase(suite, tcase);
    return suite;
}
