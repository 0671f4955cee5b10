/* trace_html_style.h - how the page looks.
 *
 * Private to trace_html.c.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_HTML_STYLE_H
#define PROXY_TRACE_TRACE_HTML_STYLE_H

/* One after the other. */
extern const char TRACE_HTML_STYLE[];
extern const char TRACE_HTML_STYLE_MORE[];

#endif
