/* trust.h - the inside of struct trust, for the search and the verdict.
 *
 * Private to auth/. Members are the certificates of all stores, each once, in the order in which
 * the search tries them: intermediate, root, issuer store.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_TRUST_H
#define PROXY_AUTH_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/client_cert.h"
#include "auth/trust_store.h"
#include "config/config.h"
#include "http/outcome.h"

struct crl_index;

enum trust_source { /* iis-semantics.md 3.3: which store is T */
                    TRUST_SOURCE_ROOT,
                    TRUST_SOURCE_TRUSTED_ISSUERS,
                    TRUST_SOURCE_CLIENT_AUTH_ISSUERS
};

#define TRUST_IN_INTERMEDIATE        1u
#define TRUST_IN_ROOT                2u
#define TRUST_IN_TRUSTED_ISSUERS     4u
#define TRUST_IN_CLIENT_AUTH_ISSUERS 8u

#define TRUST_STORES 4

#define TRUST_NONE UINT32_MAX

struct trust_origin { /* where a certificate was read */
    struct mark mark; /* of the item that names the file or its folder */
    char *path;       /* owned */
};

struct trust_member {
    struct cert *cert;             /* owned reference */
    uint32_t origin[TRUST_STORES]; /* by the number of the TRUST_IN_ bit; TRUST_NONE: not there */
    unsigned stores;               /* TRUST_IN_* */
    bool is_self_signed;   /* iis-semantics.md 3.5: same octets and its own signature verifies */
    bool is_in_pool;       /* may take part in a path */
    bool is_issuer;        /* member of T */
    bool is_anchor;        /* a path ends here */
    uint32_t next_subject; /* next member of the same bucket of by_subject */
    uint32_t next_digest;
};

/* A signature between two members, checked at load; sorted by key. */
struct trust_signature {
    uint64_t key; /* subject index in the upper half, issuer index in the lower */
    bool is_good;
};

struct trust {
    struct trust_member *members;
    size_t member_count;
    struct trust_origin *origins; /* one a file that was read */
    size_t origin_count;
    uint32_t *by_subject; /* bucket heads, ascending members; hash of the subject */
    uint32_t *by_digest;
    size_t bucket_mask;
    struct trust_signature *signatures;
    size_t signature_count;

    unsigned char (*disallowed)[32]; /* SHA-256 of the TBSCertificate, sorted */
    size_t disallowed_count;

    enum config_trust_mode mode; /* the effective one */
    enum trust_source source;
    enum config_root_mix root_mix;
    bool is_root_mixed; /* Root holds a certificate that is not self-signed */
    enum outcome partial_chain;
    bool weak_allow;
    bool check_usage;
    struct config_policy policy; /* flags; `initial` is not used */
    ASN1_OBJECT **initial;       /* owned; user-initial-policy-set without anyPolicy */
    size_t initial_count;
    bool initial_is_any;

    bool check_revocation;
    bool missing_always;
    struct crl_index *crls; /* owned; the one part that is exchanged (trust_crls.h) */
    unsigned char crl_stamp[TRUST_EPOCH_SIZE];

    struct cert **misplaced; /* array owned; the members of Root that make it mixed */
    size_t misplaced_count;

    struct trust_issuer_name *issuer_list; /* array owned, names borrowed from members */
    size_t issuer_list_count;
    unsigned char epoch[TRUST_EPOCH_SIZE];
};

/* First member whose subject hashes to `hash`; go on with next_subject and compare the names. */
uint32_t trust_first_subject(const struct trust *trust, uint32_t hash);
/* The member that is this very certificate, or TRUST_NONE. */
uint32_t trust_find(const struct trust *trust, const struct cert *cert);
bool trust_is_disallowed(const struct trust *trust, const struct cert *cert);
/* 1 or 0 when the signature of one member by another was checked at load, else -1. */
int trust_known_signature(const struct trust *trust, uint32_t subject, uint32_t issuer);

/* Whether a certificate would be an anchor of this mode if it were in the store where the mode
 * looks for them (iis-semantics.md 3.2 and 3.7). */
bool trust_may_anchor(enum config_trust_mode mode, const struct cert *cert, bool is_self_signed);

/* One signature check, at once: false as well for keys and algorithms that are refused. */
bool trust_check_signature(const struct cert *subject, const struct cert *issuer);

/* trust_crls.c: settings and CRLs; after the members. */
void trust_load_crls(struct trust *trust, const struct config_revocation *settings,
                     struct error_list *errors);

/* trust_list.c: the list of CertificateRequest and its limit (iis-semantics.md 3.4). */
void trust_build_issuer_list(struct trust *trust, const struct config_site *site,
                             const struct config *config);

#endif
