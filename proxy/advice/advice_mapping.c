/* Mappings that lead nobody to a user.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>

#include "advice/advice_private.h"
#include "auth/cert_map.h"
#include "auth/cert_map_names.h"
#include "auth/cert_map_source.h"
#include "base/mem.h"
#include "base/str.h"

#define JUDGED_MAX  1024 /* certificates of one-to-one mappings that are judged */
#define COMPARE_MAX 32   /* earlier mappings that one is compared with */

/* ---- one to one ---- */

static void judge(const struct advice *advice, struct advice_count *count,
                  const struct config_one_to_one *item, struct cert **certs, size_t cert_count)
{
    struct verdict verdict;
    verdict_compute(advice->site->trust, certs, cert_count, advice->now, &verdict);
    if (verdict.outcome != OUTCOME_OK) {
        const struct outcome_info *info = outcome_info(verdict.outcome);
        struct text reason = {0};
        advice_add_reason(&reason, advice, &verdict);
        advice_add(advice, count, item->certificate.mark,
                   "the certificate that is mapped to '%s' is refused with %u.%u (%s), because %s",
                   item->user.text, info->status, info->substatus, info->reason, reason.ptr);
        text_clear(&reason);
    }
    verdict_clear(&verdict);
}

void advice_one_to_one(const struct advice *advice)
{
    const struct config_site *site = advice->site->config;
    const struct config_mapping *mapping = &site->mapping;
    struct advice_count count = {0};
    if (advice->site->trust == NULL || !mapping->one_to_one_enabled || !advice_asks(site))
        return;
    size_t judged = 0;
    for (size_t i = 0; i < mapping->one_to_one_count && judged < JUDGED_MAX; i++) {
        struct cert **certs = NULL;
        size_t cert_count = 0;
        if (!mapping->one_to_one[i].enabled)
            continue;
        cert_map_source_certificates(&mapping->one_to_one[i].certificate, &certs, &cert_count);
        if (cert_count > 0) {
            judge(advice, &count, &mapping->one_to_one[i], certs, cert_count);
            judged++;
        }
        for (size_t j = 0; j < cert_count; j++)
            cert_unref(certs[j]);
        free(certs);
    }
    advice_end(advice, &count, "mapped certificates that are refused");
}

/* ---- many to one ---- */

/* 0 when there is no such attribute. */
static int nid_of(const struct config_rule *rule)
{
    ASN1_OBJECT *type = cert_map_subfield(rule->subfield.text);
    int nid = type == NULL ? 0 : OBJ_obj2nid(type);
    ASN1_OBJECT_free(type);
    return nid;
}

static bool is_literal(const struct config_rule *rule)
{
    return strchr(rule->match.text, '*') == NULL;
}

/* Whatever satisfies `narrow` satisfies `wide`, too. A star of the narrow pattern is a character
 * that only a star of the wide one takes. */
static bool covers_rule(const struct config_rule *wide, const struct config_rule *narrow)
{
    return wide->field == narrow->field && (!wide->case_sensitive || narrow->case_sensitive) &&
           nid_of(wide) != 0 && nid_of(wide) == nid_of(narrow) &&
           cert_map_glob(str_of(wide->match.text), str_of(narrow->match.text),
                         wide->case_sensitive);
}

static bool covers(const struct config_many_to_one *wide, const struct config_many_to_one *narrow)
{
    for (size_t i = 0; i < wide->rule_count; i++) {
        size_t j = 0;
        while (j < narrow->rule_count && !covers_rule(&wide->rules[i], &narrow->rules[j]))
            j++;
        if (j == narrow->rule_count)
            return false;
    }
    return wide->rule_count > 0;
}

static bool is_alike(const struct config_many_to_one *a, const struct config_many_to_one *b)
{
    return covers(a, b) && covers(b, a);
}

/* Most names have one of these at most. */
static bool is_single(int nid)
{
    static const int single[] = {NID_commonName,   NID_countryName, NID_localityName,
                                 NID_serialNumber, NID_title,       NID_stateOrProvinceName,
                                 NID_givenName,    NID_surname,     NID_pkcs9_emailAddress};
    size_t i = 0;
    while (i < sizeof single / sizeof single[0] && single[i] != nid)
        i++;
    return i < sizeof single / sizeof single[0];
}

