/* SPDX-License-Identifier: MIT */
#include "explain/fix.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "base/clock.h"
#include "base/mem.h"

const char *fix_action_name(enum fix_action action)
{
    static const char *const names[] = {
        [FIX_ADD_CERTIFICATE] = "add_certificate",
        [FIX_REMOVE_CERTIFICATE] = "remove_certificate",
        [FIX_MOVE_CERTIFICATE] = "move_certificate",
        [FIX_SET] = "set",
        [FIX_RENEW] = "renew",
        [FIX_ADD_CRL] = "add_crl",
        [FIX_PRESENT] = "present",
    };
    return names[action];
}

#define BIT(outcome) VERDICT_ERROR_BIT(outcome)

/* Fixes in one line of the log. */
#define SENTENCE_MAX 12

/* What a new certificate of the same subject mends. */
#define RENEWABLE (BIT(OUTCOME_EXPIRED) | BIT(OUTCOME_NOT_YET_VALID) | BIT(OUTCOME_WRONG_USAGE))

struct fixes { /* being collected */
    const struct fix_facts *facts;
    struct fix_list *list;
};

/* Takes the text over. */
static void add(struct fixes *fixes, struct fix fix, struct text *text)
{
    struct fix_list *list = fixes->list;
    fix.text = text_take(text);
    list->items = xreallocarray(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = fix;
}

static void add_set(struct fixes *fixes, const char *key, const char *value, const char *why)
{
    struct text text = {0};
    text_addf(&text, "set %s: %s%s%s", key, value, why[0] == '\0' ? "" : ", ", why);
    add(fixes, (struct fix){.action = FIX_SET, .key = key, .value = value}, &text);
}

/* key and value in memory of the list's own. */
static void add_set_at(struct fixes *fixes, char *key, const char *value, const char *why)
{
    struct fix_list *list = fixes->list;
    add_set(fixes, key, value, why);
    list->items[list->count - 1].own_key = key;
}

static void add_present(struct fixes *fixes, const char *what)
{
    struct text text = {0};
    text_add_cstr(&text, what);
    add(fixes, (struct fix){.action = FIX_PRESENT}, &text);
}

static void name(struct text *out, const struct cert *cert,
                 void (*name_of)(const struct cert *, struct text *))
{
    text_add_char(out, '\'');
    name_of(cert, out);
    text_add_char(out, '\'');
}

/* ---- stores ------------------------------------------------------------------------------- */

static bool is_anchor_store(const struct fixes *fixes, enum cert_store store)
{
    return store == CERT_STORE_ROOT || store == trust_issuer_store(fixes->facts->site->trust);
}

static void add_known(struct fixes *fixes, const struct remedy_step *step)
{
    struct text text = {0};
    const char *store = cert_store_name(step->store);
    bool is_anchor = is_anchor_store(fixes, step->store);
    bool is_root = X509_NAME_cmp(X509_get_subject_name(step->cert->x509),
                                 X509_get_issuer_name(step->cert->x509)) == 0;
    text_addf(&text, "add the %s ",
              is_root     ? "root certificate"
              : is_anchor ? "CA certificate"
                          : "intermediate");
    name(&text, step->cert, cert_subject);
    text_addf(&text, " to trust.%s", store);
    if (is_anchor)
        text_add_cstr(&text, ", if that CA is to be trusted");
    add(fixes, (struct fix){.action = FIX_ADD_CERTIFICATE, .store = store, .cert = step->cert},
        &text);
}

static void add_unknown(struct fixes *fixes, const struct remedy_step *step)
{
    struct text text = {0};
    const char *store = cert_store_name(step->store);
    const char *anchors = cert_store_name(trust_anchor_store(fixes->facts->site->trust));
    bool is_anchor = is_anchor_store(fixes, step->store);
    text_addf(&text, "add the %s ", is_anchor ? "root certificate" : "certificate of the issuer");
    name(&text, step->below, cert_issuer);
    text_addf(&text, " to trust.%s", store);
    if (step->is_other_key)
        text_add_cstr(&text, " (the one of this name that was found has another key)");
    if (is_anchor)
        text_addf(&text,
                  ", if that CA is to be trusted (if it is no root: to trust.intermediate, and "
                  "its own root to trust.%s)",
                  anchors);
    else
        text_addf(&text,
                  ", or have the client send it (if it is a root: to trust.%s; if its own root "
                  "is not in trust.%s: that one too)",
                  anchors, anchors);
    add(fixes, (struct fix){.action = FIX_ADD_CERTIFICATE, .store = store}, &text);
}

/* Only the list of issuers, not the path, is at fault. */
static bool is_for_list(const struct fixes *fixes, const struct remedy_step *step)
{
    const struct trust *trust = fixes->facts->site->trust;
    return step->store != CERT_STORE_INTERMEDIATE && step->below != NULL &&
           step->store != trust_anchor_store(trust);
}

static void add_listed(struct fixes *fixes, const struct remedy_step *step)
{
    struct text text = {0};
    const char *store = cert_store_name(step->store);
    text_add_cstr(&text, "add the issuer ");
    name(&text, step->below, cert_issuer);
    text_addf(&text, " to trust.%s, or unbind that store", store);
    add(fixes, (struct fix){.action = FIX_ADD_CERTIFICATE, .store = store, .cert = step->cert},
        &text);
}

static void move_roots(struct fixes *fixes)
{
    size_t count = 0;
    struct cert *const *misplaced = trust_misplaced_roots(fixes->facts->site->trust, &count);
    for (size_t i = 0; i < count; i++) {
        const struct cert *cert = misplaced[i];
        struct text text = {0};
        text_add_cstr(&text, "move ");
        name(&text, cert, cert_subject);
        text_add_cstr(&text, ", which is not self-signed, from trust.root to trust.intermediate");
        add(fixes,
            (struct fix){.action = FIX_MOVE_CERTIFICATE,
                         .store = cert_store_name(CERT_STORE_INTERMEDIATE),
                         .cert = cert},
            &text);
    }
}

static void remove_disallowed(struct fixes *fixes, const struct remedy_step *step)
{
    struct text text = {0};
    text_add_cstr(&text, "take ");
    name(&text, step->cert, cert_subject);
    text_add_cstr(&text, " out of trust.disallowed, if it is there by mistake");
    add(fixes,
        (struct fix){.action = FIX_REMOVE_CERTIFICATE,
                     .store = cert_store_name(CERT_STORE_DISALLOWED),
                     .cert = step->cert},
        &text);
}

static void add_crl(struct fixes *fixes, const struct remedy_step *step)
{
    struct text text = {0};
    text_add_cstr(&text, "add a current CRL of ");
    name(&text, step->cert, cert_issuer);
    text_add_cstr(&text, " to trust.revocation.crls");
    struct text places = {0};
    if (cert_crl_places(step->cert, &places) > 0)
        text_addf(&text, "; the certificate says that it is at %.*s", STR_ARG(text_str(&places)));
    text_clear(&places);
    add(fixes, (struct fix){.action = FIX_ADD_CRL, .cert = step->cert}, &text);
}

/* ---- certificates to be replaced ---------------------------------------------------------- */

static void add_date(struct text *out, int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];
    text_add(out, clock_format_rfc3339(seconds, text));
}

