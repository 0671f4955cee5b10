/* SPDX-License-Identifier: MIT */
#include "explain/explain.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509.h>

#include "access/access.h"
#include "access/place_guard.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/identity.h"
#include "forward/header_edit.h"
#include "forward/identity_headers.h"

struct judging {
    const struct explain_request *request;
    struct explain_report *report;
};

static enum outcome judge(void *arg)
{
    struct judging *judging = arg;
    const struct explain_request *request = judging->request;
    struct explain_report *report = judging->report;
    verdict_compute(request->site->trust, request->presented, request->presented_count,
                    request->now, &report->verdict);
    report->has_verdict = true;
    return report->verdict.outcome;
}

static void add_rule(struct explain_report *report, struct arena *arena, struct str rule)
{
    struct str *grown = arena_alloc(arena, (report->rule_count + 1) * sizeof *grown);
    if (report->rule_count > 0)
        memcpy(grown, report->rules, report->rule_count * sizeof *grown);
    grown[report->rule_count++] = rule;
    report->rules = grown;
}

const char *explain_trust_mode(enum config_trust_mode mode)
{
    switch (mode) {
    case TRUST_MODE_MACHINE:
        return "machine";
    case TRUST_MODE_EXCLUSIVE_ROOT:
        return "exclusive_root";
    case TRUST_MODE_EXCLUSIVE_CA:
        return "exclusive_ca";
    }
    return "machine";
}

static const char *certificate_setting(const struct config_access *access)
{
    switch (access->client_certificate) {
    case CLIENT_CERT_IGNORE:
        return "ignore: a certificate is not looked at";
    case CLIENT_CERT_ACCEPT:
        return "accept: a certificate may be missing, but not bad";
    case CLIENT_CERT_REQUIRE:
        return "require: there must be a good certificate";
    case CLIENT_CERT_PASS:
        return "pass: nobody is refused for a certificate, missing or bad";
    }
    return "";
}

static const char *mode_rule(const struct config_trust *trust)
{
    switch (trust->mode) {
    case TRUST_MODE_MACHINE:
        return trust->trusted_issuers.is_set
                   ? "trust.mode machine: the chain ends in trust.root, and one of its issuers is "
                     "in trust.trusted_issuers"
                   : "trust.mode machine: the chain ends in a self-signed certificate of "
                     "trust.root";
    case TRUST_MODE_EXCLUSIVE_ROOT:
        return trust->trusted_issuers.is_set
                   ? "trust.mode exclusive_root: the chain ends in a self-signed certificate of "
                     "trust.trusted_issuers"
                   : "trust.mode exclusive_root, no store bound: the chain ends in trust.root";
    case TRUST_MODE_EXCLUSIVE_CA:
        return trust->trusted_issuers.is_set
                   ? "trust.mode exclusive_ca: the chain reaches any CA of trust.trusted_issuers"
                   : "trust.mode exclusive_ca, no store bound: the chain reaches any CA of "
                     "trust.root";
    }
    return "";
}

/* What would be a refusal elsewhere. */
static void add_failed_rule(struct explain_report *report, struct arena *arena)
{
    const struct outcome_info *info = outcome_info(report->failed);
    add_rule(report, arena,
             arena_printf(arena,
                          "the certificate is let pass, and not shown to the backend: accept and "
                          "require would answer %u.%u (%s)",
                          info->status, info->substatus, info->reason));
}