static void check_contradiction(const struct advice *advice, struct advice_count *count,
                                const struct config_many_to_one *item, size_t at)
{
    const struct config_rule *rule = &item->rules[at];
    if (!is_literal(rule) || !is_single(nid_of(rule)))
        return;
    for (size_t i = 0; i < at; i++) {
        const struct config_rule *other = &item->rules[i];
        bool by_case = rule->case_sensitive && other->case_sensitive;
        if (other->field == rule->field && nid_of(other) == nid_of(rule) && is_literal(other) &&
            !cert_map_glob(str_of(other->match.text), str_of(rule->match.text), by_case)) {
            advice_add(
                advice, count, rule->match.mark,
                "mapping '%s' hardly ever matches: %s would have to be both '%s' and '%s', and "
                "all rules of a mapping must hold; make two mappings of it",
                item->name.text, rule->subfield.text, other->match.text, rule->match.text);
            return;
        }
    }
}

/* What is written as in a subject or a regular expression. */
static void check_spelling(const struct advice *advice, struct advice_count *count,
                           const struct config_many_to_one *item, const struct config_rule *rule)
{
    struct str match = str_of(rule->match.text);
    struct str name = str_of(rule->subfield.text);
    bool is_expression = match.len > 1 && (match.ptr[0] == '^' || match.ptr[match.len - 1] == '$' ||
                                           strstr(match.ptr, ".*") == match.ptr);
    bool is_pair =
        match.len > name.len && str_starts_with_icase(match, name) && match.ptr[name.len] == '=';
    if (is_pair)
        advice_add(advice, count, rule->match.mark,
                   "mapping '%s' hardly ever matches: the rule is compared with the value alone; "
                   "leave out '%s='",
                   item->name.text, rule->subfield.text);
    else if (is_expression)
        advice_add(advice, count, rule->match.mark,
                   "mapping '%s' hardly ever matches: '%s' is no regular expression, only * has a "
                   "meaning",
                   item->name.text, rule->match.text);
    else if (match.len == 0)
        advice_add(advice, count, rule->match.mark,
                   "mapping '%s' never matches: no certificate has an empty %s", item->name.text,
                   rule->subfield.text);
}

static void check_rules(const struct advice *advice, struct advice_count *count,
                        const struct config_many_to_one *item)
{
    for (size_t i = 0; i < item->rule_count; i++) {
        check_spelling(advice, count, item, &item->rules[i]);
        check_contradiction(advice, count, item, i);
    }
}

static bool has_star(const struct config_many_to_one *item)
{
    for (size_t i = 0; i < item->rule_count; i++) {
        if (!is_literal(&item->rules[i]) || !item->rules[i].case_sensitive)
            return true;
    }
    return item->rule_count == 1; /* its one rule may be among those of another */
}

static void check_order(const struct advice *advice, struct advice_count *count,
                        const struct config_many_to_one *item,
                        const struct config_many_to_one *const *wide, size_t wide_count)
{
    for (size_t i = 0; i < wide_count; i++) {
        if (!covers(wide[i], item) || is_alike(wide[i], item)) /* the latter is told at load */
            continue;
        advice_add(advice, count, item->name.mark,
                   "mapping '%s' is never reached: '%s' comes first and matches everything that it "
                   "would; put '%s' before it",
                   item->name.text, wide[i]->name.text, item->name.text);
        return;
    }
}

void advice_many_to_one(const struct advice *advice)
{
    const struct config_mapping *mapping = &advice->site->config->mapping;
    const struct config_many_to_one *wide[COMPARE_MAX];
    size_t wide_count = 0;
    struct advice_count rules = {0};
    struct advice_count order = {0};
    for (size_t i = 0; mapping->many_to_one_enabled && i < mapping->many_to_one_count; i++) {
        const struct config_many_to_one *item = &mapping->many_to_one[i];
        if (!item->enabled)
            continue;
        check_rules(advice, &rules, item);
        check_order(advice, &order, item, wide, wide_count);
        if (wide_count < COMPARE_MAX && has_star(item))
            wide[wide_count++] = item;
    }
    advice_end(advice, &rules, "rules of mappings that never match");
    advice_end(advice, &order, "mappings that are never reached");
}

/* ---- accounts ---- */

void advice_accounts(const struct advice *advice)
{
    static const char *const states[] = {
        [ACCOUNT_DISABLED] = "disabled",
        [ACCOUNT_PASSWORD_EXPIRED] = "password_expired",
        [ACCOUNT_LOGON_TYPE_DENIED] = "logon_type_denied",
    };
    const struct config_site *site = advice->site->config;
    struct advice_count count = {0};
    for (size_t i = 0; i < site->account_count; i++) {
        const struct config_account *account = &site->accounts[i];
        if (account->state != ACCOUNT_ENABLED)
            advice_add(advice, &count, account->user.mark,
                       "the account '%s' is %s: whoever is mapped to it is refused with 401.1; set "
                       "its state: enabled",
                       account->user.text, states[account->state]);
    }
    advice_end(advice, &count, "accounts that nobody can log on to");
}
