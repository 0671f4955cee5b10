/* The stores: which of the authorities in them vouch for somebody, and what refuses the rest.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "advice/advice_private.h"
#include "auth/trust_probe.h"
#include "base/mem.h"

#define PROBES_MAX   2048 /* authorities of a site that are looked at */
#define FINDINGS_MAX 64   /* different findings of a site that are told apart */

/* ---- a root store that is mixed, and one without roots ---- */

void advice_root_mix(const struct advice *advice)
{
    const struct trust *trust = advice->site->trust;
    struct advice_count count = {0};
    if (trust == NULL || !advice_asks(advice->site->config) || !trust_mix_refuses_all(trust))
        return;
    size_t misplaced = 0;
    struct cert *const *certs = trust_misplaced_roots(trust, &misplaced);
    for (size_t i = 0; i < misplaced; i++) {
        struct trust_issuer issuer;
        struct text text = {0};
        if (!trust_issuer_find(trust, certs[i], &issuer))
            continue;
        advice_add_subject(&text, certs[i]);
        advice_add(advice, &count, issuer.mark,
                   "%s in \"%s\" is not self-signed: under compat.root_mix strict every client "
                   "certificate is refused with 403.16 (root_store_mixed); move it from trust.root "
                   "to trust.intermediate",
                   text.ptr, issuer.path);
        text_clear(&text);
    }
    advice_end(advice, &count, "certificates in trust.root that are not self-signed");
}

static const struct config_list *anchor_list(const struct advice *advice)
{
    const struct config_trust *settings = &advice->site->config->trust;
    bool is_bound = trust_mode(advice->site->trust) != TRUST_MODE_MACHINE &&
                    trust_issuer_store(advice->site->trust) == CERT_STORE_TRUSTED_ISSUERS;
    return is_bound ? &settings->trusted_issuers : &settings->root;
}

static const char *anchor_store(const struct advice *advice)
{
    enum config_trust_mode mode = trust_mode(advice->site->trust);
    return mode == TRUST_MODE_MACHINE ? "root"
                                      : cert_store_name(trust_issuer_store(advice->site->trust));
}

/* An empty store is told of where it is read. */
static bool lacks_anchors(const struct advice *advice)
{
    return !trust_has_anchor(advice->site->trust) && trust_issuer_count(advice->site->trust) > 0;
}

void advice_anchors(const struct advice *advice)
{
    const struct config_site *site = advice->site->config;
    if (advice->site->trust == NULL || !advice_asks(site) || !lacks_anchors(advice))
        return;
    enum config_trust_mode mode = trust_mode(advice->site->trust);
    bool is_ca = mode == TRUST_MODE_EXCLUSIVE_CA;
    errors_warn(advice->errors, anchor_list(advice)->mark,
                "no certificate in the store %s can be an anchor%s: every client certificate is "
                "refused with 403.16; %s",
                anchor_store(advice),
                is_ca                               ? ", for which exclusive_ca takes authorities"
                : mode == TRUST_MODE_EXCLUSIVE_ROOT ? ", for which exclusive_root takes "
                                                      "self-signed certificates only"
                                                    : "",
                is_ca ? "put an authority there that issues the clients' certificates"
                : mode == TRUST_MODE_EXCLUSIVE_ROOT
                    ? "put the root there, or set trust.mode: exclusive_ca"
                    : "put the root there");
}

/* ---- why a verdict refuses ---- */

static void add_issuer_name(struct text *out, const struct cert *cert)
{
    text_add_char(out, '"');
    cert_issuer(cert, out);
    text_add_char(out, '"');
}

static void add_crl_reason(struct text *out, const struct advice *advice,
                           const struct verdict *verdict)
{
    const struct cert *cert = verdict->path[verdict->fault].cert;
    int64_t end = trust_crl_end(advice->site->trust, X509_get_issuer_name(cert->x509));
    text_add_cstr(out, end == INT64_MIN ? "there is no CRL of " : "the CRL of ");
    add_issuer_name(out, cert);
    if (end != INT64_MIN && end < advice->at) {
        text_add_cstr(out, end < advice->now ? " has expired on " : " expires on ");
        advice_add_time(out, end);
    } else if (end != INT64_MIN) {
        text_add_cstr(out, " does not count (its scope, its signature or its time)");
    }
    text_add_cstr(out, "; put a current one into trust.revocation.crls");
}

