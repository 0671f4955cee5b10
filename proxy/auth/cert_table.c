/* SPDX-License-Identifier: MIT */
#include "auth/cert_table.h"

#include <stdlib.h>

#include <openssl/x509v3.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"

struct cert_entry {
    struct cert *cert;       /* reference held */
    struct cert_entry *prev; /* in the order of use, newest first */
    struct cert_entry *next;
    UT_hash_handle by_x509; /* the pointer itself */
    UT_hash_handle by_der;
    UT_hash_handle by_sha256;
};

struct cert_table {
    size_t max;
    size_t count;
    struct cert_entry *newest;
    struct cert_entry *x509s;
    struct cert_entry *ders;
    struct cert_entry *digests;
};

struct cert_table *cert_table_new(size_t max)
{
    struct cert_table *table = xcalloc(1, sizeof *table);
    table->max = max;
    return table;
}

static void remove_entry(struct cert_table *table, struct cert_entry *entry)
{
    /* NOLINTBEGIN(clang-analyzer-core.NullDereference): an entry is always in all three */
    HASH_DELETE(by_x509, table->x509s, entry);
    HASH_DELETE(by_der, table->ders, entry);
    HASH_DELETE(by_sha256, table->digests, entry);
    /* NOLINTEND(clang-analyzer-core.NullDereference) */
    DL_DELETE(table->newest, entry);
    table->count--;
    cert_unref(entry->cert);
    free(entry);
}

void cert_table_free(struct cert_table *table)
{
    if (table == NULL)
        return;
    while (table->newest != NULL)
        remove_entry(table, table->newest);
    free(table);
}

static void use(struct cert_table *table, struct cert_entry *entry)
{
    if (table->newest != entry) {
        DL_DELETE(table->newest, entry);
        DL_PREPEND(table->newest, entry);
    }
}

static struct cert_entry *find_x509(struct cert_table *table, const X509 *x509)
{
    struct cert_entry *entry;
    HASH_FIND(by_x509, table->x509s, &x509, sizeof x509, entry);
    return entry;
}

static struct cert_entry *find_sha256(struct cert_table *table, const unsigned char *sha256)
{
    struct cert_entry *entry;
    HASH_FIND(by_sha256, table->digests, sha256, 32, entry);
    return entry;
}

void cert_table_add(struct cert_table *table, struct cert *cert)
{
    if (table->max == 0 || find_x509(table, cert->x509) != NULL ||
        find_sha256(table, cert->sha256) != NULL)
        return;
    if (table->count == table->max)
        remove_entry(table, table->newest->prev);
    /* What OpenSSL caches in the object is there before anybody shares it. */
    (void)X509_check_purpose(cert->x509, -1, 0);
    struct cert_entry *entry = xcalloc(1, sizeof *entry);
    entry->cert = cert_ref(cert);
    HASH_ADD_KEYPTR(by_x509, table->x509s, &entry->cert->x509, sizeof entry->cert->x509, entry);
    HASH_ADD_KEYPTR(by_der, table->ders, entry->cert->der, entry->cert->der_len, entry);
    HASH_ADD_KEYPTR(by_sha256, table->digests, entry->cert->sha256, 32, entry);
    DL_PREPEND(table->newest, entry);
    table->count++;
}

struct cert *cert_table_get(struct cert_table *table, const X509 *x509)
{
    struct cert_entry *entry = find_x509(table, x509);
    if (entry == NULL)
        return NULL;
    use(table, entry);
    return cert_ref(entry->cert);
}

X509 *cert_table_find_der(struct cert_table *table, const unsigned char *der, size_t len)
{
    struct cert_entry *entry;
    HASH_FIND(by_der, table->ders, der, len, entry);
    if (entry == NULL)
        return NULL;
    use(table, entry);
    return entry->cert->x509;
}

X509 *cert_table_find_sha256(struct cert_table *table, const unsigned char sha256[32])
{
    struct cert_entry *entry = find_sha256(table, sha256);
    if (entry == NULL)
        return NULL;
    use(table, entry);
    return entry->cert->x509;
}

const unsigned char *cert_table_find_encoding(struct cert_table *table, const X509 *x509,
                                              size_t *ret_len)
{
    const struct cert_entry *entry = find_x509(table, x509);
    if (entry == NULL)
        return NULL;
    *ret_len = entry->cert->der_len;
    return entry->cert->der;
}
