/* cert_usage.h - what a certificate may be used for: extended key usage, and Microsoft's
 * application policies, which take its place (iis-semantics.md 4.3).
 *
 * Private to auth/.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_USAGE_H
#define PROXY_AUTH_CERT_USAGE_H

#include <stdbool.h>

#include <openssl/x509v3.h>

struct cert_facts;

/* The extensions of Microsoft's PKI that Windows knows, 1.3.6.1.4.1.311.x. */
enum ms_extension {
    MS_NONE,
    MS_APPLICATION_POLICIES,    /* 21.10 */
    MS_APPLICATION_MAPPINGS,    /* 21.11 */
    MS_APPLICATION_CONSTRAINTS, /* 21.12 */
    MS_TEMPLATE,                /* 21.7 */
    MS_TEMPLATE_NAME,           /* 20.2 */
    MS_CA_VERSION,              /* 21.1 */
    MS_PREVIOUS_HASH,           /* 21.2 */
};
/* A critical one is processed: what is evaluated, and what only informs and has its form. */
bool cert_usage_processes(X509_EXTENSION *extension);

/* Fills has_usage, usage_client_auth and the usage_ fields for mappings and constraints. */
void cert_usage_read(struct cert_facts *facts, const X509 *x509);

/* Whether the certificate may be used for one of these purposes; true when it does not say for
 * which. For paths with mappings: it decodes the extension each time. */
bool cert_usage_allows(const X509 *x509, ASN1_OBJECT *const *purposes, size_t count);
/* Stands for all purposes: anyExtendedKeyUsage, or Microsoft's any application policy. */
bool cert_usage_is_any(const ASN1_OBJECT *purpose);

#endif