/* What is wrong, as a clause: "which expired at ...". */
static void add_fault(struct text *out, const struct remedy_step *step, enum outcome outcome)
{
    switch ((int)outcome) {
    case OUTCOME_EXPIRED:
        text_add_cstr(out, "expired at ");
        add_date(out, step->cert->not_after);
        break;
    case OUTCOME_NOT_YET_VALID:
        text_add_cstr(out, "is valid from ");
        add_date(out, step->cert->not_before);
        text_add_cstr(out, " (check the clocks)");
        break;
    case OUTCOME_WRONG_USAGE:
        text_add_cstr(out, step->is_authority ? "has a key usage or extended key usage that does "
                                                "not allow this"
                                              : "lacks the usage clientAuth (1.3.6.1.5.5.7.3.2)");
        break;
    case OUTCOME_BASIC_CONSTRAINTS:
        text_add_cstr(out, "may not issue the certificate below it (basicConstraints)");
        break;
    case OUTCOME_REVOKED:
        text_add_cstr(out, "was revoked");
        break;
    case OUTCOME_REVOCATION_OFFLINE:
        text_add_cstr(out, "has a key usage without cRLSign, so no CRL of it counts");
        break;
    case OUTCOME_UNTRUSTED_ROOT:
        text_add_cstr(out, "is self-signed, and this trust mode takes CAs only");
        break;
    case OUTCOME_INVALID_POLICY:
        text_add_cstr(out, "has none of the certificate policies that are demanded");
        break;
    default:
        text_addf(out, "is at fault (%s)", outcome_info(outcome)->reason);
        break;
    }
}

