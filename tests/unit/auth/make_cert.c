/* SPDX-License-Identifier: MIT */
#include "unit/auth/make_cert.h"

#include <dirent.h>
#include <stdarg.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

/* Not of the Check library: benchmarks use these functions too. */
#define REQUIRE(condition)                                                        \
    do {                                                                          \
        if (!(condition)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                              \
        }                                                                         \
    } while (false)

#define KEYS_MAX 4096

EVP_PKEY *make_key(unsigned number)
{
    static EVP_PKEY *keys[KEYS_MAX];
    REQUIRE(number < KEYS_MAX);
    if (keys[number] == NULL)
        keys[number] = EVP_EC_gen("P-256");
    REQUIRE(NULL != keys[number]);
    return keys[number];
}

EVP_PKEY *make_rsa_key(unsigned bits)
{
    static EVP_PKEY *keys[8];
    static size_t count;
    REQUIRE(count < 8);
    keys[count] = EVP_RSA_gen(bits);
    REQUIRE(NULL != keys[count]);
    return keys[count++];
}

static void add_name(X509_NAME *name, const char *text)
{
    bool has_nul = text[0] == '!';
    char *copy = xstrdup(has_nul ? text + 1 : text);
    char *rest = copy;
    char *part;
    while ((part = strsep(&rest, "/")) != NULL) {
        char *value = strchr(part, '=');
        REQUIRE(NULL != value);
        *value++ = '\0';
        int len = (int)strlen(value);
        for (char *c = value; has_nul && *c != '\0'; c++) {
            if (*c == '^')
                *c = '\0';
        }
        REQUIRE(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value,
                                           len, -1, 0) == 1);
    }
    free(copy);
}

static X509_EXTENSION *make_extension(X509V3_CTX *context, const char *text)
{
    char *name = xstrdup(text);
    char *value = strchr(name, '=');
    REQUIRE(NULL != value);
    *value++ = '\0';
    static CONF *empty; /* some extensions ask for one to look up sections in */
    if (empty == NULL)
        empty = NCONF_new(NULL);
    if (context != NULL)
        X509V3_set_nconf(context, empty);
    X509_EXTENSION *extension = X509V3_EXT_nconf(NULL, context, name, value);
    if (extension == NULL)
        (void)fprintf(stderr, "extension \"%s\"\n", text);
    REQUIRE(extension != NULL);
    free(name);
    return extension;
}

static void set_time(ASN1_TIME *time, int64_t value, int64_t otherwise)
{
    REQUIRE(NULL != ASN1_TIME_set(time, (time_t)(value == 0 ? otherwise : value)));
}

/* Keeps it reachable, so that a leak checker has nothing to say about it. */
static struct cert *keep(struct cert *cert)
{
    static struct cert **kept;
    static size_t count;
    kept = xreallocarray(kept, count + 1, sizeof(struct cert *));
    kept[count++] = cert;
    return cert;
}

/* EdDSA signs the text itself. */
static const EVP_MD *digest_for(const EVP_PKEY *key, const EVP_MD *wanted)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
        return NULL;
    return wanted == NULL ? EVP_sha256() : wanted;
}

struct made make_cert(const struct cert_spec *spec)
{
    static long next_serial = 1000;
    struct made made = {.key = spec->own_key != NULL ? spec->own_key : make_key(spec->key)};
    X509 *x509 = X509_new();
    X509_set_version(x509, spec->is_v1 ? X509_VERSION_1 : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), spec->serial == 0 ? next_serial++ : spec->serial);
    add_name(X509_get_subject_name(x509), spec->subject);
    X509 *issuer = spec->issuer == NULL ? x509 : spec->issuer->cert->x509;
    X509_set_issuer_name(x509, X509_get_subject_name(issuer));
    set_time(X509_getm_notBefore(x509), spec->not_before, NOW - DAY);
    set_time(X509_getm_notAfter(x509), spec->not_after, NOW + YEAR);
    X509_set_pubkey(x509, made.key);
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    for (size_t i = 0; i < EXTENSIONS_MAX && spec->extensions[i] != NULL; i++) {
        X509_EXTENSION *extension = make_extension(&context, spec->extensions[i]);
        X509_add_ext(x509, extension, -1);
        X509_EXTENSION_free(extension);
    }
    EVP_PKEY *signer = spec->issuer == NULL ? made.key : spec->issuer->key;
    REQUIRE(X509_sign(x509, signer, digest_for(signer, spec->digest)) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    REQUIRE(len > 0);
    if (spec->is_damaged)
        der[len - 1] ^= 1;
    made.cert = keep(cert_from_der(der, (size_t)len));
    REQUIRE(NULL != made.cert);
    OPENSSL_free(der);
    X509_free(x509);
    return made;
}

