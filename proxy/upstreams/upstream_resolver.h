/* upstream_resolver.h - the helper process that looks names up again and again.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_RESOLVER_H
#define PROXY_UPSTREAMS_UPSTREAM_RESOLVER_H

struct engine;
struct upstream_resolver;

/* Forks it, when there is a name to look up and this worker is the first of its generation; else
 * NULL. It ends with this process; when it ends by itself it is started again. */
struct upstream_resolver *upstream_resolver_new(struct engine *engine);
/* Ends the helper. NULL is allowed. */
void upstream_resolver_free(struct upstream_resolver *resolver);

#endif