static void add_faults(struct text *out, const struct remedy_step *step)
{
    bool is_first = true;
    for (int outcome = OUTCOME_EXPLICIT_DISTRUST; outcome <= OUTCOME_CRITICAL_EXTENSION;
         outcome++) {
        if ((step->errors & BIT(outcome)) == 0)
            continue;
        if (!is_first)
            text_add_cstr(out, " and ");
        add_fault(out, step, (enum outcome)outcome);
        is_first = false;
    }
}

/* A CA: neither the client nor the administrator of the proxy can do anything about it. */
static void replace_authority(struct fixes *fixes, const struct remedy_step *step)
{
    struct text text = {0};
    const char *store = step->store == CERT_STORE_PRESENTED ? NULL : cert_store_name(step->store);
    text_add_cstr(&text, "only the issuer can mend this: have ");
    name(&text, step->cert, cert_issuer);
    text_add_cstr(&text, " issue the CA certificate ");
    name(&text, step->cert, cert_subject);
    text_add_cstr(&text, " anew, which ");
    add_faults(&text, step);
    if (store == NULL)
        text_add_cstr(&text, ", and have the client send the new one");
    else
        text_addf(&text, ", and put the new one into trust.%s", store);
    text_add_cstr(&text, ", or present a certificate of another CA");
    add(fixes, (struct fix){.action = FIX_RENEW, .store = store, .cert = step->cert}, &text);
}

static void replace_leaf(struct fixes *fixes, const struct remedy_step *step)
{
    struct text text = {0};
    bool is_renewable = (step->errors & ~RENEWABLE) == 0;
    text_add_cstr(&text, is_renewable ? "renew " : "present another certificate: ");
    name(&text, step->cert, cert_subject);
    text_add_cstr(&text, is_renewable ? ", which " : " ");
    add_faults(&text, step);
    if ((step->errors & BIT(OUTCOME_UNTRUSTED_ROOT)) != 0)
        text_addf(&text, "; one that a CA of trust.%s issued",
                  cert_store_name(trust_anchor_store(fixes->facts->site->trust)));
    else if (!is_renewable)
        text_add_cstr(&text, ", and only the issuer can mend this");
    add(fixes, (struct fix){.action = is_renewable ? FIX_RENEW : FIX_PRESENT, .cert = step->cert},
        &text);
}

/* ---- the verdict -------------------------------------------------------------------------- */

static void add_step(struct fixes *fixes, const struct remedy_step *step)
{
    switch (step->kind) {
    case REMEDY_ADD_CERTIFICATE:
        if (is_for_list(fixes, step))
            add_listed(fixes, step);
        else if (step->cert != NULL)
            add_known(fixes, step);
        else
            add_unknown(fixes, step);
        break;
    case REMEDY_MOVE_ROOTS:
        move_roots(fixes);
        break;
    case REMEDY_EXCLUSIVE_CA:
        add_set(fixes, "trust.mode", "exclusive_ca",
                "since the bound store holds an intermediate CA of the chain and not its root");
        break;
    case REMEDY_WHOLE_LIST:
        add_set(fixes, "compat.large_root_store", "off",
                "since the root is beyond the end of the list of issuers");
        break;
    case REMEDY_REMOVE_DISALLOWED:
        remove_disallowed(fixes, step);
        break;
    case REMEDY_ADD_CRL:
        add_crl(fixes, step);
        break;
    case REMEDY_ANY_POLICY:
        add_set(fixes, "trust.policy.require_explicit", "false",
                "or have certificates with a policy issued");
        break;
    case REMEDY_REPLACE:
        (step->is_authority ? replace_authority : replace_leaf)(fixes, step);
        break;
    case REMEDY_PRESENT_FEWER:
        add_present(fixes, "present fewer certificates, only those of one chain: the search for a "
                           "path was given up");
        break;
    }
}

static void fix_verdict(struct fixes *fixes)
{
    const struct remedy *remedy = fixes->facts->remedy;
    bool is_usage_enough = false;
    for (size_t i = 0; i < remedy->count; i++) {
        add_step(fixes, &remedy->steps[i]);
        is_usage_enough |= remedy->steps[i].is_usage_only;
    }
    if (!is_usage_enough)
        return;
    struct text text = {0};
    text_add_cstr(&text, "or, instead of certificates for this usage, set trust.check_usage: "
                         "false, if those for other uses are to be let in");
    add(fixes, (struct fix){.action = FIX_SET, .key = "trust.check_usage", .value = "false"},
        &text);
}

