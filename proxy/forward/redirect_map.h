/* redirect_map.h - where a backend sends the client, in the client's terms.
 *
 * A backend that knows itself by the address of its server answers with URLs of that address. They
 * are of use to nobody outside and are mapped to the proxy's own, as are the prefixes that were
 * taken off or put before the path (rewrite.h).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_REDIRECT_MAP_H
#define PROXY_FORWARD_REDIRECT_MAP_H

struct exchange;

/* Changes Location, Content-Location and Refresh among x->response.fields, unless
 * `rewrite.redirects: keep`. */
void redirect_map(struct exchange *x);

#endif
