/* SPDX-License-Identifier: MIT */
#include "cli/init_make.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "cli/init_pki.h"

#define HOUR  ((int64_t)3600)
#define DAY   (24 * HOUR)
#define YEAR  (365 * DAY)
#define YEARS (10 * YEAR)

#define PUBLIC_MODE 0644
#define SECRET_MODE 0600

struct maker {
    struct init_tree *tree;
    int64_t now;
    const char *name; /* what is being made, for messages */
    struct init_identity root, issuing, external_root, external_issuing;
    X509 *revoked;
};

/* The memory of the BIO may hold a key. */
static int add_bio(struct maker *maker, const char *name, BIO *bio, mode_t mode)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    maker->name = name;
    int result = init_tree_add_file(maker->tree, name, str_make(bytes, (size_t)len), mode);
    OPENSSL_cleanse(bytes, (size_t)len);
    return result;
}

static int add_certificates(struct maker *maker, const char *name, X509 *first, X509 *second)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    maker->name = name;
    if (bio != NULL && PEM_write_bio_X509(bio, first) == 1 &&
        (second == NULL || PEM_write_bio_X509(bio, second) == 1))
        result = add_bio(maker, name, bio, PUBLIC_MODE);
    BIO_free(bio);
    return result;
}

static int add_key(struct maker *maker, const char *name, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    maker->name = name;
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        result = add_bio(maker, name, bio, SECRET_MODE);
    BIO_free(bio);
    return result;
}

static int add_crl(struct maker *maker, const char *name, const struct init_identity *issuer,
                   X509 *revoked)
{
    maker->name = name;
    X509_CRL *crl = init_crl_make(issuer, revoked, maker->now - HOUR, maker->now - HOUR + YEARS);
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    if (crl != NULL && bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1)
        result = add_bio(maker, name, bio, PUBLIC_MODE);
    BIO_free(bio);
    X509_CRL_free(crl);
    return result;
}

static int add_pkcs12(struct maker *maker, const char *name, const struct init_identity *identity,
                      X509 *issuer, const char *friendly_name)
{
    maker->name = name;
    PKCS12 *pkcs12 = init_pkcs12_make(identity, issuer, friendly_name, INIT_PKCS12_PASSWORD);
    BIO *bio = BIO_new(BIO_s_mem());
    int result = INIT_CRYPTO_FAILED;
    if (pkcs12 != NULL && bio != NULL && i2d_PKCS12_bio(bio, pkcs12) == 1)
        result = add_bio(maker, name, bio, SECRET_MODE);
    BIO_free(bio);
    PKCS12_free(pkcs12);
    return result;
}

static int make_authority(struct maker *maker, const char *name, const char *common_name,
                          const struct init_identity *issuer, struct init_identity *ret_identity)
{
    struct init_request request = {
        .common_name = common_name,
        .is_authority = true,
        .has_path_limit = issuer != NULL,
        .not_before = maker->now - HOUR,
        .not_after = maker->now - HOUR + YEARS,
    };
    maker->name = name;
    if (!init_identity_make(&request, issuer, ret_identity))
        return INIT_CRYPTO_FAILED;
    return add_certificates(maker, name, ret_identity->x509, NULL);
}

static int make_authorities(struct maker *maker)
{
    int result =
        make_authority(maker, "pki/roots/root.pem", "mtls-proxy Root CA", NULL, &maker->root);
    if (result == 0)
        result = make_authority(maker, "pki/cas/issuing.pem", "mtls-proxy Issuing CA", &maker->root,
                                &maker->issuing);
    if (result == 0)
        result = make_authority(maker, "pki/external/root.pem", "External Root CA", NULL,
                                &maker->external_root);
    if (result == 0)
        result = make_authority(maker, "pki/external/issuing.pem", "External Issuing CA",
                                &maker->external_root, &maker->external_issuing);
    return result;
}

static int make_server(struct maker *maker)
{
    struct init_request request = {
        .common_name = "localhost",
        .usage = "serverAuth",
        .names = "DNS:localhost,IP:127.0.0.1,IP:::1",
        .not_before = maker->now - HOUR,
        .not_after = maker->now - HOUR + YEAR,
    };
    struct init_identity server = {0};
    maker->name = "pki/server.pem";
    int result = INIT_CRYPTO_FAILED;
    if (init_identity_make(&request, &maker->issuing, &server))
        result = add_certificates(maker, "pki/server.pem", server.x509, maker->issuing.x509);
    if (result == 0)
        result = add_key(maker, "pki/server.key", server.key);
    init_identity_clear(&server);
    return result;
}

