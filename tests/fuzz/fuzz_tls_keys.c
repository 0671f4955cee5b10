/* Records towards this side. The first byte chooses the cipher and how the rest is read: as records
 * that a stranger made up, or as inner plaintexts that the peer sealed as it should.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include <openssl/evp.h>

#include "fuzz/fuzz.h"
#include "tls/tls_keys.h"

static const uint16_t IDS[] = {0x1301, 0x1302, 0x1303};
static const char *const NAMES[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
static const unsigned char SECRET[TLS_SECRET_MAX] = {1, 2, 3};

/* One record, in memory of exactly its size. */
static void open_one(struct tls_keys *keys, const uint8_t *bytes, size_t size, size_t *ret_used)
{
    size_t len = 0;
    *ret_used = size;
    if (size < TLS_RECORD_HEADER)
        return;
    enum tls_alert alert = tls_record_length(bytes, &len);
    FUZZ_CHECK(alert == TLS_ALERT_NONE || alert == TLS_ALERT_UNEXPECTED_MESSAGE ||
               alert == TLS_ALERT_DECODE_ERROR || alert == TLS_ALERT_RECORD_OVERFLOW ||
               alert == TLS_ALERT_PROTOCOL_VERSION || alert == TLS_ALERT_BAD_RECORD_MAC);
    if (alert != TLS_ALERT_NONE || size - TLS_RECORD_HEADER < len)
        return;
    FUZZ_CHECK(len > TLS_RECORD_TAG && len <= TLS_SEALED_MAX);
    unsigned char *plain = malloc(len - TLS_RECORD_TAG + 1);
    FUZZ_CHECK(plain != NULL);
    uint8_t type = 0;
    size_t plain_len = 0;
    plain[len - TLS_RECORD_TAG] = 0xa5; /* not ours to write */
    alert = tls_keys_open(keys, bytes, bytes + TLS_RECORD_HEADER, len, plain, &type, &plain_len);
    FUZZ_CHECK(plain[len - TLS_RECORD_TAG] == 0xa5);
    FUZZ_CHECK(alert == TLS_ALERT_BAD_RECORD_MAC);
    free(plain);
    *ret_used = TLS_RECORD_HEADER + len;
}

static void open_records(struct tls_keys *keys, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t used = 0;
        open_one(keys, bytes, size, &used);
        bytes += used;
        size -= used;
    }
}

static void seal_inner(const struct tls_keys *keys, const char *name, const uint8_t *inner,
                       size_t size, unsigned char *record)
{
    const size_t len = size + TLS_RECORD_TAG;
    const unsigned char header[] = {23, 3, 3, (unsigned char)(len >> 8), (unsigned char)len};
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    memcpy(record, header, sizeof header);
    FUZZ_CHECK(EVP_EncryptInit_ex2(ctx, cipher, keys->key, keys->iv, NULL) == 1);
    FUZZ_CHECK(EVP_EncryptUpdate(ctx, NULL, &n, header, sizeof header) == 1);
    FUZZ_CHECK(size == 0 || EVP_EncryptUpdate(ctx, record + 5, &n, inner, (int)size) == 1);
    FUZZ_CHECK(EVP_EncryptFinal_ex(ctx, record + 5 + size, &n) == 1);
    FUZZ_CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + size) == 1);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
}

/* RFC 8446 section 5.4, said another way. */
static void open_inner(struct tls_keys *keys, const char *name, const uint8_t *inner, size_t size)
{
    static unsigned char record[TLS_RECORD_MAX];
    static unsigned char plain[TLS_RECORD_MAX];
    size_t last = 0; /* one past the last octet that is not zero */
    uint8_t type = 0;
    size_t len = 0;
    if (size > TLS_SEALED_MAX - TLS_RECORD_TAG)
        size = TLS_SEALED_MAX - TLS_RECORD_TAG;
    for (size_t i = 0; i < size; i++)
        last = inner[i] != 0 ? i + 1 : last;
    seal_inner(keys, name, inner, size, record);
    enum tls_alert alert = tls_keys_open(keys, record, record + TLS_RECORD_HEADER,
                                         size + TLS_RECORD_TAG, plain, &type, &len);
    if (last == 0) {
        FUZZ_CHECK(alert == TLS_ALERT_UNEXPECTED_MESSAGE);
    } else if (last - 1 > TLS_FRAGMENT_MAX) {
        FUZZ_CHECK(alert == TLS_ALERT_RECORD_OVERFLOW);
    } else {
        FUZZ_CHECK(alert == TLS_ALERT_NONE && len == last - 1 && type == inner[last - 1]);
        FUZZ_CHECK(memcmp(plain, inner, len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    size_t which = bytes[0] % 3;
    struct tls_suites *suites = tls_suites_new();
    struct tls_keys keys;
    FUZZ_CHECK(suites != NULL);
    FUZZ_CHECK(tls_keys_init(&keys, tls_suites_find(suites, IDS[which]), false, SECRET, 0));
    if (bytes[0] < 128)
        open_records(&keys, bytes + 1, size - 1);
    else
        open_inner(&keys, NAMES[which], bytes + 1, size - 1);
    tls_keys_clear(&keys);
    tls_suites_free(suites);
    return 0;
}
