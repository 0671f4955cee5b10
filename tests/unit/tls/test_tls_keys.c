/* The vectors are those of RFC 8448 section 3 (Simple 1-RTT Handshake): traffic secrets, keys and
 * every record under application keys. The rest is made here, for all three ciphers.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "tls/tls_keys.h"
#include "unit/unit.h"

static struct tls_suites *suites;

static void setup(void)
{
    suites = tls_suites_new();
    ck_assert_ptr_nonnull(suites);
}

static void teardown(void)
{
    tls_suites_free(suites);
}

static size_t unhex(const char *text, unsigned char *bytes, size_t size)
{
    size_t len = 0;
    ck_assert_int_eq(OPENSSL_hexstr2buf_ex(bytes, size, &len, text, '\0'), 1);
    return len;
}

static void expect_hex(const unsigned char *bytes, size_t len, const char *text)
{
    unsigned char expected[512];
    ck_assert_uint_eq(unhex(text, expected, sizeof expected), len);
    ck_assert_mem_eq(bytes, expected, len);
}

static struct tls_keys make_keys(uint16_t id, bool is_sealing, const char *secret,
                                 uint64_t sequence)
{
    const struct tls_suite *suite = tls_suites_find(suites, id);
    unsigned char bytes[TLS_SECRET_MAX] = {0};
    struct tls_keys keys;
    if (secret != NULL)
        ck_assert_uint_eq(unhex(secret, bytes, sizeof bytes), tls_suite_secret_len(suite));
    ck_assert(tls_keys_init(&keys, suite, is_sealing, bytes, sequence));
    return keys;
}

static enum tls_alert open_record(struct tls_keys *keys, const unsigned char *record,
                                  size_t record_len, unsigned char *plain, uint8_t *ret_type,
                                  size_t *ret_len)
{
    size_t len = 0;
    ck_assert_uint_ge(record_len, TLS_RECORD_HEADER);
    enum tls_alert alert = tls_record_length(record, &len);
    if (alert != TLS_ALERT_NONE)
        return alert;
    ck_assert_uint_eq(len, record_len - TLS_RECORD_HEADER);
    return tls_keys_open(keys, record, record + TLS_RECORD_HEADER, len, plain, ret_type, ret_len);
}

/* ---- RFC 8448 section 3 ------------------------------------------------------------------- */

#define CLIENT_SECRET "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define SERVER_SECRET "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
#define PAYLOAD                                                          \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20" \
    "2122232425262728292a2b2c2d2e2f3031"

static const struct {
    bool is_client;
    uint64_t sequence;
    uint8_t type;
    const char *plain;
    const char *record;
} TRACE[] = {
    {true, 0, TLS_APPLICATION_DATA, PAYLOAD,
     "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441"
     "e"
     "2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"},
    {false, 1, TLS_APPLICATION_DATA, PAYLOAD,
     "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a5"
     "9"
     "a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d"},
    {true, 1, TLS_ALERT, "0100", "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"},
    {false, 2, TLS_ALERT, "0100", "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"},
};

START_TEST(derives_the_keys_of_rfc_8448)
{
    struct tls_keys client = make_keys(0x1301, false, CLIENT_SECRET, 0);
    struct tls_keys server = make_keys(0x1301, true, SERVER_SECRET, 0);
    expect_hex(client.key, 16, "17422dda596ed5d9acd890e3c63f5051");
    expect_hex(client.iv, 12, "5b78923dee08579033e523d9");
    expect_hex(server.key, 16, "9f02283b6c9c07efc26bb9f2ac92e356");
    expect_hex(server.iv, 12, "cf782b88dd83549aadf1e984");
    tls_keys_clear(&client);
    tls_keys_clear(&server);
}
END_TEST

START_TEST(opens_and_seals_the_records_of_rfc_8448)
{
    for (size_t i = 0; i < sizeof TRACE / sizeof TRACE[0]; i++) {
        const char *secret = TRACE[i].is_client ? CLIENT_SECRET : SERVER_SECRET;
        unsigned char record[128];
        unsigned char plain[128];
        unsigned char sealed[128];
        uint8_t type = 0;
        size_t len = 0;
        size_t record_len = unhex(TRACE[i].record, record, sizeof record);
        struct tls_keys keys = make_keys(0x1301, false, secret, TRACE[i].sequence);
        ck_assert_int_eq(open_record(&keys, record, record_len, plain, &type, &len),
                         TLS_ALERT_NONE);
        ck_assert_uint_eq(type, TRACE[i].type);
        expect_hex(plain, len, TRACE[i].plain);
        tls_keys_clear(&keys);
        keys = make_keys(0x1301, true, secret, TRACE[i].sequence);
        ck_assert(tls_keys_seal(&keys, TRACE[i].type, plain, len, sealed));
        ck_assert_uint_eq(len + TLS_RECORD_OVERHEAD, record_len);
        ck_assert_mem_eq(sealed, record, record_len);
        ck_assert_uint_eq(keys.sequence, TRACE[i].sequence + 1);
        tls_keys_clear(&keys);
    }
}
END_TEST

