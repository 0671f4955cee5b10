/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/init_make.h"

#define LISTEN "https://127.0.0.1:8443"

static const char configuration[] =
    "# A starter configuration: a throwaway PKI, one site, and a backend that echoes requests.\n"
    "# Paths are relative to this file. `mtls-proxy check -c proxy.yaml` tells what is wrong with\n"
    "# it; SIGHUP makes a running proxy read it again.\n"
    "\n"
    "sites:\n"
    "  - name: staging\n"
    "    # 0.0.0.0 instead of 127.0.0.1 answers other machines too.\n"
    "    bindings: [\"" LISTEN "\"]\n"
    "    server_certificate: { chain: pki/server.pem, key: pki/server.key }\n"
    "\n"
    "    # ignore: never asks for a certificate; accept: asks, and goes on without one;\n"
    "    # require: whoever brings none gets 403.7.\n"
    "    client_certificate: require\n"
    "\n"
    "    # Whom to believe. What is in pki/clients gets, by the rules of IIS:\n"
    "    #   good           200     signed by the issuing authority below\n"
    "    #   expired        403.17  and so does not-yet-valid\n"
    "    #   revoked        403.13  listed in pki/crls/issuing.pem\n"
    "    #   wrong-usage    403.16  a certificate for servers, not for clients\n"
    "    #   untrusted      403.16  from pki/external, an authority that is not listed here\n"
    "    #   self-signed    403.16\n"
    "    # `mtls-proxy explain -c proxy.yaml --certificate pki/clients/revoked.pem` says why.\n"
    "    trust:\n"
    "      mode: machine                  # ClientAuthTrustMode 0\n"
    "      root: [pki/roots/]             # self-signed roots only: LocalMachine\\Root\n"
    "      intermediate: [pki/cas/]       # issuing authorities: LocalMachine\\CA\n"
    "      revocation: { check: true, crls: [pki/crls/] }\n"
    "\n"
    "    # From certificates to users. Whoever is trusted and matches nothing goes on without a "
    "user,\n"
    "    # as what `mtls-proxy pki client NAME` makes; with `anonymous: false` that is 401.2.\n"
    "    anonymous: true\n"
    "    mapping:\n"
    "      one_to_one:\n"
    "        - { user: 'CONTOSO\\alice', certificate: pki/clients/good.pem }\n"
    "      # Many certificates to one user, by their names; the first match wins:\n"
    "      # many_to_one:\n"
    "      #   - name: staff\n"
    "      #     user: 'CONTOSO\\staff'\n"
    "      #     rules:\n"
    "      #       - { field: issuer, subfield: CN, match: \"mtls-proxy Issuing CA\" }\n"
    "      #       - { field: subject, subfield: O, match: \"Contoso*\" }\n"
    "\n"
    "    # What the backend learns. These headers are removed from what clients send.\n"
    "    forward:\n"
    "      identity: [rfc9440]            # Client-Cert\n"
    "      headers: { X-Remote-User: \"{user}\" }\n"
    "\n"
    "    upstream: echo                   # or your backend: http://127.0.0.1:8080\n"
    "\n"
    "    # Other rules for a part of the site:\n"
    "    # locations:\n"
    "    #   - { path: /health, client_certificate: ignore, require_ssl: false }\n";

void init_configuration_write(const char *listen, struct text *out)
{
    struct str text = str_of(configuration);
    const char *at = strstr(configuration, LISTEN);
    size_t before = (size_t)(at - configuration);
    text_add(out, str_make(text.ptr, before));
    text_add_cstr(out, listen == NULL ? LISTEN : listen);
    text_add(out, str_skip(text, before + sizeof LISTEN - 1));
}
