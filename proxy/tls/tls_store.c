/* SPDX-License-Identifier: MIT */
#include "tls/tls_store.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "tls/tls_private.h"
#include "tls/tls_table.h"

/* A certificate of an elliptic curve takes two pieces, a generous one of RSA four. */
#define PIECE_BYTES        ((size_t)508)
#define PIECES_PER_SESSION 4
#define ALIGNMENT          ((size_t)64)

struct piece {
    uint16_t total; /* bytes of the whole certificate */
    unsigned char bytes[PIECE_BYTES];
};

struct tls_store {
    struct tls_table *sessions;
    struct tls_table *pieces;
};

static size_t header_size(void)
{
    return (sizeof(struct tls_store) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t sessions_size(uint64_t sessions)
{
    size_t size = tls_table_size(sessions, sizeof(struct tls_stored));
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t tls_store_size(uint64_t sessions)
{
    if (sessions == 0)
        return 0;
    return header_size() + sessions_size(sessions) +
           tls_table_size(sessions * PIECES_PER_SESSION, sizeof(struct piece));
}

struct tls_store *tls_store_init(void *memory, uint64_t sessions)
{
    if (sessions == 0)
        return NULL;
    struct tls_store *store = memory;
    unsigned char *at = (unsigned char *)memory + header_size();
    store->sessions = tls_table_init(at, sessions, sizeof(struct tls_stored));
    at += sessions_size(sessions);
    store->pieces = tls_table_init(at, sessions * PIECES_PER_SESSION, sizeof(struct piece));
    return store;
}

static bool has_ended(const void *value, size_t len, const void *arg)
{
    struct tls_stored stored = {0};
    int64_t now;
    memcpy(&stored, value, len <= sizeof stored ? len : sizeof stored);
    memcpy(&now, arg, sizeof now);
    bool ended = now >= stored.record.ends_at || now >= stored.record.valid_until;
    OPENSSL_cleanse(&stored, sizeof stored);
    return ended;
}

void tls_store_expire(struct tls_store *store, int64_t now)
{
    if (store != NULL)
        tls_table_remove_if(store->sessions, has_ended, &now);
}

void tls_store_cleanse(struct tls_store *store)
{
    if (store != NULL) {
        tls_table_cleanse(store->sessions);
        tls_table_cleanse(store->pieces);
    }
}

/* The pieces of a certificate are as many entries, spread like digests themselves. */
static void piece_key(const unsigned char sha256[32], size_t index, unsigned char ret_key[32])
{
    memcpy(ret_key, sha256, 32);
    ret_key[0] ^= (unsigned char)index;
    ret_key[31] ^= (unsigned char)index;
}

static bool put_certificate(struct tls_store *store, const struct tls_certificate *certificate)
{
    unsigned char key[32];
    if (certificate->len == 0 || certificate->len > TLS_STORED_CERT_MAX)
        return false;
    /* The last piece is the youngest, the first goes first. */
    piece_key(certificate->sha256, 0, key);
    if (tls_table_has_young(store->pieces, key))
        return true;
    struct piece piece = {.total = (uint16_t)certificate->len};
    for (size_t at = 0; at < certificate->len; at += PIECE_BYTES) {
        size_t left = certificate->len - at;
        size_t len = left < PIECE_BYTES ? left : PIECE_BYTES;
        memcpy(piece.bytes, certificate->der + at, len);
        piece_key(certificate->sha256, at / PIECE_BYTES, key);
        if (!tls_table_put(store->pieces, key, &piece, offsetof(struct piece, bytes) + len))
            return false;
    }
    return true;
}

bool tls_store_put(struct tls_store *store, const unsigned char id[TLS_SESSION_ID_SIZE],
                   struct tls_stored *stored, const struct tls_certificate *presented, size_t count)
{
    if (count > TLS_PRESENTED_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!put_certificate(store, &presented[i]))
            return false;
        memcpy(stored->presented[i], presented[i].sha256, sizeof stored->presented[i]);
    }
    stored->presented_count = (uint8_t)count;
    return tls_table_put(store->sessions, id, stored,
                         offsetof(struct tls_stored, presented[count]));
}

bool tls_store_get(struct tls_store *store, const unsigned char id[TLS_SESSION_ID_SIZE],
                   struct tls_stored *ret_stored)
{
    struct tls_stored stored = {0};
    size_t len = 0;
    bool is_whole = tls_table_get(store->sessions, id, &stored, &len) &&
                    len >= offsetof(struct tls_stored, presented) &&
                    stored.presented_count <= TLS_PRESENTED_MAX &&
                    len == offsetof(struct tls_stored, presented[stored.presented_count]) &&
                    stored.secret_len <= sizeof stored.secret;
    if (is_whole)
        *ret_stored = stored;
    OPENSSL_cleanse(&stored, sizeof stored);
    return is_whole;
}

void tls_store_remove(struct tls_store *store, const unsigned char id[TLS_SESSION_ID_SIZE])
{
    tls_table_remove(store->sessions, id);
}

static bool is_digest_of(const unsigned char sha256[32], const unsigned char *der, size_t len)
{
    unsigned char digest[32];
    unsigned digest_len = 0;
    return EVP_Digest(der, len, digest, &digest_len, EVP_sha256(), NULL) == 1 &&
           memcmp(digest, sha256, sizeof digest) == 0;
}

bool tls_store_certificate(struct tls_store *store, const unsigned char sha256[32],
                           unsigned char ret_der[TLS_STORED_CERT_MAX], size_t *ret_len)
{
    size_t total = 0;
    size_t at = 0;
    do {
        struct piece piece = {0};
        unsigned char key[32];
        size_t len = 0;
        piece_key(sha256, at / PIECE_BYTES, key);
        if (!tls_table_get(store->pieces, key, &piece, &len) ||
            len <= offsetof(struct piece, bytes)) {
            return false;
        }
        len -= offsetof(struct piece, bytes);
        total = at == 0 ? piece.total : total;
        if (piece.total != total || total > TLS_STORED_CERT_MAX || len > total - at)
            return false;
        memcpy(ret_der + at, piece.bytes, len);
        at += len;
    } while (at < total && at % PIECE_BYTES == 0);
    *ret_len = at;
    /* The pieces come from memory that other processes write, and may be of different ages. */
    return at == total && is_digest_of(sha256, ret_der, at);
}
