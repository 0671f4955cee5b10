/* SPDX-License-Identifier: MIT */
#include "explain/explain_windows.h"

#define SCHANNEL "HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL"

static void line(const char *indent, const char *text, struct text *out)
{
    text_addf(out, "%s%s\n", indent, text);
}

static void trust_settings(const struct config_trust *trust, const char *indent, struct text *out)
{
    line(indent, "stores: certlm.msc, Trusted Root (LocalMachine\\Root) and Intermediate (CA)",
         out);
    text_addf(out, "%strust mode: " SCHANNEL "\\ClientAuthTrustMode = %d\n", indent,
              (int)trust->mode);
    text_addf(out, "%strusted issuers: netsh http show sslcert, Ctl Store Name = %s\n", indent,
              trust->trusted_issuers.is_set ? "the store of trust.trusted_issuers" : "(null)");
}

void explain_windows(const struct explain_report *report, const char *indent, struct text *out)
{
    const struct config_trust *trust = &report->site->config->trust;
    switch ((int)report->outcome) {
    case OUTCOME_OK:
        break;
    case OUTCOME_SSL_REQUIRED:
    case OUTCOME_CIPHER_STRENGTH:
    case OUTCOME_CERTIFICATE_REQUIRED:
        line(indent, "system.webServer/security/access sslFlags (SSL Settings)", out);
        text_addf(out, "%s" SCHANNEL "\\SendTrustedIssuerList = %d\n", indent,
                  trust->send_trusted_issuer_list);
        break;
    case OUTCOME_EXPLICIT_DISTRUST:
        line(indent, "store: certlm.msc, Untrusted Certificates (LocalMachine\\Disallowed)", out);
        break;
    case OUTCOME_REVOKED:
    case OUTCOME_REVOCATION_OFFLINE:
        text_addf(out, "%snetsh http show sslcert, Verify Client Certificate Revocation = %s\n",
                  indent, trust->revocation.check ? "Enabled" : "Disabled");
        line(indent, "the CRL cache: certutil -urlcache crl", out);
        break;
    case OUTCOME_WRONG_USAGE:
        text_addf(out, "%snetsh http show sslcert, Usage Check = %s\n", indent,
                  trust->check_usage ? "Enabled" : "Disabled");
        break;
    case OUTCOME_MAPPING_DENIED:
    case OUTCOME_MAPPING_DENIED_401:
    case OUTCOME_MAPPING_MALFORMED:
    case OUTCOME_LOGON_FAILED:
    case OUTCOME_LOGON_DISABLED:
    case OUTCOME_LOGON_PASSWORD_EXPIRED:
    case OUTCOME_LOGON_TYPE_DENIED:
        line(indent,
             "system.webServer/security/authentication/iisClientCertificateMappingAuthentication",
             out);
        break;
    case OUTCOME_NO_USER:
        line(indent, "system.webServer/security/authentication/anonymousAuthentication", out);
        line(indent, "and iisClientCertificateMappingAuthentication beside it", out);
        break;
    case OUTCOME_EXPIRED:
    case OUTCOME_NOT_YET_VALID:
        line(indent, "the certificate itself: certutil -verify client.cer", out);
        break;
    default:
        trust_settings(trust, indent, out);
        break;
    }
}
