/* trace_wire.h - finished traces on their way from the workers to the process that writes them.
 *
 * A SOCK_SEQPACKET pair: a datagram of fixed size says how long the documents are, and a nameless
 * file in memory rides along with them, one after the other. Sending never waits: the socket holds
 * a few traces, and what does not fit is lost. Who receives trusts nothing of what a worker sends.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_WIRE_H
#define PROXY_TRACE_TRACE_WIRE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

/* Of both documents together; a longer trace is not sent. */
#define TRACE_WIRE_MAX ((size_t)8 << 20)

struct trace_documents {
    char *bytes; /* owned: the XML, then the HTML */
    size_t xml_len;
    size_t html_len;
};

/* [0] for the receiver, which waits; [1] for the senders, which do not. Both CLOEXEC. 0 or a
 * negative errno. */
MUST_USE int trace_wire_pair(int ret_fds[2]);
/* 0, or a negative errno: -EAGAIN when the receiver is behind, -EFBIG. */
MUST_USE int trace_wire_send(int fd, struct str xml, struct str html);
/* Waits. 1: the documents are the caller's (free bytes). 0: every sender is gone. Else a negative
 * errno: -EPROTO for anything malformed, and the next may be received. */
MUST_USE int trace_wire_receive(int fd, struct trace_documents *ret_documents);

#endif
