/* crl.h - one certificate revocation list, reduced to what look-ups need.
 *
 * Private to auth/. Read with a walker of our own instead of an X509_CRL: that costs several
 * allocations an entry, and a list may have a million of them. Kept are the serial numbers, 24
 * octets each, sorted, and the digest that the signature covers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CRL_H
#define PROXY_AUTH_CRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/der.h"

struct cert;

#define CRL_GOOD_KEYS_MAX 8
#define CRL_SERIAL_SIZE   20 /* RFC 5280 section 4.1.2.2 */

/* CRLReason (RFC 5280 section 5.3.1) */
#define CRL_REASON_ABSENT 255
#define CRL_REASON_REMOVE 8 /* removeFromCRL, in delta CRLs */

struct crl_entry {   /* ordered by issuer, serial_len, serial */
    uint16_t issuer; /* index in issuers; 0: the issuer of the CRL */
    uint8_t serial_len;
    uint8_t reason;
    uint8_t serial[CRL_SERIAL_SIZE]; /* the INTEGER's octets, or a digest when longer */
};

/* A list that was in use and is not in the files any more stays until another succeeds it
 * (iis-semantics.md 4.4). Why it does, by the list that comes closest to doing so. */
enum crl_kept {
    CRL_KEPT_NOT,        /* its files hold it */
    CRL_KEPT_GONE,       /* there is no list of this issuer, kind and scope */
    CRL_KEPT_UNVERIFIED, /* there is one that the key of this one has not signed */
    CRL_KEPT_UNUSABLE,   /* ... one that cannot be used */
    CRL_KEPT_FUTURE,     /* ... one whose time has not come */
    CRL_KEPT_OLDER,      /* ... one that is not newer */
};

struct crl {
    X509_NAME **issuers; /* [0] issued the CRL, the others are named by entries; owned */
    size_t issuer_count;
    uint32_t issuer_hash;
    int64_t this_update;
    int64_t next_update;          /* INT64_MAX: none given */
    ASN1_INTEGER *number;         /* owned; NULL: none */
    ASN1_INTEGER *base;           /* BaseCRLNumber; not NULL: this is a delta CRL */
    ISSUING_DIST_POINT *idp;      /* owned; NULL: none */
    unsigned char idp_digest[32]; /* of the extension; zero without: tells scopes apart */
    unsigned char
        aki_digest[32]; /* of the authorityKeyIdentifier; zero without: tells keys apart */
    bool is_unusable;   /* an extension that cannot be processed (RFC 5280 section 5.2) */
    bool is_weak;       /* signed with MD5 or older */
    bool is_version_1;  /* while it is read: without any extension */
    uint32_t reasons;   /* CRLDP_ALL_REASONS or those of onlySomeReasons */
    const struct crl_entry *entries; /* sorted; own_entries or borrowed from a block */
    size_t entry_count;
    struct crl_entry *own_entries; /* owned; NULL when restored */
    unsigned char sha256[32];      /* of the whole CRL */

    X509_ALGOR *algorithm; /* owned */
    ASN1_BIT_STRING *signature;
    int digest_nid;
    unsigned char digest[EVP_MAX_MD_SIZE]; /* of the TBSCertList, for RSA, ECDSA and DSA */
    struct der tbs;                        /* only for the other algorithms; own_tbs or borrowed */
    unsigned char *own_tbs;                /* owned; NULL when restored */
    struct der extensions;                 /* own_extensions or borrowed */
    unsigned char *own_extensions;         /* owned; NULL when restored */

    /* SPKI digests of store certificates that verify the signature, found at load. */
    unsigned char good_keys[CRL_GOOD_KEYS_MAX][32];
    size_t good_key_count;

    struct der sources; /* paths of the files it was read from, each with its NUL */
    char *own_sources;  /* owned; NULL when restored */
    enum crl_kept kept; /* why it is in use although its files do not hold it any more */
    bool is_borrowed;   /* a copy of the struct alone: owns nothing */
    uint32_t next;      /* in the bucket of the index */
};

/* NULL when it cannot be decoded. */
struct crl *crl_from_der(const unsigned char *der, size_t len);
void crl_free(struct crl *crl); /* NULL is allowed */
/* The same without freeing the struct itself. */
void crl_clear(struct crl *crl);

/* What crl_restore() makes the decoded fields from again: as they stood in the CRL. */
struct crl_source {
    struct der algorithm;
    struct der signature;
    struct der issuers; /* the Names, one after the other */
    struct der extensions;
};
/* Fills the decoded fields of a zeroed struct; the plain ones are the caller's to copy. Entries,
 * tbs and extensions are borrowed. False for damage; crl_clear() either way. */
bool crl_restore(struct crl *crl, const struct crl_source *source);

/* The entry for a certificate's issuer and serial number, or NULL. */
const struct crl_entry *crl_find(const struct crl *crl, const struct cert *cert);
/* One signature check. */
bool crl_check_signature(const struct crl *crl, const struct cert *issuer);
/* True when the check is known from load to succeed with this key. */
bool crl_knows_key(const struct crl *crl, const struct cert *issuer);
/* By CRL number, else by thisUpdate. */
bool crl_is_newer(const struct crl *crl, const struct crl *other);
/* Notes that a file at this path holds the list. */
void crl_add_source(struct crl *crl, const char *path);
/* Walks the paths: start with NULL; NULL at the end. */
const char *crl_next_source(const struct crl *crl, const char *path);

#endif
