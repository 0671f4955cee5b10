/* cert_map_fixture.h - certificates and configurations for the tests of the mapping.
 *
 * Included by one test program each, hence the definitions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_AUTH_CERT_MAP_FIXTURE_H
#define TESTS_UNIT_AUTH_CERT_MAP_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "auth/cert_map.h"
#include "base/mem.h"
#include "base/text.h"
#include "unit/unit.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* ----- certificates ----- */

struct attribute {
    const char *oid;
    int type; /* V_ASN1_... or MBSTRING_... */
    const char *bytes;
    int len; /* -1: strlen */
    int set; /* 0: an RDN of its own, -1: joins the one before */
};

static inline void add_attribute(X509_NAME *name, const struct attribute *attribute)
{
    ASN1_OBJECT *type = OBJ_txt2obj(attribute->oid, 0);
    ck_assert_ptr_nonnull(type);
    ASN1_STRING *value = ASN1_STRING_type_new(attribute->type);
    ck_assert_int_eq(ASN1_STRING_set(value, attribute->bytes, attribute->len), 1);
    X509_NAME_ENTRY *entry = X509_NAME_ENTRY_new();
    ck_assert_int_eq(X509_NAME_ENTRY_set_object(entry, type), 1);
    /* Straight into the entry: X509_NAME_ENTRY_set_data would pick a type of its own. */
    ASN1_STRING *data = X509_NAME_ENTRY_get_data(entry);
    ck_assert_int_eq(ASN1_STRING_copy(data, value), 1);
    ck_assert_int_eq(X509_NAME_add_entry(name, entry, -1, attribute->set), 1);
    X509_NAME_ENTRY_free(entry);
    ASN1_STRING_free(value);
    ASN1_OBJECT_free(type);
}

static EVP_PKEY *key; /* one for all: only names and digests matter here */

static inline struct cert *make_cert(const struct attribute *subject, size_t subject_count,
                                     const struct attribute *issuer, size_t issuer_count)
{
    static long serial = 1;
    X509 *x509 = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    for (size_t i = 0; i < subject_count; i++)
        add_attribute(X509_get_subject_name(x509), &subject[i]);
    for (size_t i = 0; i < issuer_count; i++)
        add_attribute(X509_get_issuer_name(x509), &issuer[i]);
    ck_assert_int_eq(X509_set_pubkey(x509, key), 1);
    ck_assert_int_gt(X509_sign(x509, key, EVP_sha256()), 0);
    struct cert *cert = xcalloc(1, sizeof *cert);
    cert->refs = 1;
    cert->x509 = x509;
    int len = i2d_X509(x509, &cert->der);
    ck_assert_int_gt(len, 0);
    cert->der_len = (size_t)len;
    ck_assert_int_eq(EVP_Digest(cert->der, cert->der_len, cert->sha256, NULL, EVP_sha256(), NULL),
                     1);
    return cert;
}

static inline struct cert *simple_cert(const char *common_name)
{
    struct attribute subject = {"CN", V_ASN1_UTF8STRING, common_name, -1, 0};
    struct attribute issuer[] = {{"O", V_ASN1_UTF8STRING, "Contoso", -1, 0},
                                 {"CN", V_ASN1_PRINTABLESTRING, "Contoso Issuing CA", -1, 0}};
    return make_cert(&subject, 1, issuer, 2);
}

static inline void drop_cert(struct cert *cert)
{
    X509_free(cert->x509);
    OPENSSL_free(cert->der);
    free(cert);
}

static inline char *base64_of(const struct cert *cert)
{
    char *text = xcalloc(cert->der_len * 2, 1);
    EVP_EncodeBlock((unsigned char *)text, cert->der, (int)cert->der_len);
    return text;
}

static inline char *sha256_of(const struct cert *cert)
{
    struct text text = {0};
    text_add_cstr(&text, "sha256:");
    text_add_hex(&text, cert->sha256, sizeof cert->sha256);
    return text_take(&text);
}

/* ----- configurations ----- */

static struct config config;
static struct config_site site;
static struct error_list errors;
static char folder[64];

static char *texts[256]; /* freed after each test */
static size_t text_count;

static inline char *keep(char *text)
{
    ck_assert_uint_lt(text_count, LENGTH(texts));
    texts[text_count++] = text;
    return text;
}

static inline struct config_value value_of(const char *text, unsigned line)
{
    struct mark mark = {"proxy.yaml", line, 1};
    return (struct config_value){text == NULL ? NULL : keep(xstrdup(text)), mark};
}

