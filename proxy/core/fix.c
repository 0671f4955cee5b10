/* SPDX-License-Identifier: MIT */
#include "core/fix.h"

#include <stdlib.h>

#include "base/clock.h"

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

struct fixes { /* being collected */
    const struct snapshot_site *site;
    enum outcome outcome;
    const struct verdict *verdict;
    struct fix *list;
    size_t count;
};

/* Takes the text over. */
static void add(struct fixes *fixes, struct fix fix, struct text *text)
{
    fix.text = text_take(text);
    if (fixes->count < FIX_MAX)
        fixes->list[fixes->count++] = fix;
    else
        free(fix.text);
}

static void add_set(struct fixes *fixes, const char *key, const char *value, const char *why)
{
    struct text text = {0};
    text_addf(&text, "set %s: %s%s%s", key, value, why[0] == '\0' ? "" : ", ", why);
    add(fixes, (struct fix){.action = FIX_SET, .key = key, .value = value}, &text);
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

/* ---- the path ----------------------------------------------------------------------------- */

static const struct verdict_element *top(const struct verdict *verdict)
{
    return &verdict->path[verdict->path_len - 1];
}

/* The store an anchor has to be in under the site's mode. */
static const char *anchor_store(const struct fixes *fixes)
{
    bool is_machine = fixes->site->config->trust.mode == TRUST_MODE_MACHINE;
    return cert_store_name(is_machine ? CERT_STORE_ROOT : trust_issuer_store(fixes->site->trust));
}

static void add_certificate(struct fixes *fixes, const char *store, const struct cert *cert,
                            struct text *text)
{
    add(fixes, (struct fix){.action = FIX_ADD_CERTIFICATE, .store = store, .cert = cert}, text);
}

/* Mode 1 takes only roots from the bound store: with a CA of the path in it, mode 2 would do. */
static bool wants_exclusive_ca(const struct fixes *fixes)
{
    const struct verdict *verdict = fixes->verdict;
    enum cert_store issuers = trust_issuer_store(fixes->site->trust);
    if (fixes->site->config->trust.mode != TRUST_MODE_EXCLUSIVE_ROOT || issuers == CERT_STORE_ROOT)
        return false;
    for (size_t i = 1; i < verdict->path_len; i++) {
        if (verdict->path[i].store == issuers)
            return true;
    }
    return false;
}

static void fix_mode(struct fixes *fixes)
{
    add_set(fixes, "trust.mode", "exclusive_ca",
            "since the bound store holds an intermediate CA of the chain and not its root");
}

static void fix_untrusted_root(struct fixes *fixes)
{
    if (wants_exclusive_ca(fixes)) {
        fix_mode(fixes);
        return;
    }
    const struct cert *root = top(fixes->verdict)->cert;
    struct text text = {0};
    text_add_cstr(&text, "add the root certificate ");
    name(&text, root, cert_subject);
    text_addf(&text, " to trust.%s, if that CA is to be trusted", anchor_store(fixes));
    add_certificate(fixes, anchor_store(fixes), root, &text);
}

/* The issuer of the topmost certificate is not known. Above a CA that is most likely a root; above
 * the client's own certificate it is most likely the intermediate that was not sent. */
static void fix_partial_chain(struct fixes *fixes)
{
    const struct config_trust *trust = &fixes->site->config->trust;
    const struct verdict_element *last = top(fixes->verdict);
    bool has_ca = fixes->verdict->path_len > 1;
    struct text text = {0};
    if (wants_exclusive_ca(fixes)) {
        fix_mode(fixes);
    } else if (has_ca && trust->mode == TRUST_MODE_EXCLUSIVE_CA) {
        text_add_cstr(&text, "add the CA ");
        name(&text, last->cert, cert_subject);
        text_addf(&text, " to trust.%s, if it is to be trusted", anchor_store(fixes));
        add_certificate(fixes, anchor_store(fixes), last->cert, &text);
    } else if (has_ca) {
        text_add_cstr(&text, "add the root certificate ");
        name(&text, last->cert, cert_issuer);
        text_addf(&text,
                  " to trust.%s, if that CA is to be trusted (if it is no root: to "
                  "trust.intermediate, and its own root to trust.%s)",
                  anchor_store(fixes), anchor_store(fixes));
        add_certificate(fixes, anchor_store(fixes), NULL, &text);
    } else {
        text_add_cstr(&text, "add the certificate of the issuer ");
        name(&text, last->cert, cert_issuer);
        text_addf(&text,
                  " to trust.intermediate, or have the client send it (if it is a root: to "
                  "trust.%s)",
                  anchor_store(fixes));
        add_certificate(fixes, cert_store_name(CERT_STORE_INTERMEDIATE), NULL, &text);
    }
}

static void fix_mixed_root(struct fixes *fixes)
{
    size_t count = 0;
    struct cert *const *misplaced = trust_misplaced_roots(fixes->site->trust, &count);
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

static void fix_issuer_list(struct fixes *fixes)
{
    const struct verdict *verdict = fixes->verdict;
    const char *store = cert_store_name(trust_issuer_store(fixes->site->trust));
    struct text text = {0};
    text_add_cstr(&text, "add the issuer ");
    name(&text, verdict->path[0].cert, cert_issuer);
    text_addf(&text, " to trust.%s, or unbind that store", store);
    add_certificate(fixes, store, verdict->path_len > 1 ? verdict->path[1].cert : NULL, &text);
}

/* ---- a certificate ------------------------------------------------------------------------ */

static const struct cert *at_fault(const struct verdict *verdict)
{
    return verdict->path[verdict->fault < verdict->path_len ? verdict->fault : 0].cert;
}

static void add_date(struct text *out, int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];
    text_add(out, clock_format_rfc3339(seconds, text));
}

static void fix_validity(struct fixes *fixes)
{
    const struct cert *cert = at_fault(fixes->verdict);
    struct text text = {0};
    bool is_expired = fixes->outcome == OUTCOME_EXPIRED;
    text_add_cstr(&text, is_expired ? "renew " : "check the clocks, or renew ");
    name(&text, cert, cert_subject);
    text_add_cstr(&text, is_expired ? ", which expired at " : ", which is valid from ");
    add_date(&text, is_expired ? cert->not_after : cert->not_before);
    add(fixes, (struct fix){.action = FIX_RENEW, .cert = cert}, &text);
}

static void fix_distrust(struct fixes *fixes)
{
    const struct cert *cert = at_fault(fixes->verdict);
    struct text text = {0};
    text_add_cstr(&text, "take ");
    name(&text, cert, cert_subject);
    text_add_cstr(&text, " out of trust.disallowed, if it is there by mistake");
    add(fixes,
        (struct fix){.action = FIX_REMOVE_CERTIFICATE,
                     .store = cert_store_name(CERT_STORE_DISALLOWED),
                     .cert = cert},
        &text);
}

/* One CRL for each issuer whose answer is missing. */
static void fix_crl(struct fixes *fixes)
{
    const struct verdict *verdict = fixes->verdict;
    for (size_t i = 0; i < verdict->path_len; i++) {
        if ((verdict->path[i].errors & VERDICT_ERROR_BIT(OUTCOME_REVOCATION_OFFLINE)) == 0)
            continue;
        const struct cert *cert = verdict->path[i].cert;
        struct text text = {0};
        text_add_cstr(&text, "add a current CRL of ");
        name(&text, cert, cert_issuer);
        text_add_cstr(&text, " to trust.revocation.crls");
        add(fixes, (struct fix){.action = FIX_ADD_CRL, .cert = cert}, &text);
    }
}

static void fix_usage(struct fixes *fixes)
{
    struct text text = {0};
    text_add_cstr(&text, "renew ");
    name(&text, at_fault(fixes->verdict), cert_subject);
    text_add_cstr(&text, " with the usage clientAuth (1.3.6.1.5.5.7.3.2), or set "
                         "trust.check_usage: false");
    add(fixes, (struct fix){.action = FIX_RENEW, .cert = at_fault(fixes->verdict)}, &text);
    add_set(fixes, "trust.check_usage", "false", "if certificates for other uses are to be let in");
}

static void fix_other_certificate(struct fixes *fixes)
{
    struct text text = {0};
    text_add_cstr(&text, "present another certificate: ");
    name(&text, at_fault(fixes->verdict), cert_subject);
    text_addf(&text, " is at fault itself (%s)", outcome_info(fixes->outcome)->reason);
    add(fixes, (struct fix){.action = FIX_PRESENT, .cert = at_fault(fixes->verdict)}, &text);
}

static void fix_verdict(struct fixes *fixes)
{
    switch ((int)fixes->outcome) {
    case OUTCOME_UNTRUSTED_ROOT:
        fix_untrusted_root(fixes);
        break;
    case OUTCOME_PARTIAL_CHAIN:
    case OUTCOME_PARTIAL_CHAIN_CHAINING:
        fix_partial_chain(fixes);
        break;
    case OUTCOME_ROOT_STORE_MIXED:
        fix_mixed_root(fixes);
        break;
    case OUTCOME_ISSUER_NOT_LISTED:
        fix_issuer_list(fixes);
        break;
    case OUTCOME_SEARCH_LIMIT:
        add_present(fixes, "present fewer certificates: the search for a path was given up");
        break;
    case OUTCOME_EXPIRED:
    case OUTCOME_NOT_YET_VALID:
        fix_validity(fixes);
        break;
    case OUTCOME_EXPLICIT_DISTRUST:
        fix_distrust(fixes);
        break;
    case OUTCOME_REVOCATION_OFFLINE:
        fix_crl(fixes);
        break;
    case OUTCOME_WRONG_USAGE:
        fix_usage(fixes);
        break;
    default:
        fix_other_certificate(fixes);
        break;
    }
}

/* ---- access ------------------------------------------------------------------------------- */

static void fix_access(struct fixes *fixes)
{
    switch ((int)fixes->outcome) {
    case OUTCOME_SSL_REQUIRED:
        add_present(fixes, "use https");
        add_set(fixes, "require_ssl", "false", "if plain http is to be served here");
        break;
    case OUTCOME_CIPHER_STRENGTH:
        add_present(fixes, "use a cipher of 128 bits or more");
        break;
    case OUTCOME_CERTIFICATE_REQUIRED:
        add_present(fixes, "present a client certificate");
        break;
    case OUTCOME_MAPPING_DENIED:
    case OUTCOME_MAPPING_DENIED_401:
        add_present(fixes, "present another certificate, or change the many_to_one mapping with "
                           "permission: deny that matches this one");
        break;
    case OUTCOME_MAPPING_MALFORMED:
        add_present(fixes, "correct the one_to_one certificate that cannot be decoded");
        break;
    case OUTCOME_LOGON_FAILED:
    case OUTCOME_LOGON_DISABLED:
    case OUTCOME_LOGON_PASSWORD_EXPIRED:
    case OUTCOME_LOGON_TYPE_DENIED:
        add_present(fixes, "list the mapped user under accounts, enabled and with the password "
                           "that the mapping has");
        break;
    case OUTCOME_NO_USER:
        add_set(fixes, "anonymous", "true", "or map this certificate to a user");
        break;
    case OUTCOME_NOT_AUTHORIZED:
        add_present(fixes, "add a rule with permission: allow that matches this client to the "
                           "authorize list of the path, in front of those that refuse it");
        break;
    case OUTCOME_MISDIRECTED:
        add_present(fixes, "connect with the name of the host that is asked for (SNI)");
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

size_t fix_list(const struct snapshot_site *site, enum outcome outcome,
                const struct verdict *verdict, struct fix ret_fixes[FIX_MAX])
{
    struct fixes fixes = {.site = site, .outcome = outcome, .verdict = verdict, .list = ret_fixes};
    if (!outcome_is_verdict(outcome))
        fix_access(&fixes);
    else if (verdict != NULL && verdict->path_len > 0)
        fix_verdict(&fixes);
    return fixes.count;
}

void fix_clear(struct fix *fixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(fixes[i].text);
}

void fix_sentence(const struct snapshot_site *site, enum outcome outcome,
                  const struct verdict *verdict, struct text *out)
{
    struct fix fixes[FIX_MAX];
    size_t count = fix_list(site, outcome, verdict, fixes);
    for (size_t i = 0; i < count; i++)
        text_addf(out, "%s%s", i == 0 ? "" : "; ", fixes[i].text);
    fix_clear(fixes, count);
}
