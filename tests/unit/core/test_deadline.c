/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "core/deadline.h"
#include "unit/unit.h"

static struct event_base *base;
static int woken;

static void woke(void *arg)
{
    (void)arg;
    woken++;
}

/* Lets the loop's real timers run out; all of them are a few milliseconds long. */
static void turn(void)
{
    struct timeval limit = {.tv_usec = 30000};
    (void)event_base_loopexit(base, &limit);
    (void)event_base_dispatch(base);
}

START_TEST(runs_once_when_due)
{
    struct deadline deadline;
    base = event_base_new();
    woken = 0;
    deadline_init(&deadline, base, woke, NULL);
    deadline_set(&deadline, 2);
    turn();
    turn();
    ck_assert_int_eq(woken, 1);
    deadline_clear(&deadline);
    event_base_free(base);
}
END_TEST

START_TEST(moving_it_later_only_stores_a_number)
{
    struct deadline deadline;
    base = event_base_new();
    woken = 0;
    deadline_init(&deadline, base, woke, NULL);
    deadline_set(&deadline, 2);
    uint64_t timer = deadline.timer_ms;
    deadline_set(&deadline, 3600000);
    ck_assert(deadline.timer_ms == timer);
    turn();
    ck_assert_int_eq(woken, 0);
    ck_assert(deadline.timer_ms > timer);
    deadline_set(&deadline, 1);
    turn();
    ck_assert_int_eq(woken, 1);
    deadline_clear(&deadline);
    event_base_free(base);
}
END_TEST

START_TEST(stopping_and_clearing_silence_it)
{
    struct deadline deadline;
    base = event_base_new();
    woken = 0;
    deadline_init(&deadline, base, woke, NULL);
    deadline_set(&deadline, 1);
    deadline_stop(&deadline);
    turn();
    ck_assert_int_eq(woken, 0);
    deadline_set(&deadline, 1);
    deadline_clear(&deadline);
    turn();
    ck_assert_int_eq(woken, 0);
    event_base_free(base);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("deadline");
    TCase *tcase = tcase_create("deadline");
    tcase_add_test(tcase, runs_once_when_due);
    tcase_add_test(tcase, moving_it_later_only_stores_a_number);
    tcase_add_test(tcase, stopping_and_clearing_silence_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
