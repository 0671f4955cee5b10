/* What a session carries of ours, and when it is honoured.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tls/tls_intern.h"
#include "tls/tls_private.h"

#define RECORD_FORMAT 2
#define RECORD_SIZE   ((size_t)(2 + 2 * TLS_DIGEST_SIZE + 8 + 8 + 32))
/* Certificates in a ticket, the leaf included: it travels in the client's first flight. */
#define TICKET_CERTIFICATES_MAX 16384

static unsigned char *put_bytes(unsigned char *out, const void *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

static const unsigned char *get_bytes(const unsigned char *in, void *ret_bytes, size_t len)
{
    memcpy(ret_bytes, in, len);
    return in + len;
}

static unsigned char *put_time(unsigned char *out, int64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)((uint64_t)value >> (56 - 8 * i));
    }
    return out + 8;
}

static const unsigned char *get_time(const unsigned char *in, int64_t *ret_value)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | in[i];
    }
    *ret_value = (int64_t)value;
    return in + 8;
}

void tls_record_init(const struct tls_connection *connection, struct tls_record *ret_record)
{
    const struct tls_site *site = connection->site;
    const struct tls_session_facts *offered = &connection->offered;
    *ret_record = (struct tls_record){
        .flags = TLS_RECORD_RESUMABLE | (site->ask_certificate ? TLS_RECORD_ASKED : 0),
        .valid_until = offered->valid_until,
        .ends_at = connection->ends_at,
    };
    memcpy(ret_record->leaf_sha256, offered->leaf_sha256, sizeof ret_record->leaf_sha256);
    memcpy(ret_record->policy, site->policy, sizeof ret_record->policy);
    memcpy(ret_record->revocation, site->revocation, sizeof ret_record->revocation);
}

bool tls_record_is_current(const struct tls_record *record, const struct tls_site *site)
{
    int64_t now = clock_wall_s();
    unsigned expected = TLS_RECORD_RESUMABLE | (site->ask_certificate ? TLS_RECORD_ASKED : 0);
    return !site->is_late && record->flags == expected && now < record->valid_until &&
           now < record->ends_at &&
           memcmp(record->policy, site->policy, sizeof record->policy) == 0 &&
           memcmp(record->revocation, site->revocation, sizeof record->revocation) == 0;
}

bool tls_record_fits_ticket(const struct tls_session_facts *facts)
{
    size_t total = 0;
    for (size_t i = 0; i < facts->presented_count; i++) {
        total += facts->presented[i].len;
    }
    return facts->presented_count <= TLS_PRESENTED_MAX && total <= TICKET_CERTIFICATES_MAX;
}

unsigned char *tls_record_encode(const struct tls_record *record,
                                 const struct tls_session_facts *facts, size_t *ret_len)
{
    size_t size = RECORD_SIZE;
    for (size_t i = 1; i < facts->presented_count; i++) {
        size += 2 + facts->presented[i].len;
    }
    unsigned char *bytes = xmalloc(size);
    unsigned char *out = bytes;
    *out++ = RECORD_FORMAT;
    *out++ = (unsigned char)record->flags;
    out = put_bytes(out, record->policy, sizeof record->policy);
    out = put_bytes(out, record->revocation, sizeof record->revocation);
    out = put_time(out, record->valid_until);
    out = put_time(out, record->ends_at);
    out = put_bytes(out, record->leaf_sha256, sizeof record->leaf_sha256);
    for (size_t i = 1; i < facts->presented_count; i++) {
        size_t len = facts->presented[i].len;
        *out++ = (unsigned char)(len >> 8);
        *out++ = (unsigned char)len;
        out = put_bytes(out, facts->presented[i].der, len);
    }
    *ret_len = size;
    return bytes;
}

static bool get_record(SSL_SESSION *session, struct tls_record *ret_record,
                       const unsigned char **ret_rest, size_t *ret_rest_len)
{
    void *bytes = NULL;
    size_t len = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &bytes, &len) != 1 || len < RECORD_SIZE)
        return false;
    const unsigned char *in = bytes;
    if (*in++ != RECORD_FORMAT)
        return false;
    ret_record->flags = *in++;
    in = get_bytes(in, ret_record->policy, sizeof ret_record->policy);
    in = get_bytes(in, ret_record->revocation, sizeof ret_record->revocation);
    in = get_time(in, &ret_record->valid_until);
    in = get_time(in, &ret_record->ends_at);
    *ret_rest = get_bytes(in, ret_record->leaf_sha256, sizeof ret_record->leaf_sha256);
    *ret_rest_len = len - RECORD_SIZE;
    return true;
}

bool tls_record_decode(SSL_SESSION *session, struct tls_record *ret_record)
{
    const unsigned char *rest;
    size_t rest_len;
    return get_record(session, ret_record, &rest, &rest_len);
}

/* Takes the certificate in any case. */
static bool push(STACK_OF(X509) * chain, X509 *cert)
{
    if (cert == NULL || sk_X509_push(chain, cert) == 0) {
        X509_free(cert);
        return false;
    }
    return true;
}

static bool push_all(STACK_OF(X509) * chain, const unsigned char *in, size_t len)
{
    while (len > 0) {
        size_t cert_len = len < 2 ? len : (size_t)in[0] << 8 | in[1];
        if (len < 2 || cert_len > len - 2 || !push(chain, tls_intern_decode(in + 2, cert_len)))
            return false;
        in += 2 + cert_len;
        len -= 2 + cert_len;
    }
    return true;
}

static X509 *leaf_of(const struct tls_record *record, SSL_SESSION *session)
{
    X509 *leaf = tls_intern_get(record->leaf_sha256);
    if (leaf == NULL && X509_up_ref(SSL_SESSION_get0_peer(session)) == 1)
        leaf = SSL_SESSION_get0_peer(session);
    return leaf;
}

bool tls_record_decode_chain(SSL_SESSION *session, STACK_OF(X509) * *ret_chain)
{
    struct tls_record record;
    const unsigned char *rest;
    size_t rest_len;
    if (!get_record(session, &record, &rest, &rest_len))
        return false;
    if (SSL_SESSION_get0_peer(session) == NULL) {
        *ret_chain = NULL;
        return rest_len == 0;
    }
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (chain == NULL || !push(chain, leaf_of(&record, session)) ||
        !push_all(chain, rest, rest_len)) {
        sk_X509_pop_free(chain, X509_free);
        return false;
    }
    *ret_chain = chain;
    return true;
}
