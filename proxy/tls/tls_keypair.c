/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/cert_bundle.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/password.h"
#include "tls/tls_error.h"
#include "tls/tls_private.h"

#define FILE_MAX ((size_t)1 << 20)

struct file {
    char *bytes; /* owned; cleansed, for it may hold a key */
    size_t len;
    mode_t mode;
};

static void file_clear(struct file *file)
{
    if (file->bytes != NULL)
        OPENSSL_cleanse(file->bytes, FILE_MAX);
    free(file->bytes);
    *file = (struct file){0};
}

/* Returns 0 or a negative errno; EINVAL: a pipe, a device. */
static int read_all(int fd, struct file *file)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    file->mode = status.st_mode;
    file->bytes = xmalloc(FILE_MAX);
    while (file->len < FILE_MAX) {
        ssize_t len = read(fd, file->bytes + file->len, FILE_MAX - file->len);
        if (len == 0)
            return 0;
        if (len < 0 && errno != EINTR)
            return -errno;
        file->len += len > 0 ? (size_t)len : 0;
    }
    return -EFBIG;
}

static bool file_load(const struct config_value *path, struct file *file, struct error_list *errors)
{
    /* O_NONBLOCK: a named pipe must not hold up the start. */
    int fd = open(path->text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int status = fd < 0 ? -errno : read_all(fd, file);
    if (fd >= 0)
        (void)close(fd);
    if (status != 0) {
        errors_add(errors, path->mark, "cannot read %s: %s", path->text,
                   status == -EINVAL ? "Not a regular file" : strerrordesc_np(-status));
        file_clear(file);
    }
    return status == 0;
}

/* The chain of a PKCS#7 or PKCS#12 file, which have no order, without what does not belong to it.
 */
static STACK_OF(X509) * bundle_chain(const struct cert_bundle *bundle,
                                     const struct config_value *path, struct error_list *errors)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    for (size_t i = 0; i < bundle->chain_len; i++) {
        if (X509_up_ref(bundle->certs[i]) == 1)
            (void)sk_X509_push(chain, bundle->certs[i]);
    }
    if (sk_X509_num(chain) > 0)
        return chain;
    errors_add(errors, path->mark, "certificate %s: no certificate in it", path->text);
    sk_X509_free(chain);
    return NULL;
}

/* All certificates of the file in its order; NULL when an error was added. */
static STACK_OF(X509) * parse_pem_chain(const struct file *file, const struct config_value *path,
                                        struct error_list *errors)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->len);
    ERR_clear_error();
    X509 *cert;
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        (void)sk_X509_push(chain, cert);
    }
    BIO_free(bio);
    unsigned long code = ERR_peek_last_error();
    bool is_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (is_end && sk_X509_num(chain) > 0) {
        ERR_clear_error();
        return chain;
    }
    struct text reason = {0};
    if (is_end) {
        const char *what = cert_bundle_describe(file->bytes, file->len);
        ERR_clear_error();
        text_addf(&reason, "no PEM certificate in it%s%s", what == NULL ? "" : ": it is ",
                  what == NULL ? "" : what);
    } else {
        (void)tls_error_take(&reason);
    }
    errors_add(errors, path->mark, "certificate %s: %s", path->text, reason.ptr);
    text_clear(&reason);
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

static STACK_OF(X509) * parse_chain(const struct file *file, const struct config_value *path,
                                    const char *password, EVP_PKEY *key, struct error_list *errors)
{
    struct cert_bundle bundle = {0};
    STACK_OF(X509) *chain = NULL;
    switch (cert_bundle_read(file->bytes, file->len, password, key, &bundle)) {
    case CERT_BUNDLE_NONE:
        return parse_pem_chain(file, path, errors);
    case CERT_BUNDLE_READ:
        chain = bundle_chain(&bundle, path, errors);
        break;
    case CERT_BUNDLE_FAILED:
        errors_add(errors, path->mark, "certificate %s: %s", path->text, bundle.problem);
        break;
    }
    cert_bundle_clear(&bundle);
    return chain;
}

struct asked { /* for the password of a key in PEM */
    const char *password;
    bool is_encrypted;
};

static int give_password(char *buf, int size, int is_writing, void *arg)
{
    struct asked *asked = arg;
    (void)is_writing;
    asked->is_encrypted = true;
    size_t len = asked->password == NULL ? 0 : strlen(asked->password);
    if (asked->password == NULL || len > (size_t)size)
        return -1;
    memcpy(buf, asked->password, len);
    return (int)len;
}

static EVP_PKEY *parse_pem_key(const struct file *file, const struct config_value *path,
                               const char *password, struct error_list *errors)
{
    struct asked asked = {.password = password};
    BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->len);
    ERR_clear_error();
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &asked);
    BIO_free(bio);
    if (key == NULL && asked.is_encrypted) {
        errors_add(errors, path->mark,
                   password != NULL
                       ? "private key %s is encrypted, and the password does not open it"
                       : "private key %s is encrypted; give its password_file, or store it "
                         "without a password and protect the file",
                   path->text);
    } else if (key == NULL) {
        errors_add(errors, path->mark, "private key %s: no PEM private key that can be read",
                   path->text);
    }
    ERR_clear_error();
    return key;
}

