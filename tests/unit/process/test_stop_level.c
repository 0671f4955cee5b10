/* SPDX-License-Identifier: MIT */
#include "process/stop_level.h"
#include "unit/unit.h"

START_TEST(a_signal_within_a_second_of_the_last_step_is_the_same_wish)
{
    static const struct {
        uint64_t now_ms;
        bool counts;
        enum stop_level level;
    } signals[] = {
        {5, true, STOP_DRAIN},     {5, false, STOP_DRAIN},    {6, false, STOP_DRAIN},
        {1004, false, STOP_DRAIN}, {1005, true, STOP_NOW},    {1006, false, STOP_NOW},
        {2004, false, STOP_NOW},   {2005, true, STOP_KILL},   {2006, false, STOP_KILL},
        {9999, true, STOP_KILL},   {10000, false, STOP_KILL},
    };
    enum stop_level level = STOP_NONE;
    uint64_t at_ms = 0;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        ck_assert(stop_level_raise(&level, &at_ms, signals[i].now_ms) == signals[i].counts);
        ck_assert_int_eq(level, signals[i].level);
    }
}
END_TEST

START_TEST(a_held_key_does_not_put_the_next_step_off)
{
    enum stop_level level = STOP_NONE;
    uint64_t at_ms = 0;
    unsigned steps = 0;
    for (uint64_t now_ms = 100; now_ms < 3100; now_ms += 10) /* one held key */
        steps += stop_level_raise(&level, &at_ms, now_ms);
    ck_assert_uint_eq(steps, 3);
    ck_assert_int_eq(level, STOP_KILL);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("stop_level");
    TCase *tcase = tcase_create("stop_level");
    tcase_add_test(tcase, a_signal_within_a_second_of_the_last_step_is_the_same_wish);
    tcase_add_test(tcase, a_held_key_does_not_put_the_next_step_off);
    suite_add_tcase(suite, tcase);
    return suite;
}