void explain_rules(struct explain_report *report, struct arena *arena, bool shows_certificate)
{
    const struct config_site *site = report->site->config;
    add_rule(report, arena,
             arena_printf(arena, "client_certificate %s", certificate_setting(report->access)));
    if (report->has_verdict) {
        add_rule(report, arena, str_of(mode_rule(&site->trust)));
        add_rule(report, arena,
                 site->trust.revocation.check ? STR("trust.revocation.check: CRLs are asked")
                                              : STR("trust.revocation.check: off"));
    }
    if (report->failed != OUTCOME_OK)
        add_failed_rule(report, arena);
    if (!shows_certificate || report->outcome == OUTCOME_OK ||
        (report->has_verdict && report->verdict.outcome == OUTCOME_OK)) {
        if (report->mapping != NULL)
            add_rule(report, arena, arena_printf(arena, "mapping %s matched", report->mapping));
        else if (shows_certificate && cert_map_is_configured(report->site->map))
            add_rule(report, arena, STR("mapping: nothing matched"));
        if (report->user == NULL)
            add_rule(report, arena,
                     report->access->anonymous
                         ? STR("anonymous: true lets requests without a user in")
                         : STR("anonymous: false demands a user"));
    }
    if (report->access->authorize_count > 0 && report->outcome == OUTCOME_OK)
        add_rule(report, arena, STR("authorize: a rule lets this client in"));
    else if (report->outcome == OUTCOME_NOT_AUTHORIZED)
        add_rule(report, arena, STR("authorize: a rule refuses this client, or none matched"));
}

static struct str name_text(struct arena *arena, const struct trust_issuer_name *issuer)
{
    const unsigned char *der = issuer->der;
    X509_NAME *name = d2i_X509_NAME(NULL, &der, (long)issuer->len);
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long len = 0;
    if (name != NULL && bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >=
            0)
        len = BIO_get_mem_data(bio, &bytes);
    struct str text = arena_copy(arena, str_make(bytes, (size_t)len));
    BIO_free(bio);
    X509_NAME_free(name);
    return text;
}

static void add_advertised(struct explain_report *report, struct arena *arena)
{
    if (report->site->trust == NULL)
        return;
    size_t count = 0;
    const struct trust_issuer_name *issuers = trust_issuer_list(report->site->trust, &count);
    report->advertised = arena_calloc(arena, count, sizeof *report->advertised);
    report->advertised_count = count;
    for (size_t i = 0; i < count; i++)
        report->advertised[i] = name_text(arena, &issuers[i]);
}

static void add_headers(const struct snapshot *snapshot, const struct explain_request *request,
                        const struct access_decision *decision, struct arena *arena,
                        struct explain_report *report)
{
    struct identity_facts facts = {
        .forward = &report->access->forward,
        .server = report->site->server,
        .user = decision->user,
        .password = decision->password,
        .verdict = identity_verdict_word(decision->shows_certificate, decision->failed),
        .reason = outcome_info(decision->failed)->reason,
        .arr_quote_single = snapshot->config->compat.arr_quote_single,
    };
    if (decision->shows_certificate) {
        facts.leaf = request->presented[0];
        identity_chain(&report->verdict, arena, &facts.chain, &facts.chain_count);
        facts.anchor = identity_anchor(&report->verdict);
    }
    identity_headers_add(&facts, arena, &report->headers);
    header_edit_request(&report->access->request_headers, &facts, arena, &report->headers);
    /* What explain says is copied into tickets and mails: no password. */
    if (http_fields_remove(&report->headers, STR("Authorization")) > 0)
        http_fields_add(&report->headers, arena, STR("Authorization"), STR("Basic (not shown)"));
}

/* Over plain http no certificate was looked at; over https it will be. */
static bool is_judged_later(const struct explain_report *report,
                            const struct explain_request *request)
{
    enum config_client_certificate setting = report->access->client_certificate;
    if (report->outcome != OUTCOME_SSL_REQUIRED || request->presented_count == 0 ||
        request->site->trust == NULL || setting == CLIENT_CERT_IGNORE ||
        setting == CLIENT_CERT_PASS)
        return false;
    struct verdict verdict;
    verdict_compute(request->site->trust, request->presented, request->presented_count,
                    request->now, &verdict);
    bool is_refused = verdict.outcome != OUTCOME_OK;
    verdict_clear(&verdict);
    return is_refused;
}

