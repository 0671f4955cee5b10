/* preflight.h - what run needs of the machine, found out without touching it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_PREFLIGHT_H
#define PROXY_PROCESS_PREFLIGHT_H

#include "base/errors.h"
#include "core/snapshot.h"

/* Adds what would stop run as this user: an unknown user, logs and the pid file that cannot be
 * written, ports that may not be bound. As warnings, backends that the workers cannot reach after
 * they gave up root. Opens what exists and creates, binds and changes nothing. */
void preflight_check(const struct snapshot *snapshot, struct error_list *errors);

#endif
