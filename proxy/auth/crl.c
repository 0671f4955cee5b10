/* SPDX-License-Identifier: MIT */
#include "auth/crl.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "auth/cert_facts.h"
#include "auth/client_cert.h"
#include "auth/der.h"
#include "base/mem.h"

#define ISSUERS_MAX 4096

/* ---- times ---- */

static bool der_take_time(struct der *rest, int64_t *ret_time)
{
    struct der_item item;
    if (!der_take(rest, V_ASN1_UTCTIME, &item) && !der_take(rest, V_ASN1_GENERALIZEDTIME, &item))
        return false;
    const unsigned char *cursor = item.whole.ptr;
    ASN1_TIME *time = d2i_ASN1_TIME(NULL, &cursor, (long)item.whole.len);
    *ret_time = cert_time(time, INT64_MIN);
    ASN1_TIME_free(time);
    return *ret_time != INT64_MIN;
}

/* ---- entries ---- */

/* The content octets of the INTEGER: 80 is -128, 00 80 is 128. */
static void set_serial(struct crl_entry *entry, const unsigned char *octets, size_t len)
{
    /* Octets that only repeat the sign are illegal in DER; they must not hide an entry. */
    while (len > 1 &&
           ((octets[0] == 0x00 && octets[1] < 0x80) || (octets[0] == 0xff && octets[1] >= 0x80))) {
        octets++;
        len--;
    }
    if (len <= CRL_SERIAL_SIZE) {
        entry->serial_len = (uint8_t)len;
        if (len > 0)
            memcpy(entry->serial, octets, len);
        return;
    }
    unsigned char digest[32];
    EVP_Digest(octets, len, digest, NULL, EVP_sha256(), NULL);
    entry->serial_len = UINT8_MAX;
    memcpy(entry->serial, digest, CRL_SERIAL_SIZE);
}

static int compare_entries(const void *a, const void *b)
{
    const struct crl_entry *left = a;
    const struct crl_entry *right = b;
    if (left->issuer != right->issuer)
        return left->issuer < right->issuer ? -1 : 1;
    if (left->serial_len != right->serial_len)
        return left->serial_len < right->serial_len ? -1 : 1;
    return memcmp(left->serial, right->serial, CRL_SERIAL_SIZE);
}

/* For the order of the list: of two entries for one certificate the one that revokes comes first,
 * and the first is what a look-up finds. */
static int order_entries(const void *a, const void *b)
{
    const struct crl_entry *left = a;
    const struct crl_entry *right = b;
    int order = compare_entries(left, right);
    if (order != 0)
        return order;
    return (left->reason == CRL_REASON_REMOVE) - (right->reason == CRL_REASON_REMOVE);
}

/* True when the name can be kept as its own octets: these were decoded leniently. */
static bool is_der(const X509_NAME *name)
{
    struct der rest = {NULL, 0};
    struct der_item item;
    return X509_NAME_get0_der(name, &rest.ptr, &rest.len) == 1 &&
           der_take(&rest, V_ASN1_SEQUENCE, &item) && rest.len == 0;
}

static void add_issuer(struct crl *crl, X509_NAME *name)
{
    crl->issuers = xreallocarray(crl->issuers, crl->issuer_count + 1, sizeof(X509_NAME *));
    crl->issuers[crl->issuer_count++] = name;
}

/* A certificateIssuer extension applies to this entry and those after it. */
static bool read_entry_issuer(struct crl *crl, X509_EXTENSION *extension, uint16_t *ret_issuer)
{
    GENERAL_NAMES *names = X509V3_EXT_d2i(extension);
    bool good = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !good; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DIRNAME || !is_der(name->d.directoryName))
            continue;
        size_t at = 0;
        while (at < crl->issuer_count && !cert_name_equal(crl->issuers[at], name->d.directoryName))
            at++;
        if (at == ISSUERS_MAX)
            break;
        if (at == crl->issuer_count)
            add_issuer(crl, X509_NAME_dup(name->d.directoryName));
        *ret_issuer = (uint16_t)at;
        good = true;
    }
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return good;
}

