/* SPDX-License-Identifier: MIT */
#include "auth/cert_table.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct cert *get(struct cert_table *table, const struct made *made)
{
    return cert_table_get(table, made->cert->der, made->cert->der_len);
}

START_TEST(the_same_octets_give_the_same_certificate)
{
    struct cert_table *table = cert_table_new(4);
    struct made a = make_root("CN=A", 1);
    struct made b = make_root("CN=B", 1);
    struct cert *first = get(table, &a);
    struct cert *second = get(table, &a);
    struct cert *third = cert_table_get_x509(table, a.cert->x509);
    struct cert *other = get(table, &b);
    ck_assert_ptr_eq(first, second);
    ck_assert_ptr_eq(first, third);
    ck_assert_ptr_ne(first, other);
    ck_assert_uint_eq(first->refs, 4); /* three here and the table's */
    cert_table_free(table);
    ck_assert_uint_eq(first->refs, 3);
    cert_unref(first);
    cert_unref(second);
    cert_unref(third);
    cert_unref(other);
}
END_TEST

START_TEST(forgets_the_least_recently_used)
{
    struct cert_table *table = cert_table_new(2);
    struct made made[3] = {make_root("CN=A", 1), make_root("CN=B", 1), make_root("CN=C", 1)};
    struct cert *a = get(table, &made[0]);
    struct cert *b = get(table, &made[1]);
    cert_unref(get(table, &made[0]));
    cert_unref(get(table, &made[2])); /* puts B out */
    ck_assert_uint_eq(a->refs, 2);
    ck_assert_uint_eq(b->refs, 1);
    cert_unref(a);
    cert_unref(b);
    cert_table_free(table);
}
END_TEST

START_TEST(remembers_nothing_that_cannot_be_decoded)
{
    struct cert_table *table = cert_table_new(0);
    struct made made = make_root("CN=A", 1);
    ck_assert_ptr_null(cert_table_get(table, (const unsigned char *)"x", 1));
    struct cert *first = get(table, &made);
    struct cert *second = get(table, &made);
    ck_assert_ptr_ne(first, second);
    cert_unref(first);
    cert_unref(second);
    cert_table_free(table);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("cert_table");
    TCase *tcase = tcase_create("cert_table");
    tcase_add_test(tcase, the_same_octets_give_the_same_certificate);
    tcase_add_test(tcase, forgets_the_least_recently_used);
    tcase_add_test(tcase, remembers_nothing_that_cannot_be_decoded);
    suite_add_tcase(suite, tcase);
    return suite;
}
