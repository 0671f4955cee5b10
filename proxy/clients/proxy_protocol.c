/* The header is peeked at until it is whole, so that TLS finds its first byte untouched.
 * SO_RCVLOWAT keeps the socket from being readable meanwhile: without it, half a header would spin
 * the loop.
 *
 * SPDX-License-Identifier: MIT */
#include "clients/proxy_protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

/* ---- version 1 ---------------------------------------------------------------------------- */

/* Decimal without leading zeros, as the protocol demands. */
static bool parse_port(struct str text, unsigned *ret_port)
{
    uint64_t port = 0;
    if ((text.len > 1 && text.ptr[0] == '0') || !str_parse_u64(text, 65535, &port))
        return false;
    *ret_port = (unsigned)port;
    return true;
}

static bool parse_host(struct str text, bool is_ipv6, unsigned port, struct addr *ret_addr)
{
    char host[INET6_ADDRSTRLEN];
    if (text.len >= sizeof host || memchr(text.ptr, 0, text.len) != NULL)
        return false;
    memcpy(host, text.ptr, text.len);
    host[text.len] = '\0';
    return (strchr(host, ':') != NULL) == is_ipv6 && addr_from_numeric(host, port, ret_addr);
}

/* "TCP4 source destination port port" */
static bool parse_v1_line(struct str line, struct proxy_protocol_header *header)
{
    struct str words[5] = {{0}};
    struct str word;
    size_t count = 0;
    unsigned ports[2] = {0};
    struct addr destination;
    if (str_equal(line, STR("UNKNOWN")) || str_starts_with(line, STR("UNKNOWN ")))
        return true;
    while (str_split(&line, ' ', &word)) {
        if (count == 5)
            return false;
        words[count++] = word;
    }
    bool is_ipv6 = str_equal(words[0], STR("TCP6"));
    if (count != 5 || (!is_ipv6 && !str_equal(words[0], STR("TCP4"))))
        return false;
    header->has_source = true;
    return parse_port(words[3], &ports[0]) && parse_port(words[4], &ports[1]) &&
           parse_host(words[1], is_ipv6, ports[0], &header->source) &&
           parse_host(words[2], is_ipv6, ports[1], &destination);
}

static enum proxy_protocol_result parse_v1(struct str text, struct proxy_protocol_header *header)
{
    struct str start = STR("PROXY ");
    size_t most = text.len < PROXY_PROTOCOL_V1_MAX ? text.len : PROXY_PROTOCOL_V1_MAX;
    const char *end = memmem(text.ptr, most, "\r\n", 2);
    if (end == NULL) {
        header->len = text.len + 1;
        return most < PROXY_PROTOCOL_V1_MAX ? PROXY_PROTOCOL_MORE : PROXY_PROTOCOL_BAD;
    }
    size_t len = (size_t)(end - text.ptr);
    header->len = len + 2;
    return parse_v1_line(str_make(text.ptr + start.len, len - start.len), header)
               ? PROXY_PROTOCOL_DONE
               : PROXY_PROTOCOL_BAD;
}

/* ---- version 2 ---------------------------------------------------------------------------- */

static const char SIGNATURE[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                   '\n', 'Q',  'U',  'I',  'T',  '\n'};

enum { V2_HEADER = 16, V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21, V2_UNIX = 0x31 };

static void set_source(struct proxy_protocol_header *header, int family, const unsigned char *bytes)
{
    struct sockaddr_in *in = (void *)&header->source.storage;
    struct sockaddr_in6 *in6 = (void *)&header->source.storage;
    header->has_source = true;
    if (family == V2_TCP4) {
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, bytes, 4);
        memcpy(&in->sin_port, bytes + 8, 2);
        header->source.len = sizeof *in;
        return;
    }
    in6->sin6_family = AF_INET6;
    memcpy(&in6->sin6_addr, bytes, 16);
    memcpy(&in6->sin6_port, bytes + 32, 2);
    header->source.len = sizeof *in6;
}

