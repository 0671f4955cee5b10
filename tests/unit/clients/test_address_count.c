/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "clients/address_count.h"
#include "unit/unit.h"

enum { MANY = 20000 };

static struct addr address(const char *host)
{
    struct addr addr;
    ck_assert(addr_from_numeric(host, 1234, &addr));
    return addr;
}

static struct address_count *get(struct address_counts *counts, const char *host)
{
    struct addr addr = address(host);
    return address_count_get(counts, &addr);
}

static struct address_count *take(struct address_counts *counts, const char *host)
{
    struct address_count *entry = get(counts, host);
    address_count_take(entry);
    return entry;
}

START_TEST(an_entry_lives_from_the_first_connection_to_the_last)
{
    struct address_counts *counts = address_counts_new();
    ck_assert_ptr_null(address_counts_most(counts));
    struct address_count *a = take(counts, "192.0.2.1");
    ck_assert_ptr_eq(take(counts, "192.0.2.1"), a);
    struct address_count *b = take(counts, "192.0.2.2");
    ck_assert_ptr_ne(a, b);
    ck_assert_uint_eq(a->open, 2);
    ck_assert_uint_eq(address_counts_size(counts), 2);
    ck_assert_ptr_eq(address_counts_most(counts), a);
    address_count_release(counts, a);
    address_count_release(counts, a);
    ck_assert_uint_eq(address_counts_size(counts), 1);
    ck_assert_ptr_eq(address_counts_most(counts), b);
    address_count_release(counts, b);
    b = get(counts, "192.0.2.2"); /* looked at and not taken */
    ck_assert_uint_eq(b->open, 0);
    address_count_release(counts, b);
    ck_assert_uint_eq(address_counts_size(counts), 0);
    address_counts_free(counts);
    address_counts_free(NULL);
}
END_TEST

START_TEST(what_counts_as_one_client)
{
    static const struct {
        const char *a, *b, *text;
        bool is_one;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.3.1", "192.0.2.1", false},
        {"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", true}, /* RFC 4291 section 2.5.5.2 */
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:2::/64", false},
        {"fe80::1", "fe80::2", "fe80::1", false}, /* RFC 4291 section 2.5.6: all share a prefix */
        {"::1", "::1", "::/64", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address_counts *counts = address_counts_new();
        struct address_count *a = take(counts, cases[i].a);
        struct address_count *b = take(counts, cases[i].b);
        char text[ADDR_TEXT_SIZE];
        ck_assert_str_eq(address_count_format(a, text), cases[i].text);
        ck_assert_msg((a == b) == cases[i].is_one, "%s and %s", cases[i].a, cases[i].b);
        address_count_release(counts, b);
        address_count_release(counts, a);
        address_counts_free(counts);
    }
}
END_TEST

START_TEST(twenty_thousand_addresses_are_found_again_and_cheaply)
{
    struct address_counts *counts = address_counts_new();
    struct address_count **entries = calloc(MANY, sizeof(struct address_count *));
    ck_assert_ptr_nonnull(entries);
    uint64_t begin_ms = unit_cpu_ms();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            struct addr addr = address("10.0.0.0");
            ((struct sockaddr_in *)(void *)&addr.storage)->sin_addr.s_addr = htonl(0x0a000000 + i);
            struct address_count *entry = address_count_get(counts, &addr);
            ck_assert(round == 0 || entry == entries[i]);
            address_count_take(entry);
            entries[i] = entry;
        }
    }
    ck_assert_uint_eq(address_counts_size(counts), MANY);
    for (unsigned i = 0; i < 2 * MANY; i++)
        address_count_release(counts, entries[i % MANY]);
    ck_assert_uint_eq(address_counts_size(counts), 0);
    ck_assert_uint_lt(unit_cpu_ms() - begin_ms, 2000);
    free(entries);
    address_counts_free(counts);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("address_count");
    TCase *tcase = tcase_create("address_count");
    tcase_add_test(tcase, an_entry_lives_from_the_first_connection_to_the_last);
    tcase_add_test(tcase, what_counts_as_one_client);
    tcase_add_test(tcase, twenty_thousand_addresses_are_found_again_and_cheaply);
    suite_add_tcase(suite, tcase);
    return suite;
}
