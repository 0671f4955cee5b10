/* crl_block.h - the CRLs of a site in one piece of memory that does not care where it is mapped.
 *
 * Private to auth/. The master fills it once and seals it; every worker maps the same pages. Only
 * the serial numbers are read in place; the few decoded fields of each CRL are made again by
 * whoever maps it. Numbers are in the machine's order: a block never leaves it.
 *
 * Header, records, then what the records point at, each part on an 8-octet boundary.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CRL_BLOCK_H
#define PROXY_AUTH_CRL_BLOCK_H

#include <stdint.h>

#include "auth/crl.h"

#define CRL_BLOCK_MAGIC UINT64_C(0x314b4c424c52434d) /* "MCRLBLK1" */
#define CRL_BLOCK_ALIGN ((size_t)8)

struct crl_block_span { /* octets from the start of the block */
    uint64_t at;
    uint64_t len;
};

struct crl_block_header {
    uint64_t magic;
    uint64_t size; /* of the whole block */
    uint64_t crl_count;
    uint64_t entry_count;       /* of all CRLs */
    unsigned char digest[32];   /* over the contents of all CRLs */
    int64_t oldest_this_update; /* INT64_MAX: there are no CRLs */
};

struct crl_block_record {
    unsigned char sha256[32];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char good_keys[CRL_GOOD_KEYS_MAX][32];
    int64_t this_update;
    int64_t next_update;
    uint32_t good_key_count;
    uint32_t is_unusable;
    uint32_t kept; /* enum crl_kept */
    struct crl_block_span algorithm;
    struct crl_block_span signature;
    struct crl_block_span issuers;
    struct crl_block_span extensions;
    struct crl_block_span tbs;
    struct crl_block_span entries; /* struct crl_entry */
    struct crl_block_span sources; /* paths, each with its NUL */
};

#endif
