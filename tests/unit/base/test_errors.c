/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/errors.h"
#include "unit/unit.h"

START_TEST(keeps_every_problem_in_order_and_counts_errors)
{
    struct error_list list = {0};
    for (unsigned i = 0; i < 100; i++) {
        struct mark mark = {"a.yaml", i + 1, 2};
        if (i % 3 == 0)
            errors_warn(&list, mark, "warning %u", i);
        else
            errors_add(&list, mark, "error %u", i);
    }
    ck_assert_uint_eq(list.count, 100);
    ck_assert_uint_eq(list.errors, 66);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(list.entries[i].line, i + 1);
        ck_assert_int_eq((int)list.entries[i].kind,
                         i % 3 == 0 ? ERROR_KIND_WARNING : ERROR_KIND_ERROR);
    }
    ck_assert_str_eq(list.entries[98].text, "error 98");
    errors_clear(&list);
    ck_assert_uint_eq(list.count, 0);
    ck_assert_ptr_null(list.entries);
    errors_clear(&list);
}
END_TEST

START_TEST(prints_a_problem_with_as_much_place_as_is_known)
{
    static const struct {
        struct mark mark;
        const char *line;
    } cases[] = {
        {{"a.yaml", 3, 7}, "a.yaml:3:7: error: wrong 42"},
        {{"a.yaml", 0, 0}, "a.yaml: error: wrong 42"},
        {{NULL, 0, 0}, "error: wrong 42"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error_list list = {0};
        errors_add(&list, cases[i].mark, "%s %d", "wrong", 42);
        char *line = error_format(&list.entries[0]);
        ck_assert_str_eq(line, cases[i].line);
        free(line);
        errors_clear(&list);
    }
    struct error_list list = {0};
    errors_warn(&list, (struct mark){"a.yaml", 1, 1}, "odd");
    char *line = error_format(&list.entries[0]);
    ck_assert_str_eq(line, "a.yaml:1:1: warning: odd");
    free(line);
    errors_clear(&list);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("errors");
    TCase *tcase = tcase_create("errors");
    tcase_add_test(tcase, keeps_every_problem_in_order_and_counts_errors);
    tcase_add_test(tcase, prints_a_problem_with_as_much_place_as_is_known);
    suite_add_tcase(suite, tcase);
    return suite;
}
