/* error_page.h - the answer to a request that is not forwarded.
 *
 * Never the substatus or the win32 code to a remote client, unless errors.mode is detailed: those
 * are for the log (iis-semantics.md 1.6, 10.7).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_ERROR_PAGE_H
#define PROXY_EXPLAIN_ERROR_PAGE_H

#include "base/str.h"
#include "http/outcome.h"

struct exchange;

/* Fills x->response (head, with its length) and returns the body, in the arena. */
struct str error_page_make(struct exchange *x, enum outcome outcome);

#endif
