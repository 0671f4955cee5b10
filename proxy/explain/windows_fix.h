/* windows_fix.h - a fix as commands of Windows, for the same trouble on IIS.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_WINDOWS_FIX_H
#define PROXY_EXPLAIN_WINDOWS_FIX_H

#include "base/text.h"
#include "explain/fix.h"

/* Appends lines for an elevated prompt, each with its newline; nothing for a fix that is not made
 * there. Nothing of a client's is in them but a fingerprint. */
void windows_fix_add(const struct fix *fix, struct text *out);

#endif
