/* SPDX-License-Identifier: MIT */
#include "cli/init_make.h"

#include "base/text.h"
#include "cli/init_pki.h"
#include "cli/init_write.h"

#define HOUR  ((int64_t)3600)
#define DAY   (24 * HOUR)
#define YEAR  (365 * DAY)
#define YEARS (10 * YEAR)

#define PUBLIC_MODE 0644

struct maker {
    struct init_writer writer;
    const struct init_options *options;
    int64_t now;
    int64_t leaf_life;
    int64_t authority_life; /* so much longer that a client can be not yet valid for long */
    struct init_identity root, issuing, external_root, external_issuing;
    X509 *revoked;
};

bool init_days_parse(const char *text, int64_t *ret_days)
{
    int64_t days = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || days > INIT_DAYS_MAX)
            return false;
        days = days * 10 + (*c - '0');
    }
    if (days < 1 || days > INIT_DAYS_MAX)
        return false;
    *ret_days = days;
    return true;
}

static int make_authority(struct maker *maker, const char *name, const char *key_name,
                          const char *common_name, const struct init_identity *issuer,
                          struct init_identity *ret_identity)
{
    struct init_request request = {
        .common_name = common_name,
        .is_authority = true,
        .key_type = maker->options->key_type,
        .has_path_limit = issuer != NULL,
        .not_before = maker->now - HOUR,
        .not_after = maker->now - HOUR + maker->authority_life,
    };
    maker->writer.name = name;
    if (!init_identity_make(&request, issuer, ret_identity))
        return INIT_CRYPTO_FAILED;
    int result = init_write_certificates(&maker->writer, name, ret_identity->x509, NULL);
    return result == 0 ? init_write_key(&maker->writer, key_name, ret_identity->key) : result;
}

static int make_authorities(struct maker *maker)
{
    int result =
        make_authority(maker, INIT_ROOT, INIT_ROOT_KEY, "mtls-proxy Root CA", NULL, &maker->root);
    if (result == 0)
        result = make_authority(maker, INIT_ISSUING, INIT_ISSUING_KEY, "mtls-proxy Issuing CA",
                                &maker->root, &maker->issuing);
    if (result == 0)
        result = make_authority(maker, INIT_EXTERNAL_ROOT, INIT_EXTERNAL_ROOT_KEY,
                                "External Root CA", NULL, &maker->external_root);
    if (result == 0)
        result = make_authority(maker, INIT_EXTERNAL, INIT_EXTERNAL_KEY, "External Issuing CA",
                                &maker->external_root, &maker->external_issuing);
    return result;
}

/* This machine, and the names that were asked for. */
static GENERAL_NAMES *server_names(const struct init_options *options)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool is_made = names != NULL;
    for (size_t i = 0; i < options->host_count && is_made; i++)
        is_made = init_names_add_host(names, options->hosts[i]);
    if (is_made && init_names_add(names, "dns:localhost") &&
        init_names_add(names, "ip:127.0.0.1") && init_names_add(names, "ip:::1"))
        return names;
    GENERAL_NAMES_free(names);
    return NULL;
}

static int make_server(struct maker *maker)
{
    const struct init_options *options = maker->options;
    GENERAL_NAMES *names = server_names(options);
    struct init_request request = {
        .common_name = options->host_count == 0 ? "localhost" : options->hosts[0],
        .key_type = options->key_type,
        .usage = "serverAuth",
        .names = names,
        .not_before = maker->now - HOUR,
        .not_after = maker->now - HOUR + maker->leaf_life,
    };
    struct init_identity server = {0};
    maker->writer.name = "pki/server.pem";
    int result = INIT_CRYPTO_FAILED;
    if (names != NULL && init_identity_make(&request, &maker->issuing, &server))
        result = init_write_certificates(&maker->writer, "pki/server.pem", server.x509,
                                         maker->issuing.x509);
    if (result == 0)
        result = init_write_key(&maker->writer, "pki/server.key", server.key);
    init_identity_clear(&server);
    GENERAL_NAMES_free(names);
    return result;
}

enum signer { SIGNER_ISSUING, SIGNER_EXTERNAL, SIGNER_ITSELF };

/* A certificate that is not valid yet must stay so for nearly as long as the authorities live, or
 * the folder would tell another story one day. */
enum period { PERIOD_NOW, PERIOD_PAST, PERIOD_FUTURE };

