/* advice_private.h - the checks behind advice.h, and what they share.
 *
 * Private to advice*.c. A check looks at one thing in one site and adds its warnings.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ADVICE_ADVICE_PRIVATE_H
#define PROXY_ADVICE_ADVICE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/verdict.h"
#include "base/attr.h"
#include "base/errors.h"
#include "base/text.h"
#include "core/snapshot.h"

#define ADVICE_SOON_SECONDS (INT64_C(7) * 86400)

struct advice {
    const struct snapshot *snapshot;
    const struct snapshot_site *site;
    struct error_list *errors; /* borrowed */
    int64_t now;               /* seconds since 1970 */
    int64_t at;                /* the time that is judged for: now, or soon */
};

/* Warnings of one kind about one site: after some of them only their number is given. */
struct advice_count { /* start from {0} */
    size_t count;
    struct mark next; /* of the first that was not shown */
};
void advice_add(const struct advice *advice, struct advice_count *count, struct mark mark,
                const char *fmt, ...) PRINTF(4, 5);
/* What they are about completes "and 7 more ...". */
void advice_end(const struct advice *advice, const struct advice_count *count, const char *what);

/* The subject in quotes; the time as in RFC 3339. */
void advice_add_subject(struct text *out, const struct cert *cert);
void advice_add_time(struct text *out, int64_t wall_s);
/* Whether a certificate is asked for anywhere in the site. */
bool advice_asks(const struct config_site *site);

/* advice_trust.c */
void advice_root_mix(const struct advice *advice);
void advice_anchors(const struct advice *advice);
void advice_issuers(const struct advice *advice);
/* Why the verdict refuses, as a sentence with its remedy. */
void advice_add_reason(struct text *out, const struct advice *advice,
                       const struct verdict *verdict);
/* advice_mapping.c */
void advice_one_to_one(const struct advice *advice);
void advice_many_to_one(const struct advice *advice);
void advice_accounts(const struct advice *advice);
/* advice_server.c */
void advice_server_time(const struct advice *advice);
void advice_server_chain(const struct advice *advice);
void advice_server_usage(const struct advice *advice);
void advice_server_names(const struct advice *advice);
/* advice_places.c */
void advice_transport(const struct advice *advice);
void advice_anonymous(const struct advice *advice);
void advice_late(const struct advice *advice);
void advice_authorize(const struct advice *advice);

#endif
