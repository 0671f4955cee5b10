/* make_certs.c - the certificates of the benchmark, in the current folder.
 *
 * For ec (P-256) and rsa (2048 bits): NAME-root.pem, NAME-intermediate.pem, NAME-server.pem (with
 * the intermediate) and NAME-server.key, NAME-clients.bin with many client certificates and
 * NAME-clients.txt with the SHA-256 of each. EC clients have a key each; making RSA keys is slow,
 * so they share a few. Also ec-empty.crl and ec-large.crl of the intermediate, ec-root.crl.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <sys/stat.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "base/str.h"

#define DAY           86400
#define RSA_KEYS      8
#define LARGE_ENTRIES 1000000

struct authority {
    X509 *cert;
    EVP_PKEY *key;
};

static NORETURN void fail(const char *what)
{
    (void)fprintf(stderr, "make_certs: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static EVP_PKEY *new_key(bool is_rsa)
{
    EVP_PKEY *key = is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    if (key == NULL)
        fail("cannot make a key");
    return key;
}

static void add_extension(X509 *cert, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    if (extension == NULL || !X509_add_ext(cert, extension, -1))
        fail(value);
    X509_EXTENSION_free(extension);
}

static X509_NAME *make_name(const char *common_name)
{
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const unsigned char *)"DE", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Bench", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1,
                               0);
    return name;
}

/* purpose: NULL for a CA, else the extended key usage. */
static X509 *make_cert(const char *common_name, uint64_t serial, EVP_PKEY *key,
                       const struct authority *issuer, const char *purpose)
{
    X509 *cert = X509_new();
    X509_NAME *name = make_name(common_name);
    X509V3_CTX context;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), UINT64_C(0x4000000000000000) + serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -2L * DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert), 365L * DAY);
    X509_set_subject_name(cert, name);
    X509_set_issuer_name(cert, issuer == NULL ? name : X509_get_subject_name(issuer->cert));
    X509_set_pubkey(cert, key);
    X509V3_set_ctx(&context, issuer == NULL ? cert : issuer->cert, cert, NULL, NULL, 0);
    add_extension(cert, &context, NID_basic_constraints,
                  purpose == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(cert, &context, NID_key_usage,
                  purpose == NULL ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    add_extension(cert, &context, NID_subject_key_identifier, "hash");
    if (issuer != NULL)
        add_extension(cert, &context, NID_authority_key_identifier, "keyid");
    if (purpose != NULL)
        add_extension(cert, &context, NID_ext_key_usage, purpose);
    if (!X509_sign(cert, issuer == NULL ? key : issuer->key, EVP_sha256()))
        fail("cannot sign");
    X509_NAME_free(name);
    return cert;
}

static FILE *create(const char *kind, const char *name)
{
    char *path = xasprintf("%s-%s", kind, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail(path);
    free(path);
    return file;
}

static void write_pem(const char *kind, const char *name, X509 *first, X509 *second)
{
    FILE *file = create(kind, name);
    PEM_write_X509(file, first);
    if (second != NULL)
        PEM_write_X509(file, second);
    (void)fclose(file);
}

static void put_length(FILE *file, int length)
{
    unsigned value = (unsigned)length;
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};
    (void)fwrite(bytes, sizeof bytes, 1, file);
}

static void write_client(FILE *file, FILE *digests, X509 *cert, EVP_PKEY *key)
{
    unsigned char *cert_der = NULL, *key_der = NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    int cert_len = i2d_X509(cert, &cert_der);
    int key_len = i2d_PrivateKey(key, &key_der);
    if (cert_len <= 0 || key_len <= 0 || !X509_digest(cert, EVP_sha256(), digest, &digest_len))
        fail("cannot write a client certificate");
    put_length(file, cert_len);
    put_length(file, key_len);
    (void)fwrite(cert_der, (size_t)cert_len, 1, file);
    (void)fwrite(key_der, (size_t)key_len, 1, file);
    for (unsigned i = 0; i < digest_len; i++)
        (void)fprintf(digests, "%02x", digest[i]);
    (void)fputc('\n', digests);
    OPENSSL_free(cert_der);
    OPENSSL_free(key_der);
}

static void write_clients(const char *kind, bool is_rsa, const struct authority *issuer,
                          uint64_t count)
{
    FILE *file = create(kind, "clients.bin");
    FILE *digests = create(kind, "clients.txt");
    EVP_PKEY *keys[RSA_KEYS] = {NULL};
    for (uint64_t i = 0; i < count; i++) {
        EVP_PKEY **key = &keys[i % RSA_KEYS];
        if (!is_rsa || *key == NULL) {
            EVP_PKEY_free(*key);
            *key = new_key(is_rsa);
        }
        char *name = xasprintf("client %06ju", (uintmax_t)i);
        X509 *cert = make_cert(name, 1000 + i, *key, issuer, "clientAuth");
        write_client(file, digests, cert, *key);
        X509_free(cert);
        free(name);
    }
    for (unsigned i = 0; i < RSA_KEYS; i++)
        EVP_PKEY_free(keys[i]);
    (void)fclose(file);
    (void)fclose(digests);
}

/* The serial numbers are none of the clients'. */
static void write_crl(const char *name, const struct authority *issuer, unsigned entries)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = X509_gmtime_adj(NULL, -1L * DAY);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
    X509_CRL_set1_lastUpdate(crl, time);
    for (unsigned i = 0; i < entries; i++) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        ASN1_INTEGER_set_uint64(serial, UINT64_C(0x5000000000000000) + i * UINT64_C(7919));
        X509_REVOKED_set_serialNumber(revoked, serial);
        X509_REVOKED_set_revocationDate(revoked, time);
        X509_CRL_add0_revoked(crl, revoked);
        ASN1_INTEGER_free(serial);
    }
    X509_gmtime_adj(time, 30L * DAY);
    X509_CRL_set1_nextUpdate(crl, time);
    X509V3_CTX context;
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_INTEGER_set(number, 1);
    X509V3_set_ctx(&context, issuer->cert, NULL, NULL, crl, 0);
    X509_EXTENSION *key_id =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    if (key_id == NULL || !X509_CRL_add_ext(crl, key_id, -1) ||
        !X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) ||
        !X509_CRL_sign(crl, issuer->key, EVP_sha256()))
        fail("cannot make a CRL");
    FILE *file = fopen(name, "wb");
    if (file == NULL || !i2d_X509_CRL_fp(file, crl) || fclose(file) != 0)
        fail(name);
    X509_EXTENSION_free(key_id);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(time);
    X509_CRL_free(crl);
}

