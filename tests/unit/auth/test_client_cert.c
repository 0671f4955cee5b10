/* SPDX-License-Identifier: MIT */
#include <openssl/pem.h>

#include "auth/client_cert.h"
#include "auth/store_load.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static void expect_text(void (*write)(const struct cert *cert, struct text *out),
                        const struct made *made, const char *expected)
{
    struct text out = {0};
    write(made->cert, &out);
    ck_assert_str_eq(out.ptr, expected);
    text_clear(&out);
}

static void expect_iis(const struct made *made, bool single, const char *expected)
{
    struct text out = {0};
    cert_subject_iis(made->cert, single, &out);
    ck_assert_str_eq(out.ptr, expected);
    text_clear(&out);
}

START_TEST(reads_exactly_one_der_certificate)
{
    struct made made = make_root("CN=Root", 1);
    unsigned char der[2048];
    size_t len = made.cert->der_len;
    memcpy(der, made.cert->der, len);
    der[len] = 0;
    struct cert *cert = cert_from_der(der, len);
    ck_assert_ptr_nonnull(cert);
    ck_assert_mem_eq(cert->sha256, made.cert->sha256, 32);
    ck_assert_int_eq(cert->not_before, NOW - DAY);
    ck_assert_int_eq(cert->not_after, NOW + YEAR);
    cert_unref(cert);
    ck_assert_ptr_null(cert_from_der(der, len + 1));
    ck_assert_ptr_null(cert_from_der(der, len - 1));
    ck_assert_ptr_null(cert_from_der(der, 0));
}
END_TEST

START_TEST(counts_references)
{
    struct made made = make_root("CN=Root", 1);
    struct cert *cert = cert_from_x509(made.cert->x509);
    ck_assert_ptr_eq(cert_ref(cert), cert);
    ck_assert_uint_eq(cert->refs, 2);
    cert_unref(cert);
    ck_assert_uint_eq(cert->refs, 1);
    ck_assert_uint_eq(cert->der_len, made.cert->der_len);
    ck_assert_mem_eq(cert->der, made.cert->der, cert->der_len);
    cert_unref(cert);
    cert_unref(NULL);
}
END_TEST

static bool parse(const char *bytes, size_t len, size_t *ret_count)
{
    struct cert **certs = NULL;
    *ret_count = 0;
    bool good = cert_list_parse(bytes, len, &certs, ret_count);
    for (size_t i = 0; i < *ret_count; i++)
        cert_unref(certs[i]);
    free(certs);
    return good;
}

