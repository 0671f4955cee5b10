/* inherited.h - listening sockets that whoever started us has opened already.
 *
 * A service manager passes sockets as sd_listen_fds(3) says ($LISTEN_FDS, $LISTEN_PID): they are
 * lent, it goes on listening when we are gone. A predecessor (upgrade.h) passes its own in the same
 * way, and with them a socket over which it is told that we are ready.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_INHERITED_H
#define PROXY_PROCESS_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "net/addr.h"

/* "CONTROL:SLOTS:OWN": a descriptor, the predecessor's number of workers, and how many of the
 * sockets, from the first, nobody else will listen on. */
#define INHERITED_VARIABLE "MTLS_PROXY_PREDECESSOR"
#define INHERITED_FIRST_FD 3 /* SD_LISTEN_FDS_START */

struct inherited_socket {
    struct addr addr;
    int fd; /* -1: claimed */
    bool is_lent;
};

struct inherited {
    struct inherited_socket *sockets;
    size_t count;
    int control_fd; /* to the predecessor; -1: there is none */
    unsigned slots; /* its number of workers; 0: there is none */
};

/* Reads the environment and removes from it what was meant for this process alone. What is no
 * listening TCP socket is closed, with a warning in the log. */
void inherited_read(struct inherited *ret_inherited);
/* Takes at most `room` sockets of the address; how many there were. With port 0 the next one of a
 * predecessor that has this host. *addr becomes the real address, *ret_is_lent is set when the
 * count is not 0. */
MUST_USE unsigned inherited_claim(struct inherited *inherited, struct addr *addr, unsigned room,
                                  int *ret_fds, bool *ret_is_lent);
/* Warns of every lent socket that no binding has claimed; they are kept for a later configuration.
 */
void inherited_warn_unclaimed(const struct inherited *inherited);
/* The predecessor serves no more: what it left and no binding has claimed stops listening. */
void inherited_drop_own(struct inherited *inherited);
/* Closes what is left. */
void inherited_clear(struct inherited *inherited);

#endif