static const struct client {
    const char *pem, *key, *pkcs12;
    const char *common_name;
    const char *name; /* alternative name; NULL: none */
    const char *usage;
    enum signer signer;
    enum period period;
} clients[] = {
#define FILES(name) \
    "pki/clients/" name ".pem", "pki/clients/" name ".key", "pki/clients/" name ".p12"
    {FILES("good"), "Alice", "email:alice@contoso.example", "clientAuth", SIGNER_ISSUING,
     PERIOD_NOW},
    {FILES("expired"), "Expired", NULL, "clientAuth", SIGNER_ISSUING, PERIOD_PAST},
    {FILES("not-yet-valid"), "Not Yet Valid", NULL, "clientAuth", SIGNER_ISSUING, PERIOD_FUTURE},
    {FILES("revoked"), "Revoked", NULL, "clientAuth", SIGNER_ISSUING, PERIOD_NOW},
    {FILES("wrong-usage"), "Wrong Usage", NULL, "serverAuth", SIGNER_ISSUING, PERIOD_NOW},
    {FILES("untrusted"), "Untrusted", NULL, "clientAuth", SIGNER_EXTERNAL, PERIOD_NOW},
    {FILES("self-signed"), "Self Signed", NULL, "clientAuth", SIGNER_ITSELF, PERIOD_NOW},
#undef FILES
};

static const struct init_identity *signer_of(const struct maker *maker, enum signer signer)
{
    if (signer == SIGNER_ITSELF)
        return NULL;
    return signer == SIGNER_ISSUING ? &maker->issuing : &maker->external_issuing;
}

static int64_t begin_of(const struct maker *maker, enum period period)
{
    switch (period) {
    case PERIOD_PAST:
        return maker->now - maker->leaf_life - DAY;
    case PERIOD_FUTURE:
        return maker->now + maker->authority_life - maker->leaf_life - DAY;
    case PERIOD_NOW:
        break;
    }
    return maker->now - HOUR;
}

static int make_client(struct maker *maker, const struct client *client)
{
    int64_t begin = begin_of(maker, client->period);
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    struct init_request request = {
        .common_name = client->common_name,
        .key_type = maker->options->key_type,
        .usage = client->usage,
        .names = names,
        .not_before = begin,
        .not_after = begin + maker->leaf_life,
    };
    const struct init_identity *signer = signer_of(maker, client->signer);
    X509 *issuer = signer == NULL ? NULL : signer->x509;
    struct init_identity identity = {0};
    maker->writer.name = client->pem;
    int result = INIT_CRYPTO_FAILED;
    if (names != NULL && (client->name == NULL || init_names_add(names, client->name)) &&
        init_identity_make(&request, signer, &identity))
        result = init_write_certificates(&maker->writer, client->pem, identity.x509, issuer);
    if (result == 0)
        result = init_write_key(&maker->writer, client->key, identity.key);
    if (result == 0)
        result = init_write_pkcs12(&maker->writer, client->pkcs12, &identity, issuer,
                                   client->common_name);
    if (result == 0 && str_equal(str_of(client->common_name), STR("Revoked")) &&
        X509_up_ref(identity.x509) == 1)
        maker->revoked = identity.x509;
    init_identity_clear(&identity);
    GENERAL_NAMES_free(names);
    return result;
}

static int make_crl(struct maker *maker, const char *name, const struct init_identity *issuer,
                    X509 *revoked)
{
    X509_CRL *crl = init_crl_make(issuer, NULL, revoked, maker->now - HOUR,
                                  maker->now - HOUR + maker->authority_life);
    int result = init_write_crl(&maker->writer, name, crl);
    X509_CRL_free(crl);
    return result;
}

static int make_folders(struct maker *maker)
{
    static const char *const names[] = {"pki",      "pki/roots",   "pki/cas",
                                        "pki/crls", "pki/clients", "pki/external"};
    static const char private[] = "pki/private";
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof names / sizeof names[0]; i++) {
        maker->writer.name = names[i];
        result = init_tree_add_folder(maker->writer.tree, names[i]);
    }
    if (result != 0)
        return result;
    maker->writer.name = private;
    return init_tree_add_private_folder(maker->writer.tree, private);
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
        result = make_crl(maker, INIT_ROOT_CRL, &maker->root, NULL);
    if (result == 0)
        result = make_crl(maker, INIT_ISSUING_CRL, &maker->issuing, maker->revoked);
    if (result != 0)
        return result;
    maker->writer.name = "proxy.yaml";
    struct text text = {0};
    init_configuration_write(maker->options->listen, &text);
    result = init_tree_add_file(maker->writer.tree, "proxy.yaml", text_str(&text), PUBLIC_MODE);
    text_clear(&text);
    return result;
}

int init_make_with(struct init_tree *tree, const struct init_options *options, int64_t now_s,
                   const char **ret_name)
{
    struct maker maker = {.writer = {.tree = tree}, .options = options, .now = now_s};
    maker.leaf_life = options->days == 0 ? YEAR : options->days * DAY;
    maker.authority_life = YEARS > 2 * maker.leaf_life + YEAR ? YEARS : 2 * maker.leaf_life + YEAR;
    int result = make_all(&maker);
    init_identity_clear(&maker.root);
    init_identity_clear(&maker.issuing);
    init_identity_clear(&maker.external_root);
    init_identity_clear(&maker.external_issuing);
    X509_free(maker.revoked);
    if (result != 0)
        *ret_name = maker.writer.name;
    return result;
}

int init_make(struct init_tree *tree, int64_t now_s, const char **ret_name)
{
    const struct init_options options = {0};
    return init_make_with(tree, &options, now_s, ret_name);
}
