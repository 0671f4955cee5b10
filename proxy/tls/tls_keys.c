/* SPDX-License-Identifier: MIT */
#include "tls/tls_keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/mem.h"

enum { SUITE_COUNT = 3 };

struct tls_suite {
    uint16_t id;
    const char *digest;
    size_t secret_len; /* Hash.length */
    size_t key_len;
    EVP_CIPHER *cipher; /* owned */
    EVP_KDF *kdf;       /* borrowed from the suites */
};

struct tls_suites {
    EVP_KDF *kdf;
    struct tls_suite list[SUITE_COUNT];
};

/* ---- algorithms --------------------------------------------------------------------------- */

/* RFC 8446 appendix B.4 */
struct tls_suites *tls_suites_new(void)
{
    static const struct {
        uint16_t id;
        const char *cipher;
        const char *digest;
        size_t secret_len;
        size_t key_len;
    } ROWS[SUITE_COUNT] = {
        {0x1301, "AES-128-GCM", "SHA2-256", 32, 16},
        {0x1302, "AES-256-GCM", "SHA2-384", 48, 32},
        {0x1303, "ChaCha20-Poly1305", "SHA2-256", 32, 32},
    };
    struct tls_suites *suites = xcalloc(1, sizeof *suites);
    bool is_whole = true;
    suites->kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, ROWS[i].cipher, NULL);
        suites->list[i] = (struct tls_suite){ROWS[i].id,      ROWS[i].digest, ROWS[i].secret_len,
                                             ROWS[i].key_len, cipher,         suites->kdf};
        is_whole = is_whole && cipher != NULL;
    }
    if (!is_whole || suites->kdf == NULL) {
        tls_suites_free(suites);
        return NULL;
    }
    return suites;
}

void tls_suites_free(struct tls_suites *suites)
{
    if (suites == NULL)
        return;
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        EVP_CIPHER_free(suites->list[i].cipher);
    }
    EVP_KDF_free(suites->kdf);
    free(suites);
}

const struct tls_suite *tls_suites_find(const struct tls_suites *suites, uint16_t id)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (suites->list[i].id == id)
            return &suites->list[i];
    }
    return NULL;
}

size_t tls_suite_secret_len(const struct tls_suite *suite)
{
    return suite->secret_len;
}

/* ---- keys --------------------------------------------------------------------------------- */

/* RFC 8446 section 7.1, HKDF-Expand-Label with an empty Context:
 * struct { uint16 length; opaque label<7..255> = "tls13 " + Label; opaque context<0..255>; } */
static bool expand_label(const struct tls_suite *suite, const unsigned char *secret,
                         const char *label, unsigned char *ret_bytes, size_t len)
{
    static const char PREFIX[] = "tls13 ";
    unsigned char info[2 + 1 + 32 + 1];
    size_t label_len = strlen(label);
    size_t prefix_len = sizeof PREFIX - 1;
    assert(prefix_len + label_len <= 32 && len <= 255);
    info[0] = 0;
    info[1] = (unsigned char)len;
    info[2] = (unsigned char)(prefix_len + label_len);
    memcpy(info + 3, PREFIX, prefix_len);
    memcpy(info + 3 + prefix_len, label, label_len);
    info[3 + prefix_len + label_len] = 0;
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    /* OSSL_PARAM has no const; these are read. */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)suite->digest,
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
                                          suite->secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, prefix_len + label_len + 4),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(suite->kdf);
    bool is_made = ctx != NULL && EVP_KDF_derive(ctx, ret_bytes, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    return is_made;
}

/* RFC 8446 section 7.3; section 5.3: the sequence number starts anew with the key. */
static bool make_keys(struct tls_keys *keys, uint64_t sequence)
{
    keys->sequence = sequence;
    return expand_label(keys->suite, keys->secret, "key", keys->key, keys->suite->key_len) &&
           expand_label(keys->suite, keys->secret, "iv", keys->iv, sizeof keys->iv);
}

bool tls_keys_init(struct tls_keys *keys, const struct tls_suite *suite, bool is_sealing,
                   const unsigned char *secret, uint64_t sequence)
{
    *keys = (struct tls_keys){.suite = suite, .is_sealing = is_sealing};
    memcpy(keys->secret, secret, suite->secret_len);
    if (!make_keys(keys, sequence)) {
        tls_keys_clear(keys);
        return false;
    }
    return true;
}

void tls_keys_rest(struct tls_keys *keys)
{
    EVP_CIPHER_CTX_free(keys->cipher); /* cleanses what it holds */
    keys->cipher = NULL;
}

void tls_keys_clear(struct tls_keys *keys)
{
    tls_keys_rest(keys);
    OPENSSL_cleanse(keys, sizeof *keys);
}

bool tls_keys_update(struct tls_keys *keys)
{
    unsigned char next[TLS_SECRET_MAX];
    tls_keys_rest(keys);
    bool is_made =
        expand_label(keys->suite, keys->secret, "traffic upd", next, keys->suite->secret_len);
    if (is_made) {
        memcpy(keys->secret, next, keys->suite->secret_len);
        is_made = make_keys(keys, 0);
    }
    OPENSSL_cleanse(next, sizeof next);
    return is_made;
}

/* ---- records ------------------------------------------------------------------------------ */

/* The cipher with the key in it. */
static EVP_CIPHER_CTX *cipher_of(struct tls_keys *keys)
{
    if (keys->cipher != NULL)
        return keys->cipher;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx != NULL && EVP_CipherInit_ex2(ctx, keys->suite->cipher, keys->key, NULL,
                                          keys->is_sealing ? 1 : 0, NULL) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    keys->cipher = ctx;
    return ctx;
}

