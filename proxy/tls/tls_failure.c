/* SPDX-License-Identifier: MIT */
#include "tls/tls_failure.h"

#include <stddef.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

static const char *const NAMES[TLS_FAILURE_COUNT] = {
    [TLS_FAILURE_NONE] = "none",
    [TLS_FAILURE_VERSION] = "no_common_version",
    [TLS_FAILURE_CIPHER] = "no_common_cipher",
    [TLS_FAILURE_SIGNATURE] = "no_common_signature_algorithm",
    [TLS_FAILURE_GROUP] = "no_common_group",
    [TLS_FAILURE_ALPN] = "no_common_alpn",
    [TLS_FAILURE_SERVER_NAME] = "bad_server_name",
    [TLS_FAILURE_CERTIFICATE] = "unreadable_certificate",
    [TLS_FAILURE_PROOF] = "no_proof_of_key",
    [TLS_FAILURE_BAD_RECORD] = "bad_record",
    [TLS_FAILURE_CLIENT_ALERT] = "client_alert",
    [TLS_FAILURE_CLOSED] = "handshake_closed",
    [TLS_FAILURE_TIMEOUT] = "handshake_timeout",
    [TLS_FAILURE_LATE] = "late_certificate",
    [TLS_FAILURE_PROTOCOL] = "handshake_protocol",
    [TLS_FAILURE_INTERNAL] = "handshake_internal",
};

/* Reasons of the library SSL in which the client and this side found nothing in common, or the
 * client sent what is no TLS. Everything else is a breach of the protocol. */
static const struct {
    int reason;
    enum tls_failure failure;
} REASONS[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAILURE_VERSION},
    {SSL_R_VERSION_TOO_LOW, TLS_FAILURE_VERSION},
    {SSL_R_VERSION_TOO_HIGH, TLS_FAILURE_VERSION},
    {SSL_R_UNKNOWN_PROTOCOL, TLS_FAILURE_VERSION},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, TLS_FAILURE_VERSION},
    {SSL_R_UNSUPPORTED_SSL_VERSION, TLS_FAILURE_VERSION},
    {SSL_R_INAPPROPRIATE_FALLBACK, TLS_FAILURE_VERSION},
    {SSL_R_NO_SHARED_CIPHER, TLS_FAILURE_CIPHER},
    {SSL_R_NO_CIPHERS_SPECIFIED, TLS_FAILURE_CIPHER},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_FAILURE_SIGNATURE},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, TLS_FAILURE_SIGNATURE},
    {SSL_R_MISSING_SIGALGS_EXTENSION, TLS_FAILURE_SIGNATURE},
    {SSL_R_WRONG_SIGNATURE_TYPE, TLS_FAILURE_PROOF},
    {SSL_R_BAD_SIGNATURE, TLS_FAILURE_PROOF},
    {SSL_R_SIGNATURE_FOR_NON_SIGNING_CERTIFICATE, TLS_FAILURE_PROOF},
    {SSL_R_NO_SUITABLE_KEY_SHARE, TLS_FAILURE_GROUP},
    {SSL_R_NO_SUITABLE_GROUPS, TLS_FAILURE_GROUP},
    {SSL_R_NO_APPLICATION_PROTOCOL, TLS_FAILURE_ALPN},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, TLS_FAILURE_CERTIFICATE},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, TLS_FAILURE_CERTIFICATE},
    {SSL_R_CERT_LENGTH_MISMATCH, TLS_FAILURE_CERTIFICATE},
    {SSL_R_UNKNOWN_CERTIFICATE_TYPE, TLS_FAILURE_CERTIFICATE},
    {SSL_R_WRONG_VERSION_NUMBER, TLS_FAILURE_BAD_RECORD},
    {SSL_R_BAD_RECORD_TYPE, TLS_FAILURE_BAD_RECORD},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, TLS_FAILURE_BAD_RECORD},
    {SSL_R_DECRYPTION_FAILED, TLS_FAILURE_BAD_RECORD},
    {SSL_R_PACKET_LENGTH_TOO_LONG, TLS_FAILURE_BAD_RECORD},
    {SSL_R_ENCRYPTED_LENGTH_TOO_LONG, TLS_FAILURE_BAD_RECORD},
    {SSL_R_DATA_LENGTH_TOO_LONG, TLS_FAILURE_BAD_RECORD},
    {SSL_R_LENGTH_TOO_SHORT, TLS_FAILURE_BAD_RECORD},
    {SSL_R_RECORD_TOO_SMALL, TLS_FAILURE_BAD_RECORD},
    {SSL_R_HTTP_REQUEST, TLS_FAILURE_BAD_RECORD},
    {SSL_R_HTTPS_PROXY_REQUEST, TLS_FAILURE_BAD_RECORD},
};

const char *tls_failure_name(enum tls_failure failure)
{
    return NAMES[(unsigned)failure < TLS_FAILURE_COUNT ? failure : TLS_FAILURE_INTERNAL];
}

enum tls_failure tls_failure_of(unsigned long code)
{
    int reason = ERR_GET_REASON(code);
    if (code == 0 || ERR_SYSTEM_ERROR(code))
        return TLS_FAILURE_CLOSED;
    /* The client's certificates are the only ASN.1 and the only keys that come from outside. */
    if (ERR_GET_LIB(code) == ERR_LIB_ASN1 || ERR_GET_LIB(code) == ERR_LIB_X509)
        return TLS_FAILURE_CERTIFICATE;
    if (ERR_GET_LIB(code) == ERR_LIB_RSA || ERR_GET_LIB(code) == ERR_LIB_EC)
        return TLS_FAILURE_PROOF;
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return TLS_FAILURE_PROTOCOL;
    /* OpenSSL adds the number of an alert that arrived to this one. */
    if (reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
        return TLS_FAILURE_CLIENT_ALERT;
    for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++) {
        if (REASONS[i].reason == reason)
            return REASONS[i].failure;
    }
    return reason == ERR_R_INTERNAL_ERROR || reason == ERR_R_MALLOC_FAILURE ? TLS_FAILURE_INTERNAL
                                                                            : TLS_FAILURE_PROTOCOL;
}