/* ---- access ------------------------------------------------------------------------------- */

/* What https would ask for next is told at once. */
static void fix_plain_http(struct fixes *fixes)
{
    const struct fix_facts *facts = fixes->facts;
    const struct config_access *access =
        facts->access != NULL ? facts->access : &facts->site->config->access;
    bool is_required = access->client_certificate == CLIENT_CERT_REQUIRE;
    add_present(fixes, "use https");
    if (facts->remedy != NULL)
        fix_verdict(fixes);
    else if (is_required && facts->leaf == NULL)
        add_present(fixes, "present a client certificate");
    else if (!is_required)
        add_set(fixes, "require_ssl", "false", "if plain http is to be served here");
}

static void fix_rules(struct fixes *fixes)
{
    struct text text = {0};
    text_add_cstr(&text, "add a rule with permission: allow that matches this client");
    if (fixes->facts->leaf != NULL) {
        text_add_cstr(&text, " (such as sha256: [");
        text_add_hex(&text, fixes->facts->leaf->sha256, sizeof fixes->facts->leaf->sha256);
        text_add_cstr(&text, "])");
    }
    text_add_cstr(&text, " to the authorize list of the path, in front of those that refuse it");
    add(fixes, (struct fix){.action = FIX_PRESENT}, &text);
}

/* A location's own `anonymous` is stronger than that of the site. */
static void fix_no_user(struct fixes *fixes)
{
    const struct config_site *site = fixes->facts->site->config;
    const char *why = "or map this certificate to a user";
    size_t i = 0;
    while (i < site->location_count && &site->locations[i].access != fixes->facts->access)
        i++;
    if (i < site->location_count && site->access.anonymous)
        add_set_at(fixes, xasprintf("locations[%s].anonymous", site->locations[i].path.text),
                   "true", why);
    else
        add_set(fixes, "anonymous", "true", why);
    if (fixes->facts->is_refused_by_rules)
        fix_rules(fixes);
}

static struct cert_map_result mapped(const struct fixes *fixes)
{
    const struct fix_facts *facts = fixes->facts;
    struct cert_map_result result = {0};
    if (facts->leaf != NULL)
        result = cert_map_lookup(facts->site->map, facts->leaf);
    return result;
}

static void fix_denied(struct fixes *fixes)
{
    const struct config_mapping *mapping = &fixes->facts->site->config->mapping;
    const char *wanted = mapped(fixes).mapping;
    size_t i = 0;
    while (wanted != NULL && i < mapping->many_to_one_count &&
           strcmp(mapping->many_to_one[i].name.text, wanted) != 0)
        i++;
    if (wanted == NULL || i == mapping->many_to_one_count) {
        add_present(fixes, "present another certificate");
        return;
    }
    add_set_at(fixes, xasprintf("mapping.many_to_one[%zu].enabled", i), "false",
               "if that mapping (permission: deny) is not meant for this certificate; else present "
               "another one");
    if (fixes->facts->access != NULL && !fixes->facts->access->anonymous)
        add_set(fixes, "anonymous", "true", "or map this certificate to a user");
    if (fixes->facts->is_refused_by_rules)
        fix_rules(fixes);
}

static void fix_logon(struct fixes *fixes)
{
    const struct config_site *site = fixes->facts->site->config;
    const char *user = mapped(fixes).user;
    if (user == NULL) {
        add_present(fixes, "list the mapped user under accounts, enabled and with the password "
                           "that the mapping has");
        return;
    }
    const struct config_account *account = NULL;
    for (size_t i = 0; i < site->account_count && account == NULL; i++) {
        const char *name = site->accounts[i].user.text;
        const char *plain = strrchr(user, '\\');
        if (str_equal_icase(str_of(name), str_of(user)) ||
            (plain != NULL && str_equal_icase(str_of(name), str_of(plain + 1))))
            account = &site->accounts[i];
    }
    const char *name = account == NULL ? user : account->user.text;
    bool is_password = account != NULL && fixes->facts->outcome == OUTCOME_LOGON_FAILED;
    if (is_password)
        add_set_at(fixes, xasprintf("accounts[%s].password_file", name), "null",
                   "which lets any mapping to it log on, or give the mapping the same password");
    if (!is_password || account->state != ACCOUNT_ENABLED)
        add_set_at(fixes, xasprintf("accounts[%s].state", name), "enabled",
                   "if this user is to be let in");
}

