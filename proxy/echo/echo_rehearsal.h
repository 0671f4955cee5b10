/* echo_rehearsal.h - the echo command as a backend that misbehaves where it is asked to.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ECHO_ECHO_REHEARSAL_H
#define PROXY_ECHO_ECHO_REHEARSAL_H

#include <stdbool.h>

struct exchange;

/* Takes the exchange, whose body is complete and which no upstream side has, when its path is one
 * of docs/interface.md, "echo". What cannot be read in such a path is answered with 400. */
bool echo_rehearsal_begin(struct exchange *x);

#endif