static inline char *write_file(const char *name, const char *bytes, size_t len)
{
    char *path = keep(xasprintf("%s/%s", folder, name));
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

static inline void setup(void)
{
    config = (struct config){0};
    site = (struct config_site){
        .mapping = {.is_set = true, .one_to_one_enabled = true, .many_to_one_enabled = true}};
    key = EVP_EC_gen("P-256");
    ck_assert_ptr_nonnull(key);
    (void)snprintf(folder, sizeof folder, "/tmp/cert-map-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void teardown(void)
{
    static const char *const names[] = {"a.pem",       "a.der",      "bad.pem",
                                        "clients.map", "one.secret", "two.secret"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        char *path = xasprintf("%s/%s", folder, names[i]);
        (void)unlink(path);
        free(path);
    }
    (void)rmdir(folder);
    for (size_t i = 0; i < text_count; i++)
        free(texts[i]);
    text_count = 0;
    for (size_t i = 0; i < site.mapping.many_to_one_count; i++)
        free(site.mapping.many_to_one[i].rules);
    free(site.mapping.many_to_one);
    free(site.mapping.one_to_one);
    free(site.accounts);
    errors_clear(&errors);
    EVP_PKEY_free(key);
}

static inline struct config_one_to_one *add_one(const char *user, const char *certificate)
{
    struct config_mapping *mapping = &site.mapping;
    mapping->one_to_one = xreallocarray(mapping->one_to_one, mapping->one_to_one_count + 1,
                                        sizeof *mapping->one_to_one);
    struct config_one_to_one *item = &mapping->one_to_one[mapping->one_to_one_count++];
    *item = (struct config_one_to_one){
        .user = value_of(user, 11), .certificate = value_of(certificate, 12), .enabled = true};
    return item;
}

static inline struct config_many_to_one *add_many(const char *name, const char *user)
{
    struct config_mapping *mapping = &site.mapping;
    mapping->many_to_one = xreallocarray(mapping->many_to_one, mapping->many_to_one_count + 1,
                                         sizeof *mapping->many_to_one);
    struct config_many_to_one *item = &mapping->many_to_one[mapping->many_to_one_count++];
    *item = (struct config_many_to_one){.name = value_of(name, 21),
                                        .user = value_of(user, 22),
                                        .deny = user == NULL,
                                        .enabled = true};
    return item;
}

static inline struct config_rule *add_rule(enum config_field field, const char *subfield,
                                           const char *match)
{
    struct config_many_to_one *item = &site.mapping.many_to_one[site.mapping.many_to_one_count - 1];
    item->rules = xreallocarray(item->rules, item->rule_count + 1, sizeof *item->rules);
    struct config_rule *rule = &item->rules[item->rule_count++];
    *rule = (struct config_rule){field, value_of(subfield, 23), value_of(match, 24), true};
    return rule;
}

static inline void add_account(const char *user, const char *password_file,
                               enum config_account_state state)
{
    site.accounts_set = true;
    site.accounts = xreallocarray(site.accounts, site.account_count + 1, sizeof *site.accounts);
    site.accounts[site.account_count++] =
        (struct config_account){value_of(user, 5), value_of(password_file, 6), state};
}

static inline struct cert_map *load(void)
{
    errors_clear(&errors);
    struct cert_map *map = cert_map_new(&site, &config, &errors);
    ck_assert((map == NULL) == (errors.errors > 0));
    return map;
}

static inline struct cert_map *load_well(void)
{
    struct cert_map *map = load();
    for (size_t i = 0; i < errors.count; i++)
        ck_assert_msg(false, "%u: %s", errors.entries[i].line, errors.entries[i].text);
    return map;
}

static inline bool says(const char *part)
{
    for (size_t i = 0; i < errors.count; i++) {
        if (strstr(errors.entries[i].text, part) != NULL)
            return true;
    }
    return false;
}

static inline void assert_result(const struct cert_map *map, const struct cert *cert,
                                 enum outcome outcome, const char *user, const char *mapping)
{
    struct cert_map_result result = cert_map_lookup(map, cert);
    ck_assert_int_eq(result.outcome, outcome);
    ck_assert_pstr_eq(result.user, user);
    ck_assert_pstr_eq(result.mapping, mapping);
}

/* Loads, looks up, frees. */
static inline void assert_mapped(const struct cert *cert, enum outcome outcome, const char *user,
                                 const char *mapping)
{
    struct cert_map *map = load();
    ck_assert_ptr_nonnull(map);
    assert_result(map, cert, outcome, user, mapping);
    cert_map_free(map);
}

#endif
