/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls_error.h"
#include "unit/unit.h"

static void expect(const char *text)
{
    struct text out = {0};
    (void)tls_error_take(&out);
    ck_assert_str_eq(out.ptr, text);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    text_clear(&out);
}

START_TEST(names_reason_and_library_and_drains_the_queue)
{
    ck_assert_int_eq(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL), 1);
    ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
    ERR_raise(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH);
    expect("no shared cipher (SSL routines)");
    expect("unknown");
}
END_TEST

START_TEST(passes_over_entries_that_only_name_a_library)
{
    ERR_raise(ERR_LIB_SSL, ERR_R_X509_LIB);
    ERR_raise(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH);
    expect("key values mismatch (x509 certificate routines)");
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    expect("internal error (SSL routines)");
}
END_TEST

START_TEST(names_a_system_error)
{
    ERR_raise(ERR_LIB_SYS, ECONNRESET);
    expect("Connection reset by peer (system library)");
}
END_TEST

START_TEST(appends_to_what_is_there)
{
    struct text out = {0};
    text_add_cstr(&out, "reason: ");
    (void)tls_error_take(&out);
    ck_assert_str_eq(out.ptr, "reason: unknown");
    text_clear(&out);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_error");
    TCase *tcase = tcase_create("tls_error");
    tcase_add_test(tcase, names_reason_and_library_and_drains_the_queue);
    tcase_add_test(tcase, passes_over_entries_that_only_name_a_library);
    tcase_add_test(tcase, names_a_system_error);
    tcase_add_test(tcase, appends_to_what_is_there);
    suite_add_tcase(suite, tcase);
    return suite;
}
