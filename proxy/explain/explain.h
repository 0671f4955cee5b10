/* explain.h - why is this client let in or refused? The proxy's own functions, run off line.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_EXPLAIN_H
#define PROXY_EXPLAIN_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/verdict.h"
#include "base/arena.h"
#include "core/snapshot.h"
#include "explain/fix.h"
#include "http/message.h"
#include "http/outcome.h"

struct explain_request {
    const struct snapshot_site *site;
    struct str path; /* canonical */
    bool is_tls;
    struct cert *const *presented; /* leaf first; NULL: no certificate */
    size_t presented_count;
    int64_t now; /* seconds since 1970 */
};

struct explain_report { /* slices in the arena handed in */
    const struct snapshot_site *site;
    const struct config_access *access;
    const char *location; /* its path, or NULL: the site itself */
    int64_t now;
    enum outcome outcome;
    enum outcome failed; /* under client_certificate: pass; OUTCOME_OK: nothing */
    bool has_verdict;
    struct verdict verdict;
    const char *user;
    const char *mapping;
    struct http_fields headers; /* the identity fields the backend would see */
    struct str *advertised;     /* RFC 4514 names of the CertificateRequest, in order */
    size_t advertised_count;
    struct str *rules; /* what was tried, in order */
    size_t rule_count;
    struct remedy remedy; /* the certificates of the fixes point into what was judged */
    struct fix_list fixes;
};

void explain_make(const struct snapshot *snapshot, const struct explain_request *request,
                  struct arena *arena, struct explain_report *ret_report);
/* Fills report->rules with what was tried for it, in order; everything else of the report is set
 * but the headers and the fixes. shows_certificate: it counts for the mapping. */
void explain_rules(struct explain_report *report, struct arena *arena, bool shows_certificate);
/* The word of trust.mode. */
const char *explain_trust_mode(enum config_trust_mode mode);
void explain_clear(struct explain_report *report);

#endif
