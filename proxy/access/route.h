/* route.h - from binding, host and path to a site and the settings of its location.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_ROUTE_H
#define PROXY_ACCESS_ROUTE_H

#include <stdbool.h>

#include "base/str.h"
#include "config/config.h"
#include "core/snapshot.h"

struct route_table;
/* For the sites of one address (borrowed), in the order of the configuration. */
struct route_table *route_table_new(struct snapshot_site *const *sites, size_t count);
void route_table_free(struct route_table *routes); /* NULL is allowed */
/* The site of a request, whose host is in lower case: an exact host, then a wildcard, then the one
 * that takes any host. With an empty host (HTTP/1.0): the default site of the binding. NULL: no
 * site has this host. */
const struct snapshot_site *route_site(const struct snapshot_binding *binding, struct str host);
/* The most specific location on whole path segments, else the site itself. */
const struct snapshot_access *route_location(const struct snapshot_site *site, struct str path);

#endif
