/* SPDX-License-Identifier: MIT */
#include "auth/cert_table.h"

#include <openssl/evp.h>

#include "base/mem.h"

struct slot {
    struct cert *cert; /* owned reference */
    struct slot *bucket_next;
    struct slot *newer; /* in the order of use */
    struct slot *older;
};

struct cert_table {
    size_t max;
    size_t count;
    struct slot **buckets;
    size_t bucket_mask;
    struct slot *newest;
    struct slot *oldest;
};

struct cert_table *cert_table_new(size_t max)
{
    struct cert_table *table = xcalloc(1, sizeof *table);
    size_t buckets = 16;
    while (buckets < max)
        buckets *= 2;
    table->max = max;
    table->buckets = xcalloc(buckets, sizeof(struct slot *));
    table->bucket_mask = buckets - 1;
    return table;
}

/* A SHA-256 is as good a hash as there is: the client cannot choose its bucket cheaply. */
static struct slot **bucket_of(struct cert_table *table, const unsigned char sha256[32])
{
    size_t hash;
    memcpy(&hash, sha256, sizeof hash);
    return &table->buckets[hash & table->bucket_mask];
}

static void unlink_use(struct cert_table *table, struct slot *slot)
{
    *(slot->newer != NULL ? &slot->newer->older : &table->newest) = slot->older;
    *(slot->older != NULL ? &slot->older->newer : &table->oldest) = slot->newer;
}

static void link_newest(struct cert_table *table, struct slot *slot)
{
    slot->newer = NULL;
    slot->older = table->newest;
    *(table->newest != NULL ? &table->newest->newer : &table->oldest) = slot;
    table->newest = slot;
}

static void remove_oldest(struct cert_table *table)
{
    struct slot *slot = table->oldest;
    /* The analyzer loses track of the list: unlink_use() moves `oldest` on before the slot goes. */
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    struct slot **at = bucket_of(table, slot->cert->sha256);
    while (*at != slot)
        at = &(*at)->bucket_next;
    *at = slot->bucket_next;
    unlink_use(table, slot);
    table->count--;
    cert_unref(slot->cert);
    free(slot);
}

static struct cert *find(struct cert_table *table, const unsigned char sha256[32])
{
    struct slot *slot = *bucket_of(table, sha256);
    while (slot != NULL && memcmp(slot->cert->sha256, sha256, 32) != 0)
        slot = slot->bucket_next;
    if (slot == NULL)
        return NULL;
    unlink_use(table, slot);
    link_newest(table, slot);
    return cert_ref(slot->cert);
}

static void remember(struct cert_table *table, struct cert *cert)
{
    if (table->max == 0)
        return;
    if (table->count == table->max)
        remove_oldest(table);
    struct slot *slot = xcalloc(1, sizeof *slot);
    struct slot **bucket = bucket_of(table, cert->sha256);
    slot->cert = cert_ref(cert);
    slot->bucket_next = *bucket;
    *bucket = slot;
    link_newest(table, slot);
    table->count++;
}

struct cert *cert_table_get(struct cert_table *table, const unsigned char *der, size_t len)
{
    unsigned char sha256[32];
    EVP_Digest(der, len, sha256, NULL, EVP_sha256(), NULL);
    struct cert *cert = find(table, sha256);
    if (cert != NULL)
        return cert;
    cert = cert_from_der(der, len);
    if (cert != NULL)
        remember(table, cert);
    return cert;
}

struct cert *cert_table_get_x509(struct cert_table *table, X509 *x509)
{
    unsigned char sha256[32];
    if (X509_digest(x509, EVP_sha256(), sha256, NULL) != 1)
        return NULL;
    struct cert *cert = find(table, sha256);
    if (cert != NULL)
        return cert;
    cert = cert_from_x509(x509);
    if (cert != NULL)
        remember(table, cert);
    return cert;
}

void cert_table_free(struct cert_table *table)
{
    if (table == NULL)
        return;
    while (table->oldest != NULL)
        remove_oldest(table);
    free(table->buckets);
    free(table);
}
