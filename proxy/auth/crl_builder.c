/* SPDX-License-Identifier: MIT */
#include "auth/crl_builder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/cert_facts.h"
#include "auth/crl_block.h"
#include "auth/store_load.h"
#include "auth/trust.h"
#include "base/mem.h"
#include "base/text.h"

void crl_builder_take(struct crl_builder *builder, struct crl *crl)
{
    if (builder->count == builder->capacity) {
        builder->capacity = builder->capacity == 0 ? 16 : builder->capacity * 2;
        builder->crls = xreallocarray(builder->crls, builder->capacity, sizeof(struct crl *));
    }
    builder->crls[builder->count++] = crl;
}

static bool add_der(struct crl_builder *builder, const unsigned char *der, size_t len)
{
    struct crl *crl = crl_from_der(der, len);
    if (crl == NULL)
        return false;
    if (builder->source != NULL)
        crl_add_source(crl, builder->source);
    crl_builder_take(builder, crl);
    return true;
}

/* blocks: how many the text begins; it has been cut off when it does not end them all. */
static int add_pem(struct crl_builder *builder, BIO *bio, size_t blocks)
{
    int found = 0;
    size_t ended = 0;
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
            good = add_der(builder, der, (size_t)len);
            found++;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
        ERR_clear_error();
        ended++;
    }
    /* The end of the input is reported as "no start line"; anything else is damage. */
    good = good && ended >= blocks && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    return good ? found : -1;
}

