/* The mutable state of this file is the hook itself; see the header for why it is the process's.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_derive.h"

#include <dlfcn.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tls/tls_private.h"

typedef int (*derive_fn)(EVP_KDF_CTX *ctx, unsigned char *key, size_t keylen,
                         const OSSL_PARAM params[]);

union derive_symbol {
    void *address;
    derive_fn function;
};

static struct tls_connection *current;
static derive_fn libcrypto_derive;

void tls_derive_begin(struct tls_connection *connection)
{
    current = connection;
}

void tls_derive_end(void)
{
    current = NULL;
}

/* The next definition in the order of search; NULL: there is none, so libssl has no use for it. */
static derive_fn real_derive(void)
{
    if (libcrypto_derive == NULL) {
        union derive_symbol next = {.address = dlsym(RTLD_NEXT, "EVP_KDF_derive")};
        libcrypto_derive = next.function;
    }
    return libcrypto_derive;
}

static bool is_label(const OSSL_PARAM *param, const char *label)
{
    return param->data_size == strlen(label) && memcmp(param->data, label, param->data_size) == 0;
}

static void note(const unsigned char *secret, size_t len, const OSSL_PARAM params[])
{
    const OSSL_PARAM *label = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_LABEL);
    if (label == NULL || label->data_type != OSSL_PARAM_OCTET_STRING || label->data == NULL)
        return;
    if (is_label(label, "c ap traffic")) {
        tls_handover_note_secret(current, TLS_SIDE_CLIENT, secret, len);
    } else if (is_label(label, "s ap traffic")) {
        tls_handover_note_secret(current, TLS_SIDE_SERVER, secret, len);
    }
}

/* In place of libcrypto's. */
int EVP_KDF_derive(EVP_KDF_CTX *ctx, unsigned char *key, size_t keylen, const OSSL_PARAM params[])
{
    derive_fn derive = real_derive();
    int result = derive == NULL ? 0 : derive(ctx, key, keylen, params);
    if (current != NULL && result == 1 && params != NULL)
        note(key, keylen, params);
    return result;
}
