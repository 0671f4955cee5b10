/* SPDX-License-Identifier: MIT */
#include "tls/tls_client.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/cert_bundle.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/password.h"
#include "base/text.h"
#include "net/addr.h"
#include "tls/tls_error.h"
#include "tls/tls_private.h"

struct tls_client {
    BIO_METHOD *bio_method; /* of the sockets under the connections */
    SSL_CTX *ctx;
};

/* ---- authorities -------------------------------------------------------------------------- */

struct authorities { /* being read into a store */
    X509_STORE *store;
    const char *password; /* of PKCS#12 files; NULL: none */
    struct mark mark;
    struct error_list *errors;
};

/* PEM, or one certificate in DER; returns how many there were, -1: something that is not one. */
static int read_plain(BIO *bio, X509_STORE *store)
{
    int count = 0;
    X509 *cert;
    ERR_clear_error();
    while ((cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        (void)X509_STORE_add_cert(store, cert);
        X509_free(cert);
        count++;
    }
    unsigned long code = ERR_peek_last_error();
    bool is_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!is_end || count > 0)
        return is_end ? count : -1;
    (void)BIO_reset(bio);
    cert = d2i_X509_bio(bio, NULL);
    ERR_clear_error();
    if (cert == NULL)
        return 0;
    (void)X509_STORE_add_cert(store, cert);
    X509_free(cert);
    return 1;
}

/* As read_plain, for PKCS#7 and PKCS#12 as well; *ret_problem is set to what is known of it. */
static int read_certificates(const struct authorities *into, const char *bytes, size_t len,
                             const char **ret_problem)
{
    struct cert_bundle bundle = {0};
    switch (cert_bundle_read(bytes, len, into->password, NULL, &bundle)) {
    case CERT_BUNDLE_NONE:
        break;
    case CERT_BUNDLE_READ:
        for (size_t i = 0; i < bundle.count; i++)
            (void)X509_STORE_add_cert(into->store, bundle.certs[i]);
        int count = (int)bundle.count;
        cert_bundle_clear(&bundle);
        ERR_clear_error();
        return count;
    case CERT_BUNDLE_FAILED:
        *ret_problem = bundle.problem;
        return -1;
    }
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    int count = read_plain(bio, into->store);
    BIO_free(bio);
    if (count <= 0)
        *ret_problem = cert_bundle_describe(bytes, len);
    return count;
}

static void add_file(const struct authorities *into, const char *path)
{
    struct stat info;
    char *bytes = NULL;
    size_t len = 0;
    /* A named pipe must not hold up the start. */
    bool is_file = stat(path, &info) == 0 && S_ISREG(info.st_mode);
    FILE *file = is_file ? fopen(path, "rbe") : NULL;
    if (file != NULL && info.st_size <= (off_t)CERT_BUNDLE_BYTES_MAX) {
        bytes = xmalloc((size_t)info.st_size + 1);
        len = fread(bytes, 1, (size_t)info.st_size, file);
    }
    if (bytes == NULL) {
        errors_add(into->errors, into->mark, "cannot read %s: %s", path,
                   file != NULL ? "larger than 16 MiB"
                   : errno != 0 ? strerrordesc_np(errno)
                                : "not a regular file");
    } else {
        const char *problem = NULL;
        int count = read_certificates(into, bytes, len, &problem);
        if (count <= 0)
            errors_add(into->errors, into->mark, "%s: %s%s%s", path,
                       count == 0 ? "no certificate in it" : "a certificate that cannot be read",
                       problem == NULL ? "" : ": ", problem == NULL ? "" : problem);
    }
    free(bytes);
    if (file != NULL)
        (void)fclose(file);
}

static bool has_ending(const char *name, const char *const *endings)
{
    for (; *endings != NULL; endings++) {
        if (str_ends_with_icase(str_of(name), str_of(*endings)))
            return true;
    }
    return false;
}

/* PKCS#12 files only where there is a password for them. */
static bool is_certificate_file(const struct authorities *into, const char *name)
{
    static const char *const PLAIN[] = {".pem", ".crt", ".cer", ".der", ".p7b", ".p7c", NULL};
    static const char *const LOCKED[] = {".p12", ".pfx", NULL};
    return has_ending(name, PLAIN) || (into->password != NULL && has_ending(name, LOCKED));
}