static EVP_PKEY *parse_key(const struct file *file, const struct config_value *path,
                           const char *password, struct error_list *errors)
{
    struct cert_bundle bundle = {0};
    EVP_PKEY *key = NULL;
    switch (cert_bundle_read(file->bytes, file->len, password, NULL, &bundle)) {
    case CERT_BUNDLE_NONE:
        return parse_pem_key(file, path, password, errors);
    case CERT_BUNDLE_READ:
        key = bundle.key;
        bundle.key = NULL;
        if (key == NULL)
            errors_add(errors, path->mark, "private key %s: there is none in it", path->text);
        break;
    case CERT_BUNDLE_FAILED:
        errors_add(errors, path->mark, "private key %s: %s", path->text, bundle.problem);
        break;
    }
    cert_bundle_clear(&bundle);
    return key;
}

static void warn_about_time(const X509 *leaf, const struct config_value *path,
                            struct error_list *errors)
{
    time_t now = (time_t)clock_wall_s();
    if (X509_cmp_time(X509_get0_notAfter(leaf), &now) < 0) {
        errors_warn(errors, path->mark, "the server certificate in %s has expired", path->text);
    } else if (X509_cmp_time(X509_get0_notBefore(leaf), &now) > 0) {
        errors_warn(errors, path->mark, "the server certificate in %s is not valid yet",
                    path->text);
    }
}

static const struct config_value *key_of(const struct config_server_certificate *files)
{
    return files->key.text == NULL ? &files->chain : &files->key;
}

/* Takes the leaf off the chain. */
static void install(SSL_CTX *ctx, const struct config_server_certificate *files,
                    STACK_OF(X509) * chain, EVP_PKEY *key, struct error_list *errors)
{
    X509 *leaf = sk_X509_shift(chain);
    ERR_clear_error();
    bool is_match = X509_check_private_key(leaf, key) == 1;
    if (!is_match) {
        ERR_clear_error();
        errors_add(errors, key_of(files)->mark,
                   "the private key in %s does not belong to the first certificate in %s",
                   key_of(files)->text, files->chain.text);
    } else if (SSL_CTX_use_cert_and_key(ctx, leaf, key, chain, 0) != 1) {
        bool is_second = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NOT_REPLACING_CERTIFICATE;
        struct text reason = {0};
        (void)tls_error_take(&reason);
        errors_add(errors, files->chain.mark, "certificate %s: %s", files->chain.text,
                   is_second ? "the site already has one with this kind of key" : reason.ptr);
        text_clear(&reason);
    } else {
        warn_about_time(leaf, &files->chain, errors);
    }
    X509_free(leaf);
}

/* NULL: there is none, or an error was added. */
static char *load_password(const struct config_value *file, struct error_list *errors)
{
    const char *problem = NULL;
    char *password = file->text == NULL ? NULL : password_read(file->text, &problem);
    if (problem != NULL)
        errors_add(errors, file->mark, "cannot read the password file %s: %s", file->text, problem);
    return password;
}

static EVP_PKEY *load_key(const struct config_value *path, const char *password,
                          struct error_list *errors)
{
    struct file file = {0};
    if (faccessat(AT_FDCWD, path->text, R_OK, AT_EACCESS) != 0 &&
        (errno == EACCES || errno == EPERM)) {
        errors_add(errors, path->mark,
                   "the private key %s cannot be read by this user (uid %u): %s; start or check as "
                   "the user that may read it, root as a rule (`explain` does without it)",
                   path->text, (unsigned)geteuid(), strerrordesc_np(errno));
        return NULL;
    }
    if (!file_load(path, &file, errors))
        return NULL;
    if ((file.mode & (S_IROTH | S_IWOTH)) != 0) {
        errors_warn(errors, path->mark, "private key %s: everybody can %s it", path->text,
                    (file.mode & S_IWOTH) != 0 ? "change" : "read");
    }
    EVP_PKEY *key = parse_key(&file, path, password, errors);
    file_clear(&file);
    return key;
}

void tls_keypair_load(SSL_CTX *ctx, const struct config_server_certificate *files,
                      struct error_list *errors)
{
    size_t errors_before = errors->errors;
    char *password = load_password(&files->password_file, errors);
    struct file file = {0};
    STACK_OF(X509) *chain = NULL;
    EVP_PKEY *key = NULL;
    if (errors->errors == errors_before) {
        key = load_key(key_of(files), password, errors);
        bool is_same_file = key_of(files) == &files->chain;
        if ((key != NULL || !is_same_file) && file_load(&files->chain, &file, errors))
            chain = parse_chain(&file, &files->chain, password, key, errors);
    }
    if (chain != NULL && key != NULL)
        install(ctx, files, chain, key, errors);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    file_clear(&file);
    password_free(password);
}
