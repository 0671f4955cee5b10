/* upgrade.h - another program takes the place of this one without a connection lost.
 *
 * On USR2 the master starts the program file anew, as it is on disk now, and passes it the
 * listening sockets. When the successor's workers accept, it says so (upgrade_announce) over a
 * socket pair; the master then drains and ends. A successor that ends or says nothing in time
 * changes nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_UPGRADE_H
#define PROXY_PROCESS_UPGRADE_H

#include <stdbool.h>
#include <sys/types.h>

struct master;

/* Starts a successor; upgrade.failed in the log when it cannot be. */
void upgrade_begin(struct master *master);
/* Is one under way? */
bool upgrade_is_pending(const struct master *master);
/* The successor is told to end: this master was told to stop. */
void upgrade_cancel(const struct master *master);
/* True when it was the successor that ended. */
bool upgrade_reaped(struct master *master, pid_t pid, int status);
/* In the successor, once it serves: true when there was a predecessor to tell. */
bool upgrade_announce(struct master *master);
/* Frees what is held for it. */
void upgrade_clear(struct master *master);

#endif
