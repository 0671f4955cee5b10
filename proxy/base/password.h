/* password.h - a password, from a file only: never from a command line or the environment.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_PASSWORD_H
#define PROXY_BASE_PASSWORD_H

#include "base/attr.h"

/* The one line of the file, on the heap (password_free); NULL with a static reason. At most 4096
 * bytes; the end of the line is no part of it. */
MUST_USE char *password_read(const char *path, const char **ret_problem);
void password_free(char *password); /* cleanses it; NULL is allowed */

#endif
