/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "process/release.h"
#include "unit/unit.h"

START_TEST(refuses_by_name_what_needs_a_restart)
{
    char alice[] = "alice";
    char also_alice[] = "alice";
    char bob[] = "bob";
    const struct {
        struct config running;
        struct config wanted;
        const char *key; /* NULL: allowed */
    } cases[] = {
        {{.workers = 2}, {.workers = 2}, NULL},
        {{.workers = 2}, {.workers = 3}, "workers:"},
        {{.workers = 2}, {.workers = 1}, "workers:"},
        {{.workers = 2, .user = {.text = alice}},
         {.workers = 2, .user = {.text = also_alice}},
         NULL},
        {{.workers = 2, .user = {.text = alice}}, {.workers = 2, .user = {.text = bob}}, "user:"},
        {{.workers = 2, .user = {.text = alice}}, {.workers = 2}, "user:"},
        {{.workers = 2}, {.workers = 2, .user = {.text = bob}}, "user:"},
        {{.workers = 2}, {.workers = 2, .pid_file = {.text = bob}}, "pid_file:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error_list errors = {0};
        release_check_restart(&cases[i].running, &cases[i].wanted, 2, &errors);
        ck_assert_msg(errors.errors == (cases[i].key == NULL ? 0U : 1U), "case %zu", i);
        if (cases[i].key != NULL)
            ck_assert_ptr_nonnull(strstr(errors.entries[0].text, cases[i].key));
        errors_clear(&errors);
    }
}
END_TEST

START_TEST(reports_all_of_them_at_once)
{
    char bob[] = "bob";
    struct config running = {.workers = 2};
    struct config wanted = {.workers = 3, .user = {.text = bob}, .pid_file = {.text = bob}};
    struct error_list errors = {0};
    release_check_restart(&running, &wanted, 2, &errors);
    ck_assert_uint_eq(errors.errors, 3);
    errors_clear(&errors);
}
END_TEST

START_TEST(auto_is_at_least_one_worker_and_equal_to_its_number)
{
    struct config automatic = {.workers = 0};
    struct config fixed = {.workers = release_workers(&automatic)};
    struct error_list errors = {0};
    ck_assert_uint_ge(fixed.workers, 1);
    release_check_restart(&automatic, &fixed, fixed.workers, &errors);
    ck_assert_uint_eq(errors.errors, 0);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("release");
    TCase *tcase = tcase_create("release");
    tcase_add_test(tcase, refuses_by_name_what_needs_a_restart);
    tcase_add_test(tcase, reports_all_of_them_at_once);
    tcase_add_test(tcase, auto_is_at_least_one_worker_and_equal_to_its_number);
    suite_add_tcase(suite, tcase);
    return suite;
}
