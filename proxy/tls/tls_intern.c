/* The mutable state of this file is the hook itself; see the header for why it is the process's.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_intern.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>

static const struct tls_intern_table *current_table;
static const ASN1_ITEM *libcrypto_item;
static bool is_for_handshakes;
static bool is_in_handshake;

/* libcrypto's template of a certificate, the next definition in the order of search; NULL: there is
 * none, and so nobody who could ask. */
static const ASN1_ITEM *real_item(void)
{
    if (libcrypto_item == NULL) {
        union {
            void *address;
            const ASN1_ITEM *(*function)(void);
        } next = {.address = dlsym(RTLD_NEXT, "X509_it")};
        if (next.address != NULL)
            libcrypto_item = next.function();
    }
    return libcrypto_item;
}

/* ---- the template: every function goes on to libcrypto's --------------------------------------
 */

static int on_new(ASN1_VALUE **value, const ASN1_ITEM *item)
{
    (void)item;
    return real_item() == NULL ? 0 : ASN1_item_ex_new(value, real_item());
}

static void on_free(ASN1_VALUE **value, const ASN1_ITEM *item)
{
    (void)item;
    if (real_item() != NULL)
        ASN1_item_ex_free(value, real_item());
}

static int on_encode(const ASN1_VALUE **value, unsigned char **out, const ASN1_ITEM *item, int tag,
                     int aclass)
{
    size_t len = 0;
    const unsigned char *known = NULL;
    (void)item;
    if (real_item() == NULL)
        return 0;
    if (is_in_handshake && tag == -1)
        known = current_table->find_encoding(current_table->arg, (const X509 *)*value, &len);
    if (known == NULL || len > INT_MAX)
        return ASN1_item_ex_i2d(value, out, real_item(), tag, aclass);
    if (out != NULL) {
        memcpy(*out, known, len);
        *out += len;
    }
    return (int)len;
}

/* Bytes of the SEQUENCE that starts here; 0: none, or one that libcrypto is to judge. */
static size_t sequence_size(const unsigned char *in, long len)
{
    if (len < 2 || in[0] != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
        return 0;
    size_t size = in[1];
    size_t header = 2;
    if (size >= 0x80) {
        size_t count = size & 0x7f;
        header += count;
        if (count == 0 || count > 3 || (size_t)len < header)
            return 0;
        size = 0;
        for (size_t i = 0; i < count; i++) {
            size = size << 8 | in[2 + i];
        }
    }
    return size <= (size_t)len - header ? header + size : 0;
}

static X509 *find(const unsigned char *in, long len, size_t *ret_size)
{
    *ret_size = sequence_size(in, len);
    return *ret_size == 0 ? NULL : current_table->find_der(current_table->arg, in, *ret_size);
}

static int on_decode(ASN1_VALUE **value, const unsigned char **in, long len, const ASN1_ITEM *item,
                     int tag, int aclass, char opt, ASN1_TLC *ctx)
{
    size_t size;
    X509 *known;
    (void)item;
    if (real_item() == NULL)
        return 0;
    if (is_in_handshake && tag == -1 && (known = find(*in, len, &size)) != NULL &&
        X509_up_ref(known) == 1) {
        ASN1_item_ex_free(value, real_item()); /* an empty one, to be filled */
        *value = (ASN1_VALUE *)known;
        *in += size;
        return 1;
    }
    return ASN1_item_ex_d2i(value, in, len, real_item(), tag, aclass, opt, ctx);
}

static const ASN1_EXTERN_FUNCS HOOKS = {
    .asn1_ex_new = on_new,
    .asn1_ex_free = on_free,
    .asn1_ex_clear = on_free,
    .asn1_ex_d2i = on_decode,
    .asn1_ex_i2d = on_encode,
};

/* In place of libcrypto's. */
const ASN1_ITEM *X509_it(void)
{
    static const ASN1_ITEM ITEM = {
        .itype = ASN1_ITYPE_EXTERN,
        .utype = V_ASN1_SEQUENCE,
        .funcs = &HOOKS,
        .sname = "X509",
    };
    return &ITEM;
}

/* ---- the table --------------------------------------------------------------------------------
 */

void tls_intern_use(const struct tls_intern_table *table, bool in_handshakes)
{
    current_table = table;
    is_for_handshakes = in_handshakes;
    is_in_handshake = false;
}

void tls_intern_begin(void)
{
    is_in_handshake = is_for_handshakes && current_table != NULL;
}

void tls_intern_end(void)
{
    is_in_handshake = false;
}

X509 *tls_intern_get(const unsigned char sha256[32])
{
    X509 *known =
        current_table == NULL ? NULL : current_table->find_sha256(current_table->arg, sha256);
    return known != NULL && X509_up_ref(known) == 1 ? known : NULL;
}

X509 *tls_intern_decode(const unsigned char *der, size_t len)
{
    if (len == 0 || len > LONG_MAX)
        return NULL;
    X509 *known =
        current_table == NULL ? NULL : current_table->find_der(current_table->arg, der, len);
    if (known != NULL && X509_up_ref(known) == 1)
        return known;
    const unsigned char *in = der;
    X509 *cert = d2i_X509(NULL, &in, (long)len);
    if (cert != NULL && in != der + len) {
        X509_free(cert);
        cert = NULL;
    }
    ERR_clear_error();
    return cert;
}
