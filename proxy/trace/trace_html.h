/* trace_html.h - a trace as one page for people: without scripts and external resources, for light
 * and dark, screen, phone and paper. Nothing that a client or a certificate holds becomes markup.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_HTML_H
#define PROXY_TRACE_TRACE_HTML_H

#include "base/text.h"
#include "trace/trace_report.h"

/* Appends the document. */
void trace_html_add(const struct trace_report *report, struct text *out);

#endif
