/* identity_headers_value.h - facts of a certificate as text that can stand in a field value.
 *
 * Everything here is printable ASCII, whatever the issuer put into the certificate, so that no
 * name can end a line or a header (RFC 9110 section 5.5). Slices live in the arena.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_IDENTITY_HEADERS_VALUE_H
#define PROXY_FORWARD_IDENTITY_HEADERS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/client_cert.h"
#include "base/arena.h"
#include "base/str.h"
#include "base/text.h"

/* With '\HH' for every byte that is not printable ASCII, blanks at the ends removed. */
struct str identity_safe(struct arena *arena, struct str text);
/* The same over the text, which is emptied. */
struct str identity_take(struct arena *arena, struct text *text);
/* In UTF-8 as it is; only what is not visible (base/unicode.h), and bytes that are no UTF-8, become
 * '\HH'. For backends that take it so: RFC 9110 section 5.5 calls such bytes obs-text. */
struct str identity_utf8(struct arena *arena, struct str text);
struct str identity_base64(struct arena *arena, const unsigned char *bytes, size_t len);
struct str identity_hex(struct arena *arena, const unsigned char *bytes, size_t len);
/* RFC 3986 section 2.1: everything but unreserved characters and those in `also` becomes %HH. */
struct str identity_url_escape(struct arena *arena, struct str text, const char *also);
/* PEM with its line breaks: for a header only once they are escaped or replaced. */
struct str identity_pem(struct arena *arena, const struct cert *cert);
/* What cert_subject() and the like write. */
struct str identity_name(struct arena *arena, const struct cert *cert,
                         void (*name)(const struct cert *cert, struct text *out));
/* Upper-case hex as OpenSSL prints serial numbers. */
struct str identity_serial_upper(struct arena *arena, const struct cert *cert);
/* 2026-01-01T00:00:00Z; "unknown" when it cannot be read. */
struct str identity_date(struct arena *arena, int64_t seconds);

enum identity_san {
    IDENTITY_SAN_DNS,
    IDENTITY_SAN_EMAIL,
    IDENTITY_SAN_URI,
    IDENTITY_SAN_IP,
    IDENTITY_SAN_UPN
};
/* The subject alternative names of one kind, in order. A DNS name, mail address or URI that has
 * characters no such name can have is left out; a UPN is escaped as RFC 4514 does, so that a comma
 * in it is never taken for the next one. */
struct str *identity_sans(struct arena *arena, const struct cert *cert, enum identity_san kind,
                          size_t *ret_count);
/* The user principal names in UTF-8, a comma or backslash in one escaped, joined with commas: for
 * a filter, not for a header as it is. */
struct str identity_upn_raw(struct arena *arena, const struct cert *cert);
/* The same joined with commas; commas of URIs are written %2C. */
struct str identity_san_list(struct arena *arena, const struct cert *cert, enum identity_san kind);

#endif
