/* outcome.h - every way a request can end: status, IIS substatus, win32 code, reason, text.
 *
 * The one table of statuses; nobody writes a status number elsewhere. `reason` is the closed set
 * of interface.md 5. Sources: iis-semantics.md 1.3, 2.2, 2.3.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_OUTCOME_H
#define PROXY_HTTP_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

enum outcome {
    OUTCOME_OK, /* go on, or: the upstream's answer was passed back */

    /* access */
    OUTCOME_SSL_REQUIRED,
    OUTCOME_CIPHER_STRENGTH,
    OUTCOME_CERTIFICATE_REQUIRED,

    /* the verdict over the presented chain */
    OUTCOME_EXPLICIT_DISTRUST,
    OUTCOME_SIGNATURE,
    OUTCOME_WEAK_KEY,
    OUTCOME_UNTRUSTED_ROOT,
    OUTCOME_ROOT_STORE_MIXED,
    OUTCOME_ISSUER_NOT_LISTED,
    OUTCOME_SEARCH_LIMIT,
    OUTCOME_PARTIAL_CHAIN,          /* compat.partial_chain 0x800B0109 */
    OUTCOME_PARTIAL_CHAIN_CHAINING, /* compat.partial_chain 0x800B010A */
    OUTCOME_EXPIRED,
    OUTCOME_NOT_YET_VALID,
    OUTCOME_BASIC_CONSTRAINTS,
    OUTCOME_WRONG_USAGE,
    OUTCOME_REVOKED,
    OUTCOME_REVOCATION_OFFLINE,
    OUTCOME_INVALID_NAME,
    OUTCOME_INVALID_POLICY,
    OUTCOME_CRITICAL_EXTENSION,

    /* mapping and logon */
    OUTCOME_MAPPING_DENIED,     /* compat.deny_status 403.12 */
    OUTCOME_MAPPING_DENIED_401, /* compat.deny_status 401.1 */
    OUTCOME_MAPPING_MALFORMED,
    OUTCOME_LOGON_FAILED,
    OUTCOME_LOGON_DISABLED,
    OUTCOME_LOGON_PASSWORD_EXPIRED,
    OUTCOME_LOGON_TYPE_DENIED,
    OUTCOME_NO_USER,
    OUTCOME_NOT_AUTHORIZED, /* the rules of authorize */

    OUTCOME_MISDIRECTED,
    OUTCOME_POST_HANDSHAKE_500, /* compat.post_handshake "500" */
    OUTCOME_POST_HANDSHAKE_403, /* compat.post_handshake "403" */
    OUTCOME_READ_AHEAD_EXCEEDED,
    OUTCOME_AMBIGUOUS_PATH, /* place_guard.h */
    OUTCOME_BAD_FORWARDED,  /* the certificate that a trusted proxy handed on cannot be read */

    /* HTTP, from the client: it may be told what it did wrong (outcome_is_protocol) */
    OUTCOME_BAD_REQUEST,
    OUTCOME_BAD_FRAMING,
    OUTCOME_BAD_TARGET,
    OUTCOME_ENCODED_SLASH,
    OUTCOME_BAD_HOST,
    OUTCOME_UNKNOWN_HOST,
    OUTCOME_HTTP_ON_HTTPS,
    OUTCOME_METHOD_NOT_ALLOWED,
    OUTCOME_REQUEST_TIMEOUT,
    OUTCOME_CONTENT_TOO_LARGE,
    OUTCOME_URI_TOO_LONG,
    OUTCOME_EXPECTATION_FAILED,
    OUTCOME_HEADER_TOO_LARGE,
    OUTCOME_NOT_IMPLEMENTED,
    OUTCOME_VERSION_NOT_SUPPORTED,

    OUTCOME_INTERNAL,

    /* the upstream */
    OUTCOME_UPSTREAM_CONNECT, /* 502.3 / 12029 */
    OUTCOME_UPSTREAM_CLOSED,  /* 502.3 / 12030 */
    OUTCOME_UPSTREAM_INVALID, /* 502.3 / 12152 */
    OUTCOME_UNAVAILABLE,      /* 503.0: queue full, no server, or draining */
    OUTCOME_UPSTREAM_TIMEOUT, /* 504.0 / 12002 */

    OUTCOME_COUNT
};

struct outcome_info {
    uint16_t status;
    uint16_t substatus;
    uint32_t win32;
    const char *reason; /* interface.md 5; NULL for OUTCOME_OK alone */
    const char *title;  /* short English message, own wording, e.g. "Client certificate required" */
    const char *message; /* one sentence for the error page */
};

/* Never NULL. */
const struct outcome_info *outcome_info(enum outcome outcome);
/* True for the verdict block: the certificate itself is refused. */
bool outcome_is_verdict(enum outcome outcome);
/* True when access was denied (access.refused in the log), false when the request could not be
 * served for another reason (request.rejected). */
bool outcome_is_refusal(enum outcome outcome);
/* True for what is wrong with the request itself, as any client can see for itself: its message is
 * no secret, also where the causes of other outcomes are not shown. */
bool outcome_is_protocol(enum outcome outcome);

#endif
