/* The names of the CertificateRequest: iis-semantics.md 3.4 and 10.3.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/x509.h>

#include "auth/cert_facts.h"
#include "auth/trust.h"
#include "base/mem.h"

/* iis-semantics.md 3.4: 16 KiB in total, the two octets of each name's length included. */
#define ISSUER_LIST_BYTES 16384

static int compare_members(const void *a, const void *b)
{
    const struct trust_member *const *left = a;
    const struct trust_member *const *right = b;
    return memcmp((*left)->cert->sha1, (*right)->cert->sha1, sizeof(*left)->cert->sha1);
}

/* Only the certificates that are no roots are named when Root mixes both kinds. */
static bool is_left_out(const struct trust *trust, const struct trust_member *member)
{
    const struct cert_facts *facts = member->cert->facts;
    if (!member->is_issuer || (facts->has_usage && !facts->usage_client_auth))
        return true;
    return trust->source == TRUST_SOURCE_ROOT && trust->is_root_mixed &&
           trust->root_mix != ROOT_MIX_OFF && member->is_self_signed;
}

static bool is_listed(const struct trust *trust, const unsigned char *der, size_t len)
{
    for (size_t i = 0; i < trust->issuer_list_count; i++) {
        const struct trust_issuer_name *name = &trust->issuer_list[i];
        if (name->len == len && memcmp(name->der, der, len) == 0)
            return true;
    }
    return false;
}

void trust_build_issuer_list(struct trust *trust, const struct config_site *site,
                             const struct config *config)
{
    /* iis-semantics.md 3.4: in 2012 the oversized list harmed clients even where it was not sent.
     */
    bool is_legacy =
        config->compat.large_root_store == LARGE_ROOT_LEGACY && trust->source == TRUST_SOURCE_ROOT;
    struct trust_member **sorted = xcalloc(trust->member_count + 1, sizeof(struct trust_member *));
    size_t count = 0;
    for (size_t i = 0; i < trust->member_count; i++) {
        if (!is_left_out(trust, &trust->members[i]))
            sorted[count++] = &trust->members[i];
    }
    qsort(sorted, count, sizeof(struct trust_member *), compare_members);

    trust->issuer_list = xcalloc(count + 1, sizeof *trust->issuer_list);
    size_t room = ISSUER_LIST_BYTES;
    bool is_cut = false;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *der = NULL;
        size_t len = 0;
        if (X509_NAME_get0_der(sorted[i]->cert->facts->subject, &der, &len) != 1 ||
            is_listed(trust, der, len))
            continue;
        is_cut |= len + 2 > room;
        if (!is_cut) {
            trust->issuer_list[trust->issuer_list_count++] = (struct trust_issuer_name){der, len};
            room -= len + 2;
        } else if (is_legacy) {
            sorted[i]->is_anchor = false;
        }
    }
    free(sorted);
    if (!site->trust.send_trusted_issuer_list)
        trust->issuer_list_count = 0;
}

const struct trust_issuer_name *trust_issuer_list(const struct trust *trust, size_t *ret_count)
{
    *ret_count = trust->issuer_list_count;
    return trust->issuer_list;
}