static bool read_entry_extensions(struct crl *crl, struct der octets, struct crl_entry *entry,
                                  uint16_t *issuer)
{
    const unsigned char *cursor = octets.ptr;
    X509_EXTENSIONS *extensions = d2i_X509_EXTENSIONS(NULL, &cursor, (long)octets.len);
    if (extensions == NULL)
        return false;
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_crl_reason) {
            ASN1_ENUMERATED *reason = X509V3_EXT_d2i(extension);
            long value = reason == NULL ? -1 : ASN1_ENUMERATED_get(reason);
            /* An unreadable reason is no reason to let the entry go. */
            if (value >= 0 && value < CRL_REASON_ABSENT)
                entry->reason = (uint8_t)value;
            ASN1_ENUMERATED_free(reason);
        } else if (nid == NID_certificate_issuer) {
            crl->is_unusable |= !read_entry_issuer(crl, extension, issuer);
        } else if (X509_EXTENSION_get_critical(extension)) {
            /* RFC 5280 section 5.3: such a CRL MUST NOT be used to determine any status. */
            crl->is_unusable = true;
        }
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return true;
}

static bool read_entries(struct crl *crl, struct der list)
{
    size_t capacity = list.len / 40 + 4; /* a typical entry has 35 to 50 octets */
    struct crl_entry *entries = xcalloc(capacity, sizeof *entries);
    crl->own_entries = entries;
    uint16_t issuer = 0;
    struct der_item item;
    while (list.len > 0) {
        struct der_item serial;
        struct der_item extensions;
        if (!der_take(&list, V_ASN1_SEQUENCE, &item) ||
            !der_take(&item.value, V_ASN1_INTEGER, &serial) ||
            (!der_take(&item.value, V_ASN1_UTCTIME, &extensions) &&
             !der_take(&item.value, V_ASN1_GENERALIZEDTIME, &extensions)))
            return false;
        if (crl->entry_count == capacity) {
            capacity *= 2;
            entries = xreallocarray(entries, capacity, sizeof *entries);
            crl->own_entries = entries;
        }
        struct crl_entry *entry = &entries[crl->entry_count++];
        *entry = (struct crl_entry){.reason = CRL_REASON_ABSENT};
        set_serial(entry, serial.value.ptr, serial.value.len);
        if (item.value.len > 0 &&
            (crl->is_version_1 || !der_take(&item.value, V_ASN1_SEQUENCE, &extensions) ||
             !read_entry_extensions(crl, extensions.whole, entry, &issuer)))
            return false;
        entry->issuer = issuer;
    }
    qsort(entries, crl->entry_count, sizeof *entries, order_entries);
    crl->entries = entries;
    return true;
}

/* ---- extensions of the CRL ---- */

static uint32_t reason_bits(const ASN1_BIT_STRING *reasons)
{
    uint32_t bits = 0;
    if (reasons->length > 0)
        bits = reasons->data[0];
    if (reasons->length > 1)
        bits |= (uint32_t)reasons->data[1] << 8;
    return bits & CRLDP_ALL_REASONS;
}

static void digest_of(X509_EXTENSION *extension, unsigned char ret_digest[32])
{
    const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data(extension);
    EVP_Digest(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets), ret_digest, NULL,
               EVP_sha256(), NULL);
}

static void read_idp(struct crl *crl, X509_EXTENSION *extension)
{
    crl->idp = X509V3_EXT_d2i(extension);
    digest_of(extension, crl->idp_digest);
    if (crl->idp == NULL) {
        crl->is_unusable = true;
        return;
    }
    if (crl->idp->onlysomereasons != NULL)
        crl->reasons = reason_bits(crl->idp->onlysomereasons);
    int kinds = (crl->idp->onlyuser > 0) + (crl->idp->onlyCA > 0) + (crl->idp->onlyattr > 0);
    if (kinds > 1) /* RFC 5280 section 5.2.5: at most one of them */
        crl->is_unusable = true;
    /* A name relative to the CRL issuer is made whole for the comparison. */
    if (crl->idp->distpoint != NULL &&
        DIST_POINT_set_dpname(crl->idp->distpoint, crl->issuers[0]) != 1)
        crl->is_unusable = true;
}

static void read_extension(struct crl *crl, X509_EXTENSION *extension)
{
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
    switch (nid) {
    case NID_crl_number:
        crl->number = X509V3_EXT_d2i(extension);
        break;
    case NID_delta_crl:
        crl->base = X509V3_EXT_d2i(extension);
        crl->is_unusable |= crl->base == NULL;
        break;
    case NID_issuing_distribution_point:
        read_idp(crl, extension);
        break;
    case NID_authority_key_identifier: /* a hint; the signature decides */
        digest_of(extension, crl->aki_digest);
        break;
    default:
        if (X509_EXTENSION_get_critical(extension)) /* RFC 5280 section 5.2 */
            crl->is_unusable = true;
        break;
    }
}

