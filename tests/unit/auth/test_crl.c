/* The form of a CRL, RFC 5280 section 5.1: put together by hand and really signed, so that nothing
 * but the form is wrong.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include <openssl/evp.h>

#include "auth/crl.h"
#include "base/str.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct made ca;  /* P-256 */
static struct made rsa; /* 2048 bits */
static struct made ed;  /* Ed25519 */

static struct made made_ca(EVP_PKEY *key)
{
    return make_cert(
        &(struct cert_spec){.subject = "CN=CA", .own_key = key, .extensions = {EXT_CA}});
}

static void setup(void)
{
    ca = make_root("CN=CA", 1);
    rsa = made_ca(make_rsa_key(2048));
    ed = made_ca(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

static void teardown(void)
{
    cert_unref(ca.cert);
    cert_unref(rsa.cert);
    cert_unref(ed.cert);
}

struct octets {
    unsigned char bytes[2048];
    size_t len;
};

static void add(struct octets *to, const void *bytes, size_t len)
{
    ck_assert_uint_le(to->len + len, sizeof to->bytes);
    memcpy(to->bytes + to->len, bytes, len);
    to->len += len;
}

static void add_hex(struct octets *to, const char *hex)
{
    for (; *hex != '\0'; hex += 2) {
        unsigned char byte =
            (unsigned char)(ascii_hex_value(hex[0]) << 4 | ascii_hex_value(hex[1]));
        add(to, &byte, 1);
    }
}

/* Tag and length before what is there. */
static void wrap(struct octets *octets, unsigned char tag)
{
    unsigned char head[4] = {tag, 0x82, (unsigned char)(octets->len >> 8),
                             (unsigned char)octets->len};
    size_t len = 4;
    if (octets->len < 0x80) {
        head[1] = (unsigned char)octets->len;
        len = 2;
    } else if (octets->len < 0x100) {
        head[1] = 0x81;
        head[2] = (unsigned char)octets->len;
        len = 3;
    }
    memmove(octets->bytes + len, octets->bytes, octets->len);
    memcpy(octets->bytes, head, len);
    octets->len += len;
}

#define ECDSA       "300a06082a8648ce3d040302"
#define ECDSA_NULL  "300c06082a8648ce3d0403020500"
#define ECDSA_CURVE "301406082a8648ce3d04030206082a8648ce3d030107"
#define ECDSA_384   "300a06082a8648ce3d040303"
#define RSA         "300d06092a864886f70d01010b0500"
#define RSA_ABSENT  "300b06092a864886f70d01010b"
#define RSA_TEXT    "300f06092a864886f70d01010b04020500"
#define ED          "300506032b6570"
#define ED_NULL     "300706032b65700500"
#define NUMBER      "a00e300c300a0603551d140403020107"
#define NO_REASON   ""
#define REASON      "300c300a0603551d1504030a0101"

struct form {
    const char *name;
    const struct made *issuer;
    const char *version; /* the whole element */
    const char *inner;   /* AlgorithmIdentifier in the TBSCertList */
    const char *outer;   /* NULL: the same */
    const char *entry;   /* extensions of the one entry; NULL: no entries */
    const char *extensions;
    bool is_good;
};

static const struct form forms[] = {
    {"version 2", &ca, "020101", ECDSA, NULL, REASON, NUMBER, true},
    {"version 2 without extensions", &ca, "020101", ECDSA, NULL, NO_REASON, "", true},
    {"no version, no extensions", &ca, "", ECDSA, NULL, NO_REASON, "", true},
    {"no version, no entries", &ca, "", ECDSA, NULL, NULL, "", true},
    {"no version, with extensions", &ca, "", ECDSA, NULL, NULL, NUMBER, false},
    {"no version, with extensions of an entry", &ca, "", ECDSA, NULL, REASON, "", false},
    {"version 1 in so many words", &ca, "020100", ECDSA, NULL, NULL, "", false},
    {"version 3", &ca, "020102", ECDSA, NULL, NULL, NUMBER, false},
    {"version 257", &ca, "02020101", ECDSA, NULL, NULL, NUMBER, false},
    {"version -255", &ca, "0202ff01", ECDSA, NULL, NULL, NUMBER, false},
    {"a version without octets", &ca, "0200", ECDSA, NULL, NULL, NUMBER, false},
    {"a version with too many octets", &ca, "02020001", ECDSA, NULL, NULL, NUMBER, false},
    {"two versions", &ca, "020101020101", ECDSA, NULL, NULL, NUMBER, false},
    {"a version that is no integer", &ca, "0a0101", ECDSA, NULL, NULL, NUMBER, false},
    {"ECDSA with NULL", &ca, "020101", ECDSA_NULL, NULL, NULL, NUMBER, false},
    {"ECDSA with a curve", &ca, "020101", ECDSA_CURVE, NULL, NULL, NUMBER, false},
    {"ECDSA with NULL inside only", &ca, "020101", ECDSA_NULL, ECDSA, NULL, NUMBER, false},
    {"ECDSA with NULL outside only", &ca, "020101", ECDSA, ECDSA_NULL, NULL, NUMBER, false},
    {"another algorithm inside", &ca, "020101", ECDSA_384, ECDSA, NULL, NUMBER, false},
    {"another algorithm outside", &ca, "020101", ECDSA, ECDSA_384, NULL, NUMBER, false},
    {"RSA with NULL", &rsa, "020101", RSA, NULL, NULL, NUMBER, true},
    {"RSA without", &rsa, "020101", RSA_ABSENT, NULL, NULL, NUMBER, true},
    {"RSA with NULL inside only", &rsa, "020101", RSA, RSA_ABSENT, NULL, NUMBER, false},
    {"RSA with something else", &rsa, "020101", RSA_TEXT, NULL, NULL, NUMBER, false},
    {"Ed25519", &ed, "020101", ED, NULL, NULL, NUMBER, true},
    {"Ed25519 with NULL", &ed, "020101", ED_NULL, NULL, NULL, NUMBER, false},
};

static void sign(const struct form *form, const struct octets *tbs, struct octets *ret)
{
    unsigned char signature[512];
    size_t len = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *md = form->issuer == &ed ? NULL : EVP_sha256();
    ck_assert_int_eq(EVP_DigestSignInit(context, NULL, md, NULL, form->issuer->key), 1);
    ck_assert_int_eq(EVP_DigestSign(context, signature, &len, tbs->bytes, tbs->len), 1);
    EVP_MD_CTX_free(context);
    add_hex(ret, "00");
    add(ret, signature, len);
    wrap(ret, 0x03);
}

static void make(const struct form *form, struct octets *ret)
{
    struct octets tbs = {.len = 0};
    const unsigned char *name = NULL;
    size_t name_len = 0;
    ck_assert_int_eq(
        X509_NAME_get0_der(X509_get_subject_name(form->issuer->cert->x509), &name, &name_len), 1);
    add_hex(&tbs, form->version);
    add_hex(&tbs, form->inner);
    add(&tbs, name, name_len);
    add(&tbs,
        "\x17\x0d"
        "251231000000Z"
        "\x17\x0d"
        "270101000000Z",
        30);
    if (form->entry != NULL) {
        struct octets entries = {.len = 0};
        add_hex(&entries, "020107");
        add(&entries,
            "\x17\x0d"
            "251231000000Z",
            15);
        add_hex(&entries, form->entry);
        wrap(&entries, 0x30);
        wrap(&entries, 0x30);
        add(&tbs, entries.bytes, entries.len);
    }
    add_hex(&tbs, form->extensions);
    wrap(&tbs, 0x30);
    struct octets signature = {.len = 0};
    sign(form, &tbs, &signature);
    ret->len = 0;
    add(ret, tbs.bytes, tbs.len);
    add_hex(ret, form->outer == NULL ? form->inner : form->outer);
    add(ret, signature.bytes, signature.len);
    wrap(ret, 0x30);
}

START_TEST(reads_what_has_the_form_of_a_list_and_nothing_else)
{
    const struct form *form = &forms[_i];
    struct octets der;
    make(form, &der);
    struct crl *crl = crl_from_der(der.bytes, der.len);
    ck_assert_msg((crl != NULL) == form->is_good, "%s", form->name);
    if (crl != NULL) {
        ck_assert_msg(crl_check_signature(crl, form->issuer->cert), "%s", form->name);
        ck_assert_uint_eq(crl->entry_count, form->entry != NULL);
    }
    crl_free(crl);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("crl");
    TCase *tcase = tcase_create("crl");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, reads_what_has_the_form_of_a_list_and_nothing_else, 0,
                        (int)(sizeof forms / sizeof *forms));
    suite_add_tcase(suite, tcase);
    return suite;
}
