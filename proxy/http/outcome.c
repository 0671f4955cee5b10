/* SPDX-License-Identifier: MIT */
#include "http/outcome.h"

#include <stddef.h>

/* winerror.h values; a HRESULT of facility WIN32 is logged as its low 16 bits. */
#define ERROR_ACCESS_DENIED          UINT32_C(5)
#define ERROR_NOT_SUPPORTED          UINT32_C(50)
#define ERROR_LOGON_FAILURE          UINT32_C(1326)
#define ERROR_PASSWORD_EXPIRED       UINT32_C(1330)
#define ERROR_ACCOUNT_DISABLED       UINT32_C(1331)
#define ERROR_LOGON_TYPE_NOT_GRANTED UINT32_C(1385)
#define ERROR_WINHTTP_TIMEOUT        UINT32_C(12002)
#define ERROR_WINHTTP_CANNOT_CONNECT UINT32_C(12029)
#define ERROR_WINHTTP_CLOSED         UINT32_C(12030)
#define ERROR_WINHTTP_INVALID        UINT32_C(12152)
#define CERT_E_EXPIRED               UINT32_C(0x800B0101)
#define CERT_E_CRITICAL              UINT32_C(0x800B0105)
#define CERT_E_UNTRUSTEDROOT         UINT32_C(0x800B0109)
#define CERT_E_CHAINING              UINT32_C(0x800B010A)
#define CERT_E_WRONG_USAGE           UINT32_C(0x800B0110)
#define TRUST_E_EXPLICIT_DISTRUST    UINT32_C(0x800B0111)
#define CERT_E_INVALID_POLICY        UINT32_C(0x800B0113)
#define CERT_E_INVALID_NAME          UINT32_C(0x800B0114)
#define CRYPT_E_REVOKED              UINT32_C(0x80092010)
#define CRYPT_E_REVOCATION_OFFLINE   UINT32_C(0x80092013)
#define TRUST_E_CERT_SIGNATURE       UINT32_C(0x80096004)
#define TRUST_E_BASIC_CONSTRAINTS    UINT32_C(0x80096019)
#define CRYPT_E_ASN1_EOD             UINT32_C(0x80093102)

#define NOT_TRUSTED "Client certificate not trusted"
#define NOT_MAPPED  "Client certificate could not be logged on"

/* IIS: substatus 16 untrusted or invalid, 17 outside its validity, 13 revoked or not known not to
 * be, 12 refused by the mapper, 7 required (learn.microsoft.com, HTTP status codes in IIS). */