/* The addresses of a PROXY command; what follows them are TLVs. */
static enum proxy_protocol_result parse_v2_addresses(int family, struct str rest,
                                                     struct proxy_protocol_header *header)
{
    size_t needed = 0;
    if (family == V2_UNSPEC)
        return PROXY_PROTOCOL_DONE;
    if (family == V2_TCP4)
        needed = 12;
    else if (family == V2_TCP6)
        needed = 36;
    else if (family == V2_UNIX)
        needed = 216;
    if (needed == 0 || rest.len < needed)
        return PROXY_PROTOCOL_BAD;
    if (family != V2_UNIX)
        set_source(header, family, (const unsigned char *)rest.ptr);
    return PROXY_PROTOCOL_DONE;
}

static enum proxy_protocol_result parse_v2(struct str text, struct proxy_protocol_header *header)
{
    header->len = V2_HEADER;
    if (text.len < V2_HEADER)
        return PROXY_PROTOCOL_MORE;
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    size_t rest = (size_t)bytes[14] << 8 | bytes[15];
    header->len = V2_HEADER + rest;
    if (header->len > PROXY_PROTOCOL_V2_MAX || (bytes[12] != V2_LOCAL && bytes[12] != V2_PROXY))
        return PROXY_PROTOCOL_BAD;
    if (text.len < header->len)
        return PROXY_PROTOCOL_MORE;
    /* LOCAL: the sender's own connection, whatever it says about addresses. */
    if (bytes[12] == V2_LOCAL)
        return PROXY_PROTOCOL_DONE;
    return parse_v2_addresses(bytes[13], str_make(text.ptr + V2_HEADER, rest), header);
}

/* ---- both --------------------------------------------------------------------------------- */

/* 1: begins with it, 0: may still, -1: does not. */
static int begins(struct str text, const char *start, size_t len)
{
    if (memcmp(text.ptr, start, text.len < len ? text.len : len) != 0)
        return -1;
    return text.len < len ? 0 : 1;
}

enum proxy_protocol_result proxy_protocol_parse(const char *bytes, size_t len,
                                                struct proxy_protocol_header *ret_header)
{
    struct str text = str_make(bytes, len);
    *ret_header = (struct proxy_protocol_header){.len = len + 1};
    if (len == 0)
        return PROXY_PROTOCOL_MORE;
    int v1 = begins(text, "PROXY ", 6);
    int v2 = begins(text, SIGNATURE, sizeof SIGNATURE);
    if (v1 > 0)
        return parse_v1(text, ret_header);
    if (v2 > 0)
        return parse_v2(text, ret_header);
    return v1 == 0 || v2 == 0 ? PROXY_PROTOCOL_MORE : PROXY_PROTOCOL_NONE;
}

static void wake_at(int fd, size_t len)
{
    int lowest = (int)len;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &lowest, sizeof lowest);
}

static bool has_ended(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) > 0;
}

enum proxy_protocol_result proxy_protocol_take(struct proxy_protocol *state, int fd,
                                               struct proxy_protocol_header *ret_header,
                                               const char **ret_reason)
{
    char bytes[PROXY_PROTOCOL_V2_MAX];
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_PEEK);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return PROXY_PROTOCOL_MORE;
    *ret_reason = got == 0 ? NULL : "the connection broke before the PROXY header";
    if (got <= 0)
        return PROXY_PROTOCOL_BAD;
    size_t len = (size_t)got;
    enum proxy_protocol_result result = proxy_protocol_parse(bytes, len, ret_header);
    if (result == PROXY_PROTOCOL_BAD)
        *ret_reason = "the PROXY header is not valid";
    if (result == PROXY_PROTOCOL_MORE) {
        *ret_reason = "the connection ended inside the PROXY header";
        if (len <= state->seen && has_ended(fd))
            return PROXY_PROTOCOL_BAD;
        state->seen = len;
        wake_at(fd, ret_header->len);
        return result;
    }
    wake_at(fd, 1);
    if (result == PROXY_PROTOCOL_DONE)
        got = recv(fd, bytes, ret_header->len, 0);
    return result == PROXY_PROTOCOL_DONE && (size_t)got != ret_header->len ? PROXY_PROTOCOL_BAD
                                                                           : result;
}