static void add_fixes(struct explain_report *report, const struct explain_request *request,
                      const struct authorize *authorize)
{
    bool is_ignored = report->access->client_certificate == CLIENT_CERT_IGNORE;
    const struct cert *leaf =
        request->presented_count > 0 && !is_ignored ? request->presented[0] : NULL;
    const struct authorize_facts nobody = {.leaf = leaf};
    struct fix_facts facts = {
        .site = request->site,
        .access = report->access,
        .outcome = report->outcome,
        .failed = report->failed,
        .leaf = leaf,
        .is_refused_by_rules = !authorize_allows(authorize, &nobody),
    };
    if (outcome_is_verdict(report->outcome) || outcome_is_verdict(report->failed) ||
        is_judged_later(report, request)) {
        remedy_find(request->site->trust, request->presented, request->presented_count,
                    request->now, &report->remedy);
        facts.remedy = &report->remedy;
    }
    fix_make(&facts, &report->fixes);
}

/* Of a path that is refused whoever asks. */
static void add_path_rule(struct explain_report *report, struct arena *arena,
                          const struct explain_request *request, const struct place_found *found)
{
    struct text rule = {0};
    if (report->outcome != OUTCOME_AMBIGUOUS_PATH) {
        text_add_cstr(&rule, "encoded_slash refuse: the path has an escaped slash");
    } else if (found->phrase == NULL) {
        text_add_cstr(&rule, "ambiguous_path refuse: the path may be read in too many ways");
    } else {
        size_t other = (size_t)(found->other - request->site->places);
        text_add_cstr(&rule, "ambiguous_path refuse: some servers read the path as ");
        text_add_quoted(&rule, found->read_as);
        text_addf(&rule, " (%s), which is in %s%s", found->phrase,
                  other == 0 ? "no location" : "the location ",
                  other == 0 ? "" : request->site->config->locations[other - 1].path.text);
    }
    add_rule(report, arena, arena_copy(arena, text_str(&rule)));
    text_clear(&rule);
}

void explain_make(const struct snapshot *snapshot, const struct explain_request *request,
                  struct arena *arena, struct explain_report *ret_report)
{
    struct place_found found;
    enum outcome placed = place_find(request->site, request->path, arena, &found);
    const struct snapshot_access *place = found.place;
    struct explain_report *report = ret_report;
    *report = (struct explain_report){
        .site = request->site, .access = place->config, .now = request->now};
    size_t index = (size_t)(place - request->site->places);
    if (index > 0)
        report->location = request->site->config->locations[index - 1].path.text;
    struct judging judging = {request, report};
    struct access_facts facts = {
        .site = request->site,
        .access = place->config,
        .authorize = place->authorize,
        .is_tls = request->is_tls,
        .cipher_bits = request->is_tls ? 256 : 0,
        .leaf = request->is_tls && request->presented_count > 0 ? request->presented[0] : NULL,
        .judge = judge,
        .judge_arg = &judging,
    };
    if (placed != OUTCOME_OK) {
        report->outcome = placed;
        add_path_rule(report, arena, request, &found);
        add_fixes(report, request, place->authorize);
        return;
    }
    struct access_decision decision = access_decide(&facts);
    report->outcome = decision.outcome;
    report->failed = decision.failed;
    report->user = decision.user;
    report->mapping = decision.mapping;
    add_advertised(report, arena);
    explain_rules(report, arena, decision.shows_certificate);
    if (decision.outcome == OUTCOME_OK)
        add_headers(snapshot, request, &decision, arena, report);
    if (decision.outcome != OUTCOME_OK || decision.failed != OUTCOME_OK)
        add_fixes(report, request, place->authorize);
}

void explain_clear(struct explain_report *report)
{
    if (report->has_verdict)
        verdict_clear(&report->verdict);
    fix_clear(&report->fixes);
    report->has_verdict = false;
}
