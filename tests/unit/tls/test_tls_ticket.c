/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tls/tls_ticket.h"
#include "unit/unit.h"

enum { WINDOW = 16 };

/* How many windows of the old memory are still somewhere in the new; zero bytes do not count. */
static size_t count_survivors(const unsigned char *old, const unsigned char *new, size_t size)
{
    static const unsigned char ZERO[WINDOW];
    size_t count = 0;
    for (size_t at = 0; at + WINDOW <= size; at += WINDOW) {
        bool is_key = memcmp(&old[at], ZERO, WINDOW) != 0;
        count += is_key && memmem(new, size, &old[at], WINDOW) != NULL;
    }
    return count;
}

START_TEST(forgets_each_key_with_the_third_rotation)
{
    size_t size = tls_ticket_keys_size();
    unsigned char *memory = xcalloc(1, size);
    struct tls_ticket_keys *keys = tls_ticket_keys_init(memory);
    unsigned char *old = xmemdup(memory, size);
    size_t before = size;
    for (int i = 0; i < 3; i++) {
        size_t survivors = count_survivors(old, memory, size);
        ck_assert_uint_lt(survivors, before);
        before = survivors;
        tls_ticket_keys_rotate(keys);
    }
    ck_assert_uint_eq(count_survivors(old, memory, size), 0);
    free(old);
    free(memory);
}
END_TEST

START_TEST(makes_other_keys_each_time)
{
    size_t size = tls_ticket_keys_size();
    unsigned char *one = xcalloc(1, size);
    unsigned char *two = xcalloc(1, size);
    (void)tls_ticket_keys_init(one);
    (void)tls_ticket_keys_init(two);
    ck_assert_uint_eq(count_survivors(one, two, size), 0);
    free(one);
    free(two);
}
END_TEST

START_TEST(cleanses_every_key)
{
    size_t size = tls_ticket_keys_size();
    unsigned char *memory = xcalloc(1, size);
    struct tls_ticket_keys *keys = tls_ticket_keys_init(memory);
    tls_ticket_keys_rotate(keys);
    unsigned char *old = xmemdup(memory, size);
    tls_ticket_keys_cleanse(keys);
    ck_assert_uint_eq(count_survivors(old, memory, size), 0);
    free(old);
    free(memory);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_ticket");
    TCase *tcase = tcase_create("tls_ticket");
    tcase_add_test(tcase, forgets_each_key_with_the_third_rotation);
    tcase_add_test(tcase, makes_other_keys_each_time);
    tcase_add_test(tcase, cleanses_every_key);
    suite_add_tcase(suite, tcase);
    return suite;
}