static const struct {
    enum outcome outcome;
    const char *before; /* the certificate at fault */
    const char *after;
} reasons[] = {
    {OUTCOME_EXPLICIT_DISTRUST, "",
     " is in trust.disallowed; remove it from there, or from the other store"},
    {OUTCOME_SIGNATURE, "the signature of ",
     " does not verify with the key of the issuer in the stores; put the right issuer there"},
    {OUTCOME_WEAK_KEY, "",
     " has a key or a signature that is too weak; replace it, or set compat.weak: allow"},
    {OUTCOME_UNTRUSTED_ROOT, "",
     " is self-signed and no anchor; if it is to be trusted, put it into the store "},
    {OUTCOME_ROOT_STORE_MIXED, "trust.root is mixed, and on the path of ",
     " there is none of its certificates that are not self-signed; move these to "
     "trust.intermediate"},
    {OUTCOME_BASIC_CONSTRAINTS, "",
     " may not issue certificates here (its basicConstraints say so); replace or remove it"},
    {OUTCOME_WRONG_USAGE, "the usages of ",
     " exclude issuing for client authentication; replace it, or set trust.check_usage: false if "
     "its extendedKeyUsage is the cause"},
    {OUTCOME_REVOKED, "", " is revoked; remove it and use its successor"},
    {OUTCOME_INVALID_NAME, "",
     " is outside of the name constraints of its issuer; only the issuer can mend this"},
    {OUTCOME_INVALID_POLICY, "no certificate policy is valid on the path of ",
     "; see trust.policy"},
    {OUTCOME_CRITICAL_EXTENSION, "",
     " has a critical extension that is not known; only its issuer can mend this"},
    {OUTCOME_SEARCH_LIMIT, "too many certificates in the stores have the name of the issuer of ",
     "; remove those that are not needed"},
};

static void add_plain_reason(struct text *out, const struct advice *advice, enum outcome outcome,
                             const char *subject)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].outcome == outcome)
            text_addf(out, "%s%s%s", reasons[i].before, subject, reasons[i].after);
    }
    if (outcome == OUTCOME_UNTRUSTED_ROOT)
        text_add_cstr(out, anchor_store(advice));
}

static void add_time_reason(struct text *out, const struct advice *advice,
                            const struct verdict *verdict, const char *subject)
{
    const struct cert *cert = verdict->path[verdict->fault].cert;
    bool is_expired = verdict->outcome == OUTCOME_EXPIRED;
    int64_t time = is_expired ? cert->not_after : cert->not_before;
    const char *expires = time < advice->now ? "has expired on" : "expires on";
    text_addf(out, "%s %s ", subject, is_expired ? expires : "is not valid before");
    advice_add_time(out, time);
    text_add_cstr(out,
                  is_expired ? "; replace it by its successor" : "; use one that is valid already");
}

void advice_add_reason(struct text *out, const struct advice *advice, const struct verdict *verdict)
{
    bool is_whole = verdict->fault == verdict->path_len;
    const struct cert *top = verdict->path[verdict->path_len - 1].cert;
    const struct cert *cert = is_whole ? top : verdict->path[verdict->fault].cert;
    struct text subject = {0};
    advice_add_subject(&subject, cert);
    enum outcome outcome = verdict->outcome;
    if (outcome == OUTCOME_EXPIRED || outcome == OUTCOME_NOT_YET_VALID) {
        add_time_reason(out, advice, verdict, subject.ptr);
    } else if (outcome == OUTCOME_REVOCATION_OFFLINE) {
        add_crl_reason(out, advice, verdict);
    } else if (outcome == OUTCOME_PARTIAL_CHAIN || outcome == OUTCOME_PARTIAL_CHAIN_CHAINING) {
        text_addf(out, "the issuer of %s, ", subject.ptr);
        add_issuer_name(out, top);
        text_add_cstr(out, ", is in no store; put it into trust.root, or into trust.intermediate "
                           "if it is not self-signed");
    } else if (outcome == OUTCOME_ISSUER_NOT_LISTED) {
        text_addf(out, "no issuer on the path up to %s is in the store %s", subject.ptr,
                  cert_store_name(trust_issuer_store(advice->site->trust)));
    } else {
        add_plain_reason(out, advice, outcome, subject.ptr);
    }
    text_clear(&subject);
}