int crl_builder_add(struct crl_builder *builder, const char *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (len > INT_MAX)
        return -1;
    int found;
    static const char armour[] = "-----BEGIN ";
    if (memmem(bytes, len, armour, sizeof armour - 1) != NULL) {
        BIO *bio = BIO_new_mem_buf(bytes, (int)len);
        found = bio == NULL ? -1 : add_pem(builder, bio, store_count_blocks(bytes, len));
        BIO_free(bio);
    } else {
        found = add_der(builder, (const unsigned char *)bytes, len) ? 1 : -1;
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

static void add_sources(struct crl *crl, const struct crl *other)
{
    const char *path = NULL;
    while ((path = crl_next_source(other, path)) != NULL)
        crl_add_source(crl, path);
}

/* The same list twice counts once. */
void crl_builder_sort(struct crl_builder *builder)
{
    if (builder->count > 1)
        qsort(builder->crls, builder->count, sizeof(struct crl *), compare_crls);
    size_t kept = 0;
    for (size_t i = 0; i < builder->count; i++) {
        if (kept > 0 && compare_crls(&builder->crls[kept - 1], &builder->crls[i]) == 0) {
            add_sources(builder->crls[kept - 1], builder->crls[i]);
            crl_free(builder->crls[i]);
        } else {
            builder->crls[kept++] = builder->crls[i];
        }
    }
    builder->count = kept;
}

const struct crl *crl_builder_find(const struct crl_builder *builder,
                                   const unsigned char sha256[32])
{
    size_t low = 0;
    size_t high = builder->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(builder->crls[middle]->sha256, sha256, 32);
        if (order == 0)
            return builder->crls[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void crl_builder_verify_one(struct crl *crl, const struct trust *trust)
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

void crl_builder_verify(struct crl_builder *builder, const struct trust *trust)
{
    for (size_t i = 0; i < builder->count; i++)
        crl_builder_verify_one(builder->crls[i], trust);
}

/* ---- the block ---- */

struct writer { /* the same walk measures, without a base, and writes */
    unsigned char *base;
    size_t at;
};

static struct crl_block_span put(struct writer *writer, const void *octets, size_t len)
{
    struct crl_block_span span = {writer->at, len};
    if (writer->base != NULL && len > 0)
        memcpy(writer->base + writer->at, octets, len);
    writer->at += (len + CRL_BLOCK_ALIGN - 1) / CRL_BLOCK_ALIGN * CRL_BLOCK_ALIGN;
    return span;
}

/* Takes over what an i2d function made; len is negative only when memory ran out. */
static struct crl_block_span put_made(struct writer *writer, unsigned char *octets, int len)
{
    if (len < 0)
        abort();
    struct crl_block_span span = put(writer, octets, (size_t)len);
    OPENSSL_free(octets);
    return span;
}

static struct crl_block_span put_issuers(struct writer *writer, const struct crl *crl)
{
    struct text names = {0};
    for (size_t i = 0; i < crl->issuer_count; i++) {
        const unsigned char *der = NULL;
        size_t len = 0;
        if (X509_NAME_get0_der(crl->issuers[i], &der, &len) != 1)
            abort();
        text_add(&names, str_make((const char *)der, len));
    }
    struct crl_block_span span = put(writer, names.ptr, names.len);
    text_clear(&names);
    return span;
}

static void put_crl(struct writer *writer, const struct crl *crl, struct crl_block_record *record)
{
    *record = (struct crl_block_record){
        .this_update = crl->this_update,
        .next_update = crl->next_update,
        .good_key_count = (uint32_t)crl->good_key_count,
        .is_unusable = crl->is_unusable,
        .kept = crl->kept,
    };
    memcpy(record->sha256, crl->sha256, sizeof record->sha256);
    memcpy(record->digest, crl->digest, sizeof record->digest);
    memcpy(record->good_keys, crl->good_keys, sizeof record->good_keys);
    unsigned char *octets = NULL;
    int len = i2d_X509_ALGOR(crl->algorithm, &octets);
    record->algorithm = put_made(writer, octets, len);
    octets = NULL;
    len = i2d_ASN1_BIT_STRING(crl->signature, &octets);
    record->signature = put_made(writer, octets, len);
    record->issuers = put_issuers(writer, crl);
    record->extensions = put(writer, crl->extensions.ptr, crl->extensions.len);
    record->tbs = put(writer, crl->tbs.ptr, crl->tbs.len);
    record->entries = put(writer, crl->entries, crl->entry_count * sizeof(struct crl_entry));
    record->sources = put(writer, crl->sources.ptr, crl->sources.len);
}

static void put_all(struct writer *writer, const struct crl_builder *builder)
{
    struct crl_block_header header = {
        .magic = CRL_BLOCK_MAGIC, .crl_count = builder->count, .oldest_this_update = INT64_MAX};
    size_t records_at = sizeof header;
    writer->at = records_at + builder->count * sizeof(struct crl_block_record);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    for (size_t i = 0; i < builder->count; i++) {
        const struct crl *crl = builder->crls[i];
        struct crl_block_record record;
        put_crl(writer, crl, &record);
        if (writer->base != NULL)
            memcpy(writer->base + records_at + i * sizeof record, &record, sizeof record);
        header.entry_count += crl->entry_count;
        if (crl->this_update < header.oldest_this_update)
            header.oldest_this_update = crl->this_update;
        EVP_DigestUpdate(hash, crl->sha256, sizeof crl->sha256);
    }
    EVP_DigestFinal_ex(hash, header.digest, NULL);
    EVP_MD_CTX_free(hash);
    header.size = writer->at;
    if (writer->base != NULL)
        memcpy(writer->base, &header, sizeof header);
}

/* Reserved first: a machine that is out of memory says so now and not by SIGBUS. */
static int fill(int fd, const struct crl_builder *builder, size_t size)
{
    int error = posix_fallocate(fd, 0, (off_t)size);
    if (error != 0)
        return -error;
    struct writer writer = {.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)};
    if (writer.base == MAP_FAILED)
        return -errno;
    put_all(&writer, builder);
    (void)munmap(writer.base, size);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return -errno;
    return 0;
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Linux since 6.3 may be set to refuse memory that does not say it holds no program; before, it
 * refuses the word. */
static int make_memory(void)
{
    int fd = memfd_create("crls", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("crls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

int crl_builder_finish(struct crl_builder *builder)
{
    crl_builder_sort(builder);
    struct writer measure = {0};
    put_all(&measure, builder);
    int fd = make_memory();
    if (fd < 0)
        return fd;
    int error = fill(fd, builder, measure.at);
    if (error < 0) {
        (void)close(fd);
        return error;
    }
    return fd;
}

void crl_builder_clear(struct crl_builder *builder)
{
    for (size_t i = 0; i < builder->count; i++)
        crl_free(builder->crls[i]);
    free(builder->crls);
    *builder = (struct crl_builder){0};
}