static void fix_access(struct fixes *fixes)
{
    switch ((int)fixes->facts->outcome) {
    case OUTCOME_SSL_REQUIRED:
        fix_plain_http(fixes);
        break;
    case OUTCOME_CIPHER_STRENGTH:
        add_present(fixes, "use a cipher of 128 bits or more");
        break;
    case OUTCOME_CERTIFICATE_REQUIRED:
        /* What the CertificateRequest offers; why a client sends nothing it does not say. */
        add_present(fixes,
                    "present a client certificate, with a key that the server asks for: RSA, "
                    "ECDSA on P-256, P-384 or P-521, Ed25519 or Ed448");
        break;
    case OUTCOME_MAPPING_DENIED:
    case OUTCOME_MAPPING_DENIED_401:
        fix_denied(fixes);
        break;
    case OUTCOME_MAPPING_MALFORMED:
        add_present(fixes, "correct the one_to_one certificate that cannot be decoded");
        break;
    case OUTCOME_LOGON_FAILED:
    case OUTCOME_LOGON_DISABLED:
    case OUTCOME_LOGON_PASSWORD_EXPIRED:
    case OUTCOME_LOGON_TYPE_DENIED:
        fix_logon(fixes);
        break;
    case OUTCOME_NO_USER:
        fix_no_user(fixes);
        break;
    case OUTCOME_NOT_AUTHORIZED:
        fix_rules(fixes);
        break;
    case OUTCOME_MISDIRECTED:
        add_present(fixes, "connect with the name of the host that is asked for (SNI)");
        break;
    case OUTCOME_AMBIGUOUS_PATH:
        add_set(fixes, "ambiguous_path", "keep",
                "only when the backend reads paths as they are written; else ask for the path in "
                "its plain form");
        break;
    case OUTCOME_POST_HANDSHAKE_500:
    case OUTCOME_POST_HANDSHAKE_403:
        add_set(fixes, "negotiate_client_certificate", "handshake",
                "or use a client with TLS 1.3 post-handshake authentication, or TLS 1.2");
        break;
    case OUTCOME_READ_AHEAD_EXCEEDED:
        add_set(fixes, "negotiate_client_certificate", "handshake",
                "or let the client send Expect: 100-continue, or raise limits.read_ahead_bytes");
        break;
    default:
        break;
    }
}

static void fix_one(struct fixes *fixes)
{
    if (!outcome_is_verdict(fixes->facts->outcome))
        fix_access(fixes);
    else if (fixes->facts->remedy != NULL)
        fix_verdict(fixes);
}

/* Of a request that was refused although its certificate was let pass: also once that is mended? */
static bool is_still_refused(const struct fixes *fixes)
{
    const struct fix_facts *facts = fixes->facts;
    if (!outcome_is_verdict(facts->failed))
        return false; /* fix_denied() and fix_logon() go on to the end */
    if (facts->outcome == OUTCOME_NO_USER)
        return mapped(fixes).user == NULL;
    return facts->outcome == OUTCOME_NOT_AUTHORIZED && facts->is_refused_by_rules;
}

void fix_make(const struct fix_facts *facts, struct fix_list *ret_list)
{
    struct fixes fixes = {facts, ret_list};
    *ret_list = (struct fix_list){0};
    if (facts->failed == OUTCOME_OK) {
        fix_one(&fixes);
        return;
    }
    struct fix_facts first = *facts;
    first.outcome = facts->failed;
    fixes.facts = &first;
    fix_one(&fixes);
    fixes.facts = facts;
    if (is_still_refused(&fixes))
        fix_one(&fixes);
}

void fix_clear(struct fix_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].text);
        free(list->items[i].own_key);
    }
    free(list->items);
    *list = (struct fix_list){0};
}

void fix_sentence(const struct fix_facts *facts, struct text *out)
{
    struct fix_list list = {0};
    fix_make(facts, &list);
    for (size_t i = 0; i < list.count && i < SENTENCE_MAX; i++)
        text_addf(out, "%s%s", i == 0 ? "" : "; ", list.items[i].text);
    if (list.count > SENTENCE_MAX)
        text_addf(out, "; and %zu more, see mtls-proxy explain", list.count - SENTENCE_MAX);
    fix_clear(&list);
}
