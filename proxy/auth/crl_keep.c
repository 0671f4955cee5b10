/* SPDX-License-Identifier: MIT */
#include "auth/crl_keep.h"

#include <string.h>

#include "auth/cert_facts.h"
#include "auth/store_load.h"
#include "auth/trust.h"
#include "base/mem.h"

const char *crl_kept_text(enum crl_kept kept)
{
    switch (kept) {
    case CRL_KEPT_NOT:
        break;
    case CRL_KEPT_GONE:
        return "no file holds a list of this issuer and kind any more";
    case CRL_KEPT_UNVERIFIED:
        return "the list in its place is not signed with the key of this one";
    case CRL_KEPT_UNUSABLE:
        return "the list in its place cannot be used";
    case CRL_KEPT_FUTURE:
        return "the list in its place is not valid yet";
    case CRL_KEPT_OLDER:
        return "the list in its place is not newer";
    }
    return "";
}

static bool is_zero(const unsigned char digest[32])
{
    static const unsigned char zero[32];
    return memcmp(digest, zero, sizeof zero) == 0;
}

/* Signed with the same key. Of a list that no certificate in the stores has signed (its issuer may
 * be one that only clients present) only the hint of its issuer can tell. */
static bool is_same_key(const struct crl *crl, const struct crl *before)
{
    if (before->good_key_count == 0)
        return is_zero(crl->aki_digest) || is_zero(before->aki_digest) ||
               memcmp(crl->aki_digest, before->aki_digest, sizeof crl->aki_digest) == 0;
    for (size_t i = 0; i < before->good_key_count; i++) {
        for (size_t j = 0; j < crl->good_key_count; j++) {
            if (memcmp(before->good_keys[i], crl->good_keys[j], 32) == 0)
                return true;
        }
    }
    return false;
}

/* Whether the one lists whatever the other lists: not a delta in a complete list's place, nor one
 * that builds on a later list. RFC 5280 section 5.2.4. */
static bool is_same_kind(const struct crl *crl, const struct crl *before)
{
    if (crl->base == NULL)
        return true;
    return before->base != NULL && ASN1_INTEGER_cmp(crl->base, before->base) <= 0;
}

static bool is_of_issuer(const struct crl *crl, const struct crl *before)
{
    return crl->issuer_hash == before->issuer_hash &&
           cert_name_equal(crl->issuers[0], before->issuers[0]) &&
           memcmp(crl->idp_digest, before->idp_digest, sizeof crl->idp_digest) == 0;
}

/* The same text, signed once more. */
static bool is_same_text(const struct crl *a, const struct crl *b)
{
    if (a->digest_nid != b->digest_nid || a->tbs.len != b->tbs.len)
        return false;
    return a->tbs.len > 0 ? memcmp(a->tbs.ptr, b->tbs.ptr, a->tbs.len) == 0
                          : memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* CRL_KEPT_NOT when `crl` takes the place of `before`. */
static enum crl_kept compare(const struct crl *crl, const struct crl *before,
                             const struct trust *trust, int64_t now)
{
    if (!is_of_issuer(crl, before) || !is_same_kind(crl, before))
        return CRL_KEPT_GONE;
    if (!is_same_key(crl, before))
        return CRL_KEPT_UNVERIFIED;
    if (crl->is_unusable || (crl->is_weak && !trust->weak_allow))
        return CRL_KEPT_UNUSABLE;
    if (now < crl->this_update)
        return CRL_KEPT_FUTURE;
    /* A complete list may have the number of the delta that came with it (section 5.2.4). Two
     * others that claim the same number and time both count. */
    bool is_newer = crl->base == NULL && before->base != NULL ? !crl_is_newer(before, crl)
                                                              : crl_is_newer(crl, before);
    return is_newer || is_same_text(crl, before) ? CRL_KEPT_NOT : CRL_KEPT_OLDER;
}

static enum crl_kept find_successor(const struct crl_builder *builder, size_t count,
                                    const struct crl *before, const struct trust *trust,
                                    int64_t now)
{
    enum crl_kept kept = CRL_KEPT_GONE;
    for (size_t i = 0; i < count; i++) {
        enum crl_kept found = compare(builder->crls[i], before, trust, now);
        if (found == CRL_KEPT_NOT)
            return found;
        if (found > kept)
            kept = found;
    }
    return kept;
}

bool crl_is_named(const struct crl *crl, const struct config_list *named)
{
    const char *path = NULL;
    while ((path = crl_next_source(crl, path)) != NULL) {
        if (store_names(named, path))
            return true;
    }
    return false;
}

/* The copy shares all with the original but which keys verify it: these are other stores. */
static struct crl *borrow(const struct crl *before, const struct trust *trust)
{
    struct crl *crl = xmemdup(before, sizeof *before);
    crl->is_borrowed = true;
    crl->good_key_count = 0;
    memset(crl->good_keys, 0, sizeof crl->good_keys);
    crl_builder_verify_one(crl, trust);
    return crl;
}

bool crl_keep(struct crl_builder *builder, const struct crl_index *before,
              const struct config_list *named, const struct trust *trust, int64_t now)
{
    crl_builder_sort(builder);
    size_t count = builder->count; /* only what was read succeeds; the sorted part */
    size_t unverified = 0;
    for (size_t i = 0; i < before->count; i++) {
        const struct crl_builder sorted = {.crls = builder->crls, .count = count};
        if (crl_builder_find(&sorted, before->crls[i].sha256) != NULL ||
            !crl_is_named(&before->crls[i], named))
            continue;
        struct crl *crl = borrow(&before->crls[i], trust);
        crl->kept = find_successor(builder, count, crl, trust, now);
        if (crl->kept == CRL_KEPT_NOT) {
            crl_free(crl);
            continue;
        }
        crl_builder_take(builder, crl);
        unverified += crl->good_key_count == 0;
    }
    return unverified <= CRL_KEEP_UNVERIFIED_MAX;
}
