/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

#include "base/cert_bundle.h"
#include "unit/unit.h"

static EVP_PKEY *root_key;
static EVP_PKEY *leaf_key;
static X509 *root;
static X509 *leaf;

static X509 *make(const char *name, EVP_PKEY *key, const char *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    ck_assert(X509_set_version(cert, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_NAME *by = X509_NAME_new();
    X509_NAME_add_entry_by_txt(by, "CN", MBSTRING_UTF8, (const unsigned char *)issuer, -1, -1, 0);
    X509_set_issuer_name(cert, by);
    X509_NAME_free(by);
    X509_set_pubkey(cert, key);
    ck_assert(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
}

static void setup(void)
{
    root_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    root = make("Root", root_key, "Root", root_key);
    leaf = make("Leaf", leaf_key, "Root", root_key);
}

static void teardown(void)
{
    X509_free(leaf);
    X509_free(root);
    EVP_PKEY_free(leaf_key);
    EVP_PKEY_free(root_key);
}

/* rounds: what the MAC claims, whatever it was made with; 0: as it was made. */
static size_t pkcs12(int64_t rounds, unsigned char **ret_der)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    sk_X509_push(others, root);
    PKCS12 *made = PKCS12_create("word", "name", leaf_key, leaf, others, 0, 0, 10, 10, 0);
    sk_X509_free(others);
    ck_assert_ptr_nonnull(made);
    if (rounds != 0) {
        union {
            const ASN1_INTEGER *read;
            ASN1_INTEGER *written;
        } claimed = {0};
        PKCS12_get0_mac(NULL, NULL, NULL, &claimed.read, made);
        ck_assert(ASN1_INTEGER_set_int64(claimed.written, rounds) == 1);
    }
    *ret_der = NULL;
    int len = i2d_PKCS12(made, ret_der);
    PKCS12_free(made);
    ck_assert_int_gt(len, 0);
    return (size_t)len;
}

static enum cert_bundle_status read_pkcs12(int64_t rounds, const char *password,
                                           struct cert_bundle *bundle)
{
    unsigned char *der = NULL;
    size_t len = pkcs12(rounds, &der);
    enum cert_bundle_status status =
        cert_bundle_read((const char *)der, len, password, NULL, bundle);
    OPENSSL_free(der);
    return status;
}

START_TEST(the_certificate_of_the_key_is_the_first)
{
    struct cert_bundle bundle;
    ck_assert_int_eq(read_pkcs12(0, "word", &bundle), CERT_BUNDLE_READ);
    ck_assert_uint_eq(bundle.count, 2);
    ck_assert_uint_eq(bundle.chain_len, 1); /* without the root */
    ck_assert_int_eq(X509_cmp(bundle.certs[0], leaf), 0);
    ck_assert_int_eq(EVP_PKEY_eq(bundle.key, leaf_key), 1);
    cert_bundle_clear(&bundle);
}
END_TEST

START_TEST(nothing_is_given_away_without_the_password)
{
    static const char *const wrong[] = {NULL, "", "Word", "word "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct cert_bundle bundle;
        ck_assert_int_eq(read_pkcs12(0, wrong[i], &bundle), CERT_BUNDLE_FAILED);
        ck_assert_uint_eq(bundle.count, 0);
        ck_assert_ptr_null(bundle.key);
        ck_assert_ptr_nonnull(strstr(bundle.problem, "password"));
    }
}
END_TEST

/* A file must not make us derive keys for hours. */
START_TEST(the_rounds_are_limited)
{
    static const int64_t far[] = {2000001, INT32_MAX, INT64_MAX, -1};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        struct cert_bundle bundle;
        ck_assert_int_eq(read_pkcs12(far[i], "word", &bundle), CERT_BUNDLE_FAILED);
        ck_assert_ptr_null(strstr(bundle.problem, "password"));
    }
}
END_TEST

START_TEST(a_set_of_certificates_is_put_in_order)
{
    PKCS7 *made = PKCS7_new();
    struct cert_bundle bundle;
    ck_assert(PKCS7_set_type(made, NID_pkcs7_signed) == 1);
    ck_assert(PKCS7_content_new(made, NID_pkcs7_data) == 1);
    ck_assert(PKCS7_add_certificate(made, root) == 1 && PKCS7_add_certificate(made, leaf) == 1);
    unsigned char *der = NULL;
    int len = i2d_PKCS7(made, &der);
    PKCS7_free(made);
    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(cert_bundle_read((const char *)der, (size_t)len, NULL, NULL, &bundle),
                     CERT_BUNDLE_READ);
    ck_assert_uint_eq(bundle.count, 2);
    ck_assert_int_eq(X509_cmp(bundle.certs[0], leaf), 0);
    cert_bundle_clear(&bundle);
    ck_assert_int_eq(cert_bundle_read((const char *)der, (size_t)len, NULL, root_key, &bundle),
                     CERT_BUNDLE_READ);
    ck_assert_int_eq(X509_cmp(bundle.certs[0], root), 0);
    cert_bundle_clear(&bundle);
    for (size_t cut = 0; cut < (size_t)len; cut++) {
        if (cert_bundle_read((const char *)der, cut, NULL, NULL, &bundle) == CERT_BUNDLE_READ)
            ck_abort_msg("read although it was cut off at %zu", cut);
    }
    OPENSSL_free(der);
}
END_TEST

START_TEST(what_is_no_bundle_is_left_to_others)
{
    static const char *const texts[] = {
        "",
        "x",
        "0",
        "0\x80",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PKCS8-----"};
    struct cert_bundle bundle;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_int_eq(cert_bundle_read(texts[i], strlen(texts[i]), NULL, NULL, &bundle),
                         CERT_BUNDLE_NONE);
    unsigned char *der = NULL;
    int len = i2d_X509(leaf, &der);
    ck_assert_int_eq(cert_bundle_read((const char *)der, (size_t)len, NULL, NULL, &bundle),
                     CERT_BUNDLE_NONE);
    ck_assert_ptr_null(cert_bundle_describe((const char *)der, (size_t)len));
    OPENSSL_free(der);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("cert_bundle");
    TCase *tcase = tcase_create("cert_bundle");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_certificate_of_the_key_is_the_first);
    tcase_add_test(tcase, nothing_is_given_away_without_the_password);
    tcase_add_test(tcase, the_rounds_are_limited);
    tcase_add_test(tcase, a_set_of_certificates_is_put_in_order);
    tcase_add_test(tcase, what_is_no_bundle_is_left_to_others);
    suite_add_tcase(suite, tcase);
    return suite;
}
