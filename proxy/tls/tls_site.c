/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "tls/tls_context.h"
#include "tls/tls_error.h"
#include "tls/tls_private.h"

/* Forward secrecy and AEAD only; AES-128 first, which is the cheapest where the CPU has AES, unless
 * the client puts ChaCha20 first. */
#define CIPHERS                                                  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

static void add_error(struct error_list *errors, struct mark mark, const char *what)
{
    struct text reason = {0};
    (void)tls_error_take(&reason);
    errors_add(errors, mark, "%s: %s", what, reason.ptr);
    text_clear(&reason);
}

static void set_ciphers(struct tls_site *site, struct error_list *errors)
{
    const struct config_tls *tls = &site->config->tls;
    const char *ciphers = tls->ciphers.text != NULL ? tls->ciphers.text : CIPHERS;
    const char *suites = tls->ciphersuites.text != NULL ? tls->ciphersuites.text : CIPHERSUITES;
    ERR_clear_error();
    if (SSL_CTX_set_cipher_list(site->ctx, ciphers) != 1)
        add_error(errors, tls->ciphers.mark, "tls.ciphers");
    if (SSL_CTX_set_ciphersuites(site->ctx, suites) != 1)
        add_error(errors, tls->ciphersuites.mark, "tls.ciphersuites");
}

static void set_issuers(struct tls_site *site, const struct tls_site_options *options,
                        struct error_list *errors)
{
    if (!options->ask_certificate || options->issuer_count == 0)
        return;
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    for (size_t i = 0; i < options->issuer_count && names != NULL; i++) {
        const unsigned char *der = options->issuers[i].der;
        X509_NAME *name = d2i_X509_NAME(NULL, &der, (long)options->issuers[i].len);
        if (name == NULL || sk_X509_NAME_push(names, name) == 0) {
            X509_NAME_free(name);
            add_error(errors, site->config->trust.mark, "the list of trusted issuers");
            break;
        }
    }
    SSL_CTX_set0_CA_list(site->ctx, names);
}

/* Sessions of another policy, or made without asking for a certificate, are strangers to OpenSSL
 * itself: its own check comes after that of tls_session.c. */
static void set_session_context(struct tls_site *site)
{
    unsigned char bytes[TLS_DIGEST_SIZE + 1];
    memcpy(bytes, site->policy, TLS_DIGEST_SIZE);
    bytes[TLS_DIGEST_SIZE] = site->is_late ? 2 : site->ask_certificate ? 1 : 0;
    unsigned len = 0;
    if (EVP_Digest(bytes, sizeof bytes, site->session_context, &len, EVP_sha256(), NULL) != 1)
        abort();
}

static void load_certificates(struct tls_site *site, struct error_list *errors)
{
    const struct config_site *config = site->config;
    if (config->server_certificate_count == 0) {
        errors_add(errors, config->mark, "site %s has an https binding but no server_certificate",
                   config->name);
    }
    for (size_t i = 0; i < config->server_certificate_count; i++) {
        tls_keypair_load(site->ctx, &config->server_certificates[i], errors);
    }
}

struct tls_site *tls_site_new(const struct tls_site_options *options, const struct config *config,
                              struct error_list *errors)
{
    size_t errors_before = errors->errors;
    struct tls_site *site = xcalloc(1, sizeof *site);
    site->config = options->site;
    site->ask_certificate = options->ask_certificate;
    site->is_late = options->ask_certificate && options->site->negotiate_late;
    memcpy(site->policy, options->policy, TLS_DIGEST_SIZE);
    memcpy(site->revocation, options->revocation, TLS_DIGEST_SIZE);
    set_session_context(site);
    site->ctx = tls_context_new_common(config);
    set_ciphers(site, errors);
    set_issuers(site, options, errors);
    load_certificates(site, errors);
    if (errors->errors != errors_before) {
        tls_site_free(site);
        return NULL;
    }
    return site;
}

void tls_site_free(struct tls_site *site)
{
    if (site == NULL)
        return;
    SSL_CTX_free(site->ctx);
    free(site);
}

void tls_site_set_revocation(struct tls_site *site, const unsigned char *revocation)
{
    memcpy(site->revocation, revocation, TLS_DIGEST_SIZE);
}

const struct config_site *tls_site_config(const struct tls_site *site)
{
    return site->config;
}

X509 *tls_site_certificate(const struct tls_site *site)
{
    return SSL_CTX_set_current_cert(site->ctx, SSL_CERT_SET_FIRST) == 1
               ? SSL_CTX_get0_certificate(site->ctx)
               : NULL;
}

bool tls_site_apply(struct tls_site *site, SSL *ssl)
{
    /* The switch brings certificates, ciphers, issuer names and the callbacks that OpenSSL looks up
     * late. Versions, verification and the session context were copied when the SSL was made. */
    if (SSL_set_SSL_CTX(ssl, site->ctx) != site->ctx)
        return false;
    const struct config_tls *tls = &site->config->tls;
    bool asks_now = site->ask_certificate && !site->is_late;
    SSL_set_verify(ssl, asks_now ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (site->is_late) {
        /* A session says what its handshake asked for, and this one may yet ask: no session
         * outlives its connection, and the second handshake of a connection is a full one. */
        SSL_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    }
    return SSL_set_min_proto_version(ssl, tls->min_version) == 1 &&
           SSL_set_max_proto_version(ssl, tls->max_version) == 1 &&
           SSL_set_session_id_context(ssl, site->session_context, TLS_DIGEST_SIZE) == 1;
}
