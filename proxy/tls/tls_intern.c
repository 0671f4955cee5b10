/* The mutable state of this file is the hook itself; see the header for why it is the process's.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_intern.h"

#include <dlfcn.h>
#include <limits.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>

static const struct tls_intern_table *current_table;
static bool is_for_handshakes;
static bool is_in_handshake;

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

static X509 *decode(X509 **ret_cert, const unsigned char **in, long len)
{
    return (X509 *)ASN1_item_d2i((ASN1_VALUE **)ret_cert, in, len, ASN1_ITEM_rptr(X509));
}

/* In place of libcrypto's. libssl hands in a certificate that is empty and nobody else's, to be
 * filled; the known one takes its place. */
X509 *d2i_X509(X509 **ret_cert, const unsigned char **in, long len)
{
    if (!is_in_handshake || in == NULL || *in == NULL || len <= 0) {
        return decode(ret_cert, in, len);
    }
    X509 *known = current_table->find_der(current_table->arg, *in, (size_t)len);
    if (known == NULL || X509_up_ref(known) != 1) {
        return decode(ret_cert, in, len);
    }
    *in += len;
    if (ret_cert != NULL) {
        X509_free(*ret_cert);
        *ret_cert = known;
    }
    return known;
}

bool tls_intern_is_effective(void)
{
    /* The first definition in the order of search is the one libssl was bound to. */
    void *found = dlsym(RTLD_DEFAULT, "d2i_X509");
    union {
        X509 *(*function)(X509 **, const unsigned char **, long);
        void *address;
    } ours = {.function = d2i_X509};
    return found != NULL && found == ours.address;
}

X509 *tls_intern_get(const unsigned char sha256[32])
{
    X509 *known =
        current_table == NULL ? NULL : current_table->find_sha256(current_table->arg, sha256);
    return known != NULL && X509_up_ref(known) == 1 ? known : NULL;
}

X509 *tls_intern_decode(const unsigned char *der, size_t len)
{
    if (len == 0 || len > LONG_MAX) {
        return NULL;
    }
    X509 *known =
        current_table == NULL ? NULL : current_table->find_der(current_table->arg, der, len);
    if (known != NULL && X509_up_ref(known) == 1) {
        return known;
    }
    const unsigned char *in = der;
    X509 *cert = decode(NULL, &in, (long)len);
    if (cert != NULL && in != der + len) {
        X509_free(cert);
        cert = NULL;
    }
    ERR_clear_error();
    return cert;
}