/* ---- what must be refused ----------------------------------------------------------------- */

static const uint16_t IDS[] = {0x1301, 0x1302, 0x1303};

START_TEST(knows_three_ciphers_and_no_other)
{
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(tls_suites_find(suites, IDS[i]));
    }
    ck_assert_ptr_null(tls_suites_find(suites, 0x1304)); /* CCM: tags may be short */
    ck_assert_ptr_null(tls_suites_find(suites, 0x1300));
    ck_assert_ptr_null(tls_suites_find(suites, 0xc02b));
}
END_TEST

START_TEST(any_bit_that_differs_is_bad_record_mac)
{
    for (size_t id = 0; id < 3; id++) {
        struct tls_keys sealing = make_keys(IDS[id], true, NULL, 7);
        unsigned char record[64];
        unsigned char plain[64];
        uint8_t type;
        size_t len;
        ck_assert(tls_keys_seal(&sealing, TLS_APPLICATION_DATA, "GET / HTTP/1.1", 14, record));
        size_t record_len = 14 + TLS_RECORD_OVERHEAD;
        for (size_t bit = 8 * TLS_RECORD_HEADER; bit < 8 * record_len; bit++) {
            struct tls_keys opening = make_keys(IDS[id], false, NULL, 7);
            record[bit / 8] ^= (unsigned char)(1u << bit % 8);
            ck_assert_int_eq(open_record(&opening, record, record_len, plain, &type, &len),
                             TLS_ALERT_BAD_RECORD_MAC);
            record[bit / 8] ^= (unsigned char)(1u << bit % 8);
            tls_keys_clear(&opening);
        }
        tls_keys_clear(&sealing);
    }
}
END_TEST

START_TEST(another_number_or_another_secret_is_bad_record_mac)
{
    static const uint64_t WRONG[] = {0, 6, 8, 7 + (UINT64_C(1) << 32), UINT64_MAX - 1};
    for (size_t id = 0; id < 3; id++) {
        struct tls_keys sealing = make_keys(IDS[id], true, NULL, 7);
        unsigned char record[64];
        unsigned char plain[64];
        uint8_t type;
        size_t len;
        ck_assert(tls_keys_seal(&sealing, TLS_APPLICATION_DATA, "x", 1, record));
        for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
            struct tls_keys opening = make_keys(IDS[id], false, NULL, WRONG[i]);
            ck_assert_int_eq(
                open_record(&opening, record, 1 + TLS_RECORD_OVERHEAD, plain, &type, &len),
                TLS_ALERT_BAD_RECORD_MAC);
            tls_keys_clear(&opening);
        }
        unsigned char other[TLS_SECRET_MAX] = {1};
        struct tls_keys opening;
        ck_assert(tls_keys_init(&opening, tls_suites_find(suites, IDS[id]), false, other, 7));
        ck_assert_int_eq(open_record(&opening, record, 1 + TLS_RECORD_OVERHEAD, plain, &type, &len),
                         TLS_ALERT_BAD_RECORD_MAC);
        tls_keys_clear(&opening);
        tls_keys_clear(&sealing);
    }
}
END_TEST

START_TEST(a_record_cannot_be_replayed)
{
    struct tls_keys sealing = make_keys(0x1301, true, NULL, 0);
    struct tls_keys opening = make_keys(0x1301, false, NULL, 0);
    unsigned char record[64];
    unsigned char plain[64];
    uint8_t type;
    size_t len;
    ck_assert(tls_keys_seal(&sealing, TLS_APPLICATION_DATA, "x", 1, record));
    size_t record_len = 1 + TLS_RECORD_OVERHEAD;
    ck_assert_int_eq(open_record(&opening, record, record_len, plain, &type, &len), TLS_ALERT_NONE);
    ck_assert_int_eq(open_record(&opening, record, record_len, plain, &type, &len),
                     TLS_ALERT_BAD_RECORD_MAC);
    tls_keys_clear(&sealing);
    tls_keys_clear(&opening);
}
END_TEST

