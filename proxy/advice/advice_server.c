/* The server's own certificates: what makes clients go away before they say a word.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "advice/advice_private.h"
#include "auth/cert_map_source.h"
#include "auth/trust_probe.h"
#include "base/cert_bundle.h"
#include "base/mem.h"
#include "base/password.h"
#include "base/str.h"

#define CHAIN_MAX      16
#define FILE_BYTES_MAX ((size_t)1 << 20)

struct chain { /* of one file: the certificate, then its issuers as given */
    const struct config_value *path;
    struct cert *certs[CHAIN_MAX];
    size_t count;
};

static void add_cert(struct chain *chain, X509 *x509)
{
    struct cert *cert = chain->count < CHAIN_MAX ? cert_from_x509(x509) : NULL;
    if (cert != NULL)
        chain->certs[chain->count++] = cert;
}

static void add_pem(struct chain *chain, const char *bytes, size_t len)
{
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    X509 *x509;
    while (bio != NULL && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        add_cert(chain, x509);
        X509_free(x509);
    }
    BIO_free(bio);
}

/* As tls_keypair_load() has read it without an error. */
static void load(const struct config_server_certificate *files, struct chain *ret_chain)
{
    const char *problem = NULL;
    char *bytes = xmalloc(FILE_BYTES_MAX);
    size_t len = 0;
    *ret_chain = (struct chain){.path = &files->chain};
    if (cert_map_read_file(files->chain.text, bytes, FILE_BYTES_MAX, &len) == 0) {
        struct cert_bundle bundle = {0};
        const char *file = files->password_file.text;
        char *password = file == NULL ? NULL : password_read(file, &problem);
        enum cert_bundle_status status = cert_bundle_read(bytes, len, password, NULL, &bundle);
        for (size_t i = 0; i < bundle.chain_len; i++)
            add_cert(ret_chain, bundle.certs[i]);
        cert_bundle_clear(&bundle);
        password_free(password);
        if (status == CERT_BUNDLE_NONE)
            add_pem(ret_chain, bytes, len);
    }
    OPENSSL_cleanse(bytes, len); /* it may hold a key */
    free(bytes);
    ERR_clear_error();
}

static void unload(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        cert_unref(chain->certs[i]);
}

/* Calls back for every server certificate of a site with https. */
static void for_each(const struct advice *advice,
                     void (*check)(const struct advice *advice, const struct chain *chain))
{
    const struct config_site *site = advice->site->config;
    for (size_t i = 0; advice->site->tls != NULL && i < site->server_certificate_count; i++) {
        struct chain chain;
        load(&site->server_certificates[i], &chain);
        if (chain.count > 0)
            check(advice, &chain);
        unload(&chain);
    }
}

/* ---- time; that of the first one is told where it is loaded ---- */

static void check_time(const struct advice *advice, const struct chain *chain)
{
    const char *path = chain->path->text;
    for (size_t i = 0; i < chain->count; i++) {
        const struct cert *cert = chain->certs[i];
        bool is_expired = cert->not_after < advice->now;
        if ((i == 0 && is_expired) || cert->not_after >= advice->now + ADVICE_SOON_SECONDS)
            continue;
        struct text text = {0};
        advice_add_subject(&text, cert);
        text_add_cstr(&text, is_expired ? " has expired on " : " expires on ");
        advice_add_time(&text, cert->not_after);
        errors_warn(advice->errors, chain->path->mark,
                    "%s %s in \"%s\": clients that check it close the connection%s; renew it",
                    i == 0 ? "the server certificate" : "the issuer", text.ptr, path,
                    is_expired ? "" : " from then on");
        text_clear(&text);
    }
}

void advice_server_time(const struct advice *advice)
{
    for_each(advice, check_time);
}

/* ---- the chain ---- */

static bool issued(const struct cert *issuer, const struct cert *subject)
{
    return X509_check_issued(issuer->x509, subject->x509) == X509_V_OK;
}

/* A root has no issuer above it that a client could lack. */
static bool is_root(const struct cert *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert->x509), X509_get_issuer_name(cert->x509)) == 0;
}

enum above { ABOVE_ROOT, ABOVE_INTERMEDIATE, ABOVE_UNKNOWN };

/* What the site's own stores know of the issuer. */
static enum above look_up(const struct advice *advice, const struct cert *cert)
{
    enum above above = ABOVE_UNKNOWN;
    size_t count = advice->site->trust == NULL ? 0 : trust_issuer_count(advice->site->trust);
    for (size_t i = 0; i < count; i++) {
        struct trust_issuer issuer;
        trust_issuer_get(advice->site->trust, i, &issuer);
        if (!issued(issuer.cert, cert))
            continue;
        if (issuer.is_self_signed)
            return ABOVE_ROOT;
        above = ABOVE_INTERMEDIATE;
    }
    return above;
}

/* The issuers that clients trust anyway, as far as this system knows them. */
static bool is_below_system_root(const struct cert *cert)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *found = NULL;
    if (store != NULL && context != NULL && X509_STORE_set_default_paths(store) == 1 &&
        X509_STORE_CTX_init(context, store, cert->x509, NULL) == 1)
        (void)X509_STORE_CTX_get1_issuer(&found, context, cert->x509);
    bool is_found = found != NULL;
    X509_free(found);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return is_found;
}

static bool names_issuer(const struct cert *cert)
{
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(cert->x509, NID_info_access, NULL, NULL);
    bool is_named = false;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++)
        is_named |=
            OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access, i)->method) == NID_ad_ca_issuers;
    AUTHORITY_INFO_ACCESS_free(access);
    ERR_clear_error();
    return is_named;
}

