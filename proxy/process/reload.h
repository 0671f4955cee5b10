/* reload.h - from one generation to the next.
 *
 * A reload is begin, then, when its workers have reported, switch or give up; whatever goes wrong
 * before the switch leaves the running generation untouched.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_RELOAD_H
#define PROXY_PROCESS_RELOAD_H

struct master;
struct release;

/* Forks the workers of a release whose sockets are open; it becomes master->starting. */
void reload_start_generation(struct master *master, struct release *release);
/* Loads the configuration again and starts its generation. Every error is logged. */
void reload_begin(struct master *master);
/* All workers of the starting release are ready: they serve from now on, the old ones drain. The
 * first release of all goes the same way. */
void reload_switch(struct master *master, struct release *release);
/* The starting release failed: it is killed, the old one stays; without an old one the master
 * ends. */
void reload_give_up(struct master *master);

#endif