/* RFC 8446 section 5.3: sequence numbers do not wrap. */
START_TEST(the_last_number_is_never_used)
{
    struct tls_keys sealing = make_keys(0x1301, true, NULL, UINT64_MAX - 1);
    struct tls_keys opening = make_keys(0x1301, false, NULL, UINT64_MAX - 1);
    unsigned char record[64];
    unsigned char plain[64];
    uint8_t type;
    size_t len;
    size_t record_len = 1 + TLS_RECORD_OVERHEAD;
    ck_assert(tls_keys_seal(&sealing, TLS_APPLICATION_DATA, "x", 1, record));
    ck_assert_int_eq(open_record(&opening, record, record_len, plain, &type, &len), TLS_ALERT_NONE);
    ck_assert(!tls_keys_seal(&sealing, TLS_APPLICATION_DATA, "x", 1, record));
    ck_assert_int_eq(open_record(&opening, record, record_len, plain, &type, &len),
                     TLS_ALERT_INTERNAL_ERROR);
    tls_keys_clear(&sealing);
    tls_keys_clear(&opening);
}
END_TEST

/* RFC 8446 sections 5, 5.1 and 5.2 */
START_TEST(a_header_that_must_not_be_is_refused)
{
    const enum tls_alert other_major = OPENSSL_VERSION_MAJOR == 3 && OPENSSL_VERSION_MINOR < 2
                                           ? TLS_ALERT_PROTOCOL_VERSION
                                           : TLS_ALERT_DECODE_ERROR;
    const struct {
        unsigned char header[TLS_RECORD_HEADER];
        enum tls_alert alert;
    } ROWS[] = {
        {{20, 3, 3, 0, 1}, TLS_ALERT_UNEXPECTED_MESSAGE},  /* change_cipher_spec */
        {{21, 3, 3, 0, 2}, TLS_ALERT_UNEXPECTED_MESSAGE},  /* an alert in the clear */
        {{22, 3, 3, 0, 64}, TLS_ALERT_UNEXPECTED_MESSAGE}, /* a ClientHello */
        {{24, 3, 3, 0, 64}, TLS_ALERT_UNEXPECTED_MESSAGE}, /* heartbeat */
        {{0, 3, 3, 0, 64}, TLS_ALERT_UNEXPECTED_MESSAGE},  /* invalid */
        {{'G', 'E', 'T', ' ', '/'}, TLS_ALERT_UNEXPECTED_MESSAGE},
        {{23, 3, 1, 0, 64}, TLS_ALERT_DECODE_ERROR},
        {{23, 3, 4, 0, 64}, TLS_ALERT_DECODE_ERROR},
        {{23, 3, 0, 0, 64}, TLS_ALERT_DECODE_ERROR},
        {{23, 2, 3, 0, 64}, other_major}, /* as the OpenSSL that runs says it */
        {{23, 0, 0, 0, 64}, other_major},
        {{23, 4, 3, 0, 64}, other_major},
        {{23, 3, 3, 0x41, 1}, TLS_ALERT_RECORD_OVERFLOW}, /* 2^14 + 257 */
        {{23, 3, 3, 0xff, 0xff}, TLS_ALERT_RECORD_OVERFLOW},
        {{23, 3, 3, 0, 0}, TLS_ALERT_BAD_RECORD_MAC},
        {{23, 3, 3, 0, 15}, TLS_ALERT_BAD_RECORD_MAC},
        {{23, 3, 3, 0, 16}, TLS_ALERT_BAD_RECORD_MAC},
        {{23, 3, 3, 0, 17}, TLS_ALERT_NONE},
        {{23, 3, 3, 0x41, 0}, TLS_ALERT_NONE}, /* 2^14 + 256 */
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        size_t len = 0;
        ck_assert_int_eq(tls_record_length(ROWS[i].header, &len), ROWS[i].alert);
        ck_assert_uint_eq(len, ROWS[i].alert == TLS_ALERT_NONE
                                   ? (size_t)ROWS[i].header[3] << 8 | ROWS[i].header[4]
                                   : 0);
    }
}
END_TEST

