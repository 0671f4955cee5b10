/* tls_keys.h - record protection of TLS 1.3 (RFC 8446 section 5), one direction of a connection.
 *
 * From a traffic secret to keys, from plaintext to records and back. libcrypto does all
 * cryptography; here are only the rules of framing. No I/O and no state but the sequence number:
 * every function works on bytes the caller has. Whatever a peer sends ends in plaintext or in the
 * alert that the clause asks for. Secrets are cleansed by tls_keys_clear() and when they are
 * replaced.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_KEYS_H
#define PROXY_TLS_TLS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/attr.h"

#define TLS_RECORD_HEADER   ((size_t)5)
#define TLS_RECORD_TAG      ((size_t)16)
#define TLS_FRAGMENT_MAX    ((size_t)16384)          /* RFC 8446 section 5.1 */
#define TLS_SEALED_MAX      (TLS_FRAGMENT_MAX + 256) /* section 5.2: what `length` may say */
#define TLS_RECORD_MAX      (TLS_RECORD_HEADER + TLS_SEALED_MAX)
#define TLS_RECORD_OVERHEAD (TLS_RECORD_HEADER + 1 + TLS_RECORD_TAG) /* of what is sealed here */
#define TLS_SECRET_MAX      48
#define TLS_KEY_MAX         32
#define TLS_NONCE_SIZE      12

enum tls_content { /* RFC 8446 appendix B.1 */
                   TLS_CHANGE_CIPHER_SPEC = 20,
                   TLS_ALERT = 21,
                   TLS_HANDSHAKE = 22,
                   TLS_APPLICATION_DATA = 23,
};

enum tls_alert { /* RFC 8446 section 6 and appendix B.2: those that are used here */
                 TLS_ALERT_NONE = -1,
                 TLS_ALERT_CLOSE_NOTIFY = 0,
                 TLS_ALERT_UNEXPECTED_MESSAGE = 10,
                 TLS_ALERT_BAD_RECORD_MAC = 20,
                 TLS_ALERT_RECORD_OVERFLOW = 22,
                 TLS_ALERT_ILLEGAL_PARAMETER = 47,
                 TLS_ALERT_DECODE_ERROR = 50,
                 TLS_ALERT_PROTOCOL_VERSION = 70,
                 TLS_ALERT_INTERNAL_ERROR = 80,
                 TLS_ALERT_USER_CANCELED = 90,
};

/* The algorithms of TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 and
 * TLS_CHACHA20_POLY1305_SHA256, fetched once; must outlive the keys made with it. */
struct tls_suites;
struct tls_suite;
/* NULL when libcrypto lacks one of them. */
struct tls_suites *tls_suites_new(void);
void tls_suites_free(struct tls_suites *suites);
/* By the number in the protocol (0x1301 to 0x1303); NULL: another. */
const struct tls_suite *tls_suites_find(const struct tls_suites *suites, uint16_t id);
size_t tls_suite_secret_len(const struct tls_suite *suite);

struct tls_keys {
    const struct tls_suite *suite;
    EVP_CIPHER_CTX *cipher; /* NULL: not made yet, or given back */
    uint64_t sequence;      /* of the next record under this key */
    bool is_sealing;
    unsigned char secret[TLS_SECRET_MAX];
    unsigned char key[TLS_KEY_MAX];
    unsigned char iv[TLS_NONCE_SIZE];
};

/* Keys of the traffic secret (tls_suite_secret_len() bytes, copied), whose next record has the
 * number `sequence`. False when libcrypto fails; then nothing is kept. */
MUST_USE bool tls_keys_init(struct tls_keys *keys, const struct tls_suite *suite, bool is_sealing,
                            const unsigned char *secret, uint64_t sequence);
/* Cleanses; idempotent, also for zeroed memory. */
void tls_keys_clear(struct tls_keys *keys);
/* Gives the cipher's memory back until the next record. */
void tls_keys_rest(struct tls_keys *keys);
/* RFC 8446 section 7.2: the next generation, from sequence number 0. */
MUST_USE bool tls_keys_update(struct tls_keys *keys);

/* Writes one record of len <= TLS_FRAGMENT_MAX bytes: len + TLS_RECORD_OVERHEAD bytes, which must
 * not overlap plain. False: libcrypto failed or the numbers ran out, nothing may be sent. */
MUST_USE bool tls_keys_seal(struct tls_keys *keys, enum tls_content type, const void *plain,
                            size_t len, unsigned char *ret_record);

/* What a protected record's header says: the length of what follows. Otherwise an alert. */
MUST_USE enum tls_alert tls_record_length(const unsigned char header[TLS_RECORD_HEADER],
                                          size_t *ret_len);
/* Opens the record whose header and body of len bytes (tls_record_length()) are given. plain is
 * body itself or does not overlap it, with room for len - TLS_RECORD_TAG bytes. On an alert plain
 * may be scribbled over, and the connection must end. */
MUST_USE enum tls_alert tls_keys_open(struct tls_keys *keys,
                                      const unsigned char header[TLS_RECORD_HEADER],
                                      const unsigned char *body, size_t len, unsigned char *plain,
                                      uint8_t *ret_type, size_t *ret_len);

#endif