#define NAMED_MAX 5 /* of the files that are passed over */

static void warn_of_others(const struct authorities *into, const char *path, size_t count,
                           const struct text *names)
{
    if (count == 0 || into->mark.file[0] == '\0') /* nobody chose the system's folder */
        return;
    errors_warn(into->errors, into->mark,
                count > NAMED_MAX
                    ? "passed over in the folder \"%s\", for they are no certificates: %s and more"
                    : "passed over in the folder \"%s\", for they are no certificates: %s",
                path, names->ptr);
}

static void add_folder(const struct authorities *into, const char *path)
{
    struct dirent **entries = NULL;
    struct text others = {0};
    size_t other_count = 0;
    int used = 0;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        errors_add(into->errors, into->mark, "cannot read the folder %s: %s", path,
                   strerrordesc_np(errno));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *file = xasprintf("%s/%s", path, name);
        struct stat info;
        bool is_folder = stat(file, &info) == 0 && S_ISDIR(info.st_mode);
        if (name[0] != '.' && is_certificate_file(into, name)) {
            add_file(into, file);
            used++;
        } else if (name[0] != '.' && !is_folder && !cert_bundle_is_hash_link(name) &&
                   other_count++ < NAMED_MAX) {
            text_addf(&others, "%s%s", others.len == 0 ? "" : ", ", name);
        }
        free(file);
        free(entries[i]);
    }
    if (count >= 0 && used == 0)
        errors_add(into->errors, into->mark, "the folder %s holds no certificate", path);
    warn_of_others(into, path, other_count, &others);
    text_clear(&others);
    free(entries);
}

static void add_path(const struct authorities *into, const char *path)
{
    struct stat info;
    errno = 0;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        add_folder(into, path);
    else
        add_file(into, path);
}

static void add_ca(X509_STORE *store, const struct config_upstream_tls *config,
                   struct error_list *errors)
{
    const struct config_value *file = &config->password_file;
    const char *problem = NULL;
    char *password = file->text == NULL ? NULL : password_read(file->text, &problem);
    if (problem != NULL)
        errors_add(errors, file->mark, "cannot read the password file %s: %s", file->text, problem);
    const struct authorities into = {store, password, config->ca.mark, errors};
    add_path(&into, config->ca.text);
    password_free(password);
}

/* Where OpenSSL would look, but all of it and now: its own way opens files of the folder during
 * handshakes, which a worker must not. */
static void add_system_store(X509_STORE *store, struct error_list *errors)
{
    const struct authorities into = {.store = store, .mark = {.file = ""}, .errors = errors};
    const char *given = getenv(X509_get_default_cert_file_env());
    const char *file = given != NULL ? given : X509_get_default_cert_file();
    const char *folder = X509_get_default_cert_dir();
    /* Distributions keep one file of all of them beside the single ones. */
    char *bundle = xasprintf("%s/ca-certificates.crt", folder);
    if (given != NULL || access(file, R_OK) == 0)
        add_path(&into, file);
    else if (access(bundle, R_OK) == 0)
        add_path(&into, bundle);
    else
        add_path(&into, folder);
    free(bundle);
}

/* ---- contexts ----------------------------------------------------------------------------- */

static int on_verify(int is_good, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (!is_good)
        tls_connection_of(ssl)->reason =
            X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    return is_good;
}

static void on_info(const SSL *ssl, int where, int value)
{
    if (where == SSL_CB_READ_ALERT && (value & 0xff) == SSL_AD_CLOSE_NOTIFY)
        tls_connection_of(ssl)->has_goodbye = true;
}

/* A copy: OpenSSL spoils the original when its connection ends without close_notify. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client_session *slot = tls_connection_of(ssl)->client_session;
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    if (copy != NULL) {
        SSL_SESSION_free(slot->session);
        slot->session = copy;
    }
    return 0;
}

static SSL_CTX *new_context(bool verify)
{
    static const unsigned char ALPN[] = "\x08http/1.1";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    SSL_CTX_set_info_callback(ctx, on_info);
    SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, verify ? on_verify : NULL);
    /* What is listed is trusted, be it a root or not. */
    (void)X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    bool is_set = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
                  SSL_CTX_set_alpn_protos(ctx, ALPN, sizeof ALPN - 1) == 0;
    assert(is_set);
    (void)is_set;
    return ctx;
}

