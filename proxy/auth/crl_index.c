/* SPDX-License-Identifier: MIT */
#include "auth/crl_index.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/cert_facts.h"
#include "auth/trust.h"
#include "base/mem.h"

#define NONE UINT32_MAX

struct crl_index *crl_index_new(void)
{
    return xcalloc(1, sizeof(struct crl_index));
}

void crl_index_free(struct crl_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->count; i++)
        crl_free(index->crls[i]);
    free(index->crls);
    free(index->buckets);
    free(index);
}

static bool add_der(struct crl_index *index, const unsigned char *der, size_t len)
{
    struct crl *crl = crl_from_der(der, len);
    if (crl == NULL)
        return false;
    if (index->count == index->capacity) {
        index->capacity = index->capacity == 0 ? 16 : index->capacity * 2;
        index->crls = xreallocarray(index->crls, index->capacity, sizeof(struct crl *));
    }
    index->crls[index->count++] = crl;
    return true;
}

static int add_pem(struct crl_index *index, BIO *bio)
{
    int found = 0;
    bool good = true;
    ERR_clear_error();
    while (good) {
        char *name = NULL;
        char *header = NULL;
        unsigned char *der = NULL;
        long len = 0;
        if (PEM_read_bio(bio, &name, &header, &der, &len) != 1)
            break;
        if (strcmp(name, PEM_STRING_X509_CRL) == 0) {
            good = add_der(index, der, (size_t)len);
            found++;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
        ERR_clear_error();
    }
    /* The end of the input is reported as "no start line"; anything else is damage. */
    good = good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    return good ? found : -1;
}

int crl_index_add(struct crl_index *index, const char *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (len > INT_MAX)
        return -1;
    int found;
    static const char armour[] = "-----BEGIN ";
    if (memmem(bytes, len, armour, sizeof armour - 1) != NULL) {
        BIO *bio = BIO_new_mem_buf(bytes, (int)len);
        found = bio == NULL ? -1 : add_pem(index, bio);
        BIO_free(bio);
    } else {
        found = add_der(index, (const unsigned char *)bytes, len) ? 1 : -1;
    }
    ERR_clear_error();
    return found;
}

static int compare_crls(const void *a, const void *b)
{
    const struct crl *const *left = a;
    const struct crl *const *right = b;
    return memcmp((*left)->sha256, (*right)->sha256, 32);
}

void crl_index_finish(struct crl_index *index, unsigned char ret_digest[32])
{
    size_t kept = 0;
    if (index->count > 1)
        qsort(index->crls, index->count, sizeof(struct crl *), compare_crls);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    for (size_t i = 0; i < index->count; i++) {
        if (kept > 0 && compare_crls(&index->crls[kept - 1], &index->crls[i]) == 0) {
            crl_free(index->crls[i]); /* the same file twice */
            continue;
        }
        index->crls[kept++] = index->crls[i];
        EVP_DigestUpdate(hash, index->crls[kept - 1]->sha256, 32);
    }
    index->count = kept;
    EVP_DigestFinal_ex(hash, ret_digest, NULL);
    EVP_MD_CTX_free(hash);

    size_t buckets = 16;
    while (buckets < kept * 2)
        buckets *= 2;
    index->buckets = xcalloc(buckets, sizeof *index->buckets);
    index->bucket_mask = buckets - 1;
    for (size_t i = 0; i < buckets; i++)
        index->buckets[i] = NONE;
    for (size_t i = kept; i-- > 0;) {
        uint32_t *bucket = &index->buckets[index->crls[i]->issuer_hash & index->bucket_mask];
        index->crls[i]->next = *bucket;
        *bucket = (uint32_t)i;
    }
}

static void verify_one(struct crl *crl, const struct trust *trust)
{
    uint32_t i = trust_first_subject(trust, crl->issuer_hash);
    for (; i != TRUST_NONE; i = trust->members[i].next_subject) {
        const struct cert *cert = trust->members[i].cert;
        if (crl->good_key_count == CRL_GOOD_KEYS_MAX)
            return;
        if (cert_name_equal(cert->facts->subject, crl->issuers[0]) && !crl_knows_key(crl, cert) &&
            crl_check_signature(crl, cert))
            memcpy(crl->good_keys[crl->good_key_count++], cert->facts->key_sha256, 32);
    }
}

void crl_index_verify(struct crl_index *index, const struct trust *trust)
{
    for (size_t i = 0; i < index->count; i++)
        verify_one(index->crls[i], trust);
}

const struct crl *crl_index_next(const struct crl_index *index, const X509_NAME *issuer,
                                 uint32_t hash, uint32_t *position)
{
    uint32_t i = *position == NONE ? index->buckets[hash & index->bucket_mask]
                                   : index->crls[*position]->next;
    while (i != NONE && (index->crls[i]->issuer_hash != hash ||
                         !cert_name_equal(index->crls[i]->issuers[0], issuer)))
        i = index->crls[i]->next;
    *position = i;
    return i == NONE ? NULL : index->crls[i];
}