static bool read_extensions(struct crl *crl, struct der octets)
{
    const unsigned char *cursor = octets.ptr;
    X509_EXTENSIONS *extensions = d2i_X509_EXTENSIONS(NULL, &cursor, (long)octets.len);
    if (extensions == NULL)
        return false;
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(extension);
        if (X509v3_get_ext_by_OBJ(extensions, oid, -1) == i)
            read_extension(crl, extension);
        else
            crl->is_unusable = true; /* twice */
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    crl->extensions = octets;
    return true;
}

/* ---- the whole ---- */

static X509_ALGOR *read_algorithm(struct der *rest)
{
    struct der_item item;
    if (!der_take(rest, V_ASN1_SEQUENCE, &item))
        return NULL;
    const unsigned char *cursor = item.whole.ptr;
    return d2i_X509_ALGOR(NULL, &cursor, (long)item.whole.len);
}

static bool read_issuer(struct crl *crl, struct der octets)
{
    const unsigned char *cursor = octets.ptr;
    X509_NAME *name = d2i_X509_NAME(NULL, &cursor, (long)octets.len);
    if (name == NULL)
        return false;
    add_issuer(crl, name);
    crl->issuer_hash = cert_name_hash(crl->issuers[0]);
    return true;
}

static bool read_signature(struct crl *crl, struct der octets)
{
    const unsigned char *cursor = octets.ptr;
    crl->signature = d2i_ASN1_BIT_STRING(NULL, &cursor, (long)octets.len);
    return crl->signature != NULL;
}

/* Also the digest to make, or NID_undef for algorithms that sign the text itself. */
static void classify_algorithm(struct crl *crl)
{
    int key = NID_undef;
    const ASN1_OBJECT *oid = NULL;
    X509_ALGOR_get0(&oid, NULL, NULL, crl->algorithm);
    crl->digest_nid = NID_undef;
    (void)OBJ_find_sigid_algs(OBJ_obj2nid(oid), &crl->digest_nid, &key);
    crl->is_weak =
        crl->digest_nid == NID_md5 || crl->digest_nid == NID_md4 || crl->digest_nid == NID_md2;
}

/* RFC 5280 section 5.1.2.1: if it is there it is 1, for version 2, and it must be there when there
 * are extensions. */
static bool read_version(struct crl *crl, struct der *tbs)
{
    struct der_item version;
    crl->is_version_1 = !der_take(tbs, V_ASN1_INTEGER, &version);
    return crl->is_version_1 || (version.value.len == 1 && version.value.ptr[0] == 1);
}

/* None for ECDSA and DSA (RFC 5758 sections 3.1 and 3.2) and for EdDSA (RFC 8410 section 3); NULL
 * for RSA (RFC 4055 section 5), which some leave out. */
static bool has_good_parameters(const X509_ALGOR *algorithm)
{
    int type = V_ASN1_UNDEF;
    int key = NID_undef;
    const ASN1_OBJECT *oid = NULL;
    X509_ALGOR_get0(&oid, &type, NULL, algorithm);
    (void)OBJ_find_sigid_algs(OBJ_obj2nid(oid), NULL, &key);
    switch (key) {
    case NID_X9_62_id_ecPublicKey:
    case NID_dsa:
    case NID_ED25519:
    case NID_ED448:
        return type == V_ASN1_UNDEF;
    case NID_rsaEncryption:
        return type == V_ASN1_UNDEF || type == V_ASN1_NULL;
    default:
        return true;
    }
}