START_TEST(parses_pem_der_and_nothing_else)
{
    size_t count = 0;
    struct made made = make_root("CN=Root", 1);
    ck_assert(parse((const char *)made.cert->der, made.cert->der_len, &count) && count == 1);
    ck_assert(parse("", 0, &count) && count == 0);
    ck_assert(!parse("rubbish", 7, &count));

    BIO *bio = BIO_new(BIO_s_mem());
    BIO_puts(bio, "a comment in front\n");
    PEM_write_bio_X509(bio, made.cert->x509);
    PEM_write_bio_PUBKEY(bio, made.key);
    PEM_write_bio_PrivateKey(bio, made.key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509_AUX(bio, made.cert->x509);
    char *bytes = NULL;
    size_t len = (size_t)BIO_get_mem_data(bio, &bytes);
    ck_assert(parse(bytes, len, &count) && count == 2);
    ck_assert(!parse(bytes, len - 30, &count) && count == 1);
    BIO_free(bio);

    static const char only_key[] = "-----BEGIN X-----\nAAAA\n-----END X-----\n";
    ck_assert(parse(only_key, sizeof only_key - 1, &count) && count == 0);
}
END_TEST

START_TEST(writes_names_in_both_orders)
{
    struct made made = make_root("C=US/ST=WA/O=Contoso, Ltd/CN=Alice/emailAddress=a@b.test", 1);
    expect_text(cert_subject, &made, "emailAddress=a@b.test,CN=Alice,O=Contoso\\, Ltd,ST=WA,C=US");
    expect_text(cert_issuer, &made, "emailAddress=a@b.test,CN=Alice,O=Contoso\\, Ltd,ST=WA,C=US");
    expect_iis(&made, false, "C=US, S=WA, O=\"Contoso, Ltd\", CN=Alice, E=a@b.test");
    expect_iis(&made, true, "C=US, S=WA, O='Contoso, Ltd', CN=Alice, E=a@b.test");
}
END_TEST

START_TEST(quotes_what_could_be_mistaken)
{
    static const struct {
        const char *subject;
        const char *expected;
    } cases[] = {
        {"CN=say \"hi\"", "CN=\"say \"\"hi\"\"\""},
        {"CN=x, O=Fake", "CN=\"x, O=Fake\""},
        {"CN=a+b", "CN=\"a+b\""},
        {"CN=a;b", "CN=\"a;b\""},
        {"CN=\xc3\xa9", "CN=\xc3\xa9"},
        {"CN=plain text", "CN=plain text"},
        {"CN=a\r\nX-Evil: 1", "CN=#130c610d0a582d4576696c3a2031"},
        {"!CN=a^b", "CN=#0c03610062"},
        {"CN=#130161", "CN=\"#130161\""},
        {"1.2.3.4=odd", "OID.1.2.3.4=odd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made made = make_root(cases[i].subject, 1);
        struct text out = {0};
        cert_subject_iis(made.cert, false, &out);
        if (strchr(out.ptr, '#') == NULL || cases[i].expected[3] == '"')
            ck_assert_str_eq(out.ptr, cases[i].expected);
        else /* the string type is the library's choice */
            ck_assert(strncmp(out.ptr, "CN=#", 4) == 0 && strchr(out.ptr, '\n') == NULL);
        text_clear(&out);
    }
}
END_TEST

START_TEST(writes_serial_numbers_as_openssl_does)
{
    static const struct {
        long serial;
        const char *expected;
    } cases[] = {{1, "01"}, {0x80, "80"}, {0x1234567, "01234567"}, {-1, "-01"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made made =
            make_cert(&(struct cert_spec){.subject = "CN=S", .key = 1, .serial = cases[i].serial});
        expect_text(cert_serial, &made, cases[i].expected);
    }
}
END_TEST

/* Every single damaged octet gives a certificate or none, and never more than an error. */
START_TEST(survives_damaged_certificates)
{
    struct made made = make_cert(&(struct cert_spec){
        .subject = "C=US/CN=Alice",
        .key = 1,
        .extensions = {EXT_CA, EXT_CA_USAGE, EXT_CLIENT, EXT_CDP, "certificatePolicies=1.2.3.4",
                       "nameConstraints=permitted;DNS:a.test", "subjectAltName=DNS:a.test",
                       "policyConstraints=requireExplicitPolicy:0"}});
    unsigned char *der = made.cert->der;
    for (size_t i = 0; i < made.cert->der_len; i++) {
        der[i] ^= 0x15;
        struct cert *cert = cert_from_der(der, made.cert->der_len);
        if (cert != NULL) {
            struct text out = {0};
            cert_subject(cert, &out);
            cert_subject_iis(cert, false, &out);
            cert_serial(cert, &out);
            text_clear(&out);
        }
        cert_unref(cert);
        der[i] ^= 0x15;
    }
}
END_TEST

START_TEST(counts_the_lines_that_begin_a_block)
{
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {{"", 0},
                 {"-----BEGIN", 0},
                 {"-----BEGIN ", 1},
                 {"x-----BEGIN X\n", 0},
                 {"x\n-----BEGIN X-----\ny\n-----END X-----\n-----BEGIN ", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(store_count_blocks(cases[i].text, strlen(cases[i].text)), cases[i].count);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("client_cert");
    TCase *tcase = tcase_create("client_cert");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, reads_exactly_one_der_certificate);
    tcase_add_test(tcase, counts_references);
    tcase_add_test(tcase, parses_pem_der_and_nothing_else);
    tcase_add_test(tcase, writes_names_in_both_orders);
    tcase_add_test(tcase, quotes_what_could_be_mistaken);
    tcase_add_test(tcase, writes_serial_numbers_as_openssl_does);
    tcase_add_test(tcase, survives_damaged_certificates);
    tcase_add_test(tcase, counts_the_lines_that_begin_a_block);
    suite_add_tcase(suite, tcase);
    return suite;
}
