/* trusted_proxy.h - who stands in front of us: the peers whose word about clients is believed.
 *
 * The peer is the other end of the TCP connection, never an address that somebody wrote down.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_TRUSTED_PROXY_H
#define PROXY_ACCESS_TRUSTED_PROXY_H

#include <stdbool.h>

#include "base/errors.h"
#include "config/config.h"
#include "net/addr.h"

struct trusted_proxies;

/* Never NULL; problems are added to the list. The configuration must outlive it. */
struct trusted_proxies *trusted_proxies_new(const struct config_trusted_proxies *config,
                                            struct error_list *errors);
void trusted_proxies_free(struct trusted_proxies *proxies); /* NULL is allowed */
bool trusted_proxies_have(const struct trusted_proxies *proxies, const struct addr *peer);

#endif
