/* path_problem.h - why a file cannot be written, and what to do, in words.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_PATH_PROBLEM_H
#define PROXY_PROCESS_PATH_PROBLEM_H

#include "base/attr.h"
#include "base/text.h"

/* "Permission denied; ..." for a file that could not be made or opened. error: a negative errno. */
void path_problem_add(struct text *out, const char *path, int error);
/* Whether this process could open the file for appending, and make it if need be, without doing
 * either: 0 or a negative errno. */
MUST_USE int path_problem_append(const char *path);
/* Whether it could put a new file in its place. */
MUST_USE int path_problem_replace(const char *path);

#endif