enum signer { SIGNER_ISSUING, SIGNER_EXTERNAL, SIGNER_ITSELF };

/* `begins` counts from now. A certificate that is not valid yet must stay so for as long as the
 * authorities live, or the folder would tell another story one day. */
static const struct client {
    const char *pem, *key, *pkcs12;
    const char *common_name;
    const char *names;
    const char *usage;
    enum signer signer;
    int64_t begins;
} clients[] = {
#define FILES(name) \
    "pki/clients/" name ".pem", "pki/clients/" name ".key", "pki/clients/" name ".p12"
    {FILES("good"), "Alice", "email:alice@contoso.example", "clientAuth", SIGNER_ISSUING, -HOUR},
    {FILES("expired"), "Expired", NULL, "clientAuth", SIGNER_ISSUING, -YEAR - DAY},
    {FILES("not-yet-valid"), "Not Yet Valid", NULL, "clientAuth", SIGNER_ISSUING,
     YEARS - YEAR - DAY},
    {FILES("revoked"), "Revoked", NULL, "clientAuth", SIGNER_ISSUING, -HOUR},
    {FILES("wrong-usage"), "Wrong Usage", NULL, "serverAuth", SIGNER_ISSUING, -HOUR},
    {FILES("untrusted"), "Untrusted", NULL, "clientAuth", SIGNER_EXTERNAL, -HOUR},
    {FILES("self-signed"), "Self Signed", NULL, "clientAuth", SIGNER_ITSELF, -HOUR},
#undef FILES
};

static const struct init_identity *signer_of(const struct maker *maker, enum signer signer)
{
    if (signer == SIGNER_ITSELF)
        return NULL;
    return signer == SIGNER_ISSUING ? &maker->issuing : &maker->external_issuing;
}

static int make_client(struct maker *maker, const struct client *client)
{
    struct init_request request = {
        .common_name = client->common_name,
        .usage = client->usage,
        .names = client->names,
        .not_before = maker->now + client->begins,
        .not_after = maker->now + client->begins + YEAR,
    };
    const struct init_identity *signer = signer_of(maker, client->signer);
    X509 *issuer = signer == NULL ? NULL : signer->x509;
    struct init_identity identity = {0};
    maker->name = client->pem;
    int result = INIT_CRYPTO_FAILED;
    if (init_identity_make(&request, signer, &identity))
        result = add_certificates(maker, client->pem, identity.x509, issuer);
    if (result == 0)
        result = add_key(maker, client->key, identity.key);
    if (result == 0)
        result = add_pkcs12(maker, client->pkcs12, &identity, issuer, client->common_name);
    if (result == 0 && str_equal(str_of(client->common_name), STR("Revoked")) &&
        X509_up_ref(identity.x509) == 1)
        maker->revoked = identity.x509;
    init_identity_clear(&identity);
    return result;
}

static int make_folders(struct maker *maker)
{
    static const char *const names[] = {"pki",      "pki/roots",   "pki/cas",
                                        "pki/crls", "pki/clients", "pki/external"};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof names / sizeof names[0]; i++) {
        maker->name = names[i];
        result = init_tree_add_folder(maker->tree, names[i]);
    }
    return result;
}

static int make_all(struct maker *maker)
{
    int result = make_folders(maker);
    if (result == 0)
        result = make_authorities(maker);
    if (result == 0)
        result = make_server(maker);
    for (size_t i = 0; result == 0 && i < sizeof clients / sizeof clients[0]; i++)
        result = make_client(maker, &clients[i]);
    if (result == 0)
        result = add_crl(maker, "pki/crls/root.pem", &maker->root, NULL);
    if (result == 0)
        result = add_crl(maker, "pki/crls/issuing.pem", &maker->issuing, maker->revoked);
    if (result != 0)
        return result;
    maker->name = "proxy.yaml";
    return init_tree_add_file(maker->tree, "proxy.yaml", str_of(init_configuration), PUBLIC_MODE);
}

int init_make(struct init_tree *tree, int64_t now_s, const char **ret_name)
{
    struct maker maker = {.tree = tree, .now = now_s};
    int result = make_all(&maker);
    init_identity_clear(&maker.root);
    init_identity_clear(&maker.issuing);
    init_identity_clear(&maker.external_root);
    init_identity_clear(&maker.external_issuing);
    X509_free(maker.revoked);
    if (result != 0)
        *ret_name = maker.name;
    return result;
}
