/* bind_problem.h - why an address cannot be bound, and what to do, in words.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_BIND_PROBLEM_H
#define PROXY_PROCESS_BIND_PROBLEM_H

#include <stdbool.h>

#include "base/text.h"
#include "net/addr.h"

/* A sentence without double quotes. error: the negative errno of bind(2). For EADDRINUSE the
 * process that listens there is named, as far as this user may see it. */
void bind_problem_add(struct text *out, const struct addr *addr, int error);
/* Whether the port is one that this process may not bind (ip_unprivileged_port_start, and no
 * CAP_NET_BIND_SERVICE). */
bool bind_problem_is_privileged(const struct addr *addr);

#endif
