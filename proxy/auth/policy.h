/* policy.h - certificate policies along a path: RFC 5280 section 6.1 as amended by RFC 9618.
 *
 * Private to auth/. The policies are kept as a graph with one node a policy and level, so that
 * mappings cannot make it grow exponentially as they make RFC 5280's tree.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_POLICY_H
#define PROXY_AUTH_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct trust;
struct cert;

/* Policies or mappings of one certificate; more than that is refused. */
#define POLICY_MAX 256

/* path is leaf first; its last certificate is the anchor and takes no part. False: the policies
 * that the path is valid for do not satisfy the site or the certificates. */
bool policy_check(const struct trust *trust, const struct cert *const *path, size_t len);

#endif
