/* control.h - messages between the master and the processes it started.
 *
 * A SOCK_SEQPACKET pair for each process: one datagram is one message of fixed size, at most one
 * descriptor rides along. A worker talks to strangers and may have been taken over, so what it
 * sends is decoded strictly: anything not exactly right is -EPROTO and its descriptors are closed.
 * End of file on the process's side means that the master is gone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_CONTROL_H
#define PROXY_PROCESS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum process_kind { PROCESS_WORKER = 1, PROCESS_ADMIN = 2, PROCESS_TRACES = 3 };

enum control_kind {
    /* from the process */
    CONTROL_READY = 1, /* everything stands, nothing is accepted yet */
    CONTROL_DRAINING,  /* accepts nothing any more; a few connections may still run */
    CONTROL_DRAINED,   /* the last connection is gone; the process exits */
    CONTROL_PONG,      /* the answer to PING, and to nothing else */
    /* from the master */
    CONTROL_ACCEPT, /* start accepting */
    CONTROL_DRAIN,  /* grace_ms and deadline_ms as engine_drain() takes them */
    CONTROL_STOP,   /* close everything and exit at once */
    CONTROL_LOG,    /* write this log to fd from now on */
    CONTROL_CRLS,   /* fd holds the CRLs of a site from now on */
    CONTROL_PING,   /* answer with PONG, see heartbeat.h */
};

enum control_log { CONTROL_LOG_NONE = 0, CONTROL_LOG_ERROR = 1, CONTROL_LOG_ACCESS = 2 };

struct control_message {
    enum control_kind kind;
    enum process_kind process; /* the kind of the process, whichever way the message goes */
    uint32_t slot;
    uint64_t grace_ms;    /* DRAIN only, else 0 */
    uint64_t deadline_ms; /* DRAIN only, else 0 */
    enum control_log log; /* LOG only */
    uint32_t site;        /* CRLS only, else 0: index in the snapshot */
    int fd;               /* LOG and CRLS only, else -1 */
};

#define CONTROL_SIZE ((size_t)32)

/* The wire form; the descriptor is not part of it. */
void control_encode(const struct control_message *message, unsigned char ret_bytes[CONTROL_SIZE]);
/* False unless every byte is as control_encode() writes it. ret_message->fd is -1. */
MUST_USE bool control_decode(const unsigned char *bytes, size_t len,
                             struct control_message *ret_message);
/* READY, DRAINING, DRAINED and PONG: what a process may send. */
bool control_is_from_process(enum control_kind kind);

/* A connected pair, CLOEXEC and non-blocking: [0] for the master, [1] for the process. */
MUST_USE int control_pair(int ret_fds[2]);
/* 0, or a negative errno: -EAGAIN when the peer does not read, -EPIPE when it is gone. The message
 * keeps its fd. */
MUST_USE int control_send(int fd, const struct control_message *message);
/* 1: *ret_message is filled and its fd, when there is one, is the caller's. 0: end of file. Else
 * a negative errno: -EAGAIN, -EPROTO for anything malformed. */
MUST_USE int control_receive(int fd, struct control_message *ret_message);

#endif
