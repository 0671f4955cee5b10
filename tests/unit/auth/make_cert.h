/* make_cert.h - certificates, CRLs and stores made in the test process.
 *
 * Everything happens at NOW unless a test says otherwise. Made certificates and files live until
 * the process ends; the folder of a fixture is removed with it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_AUTH_MAKE_CERT_H
#define TESTS_UNIT_AUTH_MAKE_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/client_cert.h"
#include "auth/trust_store.h"
#include "auth/verdict.h"
#include "base/errors.h"
#include "config/config.h"

#define NOW  INT64_C(1767225600) /* 2026-01-01 */
#define DAY  INT64_C(86400)
#define YEAR (365 * DAY)

#define EXTENSIONS_MAX 10

/* Ready-made extension texts, as in an OpenSSL configuration file. */
#define EXT_CA       "basicConstraints=critical,CA:TRUE"
#define EXT_NOT_CA   "basicConstraints=critical,CA:FALSE"
#define EXT_CA_USAGE "keyUsage=critical,keyCertSign,cRLSign"
#define EXT_CLIENT   "extendedKeyUsage=clientAuth"
#define EXT_SERVER   "extendedKeyUsage=serverAuth"
#define EXT_CDP      "crlDistributionPoints=URI:http://crl.test/a.crl"
#define EXT_UNKNOWN  "1.2.3.4.5=critical,DER:0500"

struct made { /* a certificate with its key */
    struct cert *cert;
    EVP_PKEY *key; /* borrowed from the key it was made with */
};

struct cert_spec {
    const char *subject;       /* "O=Org/CN=Name"; a leading '!' puts a NUL for each '^' */
    const struct made *issuer; /* NULL: signs itself */
    unsigned key;              /* number of the key: the same number is the same key */
    long serial;               /* 0: the next one */
    int64_t not_before;        /* 0: NOW - DAY */
    int64_t not_after;         /* 0: NOW + YEAR */
    const char *extensions[EXTENSIONS_MAX];
    EVP_PKEY *own_key;    /* instead of `key` */
    const EVP_MD *digest; /* NULL: SHA-256 */
    bool is_v1;
    bool is_damaged; /* the signature does not verify */
};

struct made make_cert(const struct cert_spec *spec);
/* The usual three, by their essentials. */
struct made make_root(const char *subject, unsigned key);
struct made make_ca(const char *subject, const struct made *issuer, unsigned key);
struct made make_leaf(const char *subject, const struct made *issuer, unsigned key);

EVP_PKEY *make_key(unsigned number); /* P-256 */
EVP_PKEY *make_rsa_key(unsigned bits);

struct crl_spec {
    const struct made *issuer;
    const char *name; /* another issuer name than that of the certificate */
    const long *serials;
    const int *reasons; /* NULL: none */
    size_t count;
    long number;         /* 0: none */
    long base;           /* 0: no delta */
    int64_t this_update; /* 0: NOW - DAY */
    int64_t next_update; /* 0: NOW + 7 * DAY */
    const char *extensions[EXTENSIONS_MAX];
    bool has_critical_entry; /* an unknown critical extension in the first entry */
    bool is_damaged;
};
/* DER on the heap. */
unsigned char *make_crl(const struct crl_spec *spec, size_t *ret_len);

/* A site with stores in a temporary folder. Profile iis10-2025, no revocation check. */
struct fixture {
    char folder[64];
    unsigned file_count;
    struct config config;
    struct config_site site;
    struct error_list errors;
    struct trust *trust;
};
void fixture_init(struct fixture *fixture);
void fixture_clear(struct fixture *fixture);
/* Writes a file, returns its path (lives as long as the fixture). */
const char *fixture_file(struct fixture *fixture, const char *name, const void *bytes, size_t len);
void fixture_path(struct config_list *list, const char *path);
/* Binds a store to certificates: NULL-terminated list of struct made pointers. */
void fixture_store(struct fixture *fixture, struct config_list *list, ...);
void fixture_crl(struct fixture *fixture, const struct crl_spec *spec);
/* Loads the trust; fails the test on errors. Loading again replaces it. */
const struct trust *fixture_load(struct fixture *fixture);

/* The verdict on leaf first, then what else was presented; NULL-terminated. */
void judge_at(struct fixture *fixture, struct verdict *ret_verdict, int64_t now, ...);
/* Only its outcome, at NOW. */
#define OUTCOME_FOR(fixture, ...) outcome_for((fixture), __VA_ARGS__, NULL)
enum outcome outcome_for(struct fixture *fixture, ...);

#endif
