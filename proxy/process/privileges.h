/* privileges.h - who the workers run as, and the limits they run under.
 *
 * The master reads keys and binds ports; a worker gives up root for good before it sees a byte
 * from the network.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_PRIVILEGES_H
#define PROXY_PROCESS_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/errors.h"
#include "config/config.h"

struct privileges {   /* start from {0}: nothing to give up */
    bool is_dropping; /* workers change to the user below */
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* owned; all groups of the user */
    size_t group_count;
    char *name;       /* owned */
    bool is_fallback; /* to nobody, because the usual user does not exist */
};

/* Looks the user up while files can still be read. Not root: nothing to give up, whatever is
 * configured. Without a name: mtls-proxy when it exists, else nobody (is_fallback). False with an
 * error in the list when a named user does not exist. */
MUST_USE bool privileges_lookup(const struct config_value *user, bool is_root,
                                struct privileges *ret_privileges, struct error_list *errors);
void privileges_clear(struct privileges *privileges);
/* In a worker: becomes the user for good and closes the ways back: no capability is left in any
 * set, the bounding set included where the kernel lets us. 0 or a negative errno. */
MUST_USE int privileges_drop(const struct privileges *privileges);

/* Raises RLIMIT_NOFILE to the hard limit and returns it. */
uint64_t privileges_raise_nofile(void);
/* Descriptors one worker needs for its share of the connections, upstream sides included. */
uint64_t privileges_needed_nofile(uint64_t connections, unsigned workers, size_t bindings);

#endif