/* Any inner plaintext, as only a peer that does not keep the rules makes it. */
static size_t seal_inner(uint16_t id, const unsigned char *inner, size_t len, unsigned char *record)
{
    struct tls_keys keys = make_keys(id, true, NULL, 0);
    const char *name = id == 0x1301   ? "AES-128-GCM"
                       : id == 0x1302 ? "AES-256-GCM"
                                      : "ChaCha20-Poly1305";
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t sealed_len = len + TLS_RECORD_TAG;
    const unsigned char header[] = {23, 3, 3, (unsigned char)(sealed_len >> 8),
                                    (unsigned char)sealed_len};
    int n = 0;
    memcpy(record, header, sizeof header);
    ck_assert_int_eq(EVP_EncryptInit_ex2(ctx, cipher, keys.key, keys.iv, NULL), 1);
    ck_assert_int_eq(EVP_EncryptUpdate(ctx, NULL, &n, header, sizeof header), 1);
    if (len > 0)
        ck_assert_int_eq(EVP_EncryptUpdate(ctx, record + 5, &n, inner, (int)len), 1);
    ck_assert_int_eq(EVP_EncryptFinal_ex(ctx, record + 5 + len, &n), 1);
    ck_assert_int_eq(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + len), 1);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    tls_keys_clear(&keys);
    return sizeof header + sealed_len;
}

/* RFC 8446 section 5.4 */
START_TEST(content_type_and_padding_are_read_as_they_must_be)
{
    enum { MOST = 16384 + 256 - 16 };
    static const struct {
        size_t content;
        uint8_t type;
        size_t padding;
        enum tls_alert alert;
    } ROWS[] = {
        {0, 23, 0, TLS_ALERT_NONE},
        {3, 23, 0, TLS_ALERT_NONE},
        {3, 23, 1, TLS_ALERT_NONE},
        {3, 22, 200, TLS_ALERT_NONE},
        {3, 99, 0, TLS_ALERT_NONE}, /* the caller knows which types there are */
        {0, 23, 16384, TLS_ALERT_NONE},
        {16384, 23, 0, TLS_ALERT_NONE},
        {16383, 23, 1, TLS_ALERT_NONE},
        {16384, 23, MOST - 16385, TLS_ALERT_NONE}, /* more padding than 2^14 + 1 leaves room for */
        {0, 23, MOST - 1, TLS_ALERT_NONE},
        {16385, 23, 0, TLS_ALERT_RECORD_OVERFLOW},
        {16385, 23, 1, TLS_ALERT_RECORD_OVERFLOW},
        {MOST - 1, 23, 0, TLS_ALERT_RECORD_OVERFLOW},
        {0, 0, 0, TLS_ALERT_UNEXPECTED_MESSAGE},
        {0, 0, 40, TLS_ALERT_UNEXPECTED_MESSAGE},
        {0, 0, 16384, TLS_ALERT_UNEXPECTED_MESSAGE},
    };
    static unsigned char inner[TLS_RECORD_MAX];
    static unsigned char record[TLS_RECORD_MAX];
    static unsigned char plain[TLS_RECORD_MAX];
    for (size_t id = 0; id < 3; id++) {
        for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
            struct tls_keys keys = make_keys(IDS[id], false, NULL, 0);
            uint8_t type = 0;
            size_t len = 0;
            memset(inner, 0, sizeof inner);
            memset(inner, 'a', ROWS[i].content);
            inner[ROWS[i].content] = ROWS[i].type;
            size_t record_len =
                seal_inner(IDS[id], inner, ROWS[i].content + 1 + ROWS[i].padding, record);
            ck_assert_int_eq(open_record(&keys, record, record_len, plain, &type, &len),
                             ROWS[i].alert);
            if (ROWS[i].alert == TLS_ALERT_NONE) {
                ck_assert_uint_eq(type, ROWS[i].type);
                ck_assert_uint_eq(len, ROWS[i].content);
                ck_assert_mem_eq(plain, inner, len);
            }
            tls_keys_clear(&keys);
        }
        /* No inner plaintext at all: the record is as long as its tag. */
        struct tls_keys keys = make_keys(IDS[id], false, NULL, 0);
        uint8_t type;
        size_t len;
        size_t record_len = seal_inner(IDS[id], NULL, 0, record);
        ck_assert_int_eq(open_record(&keys, record, record_len, plain, &type, &len),
                         TLS_ALERT_BAD_RECORD_MAC);
        tls_keys_clear(&keys);
    }
}
END_TEST

/* ---- the rest ----------------------------------------------------------------------------- */

