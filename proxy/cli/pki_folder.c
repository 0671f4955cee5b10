/* SPDX-License-Identifier: MIT */
#include "cli/pki_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/clock.h"

int pki_folder_open(struct pki_folder *folder, const char *path)
{
    int result = init_tree_reopen(&folder->tree, path);
    if (result == 0 && faccessat(folder->tree.fd, "pki", F_OK, 0) != 0)
        result = -errno;
    folder->writer.tree = &folder->tree;
    folder->now = clock_wall_s();
    return result;
}

void pki_folder_close(struct pki_folder *folder)
{
    init_tree_clear(&folder->tree);
}

static BIO *open_file(const struct pki_folder *folder, const char *name)
{
    int fd = openat(folder->tree.fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL && fd >= 0)
        (void)close(fd);
    return file == NULL ? NULL : BIO_new_fp(file, BIO_CLOSE);
}

X509 *pki_folder_certificate(const struct pki_folder *folder, const char *name)
{
    BIO *bio = open_file(folder, name);
    X509 *x509 = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return x509;
}

X509_CRL *pki_folder_crl(const struct pki_folder *folder, const char *name)
{
    BIO *bio = open_file(folder, name);
    X509_CRL *crl = bio == NULL ? NULL : PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return crl;
}

bool pki_folder_authority(const struct pki_folder *folder, const char *certificate, const char *key,
                          struct init_identity *ret_identity)
{
    BIO *bio = open_file(folder, key);
    *ret_identity = (struct init_identity){
        .x509 = pki_folder_certificate(folder, certificate),
        .key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL),
    };
    BIO_free(bio);
    bool is_pair = ret_identity->x509 != NULL && ret_identity->key != NULL &&
                   X509_check_private_key(ret_identity->x509, ret_identity->key) == 1;
    ERR_clear_error();
    return is_pair;
}

bool pki_name_is_valid(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
    size_t len = strlen(name);
    return len > 0 && len <= 64 && name[0] != '.' && name[0] != '-' &&
           name[strspn(name, allowed)] == '\0';
}

static bool is_listed(const struct pki_folder *folder, const char *name, X509 *x509)
{
    X509_CRL *crl = pki_folder_crl(folder, name);
    X509_REVOKED *entry = NULL;
    bool is_listed = crl != NULL &&
                     X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(x509)) == 0 &&
                     X509_CRL_get0_by_cert(crl, &entry, x509) == 1;
    X509_CRL_free(crl);
    return is_listed;
}

enum pki_state pki_folder_state(const struct pki_folder *folder, X509 *x509)
{
    time_t now = (time_t)folder->now;
    if (is_listed(folder, INIT_ISSUING_CRL, x509) || is_listed(folder, INIT_ROOT_CRL, x509))
        return PKI_REVOKED;
    if (X509_cmp_time(X509_get0_notAfter(x509), &now) < 0)
        return PKI_EXPIRED;
    return X509_cmp_time(X509_get0_notBefore(x509), &now) > 0 ? PKI_NOT_YET_VALID : PKI_GOOD;
}

const char *pki_state_name(enum pki_state state)
{
    static const char *const names[] = {"good", "expired", "not yet valid", "revoked"};
    return names[state];
}
