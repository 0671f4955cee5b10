/* explain_windows.h - where the same thing is set on Windows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_EXPLAIN_WINDOWS_H
#define PROXY_EXPLAIN_EXPLAIN_WINDOWS_H

#include "base/text.h"
#include "explain/explain.h"

/* The store, registry value, netsh option or IIS section behind this refusal, one a line with
 * `indent` before it; nothing for a request that is allowed. */
void explain_windows(const struct explain_report *report, const char *indent, struct text *out);

#endif
