/* Files of CRLs: whatever is decoded comes back from the shared block as it was, every entry that
 * it lists is found, and nothing is read outside of either.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "auth/crl_builder.h"
#include "auth/crl_index.h"
#include "fuzz/fuzz.h"

static bool same_number(const ASN1_INTEGER *a, const ASN1_INTEGER *b)
{
    return a == NULL || b == NULL ? a == b : ASN1_INTEGER_cmp(a, b) == 0;
}

static void check_same(const struct crl *made, const struct crl *back)
{
    FUZZ_CHECK(memcmp(made->sha256, back->sha256, sizeof made->sha256) == 0);
    FUZZ_CHECK(memcmp(made->digest, back->digest, sizeof made->digest) == 0);
    FUZZ_CHECK(memcmp(made->idp_digest, back->idp_digest, sizeof made->idp_digest) == 0);
    FUZZ_CHECK(made->issuer_count == back->issuer_count);
    for (size_t i = 0; i < made->issuer_count; i++)
        FUZZ_CHECK(X509_NAME_cmp(made->issuers[i], back->issuers[i]) == 0);
    FUZZ_CHECK(made->issuer_hash == back->issuer_hash && made->reasons == back->reasons);
    FUZZ_CHECK(made->this_update == back->this_update && made->next_update == back->next_update);
    FUZZ_CHECK(same_number(made->number, back->number) && same_number(made->base, back->base));
    FUZZ_CHECK((made->idp == NULL) == (back->idp == NULL));
    FUZZ_CHECK(made->is_unusable == back->is_unusable && made->is_weak == back->is_weak);
    FUZZ_CHECK(made->digest_nid == back->digest_nid && made->tbs.len == back->tbs.len);
    FUZZ_CHECK(X509_ALGOR_cmp(made->algorithm, back->algorithm) == 0);
    FUZZ_CHECK(ASN1_STRING_cmp(made->signature, back->signature) == 0);
    FUZZ_CHECK(made->entry_count == back->entry_count);
    for (size_t i = 0; i < made->entry_count; i++)
        FUZZ_CHECK(memcmp(&made->entries[i], &back->entries[i], sizeof *made->entries) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crl_builder builder = {0};
    if (crl_builder_add(&builder, (const char *)data, size) >= 0) {
        const char *problem = NULL;
        int fd = crl_builder_finish(&builder);
        FUZZ_CHECK(fd >= 0);
        struct crl_index *index = crl_index_map(fd, &problem);
        FUZZ_CHECK(index != NULL && index->count == builder.count);
        for (size_t i = 0; i < builder.count; i++)
            check_same(builder.crls[i], &index->crls[i]);
        crl_index_free(index);
        (void)close(fd);
    }
    crl_builder_clear(&builder);
    return 0;
}
