/* proxy_protocol.h - the PROXY protocol: who really connected, said in front of the first byte.
 *
 * Sources: HAProxy, "The PROXY protocol", versions 1 and 2, sections 2.1 and 2.2.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_PROXY_PROTOCOL_H
#define PROXY_CLIENTS_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "net/addr.h"

enum proxy_protocol_result {
    PROXY_PROTOCOL_MORE, /* too early to tell */
    PROXY_PROTOCOL_DONE,
    PROXY_PROTOCOL_NONE, /* the bytes are something else */
    PROXY_PROTOCOL_BAD,  /* it begins like one and is none */
};

/* Version 1 ends within 107 bytes. Of version 2 the senders known use a few hundred, for
 * addresses and TLVs; more than this is refused. */
#define PROXY_PROTOCOL_V1_MAX ((size_t)107)
#define PROXY_PROTOCOL_V2_MAX ((size_t)4096)

struct proxy_protocol_header {
    size_t len;         /* DONE: of all of it; MORE: at least so many bytes are needed */
    bool has_source;    /* false: LOCAL, UNKNOWN or UNSPEC: the connection speaks for itself */
    struct addr source; /* the client */
};

/* Looks at the first bytes of a connection. TLVs of version 2 are skipped. */
enum proxy_protocol_result proxy_protocol_parse(const char *bytes, size_t len,
                                                struct proxy_protocol_header *ret_header);

struct proxy_protocol { /* of one connection; start from {0} */
    size_t seen;        /* bytes looked at so far, all still in the socket */
};
/* Takes exactly the header off a readable socket and nothing behind it. MORE: the socket tells when
 * there is more than what was seen. NONE: nothing was taken. BAD: *ret_reason says why; NULL when
 * the peer left without a byte. */
enum proxy_protocol_result proxy_protocol_take(struct proxy_protocol *state, int fd,
                                               struct proxy_protocol_header *ret_header,
                                               const char **ret_reason);

#endif
