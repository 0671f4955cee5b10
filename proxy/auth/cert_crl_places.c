/* Where a certificate says that its CRL is: for people, who fetch it; nothing here is followed.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/x509v3.h>

#include "auth/cert_facts.h"
#include "auth/client_cert.h"
#include "base/text.h"

#define PLACES_MAX 8
#define URL_MAX    512

/* What is no part of a URL (RFC 3986 section 2) is escaped, so that it can neither end nor forge
 * the sentence that it stands in. */
static void add_url(struct text *out, const ASN1_IA5STRING *url)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(url);
    size_t len = (size_t)ASN1_STRING_length(url);
    for (size_t i = 0; i < len && i < URL_MAX; i++) {
        bool is_plain = bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\' &&
                        bytes[i] != '\'' && bytes[i] != '<' && bytes[i] != '>';
        if (is_plain)
            text_add_char(out, (char)bytes[i]);
        else
            text_addf(out, "%%%02X", bytes[i]);
    }
    if (len > URL_MAX)
        text_add_cstr(out, "...");
}

/* Another authority than the certificate's issuer signs it (RFC 5280 section 4.2.1.13). */
static void add_signer(struct text *out, const struct cert *cert, const DIST_POINT *point)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(point->CRLissuer); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->CRLissuer, i);
        if (name->type != GEN_DIRNAME ||
            cert_name_equal(name->d.directoryName, cert->facts->issuer))
            continue;
        text_add_cstr(out, " (signed by '");
        cert_name_text(name->d.directoryName, out);
        text_add_cstr(out, "')");
        return;
    }
}

size_t cert_crl_places(const struct cert *cert, struct text *out)
{
    size_t count = 0;
    const CRL_DIST_POINTS *points = cert->facts->crl_points;
    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);
        if (point->distpoint == NULL || point->distpoint->type != 0)
            continue;
        const GENERAL_NAMES *names = point->distpoint->name.fullname;
        for (int j = 0; j < sk_GENERAL_NAME_num(names) && count < PLACES_MAX; j++) {
            const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, j);
            if (name->type != GEN_URI)
                continue;
            text_add_cstr(out, count++ == 0 ? "" : " or ");
            add_url(out, name->d.uniformResourceIdentifier);
            add_signer(out, cert, point);
        }
    }
    return count;
}
