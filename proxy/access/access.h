/* access.h - may this request go on, and as whom? IIS's order of checks
 * (iis-semantics.md 1.2, 5.4).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_ACCESS_H
#define PROXY_ACCESS_ACCESS_H

#include <stdbool.h>

#include "access/authorize.h"
#include "auth/cert_map.h"
#include "auth/client_cert.h"
#include "config/config.h"
#include "core/snapshot.h"
#include "http/outcome.h"

struct access_facts { /* what the checks read */
    const struct snapshot_site *site;
    const struct config_access *access;
    const struct authorize *authorize; /* NULL: everybody may */
    bool is_tls;
    int cipher_bits;
    const struct cert *leaf;      /* NULL: no certificate, neither presented nor handed on */
    struct cert_map_memo *mapped; /* what the map said of the leaf is kept here; NULL: nowhere */
    bool may_ask;                 /* ... but the client can still be asked for one */
    /* The verdict over the presented chain; asked at most once, only with a leaf. */
    enum outcome (*judge)(void *arg);
    void *judge_arg;
};

struct access_decision {
    enum outcome outcome;   /* OUTCOME_OK: go on */
    bool must_ask;          /* nothing is decided: ask for the certificate, then decide again */
    bool shows_certificate; /* false: ignored, there is none, or it failed */
    enum outcome failed;    /* under pass: what the certificate would be refused for elsewhere */
    const char *user;       /* NULL: anonymous */
    const char *password;
    const char *mapping; /* which mapping matched, or NULL */
};

struct access_decision access_decide(const struct access_facts *facts);

#endif
