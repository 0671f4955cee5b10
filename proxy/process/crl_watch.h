/* crl_watch.h - reads the CRLs of a release again when their files change.
 *
 * Runs in the master: inotify on the folders, and a look at the files' times every now and then for
 * what inotify does not see (network file systems, links into other folders). What a file
 * held that cannot be read any more, or is gone, stays in use until another list succeeds it; it
 * still expires at its nextUpdate, so this fails closed (iis-semantics.md 4.4).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_CRL_WATCH_H
#define PROXY_PROCESS_CRL_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "core/snapshot.h"

#define CRL_WATCH_POLL_MS UINT64_C(30000)
/* A folder is rarely changed by one file alone. */
#define CRL_WATCH_SETTLE_MS UINT64_C(200)

/* A site of the snapshot uses other CRLs now; fd holds them for the workers and is closed after
 * the call. */
typedef void (*crl_watch_cb)(void *arg, size_t site, int fd);

struct crl_watch_options {
    struct event_base *base;         /* borrowed */
    const struct snapshot *snapshot; /* borrowed; its sites are given what was read */
    uint64_t poll_ms;                /* shortened to the least freshness_time of a site */
    uint64_t settle_ms;              /* from the first sign of a change to the reading */
    crl_watch_cb changed;
    void *arg;
};

struct crl_watch;
/* Takes a first look at once for changes since the snapshot was loaded. */
struct crl_watch *crl_watch_new(const struct crl_watch_options *options);
void crl_watch_free(struct crl_watch *watch); /* NULL is allowed */

#endif
