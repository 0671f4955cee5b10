/* name_form.h - does a name have the form of its type? For names that constraints apply to.
 *
 * Private to auth/. Where two readers could see different hosts in one text the answer is no.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_NAME_FORM_H
#define PROXY_AUTH_NAME_FORM_H

#include <stdbool.h>

#include <openssl/x509v3.h>

#include "base/str.h"

/* Labels of 1 to 63 letters, digits, hyphens and underscores, 253 octets in all, no dot at the end;
 * with_wildcard: the first may be "*" (RFC 5280 section 4.2.1.6, RFC 1034 section 3.5). */
bool name_is_dns(struct str name, bool with_wildcard);
/* local@host, with exactly one "@" and a local part in graphic ASCII without quotes. */
bool name_is_email(struct str name);
/* scheme://host[:port][/...] with a DNS name that is no IPv4 address, and no user. RFC 5280 section
 * 4.2.1.10 demands an authority with a fully qualified name. */
bool name_is_uri_with_host(struct str name);

/* The constraints are such as can be applied: neither empty nor with minimum or maximum, only types
 * that Windows supports (CERT_TRUST_HAS_NOT_SUPPORTED_NAME_CONSTRAINT), each in its form. */
bool name_constraints_are_sound(const NAME_CONSTRAINTS *constraints);

#endif
