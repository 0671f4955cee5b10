/* SPDX-License-Identifier: MIT */
#include "core/fix.h"

#include "base/clock.h"

/* The top of the path: the certificate whose issuer is missing or not trusted. */
static const struct cert *top(const struct verdict *verdict)
{
    return verdict == NULL || verdict->path_len == 0 ? NULL
                                                     : verdict->path[verdict->path_len - 1].cert;
}

static const struct cert *at_fault(const struct verdict *verdict)
{
    if (verdict == NULL || verdict->path_len == 0)
        return NULL;
    return verdict->path[verdict->fault < verdict->path_len ? verdict->fault : 0].cert;
}

static void add_name(struct text *out, const struct cert *cert,
                     void (*name)(const struct cert *, struct text *))
{
    if (cert == NULL) {
        text_add_cstr(out, "it");
        return;
    }
    text_add_char(out, '\'');
    name(cert, out);
    text_add_char(out, '\'');
}

static const char *anchor_store(const struct config_site *site)
{
    return site->trust.mode != TRUST_MODE_MACHINE && site->trust.trusted_issuers.is_set
               ? "trust.trusted_issuers"
               : "trust.root";
}

static void add_date(struct text *out, int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];
    text_add(out, clock_format_rfc3339(seconds, text));
}

static void fix_path(const struct config_site *site, enum outcome outcome,
                     const struct verdict *verdict, struct text *out)
{
    switch ((int)outcome) {
    case OUTCOME_UNTRUSTED_ROOT:
        text_add_cstr(out, "add the root certificate ");
        add_name(out, top(verdict), cert_subject);
        text_addf(out, " to %s, if its CA is to be trusted", anchor_store(site));
        break;
    case OUTCOME_PARTIAL_CHAIN:
    case OUTCOME_PARTIAL_CHAIN_CHAINING:
        text_add_cstr(out, "add the certificate of the issuer ");
        add_name(out, top(verdict), cert_issuer);
        text_add_cstr(out, " to trust.intermediate, or have the client send it (a root goes to ");
        text_addf(out, "%s)", anchor_store(site));
        break;
    case OUTCOME_ROOT_STORE_MIXED:
        text_add_cstr(out, "move the certificates that are not self-signed from trust.root to "
                           "trust.intermediate, or set trust.mode to exclusive_ca");
        break;
    case OUTCOME_ISSUER_NOT_LISTED:
        text_add_cstr(out, "add the issuer ");
        add_name(out, verdict != NULL && verdict->path_len > 0 ? verdict->path[0].cert : NULL,
                 cert_issuer);
        text_add_cstr(out, " to trust.trusted_issuers, or unbind that store");
        break;
    default:
        text_add_cstr(out, "send fewer certificates: the search for a path was given up");
        break;
    }
}

static void fix_certificate(enum outcome outcome, const struct verdict *verdict, struct text *out)
{
    const struct cert *cert = at_fault(verdict);
    switch ((int)outcome) {
    case OUTCOME_EXPLICIT_DISTRUST:
        text_add_cstr(out, "take the certificate ");
        add_name(out, cert, cert_subject);
        text_add_cstr(out, " out of trust.disallowed, if it was put there by mistake");
        break;
    case OUTCOME_EXPIRED:
        text_add_cstr(out, "renew the certificate ");
        add_name(out, cert, cert_subject);
        if (cert != NULL) {
            text_add_cstr(out, ", which expired at ");
            add_date(out, cert->not_after);
        }
        break;
    case OUTCOME_NOT_YET_VALID:
        text_add_cstr(out, "check the clocks: the certificate ");
        add_name(out, cert, cert_subject);
        if (cert != NULL) {
            text_add_cstr(out, " is valid from ");
            add_date(out, cert->not_before);
        }
        break;
    case OUTCOME_REVOKED:
        text_add_cstr(out, "present another certificate: ");
        add_name(out, cert, cert_subject);
        text_add_cstr(out, " is revoked by its issuer");
        break;
    case OUTCOME_REVOCATION_OFFLINE:
        text_add_cstr(out, "add a current CRL of ");
        add_name(out, cert, cert_issuer);
        text_add_cstr(out, " to trust.revocation.crls");
        break;
    default:
        text_add_cstr(out, "present another certificate: ");
        add_name(out, cert, cert_subject);
        text_addf(out, " has a fault of its own (%s)", outcome_info(outcome)->title);
        break;
    }
}

static void fix_access(enum outcome outcome, struct text *out)
{
    switch ((int)outcome) {
    case OUTCOME_SSL_REQUIRED:
        text_add_cstr(out, "use https, or set require_ssl: false for this path");
        break;
    case OUTCOME_CIPHER_STRENGTH:
        text_add_cstr(out, "use a cipher of 128 bits or more, or set require_128_bit: false");
        break;
    case OUTCOME_CERTIFICATE_REQUIRED:
        text_add_cstr(out, "present a client certificate, or set client_certificate: accept");
        break;
    case OUTCOME_MAPPING_DENIED:
    case OUTCOME_MAPPING_DENIED_401:
        text_add_cstr(out, "a many_to_one mapping with permission: deny matches this certificate: "
                           "change it, or put an allowing one before it");
        break;
    case OUTCOME_MAPPING_MALFORMED:
        text_add_cstr(out, "correct the one_to_one certificate that cannot be decoded");
        break;
    case OUTCOME_LOGON_FAILED:
    case OUTCOME_LOGON_DISABLED:
    case OUTCOME_LOGON_PASSWORD_EXPIRED:
    case OUTCOME_LOGON_TYPE_DENIED:
        text_add_cstr(out, "list the mapped user in accounts with state: enabled and the password "
                           "that the mapping has");
        break;
    case OUTCOME_NO_USER:
        text_add_cstr(out, "map this certificate to a user, or set anonymous: true");
        break;
    case OUTCOME_MISDIRECTED:
        text_add_cstr(out, "connect with the SNI name of the host that is asked for");
        break;
    default:
        text_add_cstr(out, "see the message above");
        break;
    }
}

void fix_sentence(const struct config_site *site, enum outcome outcome,
                  const struct verdict *verdict, struct text *out)
{
    if (!outcome_is_verdict(outcome))
        fix_access(outcome, out);
    else if (outcome >= OUTCOME_UNTRUSTED_ROOT && outcome <= OUTCOME_PARTIAL_CHAIN_CHAINING)
        fix_path(site, outcome, verdict, out);
    else
        fix_certificate(outcome, verdict, out);
}