/* The cipher ready for the next record: nonce (RFC 8446 section 5.3) and additional data (5.2). */
static EVP_CIPHER_CTX *begin(struct tls_keys *keys, const unsigned char header[TLS_RECORD_HEADER])
{
    unsigned char nonce[TLS_NONCE_SIZE];
    int len = 0;
    EVP_CIPHER_CTX *ctx = cipher_of(keys);
    /* Section 5.3: the numbers must not wrap. No connection gets there. */
    if (ctx == NULL || keys->sequence == UINT64_MAX)
        return NULL;
    memcpy(nonce, keys->iv, sizeof nonce);
    for (size_t i = 0; i < 8; i++) {
        nonce[TLS_NONCE_SIZE - 1 - i] ^= (unsigned char)(keys->sequence >> (8 * i));
    }
    keys->sequence++;
    bool is_ready = EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
                    EVP_CipherUpdate(ctx, NULL, &len, header, (int)TLS_RECORD_HEADER) == 1;
    return is_ready ? ctx : NULL;
}

bool tls_keys_seal(struct tls_keys *keys, enum tls_content type, const void *plain, size_t len,
                   unsigned char *ret_record)
{
    assert(keys->is_sealing && len <= TLS_FRAGMENT_MAX);
    const unsigned char inner_type = (unsigned char)type;
    const size_t sealed_len = len + 1 + TLS_RECORD_TAG;
    unsigned char *body = ret_record + TLS_RECORD_HEADER;
    int done = 0;
    int rest = 0;
    /* RFC 8446 section 5.2: type and version say nothing, for the sake of middleboxes. */
    ret_record[0] = TLS_APPLICATION_DATA;
    ret_record[1] = 3;
    ret_record[2] = 3;
    ret_record[3] = (unsigned char)(sealed_len >> 8);
    ret_record[4] = (unsigned char)sealed_len;
    EVP_CIPHER_CTX *ctx = begin(keys, ret_record);
    if (ctx == NULL || (len > 0 && EVP_CipherUpdate(ctx, body, &done, plain, (int)len) != 1) ||
        EVP_CipherUpdate(ctx, body + len, &rest, &inner_type, 1) != 1 ||
        EVP_CipherFinal_ex(ctx, body + len + 1, &rest) != 1) {
        return false;
    }
    return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)TLS_RECORD_TAG, body + len + 1) ==
           1;
}

/* What OpenSSL says of a version that is not 0x0303: since 3.2 the same of all of them. */
static enum tls_alert wrong_version(unsigned char major)
{
    bool is_old = OpenSSL_version_num() < 0x30200000UL;
    return is_old && major != 3 ? TLS_ALERT_PROTOCOL_VERSION : TLS_ALERT_DECODE_ERROR;
}

enum tls_alert tls_record_length(const unsigned char header[TLS_RECORD_HEADER], size_t *ret_len)
{
    size_t len = (size_t)header[3] << 8 | header[4];
    /* RFC 8446 section 5: whatever is not protected has no place after the handshake, nor has
     * change_cipher_spec. */
    if (header[0] != TLS_APPLICATION_DATA)
        return TLS_ALERT_UNEXPECTED_MESSAGE;
    if (header[1] != 3 || header[2] != 3) {
        return wrong_version(header[1]); /* section 5.2: always 0x0303 */
    }
    if (len > TLS_SEALED_MAX) {
        return TLS_ALERT_RECORD_OVERFLOW; /* section 5.2 */
    }
    if (len <= TLS_RECORD_TAG) {
        return TLS_ALERT_BAD_RECORD_MAC; /* section 5.2: nothing that could be decrypted */
    }
    *ret_len = len;
    return TLS_ALERT_NONE;
}

/* RFC 8446 section 5.4: the type is the last octet that is not zero. How much padding there may be
 * is not checked beyond the length of the record, as OpenSSL does not: it is nothing but zeros. */
static enum tls_alert take_type(const unsigned char *inner, size_t len, uint8_t *ret_type,
                                size_t *ret_len)
{
    while (len > 0 && inner[len - 1] == 0) {
        len--;
    }
    if (len == 0)
        return TLS_ALERT_UNEXPECTED_MESSAGE;
    if (len - 1 > TLS_FRAGMENT_MAX)
        return TLS_ALERT_RECORD_OVERFLOW;
    *ret_type = inner[len - 1];
    *ret_len = len - 1;
    return TLS_ALERT_NONE;
}

enum tls_alert tls_keys_open(struct tls_keys *keys, const unsigned char header[TLS_RECORD_HEADER],
                             const unsigned char *body, size_t len, unsigned char *plain,
                             uint8_t *ret_type, size_t *ret_len)
{
    assert(!keys->is_sealing && len >= TLS_RECORD_TAG && len <= TLS_SEALED_MAX);
    size_t inner_len = len - TLS_RECORD_TAG;
    unsigned char tag[TLS_RECORD_TAG];
    unsigned char nothing[TLS_RECORD_TAG]; /* an AEAD has nothing left to say at the end */
    int done = 0;
    memcpy(tag, body + inner_len, sizeof tag);
    EVP_CIPHER_CTX *ctx = begin(keys, header);
    if (ctx == NULL || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)sizeof tag, tag) != 1)
        return TLS_ALERT_INTERNAL_ERROR;
    if ((inner_len > 0 && EVP_CipherUpdate(ctx, plain, &done, body, (int)inner_len) != 1) ||
        EVP_CipherFinal_ex(ctx, nothing, &done) != 1) {
        return TLS_ALERT_BAD_RECORD_MAC; /* section 5.2 */
    }
    return take_type(plain, inner_len, ret_type, ret_len);
}
