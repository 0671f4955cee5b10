/* SPDX-License-Identifier: MIT */
#include "explain/windows_fix.h"

#include <string.h>

#include "auth/client_cert.h"
#include "base/str.h"

/* The names that certutil has for the stores of this machine. */
static const char *store_of(const struct fix *fix)
{
    static const char *const STORES[][2] = {
        {"root", "Root"},
        {"intermediate", "CA"},
        {"trusted_issuers", "ClientAuthIssuer"},
        {"client_auth_issuers", "ClientAuthIssuer"},
        {"disallowed", "Disallowed"},
    };
    for (size_t i = 0; fix->store != NULL && i < sizeof STORES / sizeof STORES[0]; i++) {
        if (strcmp(STORES[i][0], fix->store) == 0)
            return STORES[i][1];
    }
    return NULL;
}

static void add_fingerprint(const struct fix *fix, struct text *out)
{
    if (fix->cert == NULL)
        text_add_cstr(out, "THUMBPRINT");
    else
        text_add_hex(out, fix->cert->sha1, sizeof fix->cert->sha1);
}

static const struct {
    const char *key;
    const char *value; /* NULL: any */
    const char *command;
} SETTINGS[] = {
    {"trust.mode", "exclusive_ca",
     "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL "
     "/v ClientAuthTrustMode /t REG_DWORD /d 2 /f"},
    {"trust.check_usage", NULL, "netsh http update sslcert ipport=0.0.0.0:443 usagecheck=disable"},
    {"trust.policy.require_explicit", NULL, NULL},
    {"require_ssl", NULL,
     "appcmd set config \"Default Web Site\" -section:system.webServer/security/access "
     "-sslFlags:None -commit:apphost"},
    {"negotiate_client_certificate", NULL,
     "netsh http update sslcert ipport=0.0.0.0:443 clientcertnegotiation=enable"},
    {"anonymous", NULL,
     "appcmd set config \"Default Web Site\" "
     "-section:system.webServer/security/authentication/anonymousAuthentication -enabled:true "
     "-commit:apphost"},
    {"mapping.many_to_one", NULL,
     "appcmd set config \"Default Web Site\" "
     "-section:system.webServer/security/authentication/iisClientCertificateMappingAuthentication "
     "-[manyToOneMappings].[name='NAME'].enabled:false -commit:apphost"},
    {"accounts", "enabled", "net user USER /active:yes"},
};

static void add_setting(const struct fix *fix, struct text *out)
{
    struct str key = str_of(fix->key);
    for (size_t i = 0; key.len > 0 && i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        bool is_place = str_starts_with(key, STR("locations[")) &&
                        str_ends_with_icase(key, str_of(SETTINGS[i].key));
        if (!is_place && !str_starts_with(key, str_of(SETTINGS[i].key)))
            continue;
        bool has_value = SETTINGS[i].value == NULL || strcmp(SETTINGS[i].value, fix->value) == 0;
        if (has_value && SETTINGS[i].command != NULL)
            text_addf(out, "%s\n", SETTINGS[i].command);
        return;
    }
}

void windows_fix_add(const struct fix *fix, struct text *out)
{
    const char *store = store_of(fix);
    switch (fix->action) {
    case FIX_ADD_CERTIFICATE:
        if (store != NULL)
            text_addf(out, "certutil -addstore %s issuer.cer\n", store);
        break;
    case FIX_REMOVE_CERTIFICATE:
        text_add_cstr(out, "certutil -delstore Disallowed ");
        add_fingerprint(fix, out);
        text_add_char(out, '\n');
        break;
    case FIX_MOVE_CERTIFICATE:
        text_add_cstr(out, "certutil -delstore Root ");
        add_fingerprint(fix, out);
        text_add_cstr(out, "\ncertutil -addstore CA intermediate.cer\n");
        break;
    case FIX_ADD_CRL:
        text_add_cstr(out, "certutil -addstore CA issuer.crl\n");
        break;
    case FIX_SET:
        add_setting(fix, out);
        break;
    case FIX_RENEW:
        text_add_cstr(out, "certutil -verify -urlfetch client.cer\n");
        break;
    case FIX_PRESENT:
        break;
    }
}
