/* SPDX-License-Identifier: MIT */
#include "auth/crl_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "auth/cert_facts.h"
#include "auth/crl_block.h"
#include "base/mem.h"

#define NONE UINT32_MAX
/* Without these a block could shrink under a reader, which would be killed by SIGBUS. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool take_span(const struct crl_index *index, struct crl_block_span span,
                      struct der *ret_octets)
{
    if (span.at > index->block_size || span.len > index->block_size - span.at ||
        span.at % CRL_BLOCK_ALIGN != 0)
        return false;
    const unsigned char *block = index->block;
    *ret_octets = (struct der){block + span.at, (size_t)span.len};
    return true;
}

static bool restore_crl(const struct crl_index *index, const struct crl_block_record *record,
                        struct crl *crl)
{
    struct crl_source source;
    struct der entries;
    if (!take_span(index, record->algorithm, &source.algorithm) ||
        !take_span(index, record->signature, &source.signature) ||
        !take_span(index, record->issuers, &source.issuers) ||
        !take_span(index, record->extensions, &source.extensions) ||
        !take_span(index, record->tbs, &crl->tbs) || !take_span(index, record->entries, &entries) ||
        !take_span(index, record->sources, &crl->sources) ||
        entries.len % sizeof(struct crl_entry) != 0 || record->good_key_count > CRL_GOOD_KEYS_MAX ||
        record->kept > CRL_KEPT_OLDER ||
        (crl->sources.len > 0 && crl->sources.ptr[crl->sources.len - 1] != '\0'))
        return false;
    memcpy(crl->sha256, record->sha256, sizeof crl->sha256);
    memcpy(crl->digest, record->digest, sizeof crl->digest);
    memcpy(crl->good_keys, record->good_keys, sizeof crl->good_keys);
    crl->good_key_count = record->good_key_count;
    crl->this_update = record->this_update;
    crl->next_update = record->next_update;
    crl->entries = (const void *)entries.ptr;
    crl->entry_count = entries.len / sizeof(struct crl_entry);
    crl->kept = record->kept;
    bool good = crl_restore(crl, &source);
    crl->is_unusable |= record->is_unusable != 0;
    return good;
}

static bool restore_all(struct crl_index *index)
{
    const struct crl_block_header *header = index->block;
    if (index->block_size < sizeof *header || header->magic != CRL_BLOCK_MAGIC ||
        header->size != index->block_size ||
        header->crl_count >
            (index->block_size - sizeof *header) / sizeof(struct crl_block_record) ||
        header->crl_count >= NONE)
        return false;
    const struct crl_block_record *records = (const void *)(header + 1);
    memcpy(index->digest, header->digest, sizeof index->digest);
    index->oldest_this_update = header->oldest_this_update;
    index->crls = xcalloc((size_t)header->crl_count, sizeof *index->crls);
    while (index->count < header->crl_count) {
        struct crl *crl = &index->crls[index->count];
        if (!restore_crl(index, &records[index->count++], crl))
            return false;
        index->entry_count += crl->entry_count;
    }
    return index->entry_count == header->entry_count;
}

static void make_buckets(struct crl_index *index)
{
    size_t buckets = 16;
    while (buckets < index->count * 2)
        buckets *= 2;
    index->buckets = xcalloc(buckets, sizeof *index->buckets);
    index->bucket_mask = buckets - 1;
    for (size_t i = 0; i < buckets; i++)
        index->buckets[i] = NONE;
    for (size_t i = index->count; i-- > 0;) { /* backwards, so that chains ascend */
        uint32_t *bucket = &index->buckets[index->crls[i].issuer_hash & index->bucket_mask];
        index->crls[i].next = *bucket;
        *bucket = (uint32_t)i;
    }
}

struct crl_index *crl_index_map(int fd, const char **ret_problem)
{
    struct stat info;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &info) != 0 || info.st_size <= 0) {
        *ret_problem = "not a sealed block of memory";
        return NULL;
    }
    struct crl_index *index = xcalloc(1, sizeof *index);
    index->block_size = (size_t)info.st_size;
    index->block = mmap(NULL, index->block_size, PROT_READ, MAP_SHARED, fd, 0);
    if (index->block == MAP_FAILED) {
        *ret_problem = strerrordesc_np(errno);
        free(index);
        return NULL;
    }
    if (!restore_all(index)) {
        *ret_problem = "damaged block";
        crl_index_free(index);
        return NULL;
    }
    make_buckets(index);
    return index;
}

void crl_index_free(struct crl_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->count; i++)
        crl_clear(&index->crls[i]);
    (void)munmap(index->block, index->block_size);
    free(index->crls);
    free(index->buckets);
    free(index);
}

const struct crl *crl_index_next(const struct crl_index *index, const X509_NAME *issuer,
                                 uint32_t hash, uint32_t *position)
{
    uint32_t i =
        *position == NONE ? index->buckets[hash & index->bucket_mask] : index->crls[*position].next;
    while (i != NONE && (index->crls[i].issuer_hash != hash ||
                         !cert_name_equal(index->crls[i].issuers[0], issuer)))
        i = index->crls[i].next;
    *position = i;
    return i == NONE ? NULL : &index->crls[i];
}
