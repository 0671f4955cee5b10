/* steering.h - new connections go to the worker slots that have a worker.
 *
 * The kernel spreads connections over all SO_REUSEPORT sockets of an address, whether anybody
 * accepts from them or not. While a worker is missing (back-off lasts up to 10 s) a small program
 * attached to the group chooses among the others; what already waits in the dead slot's queue stays
 * there for the next worker.
 * Source: socket(7), SO_ATTACH_REUSEPORT_CBPF; sockets are numbered in the order they were bound.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_STEERING_H
#define PROXY_PROCESS_STEERING_H

#include <stdbool.h>

/* fd: any socket of the group. is_alive: one a slot. With all or none alive the kernel's own choice
 * is restored. 0 or a negative errno; then connections are spread as before. */
int steering_apply(int fd, const bool *is_alive, unsigned slots);

#endif
