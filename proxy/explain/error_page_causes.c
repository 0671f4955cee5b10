/* What is usually behind an outcome.
 *
 * SPDX-License-Identifier: MIT */
#include "explain/error_page_text.h"

#define CAUSES_MAX 4 /* with the NULL at the end */

/* An outcome without a row has no list of its own. */
static const char *const CAUSES[OUTCOME_COUNT][CAUSES_MAX] = {
    [OUTCOME_CERTIFICATE_REQUIRED] =
        {"The client has no certificate, or its user chose to send none.",
         "The client has a certificate, but from no issuer on the list that the "
         "server sent.",
         "The certificate is installed without its private key, or for another user."},
    [OUTCOME_EXPLICIT_DISTRUST] =
        {"A certificate of the chain was put on the list of refused certificates."},
    [OUTCOME_SIGNATURE] = {"A certificate was altered, or is not from the issuer it names.",
                           "Two issuers share a name but not a key, and the right one is missing."},
    [OUTCOME_WEAK_KEY] =
        {"A certificate of the chain is signed with MD5 or weaker, or has an RSA key "
         "below 1024 bits."},
    [OUTCOME_UNTRUSTED_ROOT] =
        {"The root of the client's chain is not in the root store of this site.",
         "The client uses a self-signed certificate.",
         "Under an exclusive trust mode, the root is not in the bound issuer store."},
    [OUTCOME_ROOT_STORE_MIXED] = {"An intermediate certificate was put into the store of roots."},
    [OUTCOME_ISSUER_NOT_LISTED] =
        {"A store of accepted issuers is bound, and no issuer of this certificate is "
         "in it."},
    [OUTCOME_SEARCH_LIMIT] =
        {"The client sent so many certificates of the same names that the search for "
         "a path was given up."},
    [OUTCOME_PARTIAL_CHAIN] =
        {"The client sends its certificate without the intermediate certificates.",
         "An intermediate certificate is not installed on the server.",
         "The certificate is from an authority that this server does not know."},
    [OUTCOME_PARTIAL_CHAIN_CHAINING] =
        {"The client sends its certificate without the intermediate certificates.",
         "An intermediate certificate is not installed on the server.",
         "The certificate is from an authority that this server does not know."},
    [OUTCOME_EXPIRED] = {"The validity of the certificate, or of one of its issuers, has ended.",
                         "The clock of the server is ahead."},
    [OUTCOME_NOT_YET_VALID] =
        {"The validity of the certificate, or of one of its issuers, has not begun.",
         "The clock of the server, or of the authority, is wrong."},
    [OUTCOME_BASIC_CONSTRAINTS] =
        {"A certificate that is not one of an authority was used to issue another.",
         "The chain is longer than one of its authorities allows."},
    [OUTCOME_WRONG_USAGE] =
        {"The certificate was issued for servers, mail or code, not for clients."},
    [OUTCOME_REVOKED] = {"The certificate, or one of its issuers, was revoked."},
    [OUTCOME_REVOCATION_OFFLINE] =
        {"The revocation list of an issuer is missing on the server or has expired.",
         "The signature of the list could not be verified."},
    [OUTCOME_INVALID_NAME] =
        {"An authority of the chain is limited to names that do not cover this one."},
    [OUTCOME_INVALID_POLICY] =
        {"The site demands a certificate policy that the chain does not have."},
    [OUTCOME_CRITICAL_EXTENSION] =
        {"The certificate has an extension, marked as critical, of an unknown kind."},
    [OUTCOME_SSL_REQUIRED] = {"The address was opened with http instead of https."},
    [OUTCOME_CIPHER_STRENGTH] = {"The client and the server agreed on a weak cipher."},
    [OUTCOME_MAPPING_DENIED] = {"A mapping rule with permission deny matches the certificate."},
    [OUTCOME_MAPPING_DENIED_401] = {"A mapping rule with permission deny matches the certificate."},
    [OUTCOME_MAPPING_MALFORMED] =
        {"The configuration holds a certificate in place that is not valid base64 "
         "or not a certificate."},
    [OUTCOME_LOGON_FAILED] = {"The certificate is mapped to an account that cannot log on."},
    [OUTCOME_LOGON_DISABLED] = {"The certificate is mapped to an account that cannot log on."},
    [OUTCOME_LOGON_PASSWORD_EXPIRED] =
        {"The certificate is mapped to an account that cannot log on."},
    [OUTCOME_LOGON_TYPE_DENIED] = {"The certificate is mapped to an account that cannot log on."},
    [OUTCOME_NO_USER] = {"No mapping matches the certificate, or there is none.",
                         "Anonymous access is switched off for this address."},
    [OUTCOME_AMBIGUOUS_PATH] = {"The path has an escape, a semicolon, a colon, a blank, a trailing "
                                "dot or repeated slashes where the backend may ignore them.",
                                "Without them it is a path for which the site has other rules."},
    [OUTCOME_MISDIRECTED] = {"The client reused a connection that was made for a host with another "
                             "policy."},
    [OUTCOME_POST_HANDSHAKE_500] =
        {"The certificate is asked for after the handshake, which this client does "
         "not support over TLS 1.3."},
    [OUTCOME_POST_HANDSHAKE_403] =
        {"The certificate is asked for after the handshake, which this client does "
         "not support over TLS 1.3."},
    [OUTCOME_READ_AHEAD_EXCEEDED] = {"A large body was sent before the certificate was asked for."},
    [OUTCOME_UPSTREAM_CONNECT] =
        {"The server behind the proxy is not running, or listens elsewhere.",
         "A firewall lies between the proxy and that server."},
    [OUTCOME_UPSTREAM_CLOSED] =
        {"The server behind the proxy crashed, or was restarted, while it answered.",
         "That server speaks https on the port where http is expected."},
    [OUTCOME_UPSTREAM_INVALID] =
        {"The server behind the proxy speaks another protocol than HTTP/1.1."},
    [OUTCOME_UNAVAILABLE] = {"Every server behind the proxy is busy or down."},
    [OUTCOME_UPSTREAM_TIMEOUT] =
        {"The server behind the proxy is overloaded or hangs.",
         "The request takes longer than the proxy waits (timeouts.response)."},
    [OUTCOME_CONTENT_TOO_LARGE] = {"The body exceeds limits.body_bytes."},
    [OUTCOME_URI_TOO_LONG] = {"The address exceeds limits.target_bytes."},
    [OUTCOME_HEADER_TOO_LARGE] = {"The header exceeds limits.header_bytes or limits.header_count.",
                                  "The client has collected large cookies."},
    [OUTCOME_REQUEST_TIMEOUT] =
        {"The client or the network is slow, or the client stopped in the middle."},
    [OUTCOME_BAD_FORWARDED] =
        {"The proxy in front and trusted_proxies.client_certificate do not agree on a form."},
    [OUTCOME_BAD_REQUEST] =
        {"The client, or something in between, does not write proper HTTP/1.1."},
    [OUTCOME_BAD_FRAMING] = {"The client, or something in between, tries to hide a second request.",
                             "A program sets Content-Length or Transfer-Encoding by itself."},
    [OUTCOME_BAD_TARGET] = {"The address has bytes, escapes or dot segments that no server may "
                            "have to guess about."},
    [OUTCOME_ENCODED_SLASH] = {"The site has no encoded_slash: keep."},
    [OUTCOME_BAD_HOST] = {"The client sends no Host, two of them, or one that is not a host."},
    [OUTCOME_UNKNOWN_HOST] = {"The name leads here, but is not in the hosts of any site.",
                              "The client asked by an address instead of a name."},
    [OUTCOME_HTTP_ON_HTTPS] = {"The address was opened with http instead of https."},
    [OUTCOME_EXPECTATION_FAILED] = {"The client sent an Expect field other than 100-continue."},
    [OUTCOME_NOT_IMPLEMENTED] = {"The client sent a transfer coding other than chunked."},
    [OUTCOME_VERSION_NOT_SUPPORTED] = {"The client speaks another version of HTTP."},
    [OUTCOME_METHOD_NOT_ALLOWED] = {"CONNECT and TRACE are not served."},
};

static const char *const UNKNOWN[] = {"The log of the proxy has more under the id of the request.",
                                      NULL};

const char *const *error_page_causes(enum outcome outcome)
{
    bool has_row = (unsigned)outcome < OUTCOME_COUNT && CAUSES[outcome][0] != NULL;
    return has_row ? CAUSES[outcome] : UNKNOWN;
}
