/* SPDX-License-Identifier: MIT */
#include "cli/init_write.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#define PUBLIC_MODE 0644
#define SECRET_MODE 0600

/* The memory of the BIO may hold a key. */
static int add_bio(struct init_writer *writer, const char *name, BIO *bio, mode_t mode)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    int result = init_tree_add_file(writer->tree, name, str_make(bytes, (size_t)len), mode);
    OPENSSL_cleanse(bytes, (size_t)len);
    return result;
}

int init_write_certificates(struct init_writer *writer, const char *name, X509 *first, X509 *second)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    writer->name = name;
    if (bio != NULL && PEM_write_bio_X509(bio, first) == 1 &&
        (second == NULL || PEM_write_bio_X509(bio, second) == 1))
        result = add_bio(writer, name, bio, PUBLIC_MODE);
    BIO_free(bio);
    return result;
}

int init_write_key(struct init_writer *writer, const char *name, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    writer->name = name;
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        result = add_bio(writer, name, bio, SECRET_MODE);
    BIO_free(bio);
    return result;
}

int init_write_crl(struct init_writer *writer, const char *name, X509_CRL *crl)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    char *bytes = NULL;
    writer->name = name;
    if (crl != NULL && bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1) {
        long len = BIO_get_mem_data(bio, &bytes);
        result = init_tree_put_file(writer->tree, name, str_make(bytes, (size_t)len), PUBLIC_MODE);
    }
    BIO_free(bio);
    return result;
}

int init_write_pkcs12(struct init_writer *writer, const char *name,
                      const struct init_identity *identity, X509 *issuer, const char *friendly_name)
{
    writer->name = name;
    PKCS12 *pkcs12 = init_pkcs12_make(identity, issuer, friendly_name, INIT_PKCS12_PASSWORD);
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    if (pkcs12 != NULL && bio != NULL && i2d_PKCS12_bio(bio, pkcs12) == 1)
        result = add_bio(writer, name, bio, SECRET_MODE);
    BIO_free(bio);
    PKCS12_free(pkcs12);
    return result;
}
