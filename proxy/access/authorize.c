/* SPDX-License-Identifier: MIT */
#include "access/authorize.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "access/authorize_name.h"
#include "access/trusted_proxy_network.h"
#include "auth/cert_map.h"
#include "auth/cert_map_names.h"
#include "base/mem.h"

struct rule {
    const struct config_authorize *config; /* borrowed */
    X509_NAME **issuers;                   /* these follow the lists of the configuration */
    ASN1_OBJECT **subfields;
    struct trusted_network *networks;
    ASN1_OBJECT **usages;
    unsigned char (*digests)[32];
};
struct authorize {
    struct rule *rules;
    size_t count;
};

/* ---- loading ------------------------------------------------------------------------------ */

static void load_issuers(struct rule *rule, struct error_list *errors)
{
    const struct config_list *list = &rule->config->issuer;
    rule->issuers = xcalloc(list->count + 1, sizeof(X509_NAME *));
    for (size_t i = 0; i < list->count; i++) {
        const char *problem = NULL;
        rule->issuers[i] = authorize_name_parse(str_of(list->items[i].text), &problem);
        if (rule->issuers[i] == NULL)
            errors_add(errors, list->items[i].mark, "authorize: issuer: %s", problem);
    }
}

static void load_subject(struct rule *rule, struct error_list *errors)
{
    const struct config_authorize *config = rule->config;
    rule->subfields = xcalloc(config->subject_count + 1, sizeof(ASN1_OBJECT *));
    for (size_t i = 0; i < config->subject_count; i++) {
        const struct config_value *subfield = &config->subject[i].subfield;
        rule->subfields[i] = cert_map_subfield(subfield->text);
        if (rule->subfields[i] == NULL)
            errors_add(errors, subfield->mark,
                       "authorize: \"%s\" is neither a known part of a name nor an OID",
                       subfield->text);
    }
}

static void load_networks(struct rule *rule, struct error_list *errors)
{
    const struct config_list *list = &rule->config->san_ip;
    rule->networks = xcalloc(list->count + 1, sizeof *rule->networks);
    for (size_t i = 0; i < list->count; i++) {
        const char *problem = trusted_network_parse(list->items[i].text, &rule->networks[i]);
        if (problem != NULL)
            errors_add(errors, list->items[i].mark, "authorize: san_ip: %s", problem);
    }
}

static void load_usages(struct rule *rule, struct error_list *errors)
{
    const struct config_list *list = &rule->config->eku;
    rule->usages = xcalloc(list->count + 1, sizeof(ASN1_OBJECT *));
    for (size_t i = 0; i < list->count; i++) {
        rule->usages[i] = OBJ_txt2obj(list->items[i].text, 1);
        if (rule->usages[i] == NULL)
            errors_add(errors, list->items[i].mark, "authorize: eku: \"%s\" is not an OID",
                       list->items[i].text);
    }
    ERR_clear_error();
}

