/* pid_file.h - the master's process number in a file, for tools that want one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_PID_FILE_H
#define PROXY_PROCESS_PID_FILE_H

#include "base/attr.h"

/* Written beside and renamed, so that nobody reads half a number. 0 or a negative errno. */
MUST_USE int pid_file_write(const char *path);
/* Only when it still holds our number: a successor may have written it already. */
void pid_file_remove(const char *path);

#endif
