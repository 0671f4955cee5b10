/* redirect.h - answers that send the client elsewhere (RFC 9110 section 15.4).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXCHANGE_REDIRECT_H
#define PROXY_EXCHANGE_REDIRECT_H

#include <stdbool.h>

#include "base/errors.h"

struct exchange;
struct snapshot;

/* `redirect: https` without a port needs an https binding of the site. */
void redirect_check(const struct snapshot *snapshot, struct error_list *errors);

/* With `redirect: https` and a request over plain http: answers it; true when it did. Comes before
 * the access checks, which would refuse plain http. */
bool redirect_to_https(struct exchange *x);
/* With a URL or a path: answers; true when it did. Comes after the access checks, so a redirect
 * tells nothing to those who may not ask. */
bool redirect_elsewhere(struct exchange *x);

#endif