/* ---- one authority after the other ---- */

struct finding { /* a warning that was given */
    enum outcome outcome;
    const struct cert *cert; /* at fault */
};

struct findings {
    struct finding items[FINDINGS_MAX];
    size_t count;
    size_t good;   /* authorities that vouch for somebody */
    size_t unused; /* ... that are not meant to, as it seems */
    struct advice_count shown;
};

static bool is_above(const struct verdict *verdict)
{
    return verdict->fault > 0 && verdict->fault < verdict->path_len;
}

static struct mark place_of(const struct advice *advice, const struct verdict *verdict,
                            const struct trust_issuer *issuer)
{
    const struct config_trust *settings = &advice->site->config->trust;
    struct trust_issuer found;
    enum outcome outcome = verdict->outcome;
    bool is_about_crls = outcome == OUTCOME_REVOCATION_OFFLINE || outcome == OUTCOME_REVOKED;
    if (is_about_crls && settings->revocation.crls.is_set)
        return settings->revocation.crls.mark;
    if (outcome == OUTCOME_EXPLICIT_DISTRUST)
        return settings->disallowed.mark;
    if (outcome == OUTCOME_INVALID_POLICY)
        return settings->policy.initial.is_set ? settings->policy.initial.mark : settings->mark;
    if (is_above(verdict) &&
        trust_issuer_find(advice->site->trust, verdict->path[verdict->fault].cert, &found))
        return found.mark;
    return issuer->mark;
}

/* What is to be mended: where a CRL is missing, that of the issuer. */
static const struct cert *fault_of(const struct verdict *verdict, const struct trust_issuer *issuer)
{
    if (verdict->outcome == OUTCOME_REVOCATION_OFFLINE && verdict->fault + 1 < verdict->path_len)
        return verdict->path[verdict->fault + 1].cert;
    return is_above(verdict) ? verdict->path[verdict->fault].cert : issuer->cert;
}

/* True the first time. */
static bool is_new(struct findings *findings, enum outcome outcome, const struct cert *cert)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].outcome == outcome &&
            memcmp(findings->items[i].cert->sha256, cert->sha256, sizeof cert->sha256) == 0)
            return false;
    }
    if (findings->count < FINDINGS_MAX)
        findings->items[findings->count++] = (struct finding){outcome, cert};
    return true;
}

/* What the administrator asked for by binding a store: issuers that are not in it. */
static bool is_left_out(const struct advice *advice, const struct trust_issuer *issuer,
                        enum outcome outcome)
{
    if (outcome == OUTCOME_ISSUER_NOT_LISTED)
        return true;
    bool is_elsewhere = trust_mode(advice->site->trust) != TRUST_MODE_MACHINE && !issuer->is_listed;
    return is_elsewhere && (outcome == OUTCOME_UNTRUSTED_ROOT || outcome == OUTCOME_PARTIAL_CHAIN ||
                            outcome == OUTCOME_PARTIAL_CHAIN_CHAINING);
}

/* A certificate that was put among the roots to trust its holder, who issues nothing. */
static bool is_client(const struct advice *advice, const struct trust_issuer *issuer)
{
    struct verdict verdict;
    if (issuer->is_authority || !issuer->is_self_signed || !issuer->is_anchor)
        return false;
    verdict_compute(advice->site->trust, &issuer->cert, 1, advice->now, &verdict);
    bool is_good = verdict.outcome == OUTCOME_OK;
    verdict_clear(&verdict);
    return is_good;
}

