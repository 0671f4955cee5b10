/* SPDX-License-Identifier: MIT */
#include "access/trusted_proxy.h"

#include <stdlib.h>

#include "access/trusted_proxy_network.h"
#include "base/mem.h"

struct trusted_proxies {
    struct trusted_network *networks;
    size_t count;
};

struct trusted_proxies *trusted_proxies_new(const struct config_trusted_proxies *config,
                                            struct error_list *errors)
{
    const struct config_list *list = &config->networks;
    struct trusted_proxies *proxies = xcalloc(1, sizeof *proxies);
    proxies->networks = xcalloc(list->count + 1, sizeof *proxies->networks);
    for (size_t i = 0; i < list->count; i++) {
        const char *problem =
            trusted_network_parse(list->items[i].text, &proxies->networks[proxies->count]);
        if (problem == NULL)
            proxies->count++;
        else
            errors_add(errors, list->items[i].mark, "trusted_proxies.networks: \"%s\": %s",
                       list->items[i].text, problem);
    }
    bool believes = config->proxy_protocol != PROXY_PROTOCOL_OFF || config->forwarded ||
                    config->client_certificate != FORWARDED_CERT_NONE;
    if (believes && list->count == 0)
        errors_add(errors, list->mark,
                   "trusted_proxies.networks: is missing; without it nobody is believed");
    return proxies;
}

void trusted_proxies_free(struct trusted_proxies *proxies)
{
    if (proxies == NULL)
        return;
    free(proxies->networks);
    free(proxies);
}

bool trusted_proxies_have(const struct trusted_proxies *proxies, const struct addr *peer)
{
    for (size_t i = 0; i < proxies->count; i++) {
        if (trusted_network_has(&proxies->networks[i], peer))
            return true;
    }
    return false;
}
