/* SPDX-License-Identifier: MIT */
#include "access/trusted_proxy_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/str.h"

static bool has_host_bits(const struct trusted_network *network)
{
    for (size_t bit = network->bits; bit < network->len * 8; bit++) {
        if ((network->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return true;
    }
    return false;
}

const char *trusted_network_parse(const char *text, struct trusted_network *ret_network)
{
    struct trusted_network network = {0};
    char host[INET6_ADDRSTRLEN];
    struct str all = str_of(text);
    size_t slash = str_find(all, '/');
    uint64_t bits = 0;
    if (slash >= sizeof host)
        return "expected a network such as 192.0.2.0/24, or an address";
    memcpy(host, text, slash);
    host[slash] = '\0';
    if (inet_pton(AF_INET, host, network.bytes) == 1)
        network.len = 4;
    else if (inet_pton(AF_INET6, host, network.bytes) == 1)
        network.len = 16;
    else
        return "expected a network such as 192.0.2.0/24, or an address";
    bits = network.len * 8;
    if (slash < all.len && !str_parse_u64(str_skip(all, slash + 1), bits, &bits))
        return "the prefix length is not valid";
    network.bits = (unsigned)bits;
    if (has_host_bits(&network))
        return "the address has bits beyond the prefix length";
    *ret_network = network;
    return NULL;
}

bool trusted_network_has_bytes(const struct trusted_network *network, const unsigned char *bytes,
                               size_t len)
{
    size_t whole = network->bits / 8;
    unsigned rest = network->bits % 8;
    if (len != network->len || memcmp(bytes, network->bytes, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

bool trusted_network_has(const struct trusted_network *network, const struct addr *addr)
{
    const struct sockaddr_in *in = (const void *)&addr->storage;
    const struct sockaddr_in6 *in6 = (const void *)&addr->storage;
    if (addr->storage.ss_family == AF_INET)
        return trusted_network_has_bytes(network, (const unsigned char *)&in->sin_addr, 4);
    if (addr->storage.ss_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return trusted_network_has_bytes(network, in6->sin6_addr.s6_addr + 12, 4);
    return trusted_network_has_bytes(network, in6->sin6_addr.s6_addr, 16);
}
