/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <openssl/x509v3.h>

#include "tls/tls_hooks.h"
#include "tls/tls_intern.h"
#include "unit/tls/tls_fixture.h"

static struct identity alice;
static unsigned char *der;
static size_t der_len;
static unsigned asked;
static unsigned encoded;

/* Knows alice. */
static X509 *find_der(void *arg, const unsigned char *bytes, size_t len)
{
    (void)arg;
    asked++;
    return len == der_len && memcmp(bytes, der, len) == 0 ? alice.cert : NULL;
}

static X509 *find_sha256(void *arg, const unsigned char sha256[32])
{
    (void)arg;
    return sha256[0] == 1 ? alice.cert : NULL;
}

static const unsigned char *find_encoding(void *arg, const X509 *x509, size_t *ret_len)
{
    (void)arg;
    if (x509 != alice.cert)
        return NULL;
    encoded++;
    *ret_len = der_len;
    return der;
}

static const struct tls_intern_table TABLE = {find_der, find_sha256, find_encoding, NULL};

static void setup(void)
{
    (void)tls_hooks_test(); /* before a table is in use */
    alice = make_plain_identity("alice");
    int len = i2d_X509(alice.cert, &der);
    ck_assert_int_gt(len, 0);
    der_len = (size_t)len;
    tls_intern_use(&TABLE, true);
    asked = 0;
    encoded = 0;
}

static void teardown(void)
{
    tls_intern_use(NULL, false);
    identity_free(&alice);
    OPENSSL_free(der);
    der = NULL;
}

/* As libssl decodes; *ret_used: what it took of the input. */
static X509 *decode(const unsigned char *bytes, size_t len, size_t *ret_used)
{
    const unsigned char *in = bytes;
    X509 *cert = X509_new();
    tls_intern_begin();
    X509 *result = d2i_X509(&cert, &in, (long)len);
    tls_intern_end();
    *ret_used = (size_t)(in - bytes);
    ERR_clear_error();
    if (result == NULL)
        X509_free(cert);
    return result;
}

START_TEST(is_in_effect)
{
    ck_assert(tls_hooks_test().intern);
}
END_TEST

START_TEST(gives_the_known_certificate_for_the_same_bytes)
{
    size_t used;
    X509 *cert = decode(der, der_len, &used);
    ck_assert_ptr_eq(cert, alice.cert);
    ck_assert_uint_eq(used, der_len);
    X509_free(cert);
    unsigned char *more = xmalloc(der_len + 3);
    memcpy(more, der, der_len);
    memcpy(more + der_len, "xyz", 3);
    cert = decode(more, der_len + 3, &used);
    ck_assert_ptr_eq(cert, alice.cert);
    ck_assert_uint_eq(used, der_len); /* libssl itself refuses what is left over */
    X509_free(cert);
    ck_assert_ptr_null(tls_intern_decode(more, der_len + 3));
    free(more);
}
END_TEST