START_TEST(what_is_sealed_opens_in_place_and_elsewhere)
{
    static const size_t LENGTHS[] = {0, 1, 2, 15, 16, 17, 255, 4096, 16383, 16384};
    static unsigned char text[TLS_FRAGMENT_MAX];
    static unsigned char record[TLS_RECORD_MAX];
    static unsigned char plain[TLS_RECORD_MAX];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (unsigned char)(i * 131 >> 3);
    }
    for (size_t id = 0; id < 3; id++) {
        struct tls_keys sealing = make_keys(IDS[id], true, NULL, UINT32_MAX - 3);
        struct tls_keys opening = make_keys(IDS[id], false, NULL, UINT32_MAX - 3);
        for (size_t i = 0; i < 2 * sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
            size_t text_len = LENGTHS[i / 2];
            uint8_t type = 0;
            size_t len = 0;
            unsigned char *to = i % 2 == 0 ? plain : record + TLS_RECORD_HEADER;
            ck_assert(tls_keys_seal(&sealing, TLS_APPLICATION_DATA, text, text_len, record));
            ck_assert_int_eq(
                open_record(&opening, record, text_len + TLS_RECORD_OVERHEAD, to, &type, &len),
                TLS_ALERT_NONE);
            ck_assert_uint_eq(type, TLS_APPLICATION_DATA);
            ck_assert_uint_eq(len, text_len);
            ck_assert_mem_eq(to, text, len);
            if (i % 3 == 0) { /* the cipher comes back with the next record */
                tls_keys_rest(&sealing);
                tls_keys_rest(&opening);
            }
        }
        tls_keys_clear(&sealing);
        tls_keys_clear(&opening);
    }
}
END_TEST

/* RFC 8446 section 7.2; computed from its formula with the TLS13-KDF of libcrypto. */
START_TEST(the_next_generation_is_that_of_the_formula)
{
    static const char *DIGESTS[] = {"SHA2-256", "SHA2-384", "SHA2-256"};
    for (size_t id = 0; id < 3; id++) {
        struct tls_keys keys = make_keys(IDS[id], true, NULL, 41);
        size_t secret_len = tls_suite_secret_len(keys.suite);
        unsigned char expected[TLS_SECRET_MAX];
        unsigned char first[TLS_SECRET_MAX] = {0};
        unsigned char old_key[TLS_KEY_MAX];
        int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
        char digest[16];
        char prefix[] = "tls13 ";
        char label[] = "traffic upd";
        (void)snprintf(digest, sizeof digest, "%s", DIGESTS[id]);
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, first, secret_len),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, 6),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label, 11),
            OSSL_PARAM_construct_end(),
        };
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
        EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
        ck_assert_int_eq(EVP_KDF_derive(ctx, expected, secret_len, params), 1);
        EVP_KDF_CTX_free(ctx);
        EVP_KDF_free(kdf);
        memcpy(old_key, keys.key, sizeof old_key);
        ck_assert(tls_keys_update(&keys));
        ck_assert_mem_eq(keys.secret, expected, secret_len);
        ck_assert_mem_ne(keys.key, old_key, sizeof old_key);
        ck_assert_uint_eq(keys.sequence, 0);
        tls_keys_clear(&keys);
    }
}
END_TEST

START_TEST(clearing_leaves_nothing_and_may_be_repeated)
{
    static const struct tls_keys NONE;
    struct tls_keys keys = make_keys(0x1302, true, NULL, 3);
    unsigned char record[64];
    ck_assert(tls_keys_seal(&keys, TLS_ALERT, "\1", 2, record));
    tls_keys_clear(&keys);
    ck_assert_mem_eq(&keys, &NONE, sizeof keys);
    tls_keys_clear(&keys);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_keys");
    TCase *tcase = tcase_create("tls_keys");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, derives_the_keys_of_rfc_8448);
    tcase_add_test(tcase, opens_and_seals_the_records_of_rfc_8448);
    tcase_add_test(tcase, knows_three_ciphers_and_no_other);
    tcase_add_test(tcase, any_bit_that_differs_is_bad_record_mac);
    tcase_add_test(tcase, another_number_or_another_secret_is_bad_record_mac);
    tcase_add_test(tcase, a_record_cannot_be_replayed);
    tcase_add_test(tcase, the_last_number_is_never_used);
    tcase_add_test(tcase, a_header_that_must_not_be_is_refused);
    tcase_add_test(tcase, content_type_and_padding_are_read_as_they_must_be);
    tcase_add_test(tcase, what_is_sealed_opens_in_place_and_elsewhere);
    tcase_add_test(tcase, the_next_generation_is_that_of_the_formula);
    tcase_add_test(tcase, clearing_leaves_nothing_and_may_be_repeated);
    suite_add_tcase(suite, tcase);
    return suite;
}