/* TBSCertList, RFC 5280 section 5.1.2. */
static bool read_tbs(struct crl *crl, struct der tbs, const X509_ALGOR *algorithm)
{
    struct der_item item;
    if (!read_version(crl, &tbs))
        return false;
    X509_ALGOR *inner = read_algorithm(&tbs);
    bool same = inner != NULL && X509_ALGOR_cmp(inner, algorithm) == 0;
    X509_ALGOR_free(inner);
    if (!same || !der_take(&tbs, V_ASN1_SEQUENCE, &item))
        return false;
    if (!read_issuer(crl, item.whole))
        return false;
    crl->next_update = INT64_MAX;
    if (!der_take_time(&tbs, &crl->this_update))
        return false;
    struct der copy = tbs;
    if (der_next(&copy, &item) && item.class == V_ASN1_UNIVERSAL && item.tag != V_ASN1_SEQUENCE &&
        !der_take_time(&tbs, &crl->next_update))
        return false;
    if (der_take(&tbs, V_ASN1_SEQUENCE, &item) && !read_entries(crl, item.value))
        return false;
    if (tbs.len == 0)
        return true;
    if (crl->is_version_1 || !der_next(&tbs, &item) || item.class != V_ASN1_CONTEXT_SPECIFIC ||
        item.tag != 0)
        return false;
    return tbs.len == 0 && read_extensions(crl, item.value);
}

/* RSA, ECDSA and DSA sign a digest, which is all that is kept; the others sign the text. What is
 * kept must outlive the octets that were read. */
static void keep_signed(struct crl *crl, struct der tbs)
{
    const EVP_MD *md = EVP_get_digestbynid(crl->digest_nid);
    if (crl->digest_nid != NID_undef && md != NULL) {
        EVP_Digest(tbs.ptr, tbs.len, crl->digest, NULL, md, NULL);
    } else {
        crl->own_tbs = xmemdup(tbs.ptr, tbs.len);
        crl->tbs = (struct der){crl->own_tbs, tbs.len};
    }
    if (crl->extensions.len == 0)
        return;
    crl->own_extensions = xmemdup(crl->extensions.ptr, crl->extensions.len);
    crl->extensions.ptr = crl->own_extensions;
}

static bool read_crl(struct crl *crl, struct der octets)
{
    struct der_item item;
    struct der_item tbs;
    if (!der_take(&octets, V_ASN1_SEQUENCE, &item) || octets.len != 0 ||
        !der_take(&item.value, V_ASN1_SEQUENCE, &tbs))
        return false;
    crl->algorithm = read_algorithm(&item.value);
    struct der_item signature;
    if (crl->algorithm == NULL || !has_good_parameters(crl->algorithm) ||
        !der_take(&item.value, V_ASN1_BIT_STRING, &signature) || item.value.len != 0 ||
        !read_signature(crl, signature.whole) || !read_tbs(crl, tbs.value, crl->algorithm))
        return false;
    classify_algorithm(crl);
    keep_signed(crl, tbs.whole);
    return true;
}

bool crl_restore(struct crl *crl, const struct crl_source *source)
{
    struct der algorithm = source->algorithm;
    struct der issuers = source->issuers;
    struct der_item item;
    crl->reasons = CRLDP_ALL_REASONS;
    crl->algorithm = read_algorithm(&algorithm);
    bool good = crl->algorithm != NULL && read_signature(crl, source->signature);
    while (good && issuers.len > 0)
        good = der_take(&issuers, V_ASN1_SEQUENCE, &item) && read_issuer(crl, item.whole);
    good = good && crl->issuer_count > 0 &&
           (source->extensions.len == 0 || read_extensions(crl, source->extensions));
    if (good)
        classify_algorithm(crl);
    ERR_clear_error();
    return good;
}

struct crl *crl_from_der(const unsigned char *der, size_t len)
{
    struct crl *crl = xcalloc(1, sizeof *crl);
    crl->reasons = CRLDP_ALL_REASONS;
    bool good = read_crl(crl, (struct der){der, len});
    ERR_clear_error();
    if (!good) {
        crl_free(crl);
        return NULL;
    }
    EVP_Digest(der, len, crl->sha256, NULL, EVP_sha256(), NULL);
    return crl;
}

void crl_free(struct crl *crl)
{
    if (crl != NULL)
        crl_clear(crl);
    free(crl);
}

void crl_clear(struct crl *crl)
{
    if (crl->is_borrowed) {
        *crl = (struct crl){0};
        return;
    }
    for (size_t i = 0; i < crl->issuer_count; i++)
        X509_NAME_free(crl->issuers[i]);
    free(crl->issuers);
    ASN1_INTEGER_free(crl->number);
    ASN1_INTEGER_free(crl->base);
    ISSUING_DIST_POINT_free(crl->idp);
    X509_ALGOR_free(crl->algorithm);
    ASN1_BIT_STRING_free(crl->signature);
    free(crl->own_entries);
    free(crl->own_tbs);
    free(crl->own_extensions);
    free(crl->own_sources);
    *crl = (struct crl){0};
}