struct made make_root(const char *subject, unsigned key)
{
    return make_cert(
        &(struct cert_spec){.subject = subject, .key = key, .extensions = {EXT_CA, EXT_CA_USAGE}});
}

struct made make_ca(const char *subject, const struct made *issuer, unsigned key)
{
    return make_cert(&(struct cert_spec){
        .subject = subject, .issuer = issuer, .key = key, .extensions = {EXT_CA, EXT_CA_USAGE}});
}

struct made make_leaf(const char *subject, const struct made *issuer, unsigned key)
{
    return make_cert(&(struct cert_spec){
        .subject = subject, .issuer = issuer, .key = key, .extensions = {EXT_CLIENT}});
}

static void add_revoked(X509_CRL *crl, const struct crl_spec *spec, size_t i)
{
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(NOW - DAY));
    ASN1_INTEGER_set(serial, spec->serials[i]);
    X509_REVOKED_set_serialNumber(revoked, serial);
    X509_REVOKED_set_revocationDate(revoked, time);
    if (spec->reasons != NULL) {
        ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
        ASN1_ENUMERATED_set(reason, spec->reasons[i]);
        X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason, 0, 0);
        ASN1_ENUMERATED_free(reason);
    }
    if (spec->has_critical_entry && i == 0) {
        X509_EXTENSION *extension = make_extension(NULL, EXT_UNKNOWN);
        X509_REVOKED_add_ext(revoked, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_CRL_add0_revoked(crl, revoked);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(time);
}

static void add_number(X509_CRL *crl, int nid, long value, int critical)
{
    if (value == 0)
        return;
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_INTEGER_set(number, value);
    REQUIRE(X509_CRL_add1_ext_i2d(crl, nid, number, critical, 0) == 1);
    ASN1_INTEGER_free(number);
}

unsigned char *make_crl(const struct crl_spec *spec, size_t *ret_len)
{
    X509_CRL *crl = X509_CRL_new();
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(spec->issuer->cert->x509));
    if (spec->name != NULL) {
        X509_NAME_free(name);
        name = X509_NAME_new();
        add_name(name, spec->name);
    }
    X509_CRL_set_issuer_name(crl, name);
    X509_NAME_free(name);
    ASN1_TIME *time = ASN1_TIME_new();
    set_time(time, spec->this_update, NOW - DAY);
    X509_CRL_set1_lastUpdate(crl, time);
    set_time(time, spec->next_update, NOW + 7 * DAY);
    X509_CRL_set1_nextUpdate(crl, time);
    ASN1_TIME_free(time);
    for (size_t i = 0; i < spec->count; i++)
        add_revoked(crl, spec, i);
    add_number(crl, NID_crl_number, spec->number, 0);
    add_number(crl, NID_delta_crl, spec->base, 1);
    X509V3_CTX context;
    X509V3_set_ctx(&context, spec->issuer->cert->x509, NULL, NULL, crl, 0);
    for (size_t i = 0; i < EXTENSIONS_MAX && spec->extensions[i] != NULL; i++) {
        X509_EXTENSION *extension = make_extension(&context, spec->extensions[i]);
        X509_CRL_add_ext(crl, extension, -1);
        X509_EXTENSION_free(extension);
    }
    REQUIRE(X509_CRL_sign(crl, spec->issuer->key, digest_for(spec->issuer->key, NULL)) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    REQUIRE(len > 0);
    if (spec->is_damaged)
        der[len - 1] ^= 1;
    X509_CRL_free(crl);
    *ret_len = (size_t)len;
    unsigned char *copy = xmemdup(der, (size_t)len);
    OPENSSL_free(der);
    return copy;
}

/* ---- fixtures ---- */

void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.folder = "/tmp/mtls-proxy-test-XXXXXX"};
    REQUIRE(NULL != mkdtemp(fixture->folder));
    fixture->site.name = xstrdup("test");
    fixture->site.trust.check_usage = true;
    fixture->config.performance.check_stores_at_load = true;
    fixture->config.compat.partial_chain = 0x800B0109;
    fixture->config.compat.trust_mode_honoured = true;
    fixture->config.compat.root_mix = ROOT_MIX_STRICT;
}

