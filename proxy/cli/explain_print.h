/* explain_print.h - a report for a person or for a program.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_EXPLAIN_PRINT_H
#define PROXY_CLI_EXPLAIN_PRINT_H

#include <jansson.h>

#include "base/text.h"
#include "explain/explain.h"

/* The verdict, the chain as a tree, why, and what would fix it. */
void explain_print_text(const struct explain_report *report, struct text *out);
/* The fields of interface.md 2; the caller owns the object. */
json_t *explain_print_json(const struct explain_report *report);

/* A certificate that TLS itself refuses: there is no HTTP answer. */
void explain_print_handshake_text(const char *why, struct text *out);
json_t *explain_print_handshake_json(const char *why);

#endif
