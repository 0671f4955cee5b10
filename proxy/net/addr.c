/* SPDX-License-Identifier: MIT */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/str.h"

/* sockaddr_storage is aligned for every family; going through void tells the compiler so. */
static const struct sockaddr_in *as_in(const struct addr *addr)
{
    return (const void *)&addr->storage;
}

static const struct sockaddr_in6 *as_in6(const struct addr *addr)
{
    return (const void *)&addr->storage;
}

/* The path of a unix address: up to its NUL, or to the length the kernel gave (unix(7): a path of
 * the full size comes without one, an unnamed socket without any path). */
static struct str unix_path(const struct addr *addr)
{
    const struct sockaddr_un *un = (const void *)&addr->storage;
    size_t offset = offsetof(struct sockaddr_un, sun_path);
    size_t room = addr->len > offset ? addr->len - offset : 0;
    return str_make(un->sun_path, strnlen(un->sun_path, room));
}

bool addr_from_numeric(const char *host, unsigned port, struct addr *ret_addr)
{
    if (port > 65535)
        return false;
    struct addr addr = {0};
    struct sockaddr_in *in = (void *)&addr.storage;
    struct sockaddr_in6 *in6 = (void *)&addr.storage;
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        addr.len = sizeof *in;
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        addr.len = sizeof *in6;
    } else {
        return false;
    }
    *ret_addr = addr;
    return true;
}

bool addr_from_unix(const char *path, struct addr *ret_addr)
{
    struct addr addr = {0};
    struct sockaddr_un *un = (void *)&addr.storage;
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof un->sun_path)
        return false;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, len + 1);
    addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    *ret_addr = addr;
    return true;
}

/* inet_ntop() formats with printf, and this is part of every request. */
static void put_ipv4(const struct sockaddr_in *in, char *at)
{
    uint32_t host = ntohl(in->sin_addr.s_addr);
    for (unsigned shift = 32; shift > 0;) {
        shift -= 8;
        at = str_put_decimal(at, host >> shift & 255);
        *at++ = shift > 0 ? '.' : '\0';
    }
}

const char *addr_format(const struct addr *addr, char ret_text[ADDR_TEXT_SIZE])
{
    char host[ADDR_TEXT_SIZE];
    (void)addr_format_host(addr, host);
    switch (addr->storage.ss_family) {
    case AF_INET:
        (void)snprintf(ret_text, ADDR_TEXT_SIZE, "%.45s:%u", host, addr_port(addr));
        break;
    case AF_INET6:
        (void)snprintf(ret_text, ADDR_TEXT_SIZE, "[%.45s]:%u", host, addr_port(addr));
        break;
    default:
        (void)memcpy(ret_text, host, sizeof host);
        break;
    }
    return ret_text;
}

const char *addr_format_host(const struct addr *addr, char ret_text[ADDR_TEXT_SIZE])
{
    struct str path;
    ret_text[0] = '\0';
    switch (addr->storage.ss_family) {
    case AF_INET:
        put_ipv4(as_in(addr), ret_text);
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &as_in6(addr)->sin6_addr, ret_text, ADDR_TEXT_SIZE);
        break;
    case AF_UNIX:
        path = unix_path(addr);
        (void)snprintf(ret_text, ADDR_TEXT_SIZE, "unix:%.*s", STR_ARG(path));
        break;
    default:
        (void)snprintf(ret_text, ADDR_TEXT_SIZE, "-");
        break;
    }
    return ret_text;
}

unsigned addr_port(const struct addr *addr)
{
    switch (addr->storage.ss_family) {
    case AF_INET:
        return ntohs(as_in(addr)->sin_port);
    case AF_INET6:
        return ntohs(as_in6(addr)->sin6_port);
    default:
        return 0;
    }
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return addr_equal_host(a, b) && addr_port(a) == addr_port(b);
}

bool addr_equal_host(const struct addr *a, const struct addr *b)
{
    if (a->storage.ss_family != b->storage.ss_family)
        return false;
    switch (a->storage.ss_family) {
    case AF_INET:
        return as_in(a)->sin_addr.s_addr == as_in(b)->sin_addr.s_addr;
    case AF_INET6:
        /* The scope tells apart equal link-local addresses of two networks (RFC 4007 section 6). */
        return memcmp(&as_in6(a)->sin6_addr, &as_in6(b)->sin6_addr, sizeof(struct in6_addr)) == 0 &&
               as_in6(a)->sin6_scope_id == as_in6(b)->sin6_scope_id;
    case AF_UNIX:
        return str_equal(unix_path(a), unix_path(b));
    default:
        return false;
    }
}

bool addr_is_loopback(const struct addr *addr)
{
    const struct in6_addr *in6 = &as_in6(addr)->sin6_addr;
    switch (addr->storage.ss_family) {
    case AF_INET:
        /* RFC 1122 section 3.2.1.3 (g): all of 127/8 */
        return (ntohl(as_in(addr)->sin_addr.s_addr) >> 24) == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
    case AF_UNIX:
        return true;
    default:
        return false;
    }
}

bool addr_is_local(const struct addr *peer, const struct addr *local)
{
    return addr_is_loopback(peer) || addr_equal_host(peer, local);
}