static void clear_list(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    *list = (struct config_list){0};
}

void fixture_clear(struct fixture *fixture)
{
    struct config_trust *trust = &fixture->site.trust;
    clear_list(&trust->root);
    clear_list(&trust->intermediate);
    clear_list(&trust->trusted_issuers);
    clear_list(&trust->client_auth_issuers);
    clear_list(&trust->disallowed);
    clear_list(&trust->revocation.crls);
    clear_list(&trust->policy.initial);
    free(fixture->site.name);
    trust_free(fixture->trust);
    errors_clear(&fixture->errors);
    DIR *folder = opendir(fixture->folder);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char *path = xasprintf("%s/%s", fixture->folder, entry->d_name);
        (void)remove(path);
        free(path);
    }
    if (folder != NULL)
        closedir(folder);
    (void)rmdir(fixture->folder);
}

void fixture_path(struct config_list *list, const char *path)
{
    list->items = xreallocarray(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct config_value){
        .text = xstrdup(path), .mark = {"test.yaml", (unsigned)list->count, 7}};
    list->is_set = true;
}

const char *fixture_file(struct fixture *fixture, const char *name, const void *bytes, size_t len)
{
    static char path[256];
    int n = snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    REQUIRE(n > 0 && (size_t)n < sizeof path);
    FILE *file = fopen(path, "we");
    REQUIRE(NULL != file);
    REQUIRE(fwrite(bytes, 1, len, file) == len);
    REQUIRE(fclose(file) == 0);
    return path;
}

void fixture_store(struct fixture *fixture, struct config_list *list, ...)
{
    list->is_set = true;
    va_list args;
    va_start(args, list);
    const struct made *made;
    while ((made = va_arg(args, const struct made *)) != NULL) {
        char name[32];
        (void)snprintf(name, sizeof name, "f%u.der", fixture->file_count++);
        fixture_path(list, fixture_file(fixture, name, made->cert->der, made->cert->der_len));
    }
    va_end(args);
}

void fixture_crl(struct fixture *fixture, const struct crl_spec *spec)
{
    size_t len = 0;
    unsigned char *der = make_crl(spec, &len);
    char name[32];
    (void)snprintf(name, sizeof name, "f%u.crl", fixture->file_count++);
    fixture_path(&fixture->site.trust.revocation.crls, fixture_file(fixture, name, der, len));
    fixture->site.trust.revocation.check = true;
    free(der);
}

const struct trust *fixture_load(struct fixture *fixture)
{
    trust_free(fixture->trust);
    fixture->trust = trust_new(&fixture->site, &fixture->config, &fixture->errors);
    if (fixture->trust == NULL) {
        char *text = error_format(&fixture->errors.entries[fixture->errors.count - 1]);
        (void)fprintf(stderr, "%s\n", text);
        abort();
    }
    return fixture->trust;
}

#define PRESENTED_MAX 1024

static void judge_list(struct fixture *fixture, struct verdict *ret_verdict, int64_t now,
                       va_list args)
{
    struct cert *presented[PRESENTED_MAX];
    size_t count = 0;
    const struct made *made;
    while ((made = va_arg(args, const struct made *)) != NULL)
        presented[count++] = made->cert;
    if (fixture->trust == NULL)
        (void)fixture_load(fixture);
    verdict_compute(fixture->trust, presented, count, now, ret_verdict);
}

void judge_at(struct fixture *fixture, struct verdict *ret_verdict, int64_t now, ...)
{
    va_list args;
    va_start(args, now);
    judge_list(fixture, ret_verdict, now, args);
    va_end(args);
}

enum outcome outcome_for(struct fixture *fixture, ...)
{
    struct verdict verdict;
    va_list args;
    va_start(args, fixture);
    judge_list(fixture, &verdict, NOW, args);
    va_end(args);
    enum outcome outcome = verdict.outcome;
    verdict_clear(&verdict);
    return outcome;
}
