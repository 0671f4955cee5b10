/* The mutable state of this file is the result, which is the process's as the symbols are.
 *
 * SPDX-License-Identifier: MIT */
#include "tls/tls_hooks.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/str.h"
#include "tls/tls_derive.h"
#include "tls/tls_intern.h"
#include "tls/tls_private.h"

enum { STEPS_MAX = 16, CERT_LIFE_S = 3600 };

static struct tls_hooks result;
static bool is_tried;

struct trial {
    EVP_PKEY *key;
    X509 *cert;
    unsigned char *der;
    int der_len;
    SSL_CTX *context; /* of both sides */
    SSL *server, *client;
    struct tls_notes notes;
    bool is_right[TLS_SIDES]; /* the noted secret is the one that the key log tells */
};

/* ---- the certificate ---------------------------------------------------------------------- */

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = cert == NULL ? NULL : X509_get_subject_name(cert);
    bool is_made = name != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
                   ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
                   X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                              (const unsigned char *)"self-test", -1, -1, 0) == 1 &&
                   X509_set_issuer_name(cert, name) == 1 &&
                   X509_gmtime_adj(X509_getm_notBefore(cert), -CERT_LIFE_S) != NULL &&
                   X509_gmtime_adj(X509_getm_notAfter(cert), CERT_LIFE_S) != NULL &&
                   X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0;
    if (!is_made) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static X509 *find_der(void *arg, const unsigned char *der, size_t len)
{
    struct trial *trial = arg;
    bool is_known = len == (size_t)trial->der_len && memcmp(der, trial->der, len) == 0;
    return is_known ? trial->cert : NULL;
}

static X509 *find_sha256(void *arg, const unsigned char sha256[32])
{
    (void)arg;
    (void)sha256;
    return NULL;
}

static const unsigned char *find_encoding(void *arg, const X509 *x509, size_t *ret_len)
{
    (void)arg;
    (void)x509;
    (void)ret_len;
    return NULL;
}

/* ---- the handshake ------------------------------------------------------------------------ */

static int accept_any(X509_STORE_CTX *store, void *arg)
{
    (void)store;
    (void)arg;
    return 1;
}

/* "LABEL random secret", the last two in hexadecimal. */
static void on_key_log(const SSL *ssl, const char *line)
{
    static const char *const labels[TLS_SIDES] = {
        [TLS_SIDE_CLIENT] = "CLIENT_TRAFFIC_SECRET_0 ",
        [TLS_SIDE_SERVER] = "SERVER_TRAFFIC_SECRET_0 ",
    };
    struct trial *trial = SSL_get_app_data(ssl);
    const char *secret = strrchr(line, ' ');
    if (trial == NULL || secret == NULL)
        return;
    for (int side = 0; side < TLS_SIDES; side++) {
        size_t len = trial->notes.secret_len[side];
        bool is_same = strncmp(line, labels[side], strlen(labels[side])) == 0 && len > 0 &&
                       strlen(secret + 1) == 2 * len;
        for (size_t i = 0; i < len && is_same; i++)
            is_same =
                ascii_hex_value(secret[1 + 2 * i]) * 16 + ascii_hex_value(secret[2 + 2 * i]) ==
                trial->notes.secrets[side][i];
        trial->is_right[side] = trial->is_right[side] || is_same;
    }
}

static bool make_sides(struct trial *trial)
{
    BIO *server_bio = NULL;
    BIO *client_bio = NULL;
    trial->context = SSL_CTX_new(TLS_method());
    if (trial->context == NULL ||
        SSL_CTX_set_min_proto_version(trial->context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_use_certificate(trial->context, trial->cert) != 1 ||
        SSL_CTX_use_PrivateKey(trial->context, trial->key) != 1 ||
        BIO_new_bio_pair(&server_bio, 0, &client_bio, 0) != 1)
        return false;
    SSL_CTX_set_verify(trial->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(trial->context, accept_any, NULL);
    SSL_CTX_set_keylog_callback(trial->context, on_key_log);
    trial->server = SSL_new(trial->context);
    trial->client = SSL_new(trial->context);
    if (trial->server == NULL || trial->client == NULL) {
        BIO_free(server_bio);
        BIO_free(client_bio);
        return false;
    }
    SSL_set_bio(trial->server, server_bio, server_bio);
    SSL_set_bio(trial->client, client_bio, client_bio);
    SSL_set_accept_state(trial->server);
    SSL_set_connect_state(trial->client);
    (void)SSL_set_app_data(trial->server, trial); /* the client's secrets are not looked at */
    return true;
}

static void shake_hands(struct trial *trial)
{
    struct tls_connection connection = {.notes = &trial->notes};
    for (int i = 0; i < STEPS_MAX && SSL_is_init_finished(trial->server) == 0; i++) {
        (void)SSL_do_handshake(trial->client);
        tls_derive_begin(&connection);
        tls_intern_begin();
        (void)SSL_do_handshake(trial->server);
        tls_intern_end();
        tls_derive_end();
    }
}

struct tls_hooks tls_hooks_test(void)
{
    if (is_tried)
        return result;
    is_tried = true;
    struct trial trial = {.key = EVP_EC_gen("P-256")};
    struct tls_intern_table table = {find_der, find_sha256, find_encoding, &trial};
    trial.cert = trial.key == NULL ? NULL : make_certificate(trial.key);
    trial.der_len = trial.cert == NULL ? 0 : i2d_X509(trial.cert, &trial.der);
    if (trial.der_len > 0 && make_sides(&trial)) {
        tls_intern_use(&table, true);
        shake_hands(&trial);
        tls_intern_use(NULL, false);
        result.intern = SSL_get0_peer_certificate(trial.server) == trial.cert;
        result.derive = trial.is_right[TLS_SIDE_CLIENT] && trial.is_right[TLS_SIDE_SERVER];
    }
    SSL_free(trial.server);
    SSL_free(trial.client);
    SSL_CTX_free(trial.context);
    OPENSSL_free(trial.der);
    X509_free(trial.cert);
    EVP_PKEY_free(trial.key);
    OPENSSL_cleanse(&trial.notes, sizeof trial.notes);
    ERR_clear_error();
    return result;
}
