/* Written by one process and read by others without a lock: a sequence number, odd during a change,
 * tells a reader that what it copied may be torn.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_ticket.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/clock.h"
#include "base/log.h"
#include "tls/tls_private.h"
#include "tls/tls_store.h"
#include "tls/tls_ticket_key.h"

#define KEY_COUNT    3
#define IV_SIZE      16
#define COPY_RETRIES 100

struct tls_ticket_keys {
    struct tls_store *store;   /* at the same address in every process; never changes */
    _Atomic unsigned sequence; /* odd while keys change */
    unsigned current;          /* the next is one behind it, the previous two, around */
    struct ticket_key keys[KEY_COUNT];
};

static void make_key(struct ticket_key *key)
{
    if (RAND_priv_bytes((unsigned char *)key, sizeof *key) != 1) {
        log_error("tls.random", "error=\"the random generator failed\"");
        abort();
    }
}

size_t tls_ticket_keys_size(void)
{
    return sizeof(struct tls_ticket_keys);
}

struct tls_ticket_keys *tls_ticket_keys_init(void *memory)
{
    struct tls_ticket_keys *keys = memory;
    atomic_init(&keys->sequence, 0);
    keys->current = 0;
    keys->store = NULL;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        make_key(&keys->keys[i]);
    }
    return keys;
}

void tls_ticket_keys_set_store(struct tls_ticket_keys *keys, struct tls_store *store)
{
    keys->store = store;
}

struct tls_store *tls_ticket_keys_store(const struct tls_ticket_keys *keys)
{
    return keys->store;
}

static void begin_change(struct tls_ticket_keys *keys)
{
    (void)atomic_fetch_add_explicit(&keys->sequence, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void end_change(struct tls_ticket_keys *keys)
{
    (void)atomic_fetch_add_explicit(&keys->sequence, 1, memory_order_release);
}

void tls_ticket_keys_rotate(struct tls_ticket_keys *keys)
{
    struct ticket_key fresh;
    make_key(&fresh);
    begin_change(keys);
    unsigned oldest = (keys->current + 2) % KEY_COUNT;
    keys->keys[oldest] = fresh;
    keys->current = (keys->current + 1) % KEY_COUNT;
    end_change(keys);
    OPENSSL_cleanse(&fresh, sizeof fresh);
    tls_store_expire(keys->store, clock_wall_s());
}

void tls_ticket_keys_cleanse(struct tls_ticket_keys *keys)
{
    begin_change(keys);
    OPENSSL_cleanse(keys->keys, sizeof keys->keys);
    end_change(keys);
    tls_store_cleanse(keys->store);
}

/* An untorn copy; false when the writer died in the middle of a change. */
static bool copy_keys(struct tls_ticket_keys *keys, struct tls_ticket_keys *ret_copy)
{
    for (int i = 0; i < COPY_RETRIES; i++) {
        unsigned before = atomic_load_explicit(&keys->sequence, memory_order_acquire);
        ret_copy->current = keys->current;
        memcpy(ret_copy->keys, keys->keys, sizeof keys->keys);
        atomic_thread_fence(memory_order_acquire);
        unsigned after = atomic_load_explicit(&keys->sequence, memory_order_relaxed);
        if (before == after && before % 2 == 0)
            return true;
    }
    return false;
}

static bool set_keys(const struct ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_encrypting)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, is_encrypting) == 1 &&
           EVP_MAC_init(mac, key->hmac, sizeof key->hmac, params) == 1;
}

/* Returns what SSL_CTX_set_tlsext_ticket_key_evp_cb(3) asks for: 1 done, 2 done but the key is on
 * its way out, 0 no such key (or: make no ticket), -1 failure. */
static int seal(const struct ticket_key *key, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (RAND_bytes(iv, IV_SIZE) != 1)
        return -1;
    memcpy(name, key->name, sizeof key->name);
    return set_keys(key, iv, cipher, mac, 1) ? 1 : -1;
}

static bool is_named(const struct ticket_key *key, const unsigned char *name)
{
    return CRYPTO_memcmp(name, key->name, sizeof key->name) == 0;
}

static int unseal(const struct tls_ticket_keys *keys, const unsigned char *name,
                  const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        const struct ticket_key *key = &keys->keys[(keys->current + i) % KEY_COUNT];
        if (!is_named(key, name))
            continue;
        if (!set_keys(key, iv, cipher, mac, 0))
            return -1;
        return i == KEY_COUNT - 1 ? 2 : 1;
    }
    return 0;
}

/* Any key but the first is being replaced. */
static int unseal_from_file(const struct tls_ticket_file *file, const unsigned char *name,
                            const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (size_t i = 0; i < file->count; i++) {
        if (is_named(&file->keys[i], name)) {
            int known = i == 0 ? 1 : 2;
            return set_keys(&file->keys[i], iv, cipher, mac, 0) ? known : -1;
        }
    }
    return 0;
}

int tls_ticket_on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int is_encrypting)
{
    const struct tls_connection *connection = tls_connection_of(ssl);
    const struct tls_ticket_file *file = connection->listener->file;
    struct tls_ticket_keys copy;
    /* RFC 5077 section 3.3: an empty ticket says that there is none after all. */
    if (is_encrypting && connection->is_refused)
        return 0;
    if (file != NULL) {
        return is_encrypting ? seal(&file->keys[0], name, iv, cipher, mac)
                             : unseal_from_file(file, name, iv, cipher, mac);
    }
    if (!copy_keys(connection->listener->keys, &copy))
        return 0;
    int status = is_encrypting ? seal(&copy.keys[copy.current], name, iv, cipher, mac)
                               : unseal(&copy, name, iv, cipher, mac);
    OPENSSL_cleanse(&copy, sizeof copy);
    return status;
}