static bool lacks_issuer(const struct advice *advice, const struct cert *top)
{
    if (is_root(top))
        return false;
    switch (look_up(advice, top)) {
    case ABOVE_ROOT:
        return false;
    case ABOVE_INTERMEDIATE:
        return true;
    case ABOVE_UNKNOWN:
        break;
    }
    /* Who says where to get the issuer has one that is no root; so has every public authority. */
    return names_issuer(top) && !is_below_system_root(top);
}

static void check_chain(const struct advice *advice, const struct chain *chain)
{
    const struct cert *top = chain->certs[0];
    size_t used = 1;
    while (used < chain->count && issued(chain->certs[used], top))
        top = chain->certs[used++];
    struct text text = {0};
    text_add_char(&text, '"');
    cert_issuer(top, &text);
    text_add_char(&text, '"');
    if (used < chain->count && !is_root(top))
        errors_warn(advice->errors, chain->path->mark,
                    "certificate %zu in \"%s\" has not issued the one before it: clients that do "
                    "not know %s cannot verify the server; write the certificate first, then its "
                    "issuers, each behind what it issued",
                    used + 1, chain->path->text, text.ptr);
    else if (lacks_issuer(advice, top))
        errors_warn(advice->errors, chain->path->mark,
                    "\"%s\" ends below %s, which is no root: clients that do not know it cannot "
                    "verify the server; append that certificate to the file",
                    chain->path->text, text.ptr);
    text_clear(&text);
}

void advice_server_chain(const struct advice *advice)
{
    for_each(advice, check_chain);
}

/* ---- usage ---- */

static void check_usage(const struct advice *advice, const struct chain *chain)
{
    X509 *x509 = chain->certs[0]->x509;
    uint32_t eku = X509_get_extended_key_usage(x509);
    uint32_t usage = X509_get_key_usage(x509);
    bool is_wrong = eku != UINT32_MAX && (eku & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0;
    /* RFC 8446 section 4.4.2.2, and the ECDHE suites of TLS 1.2 */
    bool may_sign = usage == UINT32_MAX || (usage & KU_DIGITAL_SIGNATURE) != 0;
    if (is_wrong)
        errors_warn(advice->errors, chain->path->mark,
                    "the extendedKeyUsage of the certificate in \"%s\" lacks serverAuth: clients "
                    "close the connection; get one that is meant for servers",
                    chain->path->text);
    if (!may_sign)
        errors_warn(advice->errors, chain->path->mark,
                    "the keyUsage of the certificate in \"%s\" lacks digitalSignature: clients "
                    "close the connection; get one that has it",
                    chain->path->text);
}

void advice_server_usage(const struct advice *advice)
{
    for_each(advice, check_usage);
}

/* ---- names ---- */

static bool has_name(const struct chain *chain, const char *host)
{
    /* A label stands for the star: what matches it matches all of them. */
    struct text name = {0};
    text_addf(&name, "%s%s", host[0] == '*' ? "a" : "", host[0] == '*' ? host + 1 : host);
    bool has = X509_check_host(chain->certs[0]->x509, name.ptr, name.len,
                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    text_clear(&name);
    return has;
}

/* Such a certificate is for trying things out on one machine, under any name. */
static bool is_for_localhost(const struct chain *chain)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(chain->certs[0]->x509, NID_subject_alt_name, NULL, NULL);
    bool is_local = sk_GENERAL_NAME_num(names) > 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *text = name->type == GEN_DNS ? name->d.dNSName : NULL;
        struct str host = text == NULL ? STR("localhost")
                                       : str_make((const char *)ASN1_STRING_get0_data(text),
                                                  (size_t)ASN1_STRING_length(text));
        is_local &= str_ends_with_icase(host, STR("localhost"));
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return is_local && has_name(chain, "localhost");
}

static bool has_alternative_names(const struct chain *chain)
{
    return X509_get_ext_by_NID(chain->certs[0]->x509, NID_subject_alt_name, -1) >= 0;
}

static void check_alternative_names(const struct advice *advice, const struct chain *chain)
{
    if (!has_alternative_names(chain))
        errors_warn(advice->errors, chain->path->mark,
                    "the certificate in \"%s\" has no subjectAltName: clients look for the "
                    "server's name nowhere else (RFC 9525); get one that has it",
                    chain->path->text);
}

static bool is_covered(const struct advice *advice, const char *host)
{
    const struct config_site *site = advice->site->config;
    bool is_covered = false;
    for (size_t i = 0; i < site->server_certificate_count && !is_covered; i++) {
        struct chain chain;
        load(&site->server_certificates[i], &chain);
        is_covered = chain.count > 0 && (has_name(&chain, host) || is_for_localhost(&chain) ||
                                         !has_alternative_names(&chain));
        unload(&chain);
    }
    return is_covered;
}

#define HOSTS_MAX 256 /* of a site that are looked for in its certificates */

void advice_server_names(const struct advice *advice)
{
    const struct config_list *hosts = &advice->site->config->hosts;
    struct advice_count count = {0};
    for_each(advice, check_alternative_names);
    if (advice->site->tls == NULL)
        return;
    for (size_t i = 0; i < hosts->count && i < HOSTS_MAX; i++) {
        if (!is_covered(advice, hosts->items[i].text))
            advice_add(advice, &count, hosts->items[i].mark,
                       "no server certificate of the site is for \"%s\": clients that ask for this "
                       "host close the connection; get one that names it, or remove the host",
                       hosts->items[i].text);
    }
    advice_end(advice, &count, "hosts that no server certificate of the site is for");
}
