/* Reading names as RFC 4514 writes them.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <openssl/bio.h>

#include "access/authorize_name.h"
#include "unit/unit.h"

static void expect(const char *text, const char *expected)
{
    const char *problem = NULL;
    X509_NAME *name = authorize_name_parse(str_of(text), &problem);
    ck_assert_msg(name != NULL, "%s: %s", text, problem);
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    long len = BIO_get_mem_data(bio, &bytes);
    ck_assert_msg((size_t)len == strlen(expected) && memcmp(bytes, expected, (size_t)len) == 0,
                  "%s: got %.*s", text, (int)len, bytes);
    BIO_free(bio);
    X509_NAME_free(name);
}

START_TEST(reads_what_it_would_write)
{
    /* RFC 4514 section 4: examples. */
    expect("UID=jsmith,DC=example,DC=net", "UID=jsmith,DC=example,DC=net");
    expect("OU=Sales+CN=J.  Smith,DC=example,DC=net", "OU=Sales+CN=J.  Smith,DC=example,DC=net");
    expect("CN=James \\\"Jim\\\" Smith\\, III,DC=example",
           "CN=James \\\"Jim\\\" Smith\\, III,DC=example");
    expect("CN=Before\\0dAfter,DC=example", "CN=Before\\0DAfter,DC=example");
    expect("CN=Lu\\C4\\8Di\\C4\\87", "CN=Lu\\C4\\8Di\\C4\\87");
    expect("CN=a,O=b,C=DE", "CN=a,O=b,C=DE");
    expect("  CN = a ,  O=b b  ", "CN=a,O=b b");
    expect("CN=a\\ ,O=\\ b", "CN=a\\ ,O=\\ b");
    expect("CN=a=b", "CN=a=b");
    expect("2.5.4.3=a,1.2.3.4.5=b", "CN=a,1.2.3.4.5=#0C0162");
    expect("CN=\\#1\\\\", "CN=\\#1\\\\");
    expect("emailAddress=a@b,CN=x", "emailAddress=a@b,CN=x");
}
END_TEST

START_TEST(refuses_what_is_no_name)
{
    static const char *const cases[] = {
        "",           "CN",     "=a",        "CN=",      "CN= ",   "CN=a,",     ",CN=a",
        "CN=a,,O=b",  "NOPE=a", "CN=\"a\"",  "CN=a;O=b", "CN=a<b", "CN=a\\",    "CN=a\\4",
        "CN=#0c0161", "CN=a+",  "C=Germany", "1.2..3=a", "CN=a,O", "/CN=a/O=b",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *problem = NULL;
        X509_NAME *name = authorize_name_parse(str_of(cases[i]), &problem);
        ck_assert_msg(name == NULL, "%s was read", cases[i]);
        ck_assert_ptr_nonnull(problem);
    }
}
END_TEST

START_TEST(equal_names_compare_equal)
{
    /* RFC 5280 section 7.1: case and repeated blanks do not matter, order does. */
    static const struct {
        const char *a;
        const char *b;
        bool is_equal;
    } cases[] = {
        {"CN=Issuing CA,O=Contoso", "CN=issuing  ca,O=CONTOSO", true},
        {"CN=Issuing CA,O=Contoso", "O=Contoso,CN=Issuing CA", false},
        {"CN=a,O=b", "CN=a", false},
        {"CN=a+O=b", "CN=a,O=b", false},
        {"CN=a\\,O=b", "CN=a,O=b", false},
        {"CN=a", "OU=a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *problem = NULL;
        X509_NAME *a = authorize_name_parse(str_of(cases[i].a), &problem);
        X509_NAME *b = authorize_name_parse(str_of(cases[i].b), &problem);
        ck_assert_msg((X509_NAME_cmp(a, b) == 0) == cases[i].is_equal, "%s", cases[i].a);
        X509_NAME_free(a);
        X509_NAME_free(b);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("authorize_name");
    TCase *tcase = tcase_create("authorize_name");
    tcase_add_test(tcase, reads_what_it_would_write);
    tcase_add_test(tcase, refuses_what_is_no_name);
    tcase_add_test(tcase, equal_names_compare_equal);
    suite_add_tcase(suite, tcase);
    return suite;
}