START_TEST(leaves_everything_else_to_libcrypto)
{
    struct identity bob = make_plain_identity("bob");
    unsigned char *other = NULL;
    int len = i2d_X509(bob.cert, &other);
    size_t used;
    X509 *cert = decode(other, (size_t)len, &used);
    ck_assert(cert != NULL && cert != alice.cert && X509_cmp(cert, bob.cert) == 0);
    X509_free(cert);
    OPENSSL_free(other);
    identity_free(&bob);
    for (size_t cut = 0; cut < der_len; cut++) {
        unsigned char *part = xmalloc(cut + 1); /* so that reading further is seen */
        memcpy(part, der, cut);
        ck_assert_ptr_null(decode(part, cut, &used));
        free(part);
    }
    static const unsigned char HOSTILE[][6] = {
        {0x30, 0x80, 0, 0, 0, 0},    {0x30, 0x84, 0xff, 0xff, 0xff, 0xff},
        {0x30, 0x82, 0xff, 0xff, 0}, {0x31, 0x04, 0, 0, 0, 0},
        {0x30, 0xff, 1, 1, 1, 1},    {0x30, 0x00, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof HOSTILE / sizeof HOSTILE[0]; i++)
        ck_assert_ptr_null(decode(HOSTILE[i], sizeof HOSTILE[i], &used));
}
END_TEST

START_TEST(knows_no_certificate_that_differs_in_any_byte)
{
    size_t used;
    for (size_t i = 0; i < der_len; i++) {
        der[i] ^= 1;
        unsigned char *changed = xmemdup(der, der_len);
        der[i] ^= 1;
        X509 *cert = decode(changed, der_len, &used);
        ck_assert_ptr_ne(cert, alice.cert);
        X509_free(cert);
        free(changed);
    }
}
END_TEST

START_TEST(answers_libssl_alone_and_only_when_it_is_wanted)
{
    for (int how = 0; how < 3; how++) {
        size_t used;
        const unsigned char *in = der;
        tls_intern_use(how == 2 ? NULL : &TABLE, how != 1);
        X509 *cert = how == 0 ? d2i_X509(NULL, &in, (long)der_len) : decode(der, der_len, &used);
        ck_assert(cert != NULL && cert != alice.cert && X509_cmp(cert, alice.cert) == 0);
        X509_free(cert);
    }
    ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(completes_sessions_even_when_handshakes_decode_for_themselves)
{
    unsigned char sha256[32] = {1};
    tls_intern_use(&TABLE, false);
    X509 *cert = tls_intern_get(sha256);
    ck_assert_ptr_eq(cert, alice.cert);
    X509_free(cert);
    sha256[0] = 2;
    ck_assert_ptr_null(tls_intern_get(sha256));
    cert = tls_intern_decode(der, der_len);
    ck_assert_ptr_eq(cert, alice.cert);
    X509_free(cert);
    ck_assert_ptr_null(tls_intern_decode(der, 0));
}
END_TEST

/* A session with the certificate of `who` in it becomes a ticket. */
static void check_session_encoding(const struct identity *who, unsigned from_table)
{
    unsigned char *bytes[2] = {NULL, NULL};
    int len[2];
    for (int with_table = 0; with_table < 2; with_table++) {
        X509 *cert = with_table ? who->cert : X509_dup(who->cert);
        tls_intern_begin();
        len[with_table] = i2d_X509(cert, &bytes[with_table]);
        tls_intern_end();
        ck_assert(with_table || encoded == 0);
        if (!with_table)
            X509_free(cert);
    }
    ck_assert_uint_eq(encoded > 0, from_table);
    ck_assert_int_gt(len[0], 0);
    ck_assert_int_eq(len[0], len[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], (size_t)len[0]);
    OPENSSL_free(bytes[0]);
    OPENSSL_free(bytes[1]);
}

START_TEST(encodes_a_known_certificate_as_libcrypto_would)
{
    struct identity bob = make_plain_identity("bob");
    check_session_encoding(&bob, 0);
    check_session_encoding(&alice, 1);
    identity_free(&bob);
}
END_TEST

START_TEST(encodes_for_libssl_alone)
{
    unsigned char *bytes = NULL;
    ck_assert_int_eq(i2d_X509(alice.cert, &bytes), (int)der_len);
    ck_assert_uint_eq(encoded, 0);
    OPENSSL_free(bytes);
}
END_TEST

START_TEST(changes_nothing_for_other_users_of_certificates)
{
    X509 *copy = X509_dup(alice.cert);
    ck_assert(copy != NULL && copy != alice.cert && X509_cmp(copy, alice.cert) == 0);
    ck_assert_int_eq(X509_verify(copy, alice.key), 1);
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_X509(bio, copy), 1);
    X509 *read = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    ck_assert(read != NULL && X509_cmp(read, copy) == 0);
    ck_assert_int_eq(X509_check_purpose(read, -1, 0), 1);
    X509_free(read);
    X509_free(copy);
    BIO_free(bio);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_intern");
    TCase *tcase = tcase_create("tls_intern");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, is_in_effect);
    tcase_add_test(tcase, gives_the_known_certificate_for_the_same_bytes);
    tcase_add_test(tcase, leaves_everything_else_to_libcrypto);
    tcase_add_test(tcase, knows_no_certificate_that_differs_in_any_byte);
    tcase_add_test(tcase, answers_libssl_alone_and_only_when_it_is_wanted);
    tcase_add_test(tcase, completes_sessions_even_when_handshakes_decode_for_themselves);
    tcase_add_test(tcase, encodes_a_known_certificate_as_libcrypto_would);
    tcase_add_test(tcase, encodes_for_libssl_alone);
    tcase_add_test(tcase, changes_nothing_for_other_users_of_certificates);
    suite_add_tcase(suite, tcase);
    return suite;
}
