/* upstream_snapshot.h - the upstreams of a configuration, with the addresses of their servers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_SNAPSHOT_H
#define PROXY_UPSTREAMS_UPSTREAM_SNAPSHOT_H

#include "base/errors.h"
#include "config/config.h"
#include "core/snapshot.h"

/* Resolves the names (blocking; at load only). Names that do not resolve are warnings. */
void snapshot_upstream_init(struct snapshot_upstream *upstream,
                            const struct config_upstream *config, struct error_list *errors);
void snapshot_upstream_clear(struct snapshot_upstream *upstream);

#endif