static const struct outcome_info OUTCOMES[OUTCOME_COUNT] = {
    [OUTCOME_OK] = {200, 0, 0, NULL, "OK", "The request was answered."},

    [OUTCOME_SSL_REQUIRED] = {403, 4, ERROR_ACCESS_DENIED, "ssl_required", "HTTPS required",
                              "This address is only served over an encrypted connection."},
    [OUTCOME_CIPHER_STRENGTH] = {403, 5, ERROR_ACCESS_DENIED, "cipher_strength",
                                 "Stronger encryption required",
                                 "The connection uses a cipher of less than 128 bits."},
    [OUTCOME_CERTIFICATE_REQUIRED] = {403, 7, ERROR_ACCESS_DENIED, "certificate_required",
                                      "Client certificate required",
                                      "The client did not present a certificate."},

    [OUTCOME_EXPLICIT_DISTRUST] = {403, 16, TRUST_E_EXPLICIT_DISTRUST, "explicit_distrust",
                                   NOT_TRUSTED,
                                   "A certificate of the chain is on the list of refused ones."},
    [OUTCOME_SIGNATURE] = {403, 16, TRUST_E_CERT_SIGNATURE, "signature", NOT_TRUSTED,
                           "The signature of a certificate of the chain is not valid."},
    [OUTCOME_WEAK_KEY] = {403, 16, TRUST_E_CERT_SIGNATURE, "weak_key", NOT_TRUSTED,
                          "A certificate of the chain has a key or a signature that is too weak."},
    [OUTCOME_UNTRUSTED_ROOT] = {403, 16, CERT_E_UNTRUSTEDROOT, "untrusted_root", NOT_TRUSTED,
                                "The chain ends in a root that is not trusted here."},
    [OUTCOME_ROOT_STORE_MIXED] = {403, 16, CERT_E_UNTRUSTEDROOT, "root_store_mixed", NOT_TRUSTED,
                                  "The root store holds a certificate that is not self-signed, "
                                  "which makes every client certificate untrusted."},
    [OUTCOME_ISSUER_NOT_LISTED] = {403, 16, CERT_E_UNTRUSTEDROOT, "issuer_not_listed", NOT_TRUSTED,
                                   "No issuer of the certificate is among the accepted ones."},
    [OUTCOME_SEARCH_LIMIT] = {403, 16, CERT_E_UNTRUSTEDROOT, "search_limit", NOT_TRUSTED,
                              "No trusted chain was found within the limits of the search."},
    [OUTCOME_PARTIAL_CHAIN] = {403, 16, CERT_E_UNTRUSTEDROOT, "partial_chain", NOT_TRUSTED,
                               "An issuer of the certificate was neither sent nor installed."},
    [OUTCOME_PARTIAL_CHAIN_CHAINING] = {403, 16, CERT_E_CHAINING, "partial_chain", NOT_TRUSTED,
                                        "An issuer of the certificate was neither sent nor "
                                        "installed."},
    [OUTCOME_EXPIRED] = {403, 17, CERT_E_EXPIRED, "expired", "Client certificate expired",
                         "A certificate of the chain has expired."},
    [OUTCOME_NOT_YET_VALID] = {403, 17, CERT_E_EXPIRED, "not_yet_valid",
                               "Client certificate not yet valid",
                               "The validity of a certificate of the chain has not begun."},
    [OUTCOME_BASIC_CONSTRAINTS] = {403, 16, TRUST_E_BASIC_CONSTRAINTS, "basic_constraints",
                                   NOT_TRUSTED,
                                   "A certificate of the chain may not issue the one below it."},
    [OUTCOME_WRONG_USAGE] = {403, 16, CERT_E_WRONG_USAGE, "wrong_usage", NOT_TRUSTED,
                             "The certificate is not meant for client authentication."},
    [OUTCOME_REVOKED] = {403, 13, CRYPT_E_REVOKED, "revoked", "Client certificate revoked",
                         "A certificate of the chain was revoked by its issuer."},
    [OUTCOME_REVOCATION_OFFLINE] = {403, 13, CRYPT_E_REVOCATION_OFFLINE, "revocation_offline",
                                    "Revocation could not be checked",
                                    "There is no current revocation list for a certificate of the "
                                    "chain."},
    [OUTCOME_INVALID_NAME] = {403, 16, CERT_E_INVALID_NAME, "invalid_name", NOT_TRUSTED,
                              "A name in the certificate is outside what its issuer may certify."},
    [OUTCOME_INVALID_POLICY] = {403, 16, CERT_E_INVALID_POLICY, "invalid_policy", NOT_TRUSTED,
                                "The certificate policies of the chain do not allow this use."},
    [OUTCOME_CRITICAL_EXTENSION] = {403, 16, CERT_E_CRITICAL, "critical_extension", NOT_TRUSTED,
                                    "A certificate of the chain has a critical extension that is "
                                    "not understood."},

    [OUTCOME_MAPPING_DENIED] = {403, 12, ERROR_ACCESS_DENIED, "mapping_denied",
                                "Client certificate denied",
                                "A mapping rule denies access to this certificate."},
    [OUTCOME_MAPPING_DENIED_401] = {401, 1, ERROR_ACCESS_DENIED, "mapping_denied",
                                    "Client certificate denied",
                                    "A mapping rule denies access to this certificate."},
    [OUTCOME_MAPPING_MALFORMED] = {401, 1, CRYPT_E_ASN1_EOD, "mapping_malformed", NOT_MAPPED,
                                   "A certificate in the mapping configuration cannot be read."},
    [OUTCOME_LOGON_FAILED] = {401, 1, ERROR_LOGON_FAILURE, "logon_failed", NOT_MAPPED,
                              "The account of this certificate is unknown or its password wrong."},
    [OUTCOME_LOGON_DISABLED] = {401, 1, ERROR_ACCOUNT_DISABLED, "logon_failed", NOT_MAPPED,
                                "The account of this certificate is disabled."},
    [OUTCOME_LOGON_PASSWORD_EXPIRED] = {401, 1, ERROR_PASSWORD_EXPIRED, "logon_failed", NOT_MAPPED,
                                        "The password of this certificate's account has expired."},
    [OUTCOME_LOGON_TYPE_DENIED] = {401, 1, ERROR_LOGON_TYPE_NOT_GRANTED, "logon_failed", NOT_MAPPED,
                                   "The account of this certificate may not log on this way."},
    [OUTCOME_NO_USER] = {401, 2, ERROR_ACCESS_DENIED, "no_user", "Not authenticated",
                         "No user could be determined and anonymous access is off."},
    [OUTCOME_NOT_AUTHORIZED] = {403, 12, ERROR_ACCESS_DENIED, "mapping_denied", "Not authorized",
                                "The rules of this path do not let this client in."},

    [OUTCOME_MISDIRECTED] = {421, 0, 0, "misdirected", "Misdirected request",
                             "This connection was not set up for the requested host; a new one is "
                             "needed."},
    [OUTCOME_POST_HANDSHAKE_500] = {500, 0, ERROR_NOT_SUPPORTED, "post_handshake_unsupported",
                                    "Client certificate cannot be requested",
                                    "The client does not support post-handshake authentication."},
    [OUTCOME_POST_HANDSHAKE_403] = {403, 7, ERROR_ACCESS_DENIED, "post_handshake_unsupported",
                                    "Client certificate required",
                                    "The client does not support post-handshake authentication."},
    [OUTCOME_READ_AHEAD_EXCEEDED] = {413, 0, 0, "read_ahead_exceeded", "Request too large",
                                     "The body is too large to hold while a client certificate is "
                                     "requested."},

    [OUTCOME_AMBIGUOUS_PATH] = {400, 0, 0, "ambiguous_path", "Ambiguous path",
                                "Some servers read this path as another one, for which other rules "
                                "hold here."},
    [OUTCOME_BAD_FORWARDED] = {400, 0, 0, "forwarded_certificate", "Bad request",
                               "The certificate that the proxy in front handed on cannot be "
                               "read."},

    [OUTCOME_BAD_REQUEST] = {400, 0, 0, "bad_request", "Bad request",
                             "The request is not valid HTTP."},
    [OUTCOME_BAD_FRAMING] = {400, 0, 0, "ambiguous_framing", "Bad request",
                             "The length of the request's body is not valid, or can be read in "
                             "two ways."},
    [OUTCOME_BAD_TARGET] = {400, 0, 0, "invalid_target", "Bad request",
                            "The requested address is not valid."},
    [OUTCOME_ENCODED_SLASH] = {400, 0, 0, "encoded_slash", "Bad request",
                               "The path of the requested address has an escaped slash."},
    [OUTCOME_BAD_HOST] = {400, 0, 0, "invalid_host", "Bad request",
                          "The Host field of the request is missing, repeated or not valid."},
    [OUTCOME_UNKNOWN_HOST] = {400, 0, 0, "unknown_host", "Unknown host",
                              "No site of this server has the host that was asked for."},
    [OUTCOME_HTTP_ON_HTTPS] = {400, 0, 0, "http_on_https", "HTTPS required",
                               "The request came in plain HTTP to a port that serves https; the "
                               "address has to begin with https."},
    [OUTCOME_METHOD_NOT_ALLOWED] = {405, 0, 0, "method_not_allowed", "Method not allowed",
                                    "This method is not served."},
    [OUTCOME_REQUEST_TIMEOUT] = {408, 0, 0, "request_timeout", "Request timed out",
                                 "The request did not arrive in time."},
    [OUTCOME_CONTENT_TOO_LARGE] = {413, 0, 0, "content_too_large", "Content too large",
                                   "The request body is larger than allowed."},
    [OUTCOME_URI_TOO_LONG] = {414, 0, 0, "uri_too_long", "Address too long",
                              "The requested address is longer than allowed."},
    [OUTCOME_EXPECTATION_FAILED] = {417, 0, 0, "expectation_failed", "Expectation failed",
                                    "The only expectation that can be met is 100-continue."},
    [OUTCOME_HEADER_TOO_LARGE] = {431, 0, 0, "header_too_large", "Header too large",
                                  "The request header has more fields or bytes than allowed."},
    [OUTCOME_NOT_IMPLEMENTED] = {501, 0, 0, "not_implemented", "Not implemented",
                                 "The request asks for something that is not implemented."},
    [OUTCOME_VERSION_NOT_SUPPORTED] = {505, 0, 0, "http_version", "HTTP version not supported",
                                       "Only HTTP/1.0 and HTTP/1.1 are served."},

    [OUTCOME_INTERNAL] = {500, 0, 0, "internal_error", "Internal error",
                          "The proxy could not handle the request."},

    [OUTCOME_UPSTREAM_CONNECT] = {502, 3, ERROR_WINHTTP_CANNOT_CONNECT, "upstream_connect",
                                  "Bad gateway",
                                  "No connection to the server behind the proxy could be made."},
    [OUTCOME_UPSTREAM_CLOSED] = {502, 3, ERROR_WINHTTP_CLOSED, "upstream_closed", "Bad gateway",
                                 "The server behind the proxy closed the connection too early."},
    [OUTCOME_UPSTREAM_INVALID] = {502, 3, ERROR_WINHTTP_INVALID, "upstream_invalid", "Bad gateway",
                                  "The server behind the proxy did not answer in valid HTTP."},
    [OUTCOME_UNAVAILABLE] = {503, 0, 0, "unavailable", "Service unavailable",
                             "No server behind the proxy can take the request now."},
    [OUTCOME_UPSTREAM_TIMEOUT] = {504, 0, ERROR_WINHTTP_TIMEOUT, "upstream_timeout",
                                  "Gateway timeout",
                                  "The server behind the proxy did not answer in time."},
};

const struct outcome_info *outcome_info(enum outcome outcome)
{
    return &OUTCOMES[(unsigned)outcome < OUTCOME_COUNT ? outcome : OUTCOME_INTERNAL];
}

bool outcome_is_verdict(enum outcome outcome)
{
    return outcome >= OUTCOME_EXPLICIT_DISTRUST && outcome <= OUTCOME_CRITICAL_EXTENSION;
}

bool outcome_is_refusal(enum outcome outcome)
{
    return outcome > OUTCOME_OK && outcome < OUTCOME_BAD_FORWARDED;
}

bool outcome_is_protocol(enum outcome outcome)
{
    return outcome >= OUTCOME_BAD_REQUEST && outcome <= OUTCOME_VERSION_NOT_SUPPORTED;
}
