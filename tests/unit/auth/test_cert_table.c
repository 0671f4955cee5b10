/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "auth/cert_table.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

enum { CERTS = 4 };

static struct cert *certs[CERTS];

static void setup(void)
{
    for (unsigned i = 0; i < CERTS; i++)
        certs[i] = make_root("CN=root", i + 1).cert;
}

static void teardown(void)
{
    for (unsigned i = 0; i < CERTS; i++) {
        ck_assert_uint_eq(certs[i]->refs, 1); /* every table let go */
        cert_unref(certs[i]);
    }
}

static bool knows(struct cert_table *table, const struct cert *cert)
{
    struct cert *found = cert_table_get(table, cert->x509);
    bool is_known = found != NULL;
    ck_assert(!is_known || found == cert);
    ck_assert((cert_table_find_der(table, cert->der, cert->der_len) == cert->x509) == is_known);
    ck_assert((cert_table_find_sha256(table, cert->sha256) == cert->x509) == is_known);
    cert_unref(found);
    size_t len = 0;
    const unsigned char *der = cert_table_find_encoding(table, cert->x509, &len);
    ck_assert((der != NULL && len == cert->der_len && memcmp(der, cert->der, len) == 0) ==
              is_known);
    return is_known;
}

START_TEST(finds_what_was_added_in_every_way)
{
    struct cert_table *table = cert_table_new(CERTS);
    for (unsigned i = 0; i < CERTS; i++) {
        ck_assert(!knows(table, certs[i]));
        cert_table_add(table, certs[i]);
        cert_table_add(table, certs[i]);
        ck_assert(knows(table, certs[i]));
    }
    ck_assert_ptr_null(cert_table_find_der(table, certs[0]->der, certs[0]->der_len - 1));
    cert_table_free(table);
    cert_table_free(NULL);
}
END_TEST

START_TEST(keeps_the_first_of_two_that_are_the_same)
{
    struct cert_table *table = cert_table_new(CERTS);
    struct cert *again = cert_from_der(certs[0]->der, certs[0]->der_len);
    cert_table_add(table, certs[0]);
    cert_table_add(table, again);
    ck_assert(knows(table, certs[0]));
    ck_assert_ptr_null(cert_table_get(table, again->x509));
    ck_assert_uint_eq(again->refs, 1);
    cert_unref(again);
    cert_table_free(table);
}
END_TEST

START_TEST(lets_the_least_recently_used_go_at_its_limit)
{
    struct cert_table *table = cert_table_new(CERTS - 1);
    for (unsigned i = 0; i < CERTS - 1; i++)
        cert_table_add(table, certs[i]);
    ck_assert(knows(table, certs[0]));
    cert_table_add(table, certs[CERTS - 1]);
    ck_assert(!knows(table, certs[1]));
    ck_assert(knows(table, certs[0]) && knows(table, certs[2]) && knows(table, certs[3]));
    cert_table_free(table);
}
END_TEST

START_TEST(holds_nothing_when_it_may_not)
{
    struct cert_table *table = cert_table_new(0);
    cert_table_add(table, certs[0]);
    ck_assert(!knows(table, certs[0]));
    cert_table_free(table);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("cert_table");
    TCase *tcase = tcase_create("cert_table");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, finds_what_was_added_in_every_way);
    tcase_add_test(tcase, keeps_the_first_of_two_that_are_the_same);
    tcase_add_test(tcase, lets_the_least_recently_used_go_at_its_limit);
    tcase_add_test(tcase, holds_nothing_when_it_may_not);
    suite_add_tcase(suite, tcase);
    return suite;
}