struct tls_client *tls_client_new(const struct config_upstream_tls *config,
                                  struct error_list *errors)
{
    size_t errors_before = errors->errors;
    struct tls_client *client = xcalloc(1, sizeof *client);
    client->ctx = new_context(config->verify);
    if (client->ctx == NULL) {
        struct text reason = {0};
        (void)tls_error_take(&reason);
        errors_add(errors, config->ca.mark, "TLS: %s", reason.ptr);
        text_clear(&reason);
        free(client);
        return NULL;
    }
    client->bio_method = tls_bio_method_new();
    X509_STORE *store = SSL_CTX_get_cert_store(client->ctx);
    if (config->ca.text != NULL)
        add_ca(store, config, errors);
    else if (config->verify)
        add_system_store(store, errors);
    if (config->certificate.text != NULL) {
        struct config_server_certificate pair = {.chain = config->certificate,
                                                 .key = config->key,
                                                 .password_file = config->password_file};
        tls_keypair_load(client->ctx, &pair, errors);
    }
    if (errors->errors == errors_before)
        return client;
    tls_client_free(client);
    return NULL;
}

void tls_client_free(struct tls_client *client)
{
    if (client == NULL)
        return;
    SSL_CTX_free(client->ctx);
    BIO_meth_free(client->bio_method);
    free(client);
}

/* ---- connections -------------------------------------------------------------------------- */

void tls_client_session_clear(struct tls_client_session *session)
{
    SSL_SESSION_free(session->session);
    session->session = NULL;
}

/* A resumption verifies nothing again: it must not outlive the certificate that was verified. */
static bool may_resume(SSL_SESSION *session)
{
    X509 *peer = SSL_SESSION_get0_peer(session);
    time_t now = (time_t)clock_wall_s();
    return SSL_SESSION_is_resumable(session) == 1 && peer != NULL &&
           X509_cmp_time(X509_get0_notAfter(peer), &now) > 0;
}

/* Again a copy, for the same reason. */
static void offer(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    if (copy != NULL)
        (void)SSL_set_session(ssl, copy);
    SSL_SESSION_free(copy);
}

static bool is_address(const char *name)
{
    struct addr addr;
    return addr_from_numeric(name, 0, &addr);
}

/* RFC 6066 section 3: SNI holds no addresses. */
static bool set_name(SSL *ssl, const char *name)
{
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set_tlsext_host_name(ssl, (void *)(uintptr_t)name) == 1 &&
           SSL_set1_host(ssl, name) == 1;
}

void tls_client_init(struct transport *transport, struct event_base *base, int fd,
                     const struct tls_client *client, const char *name,
                     struct tls_client_session *session, transport_cb callback, void *arg)
{
    struct tls_connection *connection = xcalloc(1, sizeof *connection);
    connection->client_session = session;
    SSL *ssl = tls_transport_begin(transport, base, fd, connection, client->ctx, client->bio_method,
                                   callback, arg);
    if (ssl == NULL)
        return;
    SSL_set_connect_state(ssl);
    if (!set_name(ssl, name)) {
        /* Never without the check: the first handshake call fails. */
        connection->is_broken = true;
        text_add_cstr(&connection->error, "the name of the server cannot be checked");
        transport->error = connection->error.ptr;
        return;
    }
    if (session->session != NULL && may_resume(session->session))
        offer(ssl, session->session);
}

void tls_client_offer(struct transport *transport, enum tls_client_offer what)
{
    static const unsigned char PROTOCOLS[] = "\x02h2\x08http/1.1";
    unsigned len = what == TLS_CLIENT_OFFERS_HTTP2 ? 3 : sizeof PROTOCOLS - 1;
    /* Without it the server chooses HTTP/1.1, which is noticed. */
    if (transport->tls != NULL)
        (void)SSL_set_alpn_protos(transport->tls, PROTOCOLS, len);
}