/* The first one that matches. */
static const struct crl_entry *find_entry(const struct crl *crl, const struct crl_entry *wanted)
{
    size_t low = 0;
    size_t high = crl->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_entries(&crl->entries[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == crl->entry_count || compare_entries(&crl->entries[low], wanted) != 0)
        return NULL;
    return &crl->entries[low];
}

const struct crl_entry *crl_find(const struct crl *crl, const struct cert *cert)
{
    struct crl_entry wanted = {0};
    unsigned char *der = NULL;
    int der_len = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert->x509), &der);
    struct der rest = {der, der_len > 0 ? (size_t)der_len : 0};
    struct der_item serial;
    bool good = der_next(&rest, &serial);
    if (good)
        set_serial(&wanted, serial.value.ptr, serial.value.len);
    OPENSSL_free(der);
    if (!good || crl->entry_count == 0)
        return NULL;
    for (size_t i = 0; i < crl->issuer_count; i++) {
        if (!cert_name_equal(crl->issuers[i], cert->facts->issuer))
            continue;
        wanted.issuer = (uint16_t)i;
        return find_entry(crl, &wanted);
    }
    return NULL;
}

static bool check_digest(const struct crl *crl, EVP_PKEY *key)
{
    const EVP_MD *md = EVP_get_digestbynid(crl->digest_nid);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool good = md != NULL && context != NULL && EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
                EVP_PKEY_verify(context, crl->signature->data, (size_t)crl->signature->length,
                                crl->digest, (size_t)EVP_MD_get_size(md)) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

/* The encoding of an ASN1_TYPE that holds a SEQUENCE is the sequence as it is. */
static bool check_text(const struct crl *crl, EVP_PKEY *key)
{
    ASN1_TYPE text = {.type = V_ASN1_SEQUENCE};
    text.value.sequence = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
    bool good =
        crl->tbs.len <= INT_MAX && text.value.sequence != NULL &&
        ASN1_STRING_set(text.value.sequence, crl->tbs.ptr, (int)crl->tbs.len) == 1 &&
        ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), crl->algorithm, crl->signature, &text, key) == 1;
    ASN1_STRING_free(text.value.sequence);
    return good;
}

bool crl_check_signature(const struct crl *crl, const struct cert *issuer)
{
    EVP_PKEY *key = issuer->facts->key;
    /* A signature is whole octets: with bits left unused it can be read, but nobody made it. */
    if (key == NULL || (crl->signature->flags & 7) != 0)
        return false;
    int needed = NID_undef;
    const ASN1_OBJECT *oid = NULL;
    X509_ALGOR_get0(&oid, NULL, NULL, crl->algorithm);
    (void)OBJ_find_sigid_algs(OBJ_obj2nid(oid), NULL, &needed);
    bool good;
    if (crl->tbs.len > 0)
        good = check_text(crl, key);
    else
        good = EVP_PKEY_type(needed) == issuer->facts->key_type && check_digest(crl, key);
    ERR_clear_error();
    return good;
}

bool crl_knows_key(const struct crl *crl, const struct cert *issuer)
{
    for (size_t i = 0; i < crl->good_key_count; i++) {
        if (memcmp(crl->good_keys[i], issuer->facts->key_sha256, 32) == 0)
            return true;
    }
    return false;
}

bool crl_is_newer(const struct crl *crl, const struct crl *other)
{
    if (crl->number != NULL && other->number != NULL) {
        int order = ASN1_INTEGER_cmp(crl->number, other->number);
        if (order != 0)
            return order > 0;
    }
    return crl->this_update > other->this_update;
}

void crl_add_source(struct crl *crl, const char *path)
{
    size_t size = strlen(path) + 1;
    char *all = xmalloc(crl->sources.len + size);
    if (crl->sources.len > 0)
        memcpy(all, crl->sources.ptr, crl->sources.len);
    memcpy(all + crl->sources.len, path, size);
    free(crl->own_sources);
    crl->own_sources = all;
    crl->sources = (struct der){(const unsigned char *)all, crl->sources.len + size};
}

const char *crl_next_source(const struct crl *crl, const char *path)
{
    const char *all = (const char *)crl->sources.ptr;
    const char *next = path == NULL ? all : path + strlen(path) + 1;
    return crl->sources.len == 0 || next >= all + crl->sources.len ? NULL : next;
}