static bool parse_digest(const char *text, unsigned char ret_digest[32])
{
    if (strlen(text) != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        int high = ascii_hex_value(text[2 * i]);
        int low = ascii_hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_digest[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static void load_digests(struct rule *rule, struct error_list *errors)
{
    const struct config_list *list = &rule->config->sha256;
    rule->digests = xcalloc(list->count + 1, sizeof *rule->digests);
    for (size_t i = 0; i < list->count; i++) {
        if (!parse_digest(list->items[i].text, rule->digests[i]))
            errors_add(errors, list->items[i].mark,
                       "authorize: sha256: expected 64 hexadecimal digits without separators");
    }
}

struct authorize *authorize_new(const struct config_access *access, struct error_list *errors)
{
    size_t before = errors->errors;
    if (access->authorize_count == 0)
        return NULL;
    struct authorize *authorize = xcalloc(1, sizeof *authorize);
    authorize->count = access->authorize_count;
    authorize->rules = xcalloc(authorize->count, sizeof *authorize->rules);
    for (size_t i = 0; i < authorize->count; i++) {
        struct rule *rule = &authorize->rules[i];
        rule->config = &access->authorize[i];
        load_issuers(rule, errors);
        load_subject(rule, errors);
        load_networks(rule, errors);
        load_usages(rule, errors);
        load_digests(rule, errors);
    }
    if (errors->errors == before)
        return authorize;
    authorize_free(authorize);
    return NULL;
}

void authorize_free(struct authorize *authorize)
{
    if (authorize == NULL)
        return;
    for (size_t i = 0; i < authorize->count; i++) {
        struct rule *rule = &authorize->rules[i];
        for (size_t j = 0; j < rule->config->issuer.count; j++)
            X509_NAME_free(rule->issuers[j]);
        for (size_t j = 0; j < rule->config->subject_count; j++)
            ASN1_OBJECT_free(rule->subfields[j]);
        for (size_t j = 0; j < rule->config->eku.count; j++)
            ASN1_OBJECT_free(rule->usages[j]);
        free(rule->issuers);
        free(rule->subfields);
        free(rule->networks);
        free(rule->usages);
        free(rule->digests);
    }
    free(authorize->rules);
    free(authorize);
}

/* ---- matching ----------------------------------------------------------------------------- */

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

struct question { /* one client, with what was parsed of its certificate */
    const struct authorize_facts *facts;
    bool is_read;
    GENERAL_NAMES *names;
    bool names_are_bad;
    EXTENDED_KEY_USAGE *usages;
    bool usages_are_bad;
};

static void read_extensions(struct question *question)
{
    if (question->is_read)
        return;
    int found = 0;
    const X509 *x509 = question->facts->leaf->x509;
    question->is_read = true;
    /* RFC 5280 section 4.2: one of each; -1 says that there is none. */
    question->names = X509_get_ext_d2i(x509, NID_subject_alt_name, &found, NULL);
    question->names_are_bad = question->names == NULL && found != -1;
    question->usages = X509_get_ext_d2i(x509, NID_ext_key_usage, &found, NULL);
    question->usages_are_bad = question->usages == NULL && found != -1;
    ERR_clear_error();
}

static bool matches_any(const struct config_list *list, struct str value, bool by_case)
{
    for (size_t i = 0; i < list->count; i++) {
        if (cert_map_glob(str_of(list->items[i].text), value, by_case))
            return true;
    }
    return false;
}

/* Text of a certificate that holds a NUL or another control character matches nothing and may not
 * be passed over either. */
static enum answer answer_text(const struct config_list *list, struct str value, bool by_case)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return ANSWER_UNKNOWN;
    }
    return matches_any(list, value, by_case) ? ANSWER_YES : ANSWER_NO;
}

static enum answer either(enum answer a, enum answer b)
{
    if (a == ANSWER_YES || b == ANSWER_YES)
        return ANSWER_YES;
    return a == ANSWER_UNKNOWN || b == ANSWER_UNKNOWN ? ANSWER_UNKNOWN : ANSWER_NO;
}

static enum answer both(enum answer a, enum answer b)
{
    if (a == ANSWER_NO || b == ANSWER_NO)
        return ANSWER_NO;
    return a == ANSWER_UNKNOWN || b == ANSWER_UNKNOWN ? ANSWER_UNKNOWN : ANSWER_YES;
}

static struct str bytes_of(const ASN1_STRING *text)
{
    return str_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

static enum answer answer_ip(const struct rule *rule, const ASN1_OCTET_STRING *ip)
{
    struct str bytes = bytes_of(ip);
    if (bytes.len != 4 && bytes.len != 16)
        return ANSWER_UNKNOWN;
    for (size_t i = 0; i < rule->config->san_ip.count; i++) {
        if (trusted_network_has_bytes(&rule->networks[i], (const unsigned char *)bytes.ptr,
                                      bytes.len))
            return ANSWER_YES;
    }
    return ANSWER_NO;
}

static enum answer answer_upn(const struct config_list *list, const OTHERNAME *other)
{
    if (OBJ_obj2nid(other->type_id) != NID_ms_upn)
        return ANSWER_NO;
    if (other->value->type != V_ASN1_UTF8STRING)
        return ANSWER_UNKNOWN;
    return answer_text(list, bytes_of(other->value->value.utf8string), false);
}

static enum answer answer_name(const struct rule *rule, const GENERAL_NAME *name, int type,
                               const struct config_list *list)
{
    if (name->type != type)
        return ANSWER_NO;
    if (type == GEN_IPADD)
        return answer_ip(rule, name->d.iPAddress);
    if (type == GEN_OTHERNAME)
        return answer_upn(list, name->d.otherName);
    return answer_text(list, bytes_of(name->d.ia5), type == GEN_URI);
}

static enum answer answer_names(const struct rule *rule, struct question *question, int type,
                                const struct config_list *list)
{
    enum answer answer = ANSWER_NO;
    if (!list->is_set)
        return ANSWER_YES;
    if (question->facts->leaf == NULL)
        return ANSWER_NO;
    read_extensions(question);
    if (question->names_are_bad)
        return ANSWER_UNKNOWN;
    for (int i = 0; i < sk_GENERAL_NAME_num(question->names); i++)
        answer = either(answer,
                        answer_name(rule, sk_GENERAL_NAME_value(question->names, i), type, list));
    return answer;
}

/* The usages the certificate names; anyExtendedKeyUsage stands for itself only. */
static enum answer answer_usages(const struct rule *rule, struct question *question)
{
    const struct config_list *list = &rule->config->eku;
    if (!list->is_set)
        return ANSWER_YES;
    if (question->facts->leaf == NULL)
        return ANSWER_NO;
    read_extensions(question);
    if (question->usages_are_bad)
        return ANSWER_UNKNOWN;
    for (int i = 0; i < sk_ASN1_OBJECT_num(question->usages); i++) {
        for (size_t j = 0; j < list->count; j++) {
            if (OBJ_cmp(sk_ASN1_OBJECT_value(question->usages, i), rule->usages[j]) == 0)
                return ANSWER_YES;
        }
    }
    return ANSWER_NO;
}

static enum answer answer_attribute(const struct config_rule *wanted, const ASN1_STRING *value)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    enum answer answer = ANSWER_UNKNOWN;
    if (len >= 0 && memchr(utf8, '\0', (size_t)len) == NULL)
        answer = cert_map_glob(str_of(wanted->match.text),
                               str_make((const char *)utf8, (size_t)len), wanted->case_sensitive)
                     ? ANSWER_YES
                     : ANSWER_NO;
    OPENSSL_free(utf8);
    ERR_clear_error();
    return answer;
}

static enum answer answer_subject(const struct rule *rule, const struct question *question)
{
    enum answer all = ANSWER_YES;
    if (rule->config->subject_count > 0 && question->facts->leaf == NULL)
        return ANSWER_NO;
    for (size_t i = 0; i < rule->config->subject_count; i++) {
        const X509_NAME *subject = X509_get_subject_name(question->facts->leaf->x509);
        enum answer any = ANSWER_NO;
        int at = -1;
        while ((at = X509_NAME_get_index_by_OBJ(subject, rule->subfields[i], at)) >= 0)
            any = either(
                any, answer_attribute(&rule->config->subject[i],
                                      X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
        all = both(all, any);
    }
    return all;
}

static enum answer answer_issuer(const struct rule *rule, const struct question *question)
{
    const struct config_list *list = &rule->config->issuer;
    if (!list->is_set)
        return ANSWER_YES;
    for (size_t i = 0; i < list->count && question->facts->leaf != NULL; i++) {
        if (X509_NAME_cmp(X509_get_issuer_name(question->facts->leaf->x509), rule->issuers[i]) == 0)
            return ANSWER_YES;
    }
    return ANSWER_NO;
}

static enum answer answer_digest(const struct rule *rule, const struct question *question)
{
    const struct config_list *list = &rule->config->sha256;
    if (!list->is_set)
        return ANSWER_YES;
    for (size_t i = 0; i < list->count && question->facts->leaf != NULL; i++) {
        if (memcmp(rule->digests[i], question->facts->leaf->sha256, 32) == 0)
            return ANSWER_YES;
    }
    return ANSWER_NO;
}

static enum answer answer_word(const struct config_list *list, const char *word, bool by_case)
{
    if (!list->is_set)
        return ANSWER_YES;
    return word != NULL && matches_any(list, str_of(word), by_case) ? ANSWER_YES : ANSWER_NO;
}

static enum answer answer_rule(const struct rule *rule, struct question *question)
{
    const struct config_authorize *config = rule->config;
    enum answer answer = answer_word(&config->user, question->facts->user, false);
    answer = both(answer, answer_word(&config->mapping, question->facts->mapping, true));
    answer = both(answer, answer_digest(rule, question));
    answer = both(answer, answer_issuer(rule, question));
    answer = both(answer, answer_subject(rule, question));
    if (answer == ANSWER_NO)
        return ANSWER_NO;
    answer = both(answer, answer_names(rule, question, GEN_DNS, &config->san_dns));
    answer = both(answer, answer_names(rule, question, GEN_EMAIL, &config->san_email));
    answer = both(answer, answer_names(rule, question, GEN_URI, &config->san_uri));
    answer = both(answer, answer_names(rule, question, GEN_IPADD, &config->san_ip));
    answer = both(answer, answer_names(rule, question, GEN_OTHERNAME, &config->upn));
    return both(answer, answer_usages(rule, question));
}

bool authorize_allows(const struct authorize *authorize, const struct authorize_facts *facts)
{
    if (authorize == NULL)
        return true;
    struct question question = {.facts = facts};
    bool is_allowed = false;
    for (size_t i = 0; i < authorize->count; i++) {
        const struct rule *rule = &authorize->rules[i];
        enum answer answer = answer_rule(rule, &question);
        if (answer == ANSWER_YES || (answer == ANSWER_UNKNOWN && rule->config->deny)) {
            is_allowed = !rule->config->deny;
            break;
        }
    }
    GENERAL_NAMES_free(question.names);
    EXTENDED_KEY_USAGE_free(question.usages);
    return is_allowed;
}