static void make_pki(const char *kind, bool is_rsa, uint64_t clients)
{
    struct authority root = {.key = new_key(is_rsa)};
    struct authority intermediate = {.key = new_key(is_rsa)};
    EVP_PKEY *server_key = new_key(is_rsa);
    root.cert = make_cert("Bench root", 1, root.key, NULL, NULL);
    intermediate.cert = make_cert("Bench issuing", 2, intermediate.key, &root, NULL);
    X509 *server = make_cert("bench.test", 3, server_key, &intermediate, "serverAuth");
    write_pem(kind, "root.pem", root.cert, NULL);
    write_pem(kind, "intermediate.pem", intermediate.cert, NULL);
    write_pem(kind, "server.pem", server, intermediate.cert);
    FILE *file = create(kind, "server.key");
    PEM_write_PrivateKey(file, server_key, NULL, NULL, 0, NULL, NULL);
    (void)fclose(file);
    write_clients(kind, is_rsa, &intermediate, clients);
    if (!is_rsa) {
        write_crl("ec-root.crl", &root, 0);
        write_crl("ec-empty.crl", &intermediate, 0);
        write_crl("ec-large.crl", &intermediate, LARGE_ENTRIES);
    }
    X509_free(server);
    X509_free(root.cert);
    X509_free(intermediate.cert);
    EVP_PKEY_free(server_key);
    EVP_PKEY_free(root.key);
    EVP_PKEY_free(intermediate.key);
}

int main(int argc, char **argv)
{
    uint64_t ec = 0, rsa = 0;
    if (argc != 3 || !str_parse_u64(str_of(argv[1]), 1000000, &ec) ||
        !str_parse_u64(str_of(argv[2]), 1000000, &rsa)) {
        (void)fputs("usage: make_certs EC-CLIENTS RSA-CLIENTS\n", stderr);
        return 2;
    }
    (void)umask(0077);
    make_pki("ec", false, ec);
    make_pki("rsa", true, rsa);
    return 0;
}
