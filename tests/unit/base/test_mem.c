/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "unit/unit.h"

START_TEST(allocates_even_nothing)
{
    void *pieces[] = {xmalloc(0), xcalloc(0, 8), xcalloc(8, 0), xreallocarray(NULL, 0, 8),
                      xmemdup("", 0)};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        ck_assert_ptr_nonnull(pieces[i]);
        free(pieces[i]);
    }
}
END_TEST

START_TEST(copies_and_prints)
{
    char *a = xstrdup("abc");
    char *b = xstrndup("abcdef", 3);
    char *c = xasprintf("%s-%d", "abc", 7);
    char *d = xmemdup("a\0b", 3);
    ck_assert_str_eq(a, "abc");
    ck_assert_str_eq(b, "abc");
    ck_assert_str_eq(c, "abc-7");
    ck_assert(memcmp(d, "a\0b", 3) == 0);
    free(a);
    free(b);
    free(c);
    free(d);
}
END_TEST

START_TEST(keeps_the_contents_when_growing)
{
    unsigned *numbers = NULL;
    for (unsigned i = 0; i < 1000; i++) {
        numbers = xreallocarray(numbers, i + 1, sizeof *numbers);
        numbers[i] = i;
    }
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_uint_eq(numbers[i], i);
    free(numbers);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("mem");
    TCase *tcase = tcase_create("mem");
    tcase_add_test(tcase, allocates_even_nothing);
    tcase_add_test(tcase, copies_and_prints);
    tcase_add_test(tcase, keeps_the_contents_when_growing);
    suite_add_tcase(suite, tcase);
    return suite;
}