/* since: when it begins; 0: it is so already. */
static void report(const struct advice *advice, struct findings *findings,
                   const struct trust_issuer *issuer, const struct verdict *verdict, int64_t since)
{
    const struct outcome_info *info = outcome_info(verdict->outcome);
    struct text reason = {0};
    struct text who = {0};
    const struct cert *fault = fault_of(verdict, issuer);
    struct trust_issuer member;
    /* The verdict's own references end with it. */
    if (trust_issuer_find(advice->site->trust, fault, &member))
        fault = member.cert;
    if (!is_new(findings, verdict->outcome, fault))
        return;
    bool is_pointer = verdict->outcome == OUTCOME_REVOCATION_OFFLINE && verdict->fault == 0 &&
                      trust_crl_end(advice->site->trust,
                                    X509_get_subject_name(issuer->cert->x509)) == INT64_MIN &&
                      !advice->site->config->trust.revocation.missing_always;
    struct trust_issuer about = *issuer;
    if (is_above(verdict))
        (void)trust_issuer_find(advice->site->trust, verdict->path[verdict->fault].cert, &about);
    text_addf(&who, "%s below ",
              is_pointer ? "client certificates that name a CRL," : "every client certificate");
    advice_add_subject(&who, about.cert);
    text_addf(&who, " (\"%s\")", about.path);
    if (since != 0) {
        text_add_cstr(&who, " from ");
        advice_add_time(&who, since);
        text_add_cstr(&who, " on");
    }
    advice_add_reason(&reason, advice, verdict);
    advice_add(advice, &findings->shown, place_of(advice, verdict, issuer),
               "%s: refused with %u.%u (%s), because %s", who.ptr, info->status, info->substatus,
               info->reason, reason.ptr);
    text_clear(&who);
    text_clear(&reason);
}

/* A CRL that is missing for one certificate of the path says nothing about the others. */
static void report_all(const struct advice *advice, struct findings *findings,
                       const struct trust_issuer *issuer, struct verdict *verdict)
{
    size_t first = verdict->fault;
    for (size_t i = first; i < verdict->path_len; i++) {
        bool is_same = (verdict->path[i].errors & VERDICT_ERROR_BIT(verdict->outcome)) != 0;
        verdict->fault = i;
        if (is_same)
            report(advice, findings, issuer, verdict, 0);
    }
    verdict->fault = first;
    if (first == verdict->path_len)
        report(advice, findings, issuer, verdict, 0);
}

static void look_ahead(const struct advice *advice, struct findings *findings,
                       const struct trust_prober *prober, const struct trust_issuer *issuer,
                       int64_t change)
{
    struct verdict verdict;
    if (change > advice->now + ADVICE_SOON_SECONDS)
        return;
    trust_probe(prober, issuer->cert, change, &verdict);
    if (verdict.outcome != OUTCOME_OK) {
        struct advice then = *advice;
        then.at = change;
        report(&then, findings, issuer, &verdict, change);
    }
    verdict_clear(&verdict);
}

static void look_at(const struct advice *advice, struct findings *findings,
                    const struct trust_prober *prober, const struct trust_issuer *issuer)
{
    struct verdict verdict;
    trust_probe(prober, issuer->cert, advice->now, &verdict);
    bool is_mixed =
        verdict.outcome == OUTCOME_ROOT_STORE_MIXED && trust_mix_refuses_all(advice->site->trust);
    if (verdict.outcome == OUTCOME_OK) {
        findings->good++;
        look_ahead(advice, findings, prober, issuer, verdict.valid_until);
    } else if (is_left_out(advice, issuer, verdict.outcome)) {
        findings->unused++;
    } else if (is_client(advice, issuer)) {
        findings->good++;
    } else if (!is_mixed) {
        report_all(advice, findings, issuer, &verdict);
    }
    verdict_clear(&verdict);
}

void advice_issuers(const struct advice *advice)
{
    const struct trust *trust = advice->site->trust;
    if (trust == NULL || !advice_asks(advice->site->config) || lacks_anchors(advice))
        return;
    struct findings *findings = xcalloc(1, sizeof *findings);
    struct trust_prober *prober = trust_prober_new(trust);
    size_t count = trust_issuer_count(trust);
    for (size_t i = 0; i < count && i < PROBES_MAX; i++) {
        struct trust_issuer issuer;
        trust_issuer_get(trust, i, &issuer);
        if (issuer.is_used)
            look_at(advice, findings, prober, &issuer);
    }
    advice_end(advice, &findings->shown, "certificates in the stores at fault");
    if (findings->good == 0 && findings->unused > 0 && count <= PROBES_MAX)
        errors_warn(advice->errors, advice->site->config->trust.trusted_issuers.mark,
                    "no path from an authority in the stores to an anchor goes through the store "
                    "%s: every client certificate is refused with 403.16; put the authority there "
                    "that issues the clients' certificates, and its issuers into the other stores",
                    cert_store_name(trust_issuer_store(trust)));
    trust_prober_free(prober);
    free(findings);
}
